//! The desk among tasks: whoever waits is woken when something has happened. One thread, so nothing is locked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::watch;

use crate::wire::session::LiveSession;
use crate::wire::transcript::TranscriptError;

/// A live server as its tasks share it.
#[derive(Clone)]
pub(super) struct SharedSession {
    desk: Rc<RefCell<LiveSession>>,
    changed: Rc<watch::Sender<u64>>,
    broken: Rc<Cell<Option<TranscriptError>>>,
}

impl SharedSession {
    pub(super) fn new(desk: LiveSession) -> Self {
        Self {
            desk: Rc::new(RefCell::new(desk)),
            changed: Rc::new(watch::Sender::new(0)),
            broken: Rc::default(),
        }
    }

    /// Does something and wakes who waits. Without a transcript the server does not go on, so that nobody sees what is
    /// written nowhere.
    pub(super) fn act(&self, act: impl FnOnce(&mut LiveSession) -> Result<(), TranscriptError>) {
        if let Err(error) = act(&mut self.desk.borrow_mut()) {
            self.broken.set(Some(error));
        }
        self.changed.send_modify(|times| *times += 1);
    }

    /// Looks at the desk.
    pub(super) fn look<T>(&self, look: impl FnOnce(&LiveSession) -> T) -> T {
        look(&self.desk.borrow())
    }

    /// Takes something from the desk that nobody waits for.
    pub(super) fn take<T>(&self, take: impl FnOnce(&mut LiveSession) -> T) -> T {
        let taken = take(&mut self.desk.borrow_mut());
        self.changed.send_modify(|times| *times += 1);
        taken
    }

    /// Waits until this is so.
    pub(super) async fn until(&self, so: impl Fn(&LiveSession) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.look(&so) {
            // The sender is as old as the house.
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the transcript cannot be written, and says why.
    pub(super) async fn breakdown(&self) -> TranscriptError {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(error) = self.broken.take() {
                return error;
            }
            let _ = changed.changed().await;
        }
    }
}
