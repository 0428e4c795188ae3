//! The session that the tasks share. A task that waits is woken when something has happened. All run on one thread, so
//! nothing is locked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::watch;

use crate::wire::session::LiveSession;
use crate::wire::transcript::TranscriptError;

/// A live server as its tasks share it.
#[derive(Clone)]
pub(super) struct SharedSession {
    session: Rc<RefCell<LiveSession>>,
    changed: Rc<watch::Sender<u64>>,
    broken: Rc<Cell<Option<TranscriptError>>>,
}

impl SharedSession {
    pub(super) fn new(session: LiveSession) -> Self {
        Self {
            session: Rc::new(RefCell::new(session)),
            changed: Rc::new(watch::Sender::new(0)),
            broken: Rc::default(),
        }
    }

    /// Does something and wakes who waits. Without a transcript the server does not go on, so that nobody sees what is
    /// written nowhere.
    pub(super) fn act(&self, act: impl FnOnce(&mut LiveSession) -> Result<(), TranscriptError>) {
        if let Err(error) = act(&mut self.session.borrow_mut()) {
            self.broken.set(Some(error));
        }
        self.changed.send_modify(|times| *times += 1);
    }

    /// Looks at the session.
    pub(super) fn look<T>(&self, look: impl FnOnce(&LiveSession) -> T) -> T {
        look(&self.session.borrow())
    }

    /// Takes something from the session that nobody waits for.
    pub(super) fn take<T>(&self, take: impl FnOnce(&mut LiveSession) -> T) -> T {
        let taken = take(&mut self.session.borrow_mut());
        self.changed.send_modify(|times| *times += 1);
        taken
    }

    /// Waits until this is so.
    pub(super) async fn until(&self, so: impl Fn(&LiveSession) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.look(&so) {
            // The sender lives as long as the session.
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
