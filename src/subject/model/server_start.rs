//! A start of the agent's server, which a stop can outlast and a close can give up.
//!
//! Stands for no code of 1.25.0, which leaves a start behind: the first alternatives of `interrupted_start`, `turn_restart` and
//! `close_in_flight` need it.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::asyncio::{Exception, Future, Result, shield};
use super::connection::Connection;
use super::coverage::{Branch, reach};
use crate::engine::kernel::Cell;

/// How far the last start has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Over,
    UnderWay,
    GivenUp,
    /// The agent is closed: no start goes on or begins.
    Closed,
}

/// The start of an agent's server; one at a time.
#[derive(Clone)]
pub(super) struct ServerStart {
    stage: Cell<Stage>,
    /// The connection of the start under way; written and read within operations on `stage`.
    conn: Rc<RefCell<Option<Connection>>>,
}

impl ServerStart {
    pub(super) fn new() -> Self {
        Self { stage: Cell::new("server start", Stage::Over), conn: Rc::default() }
    }

    /// # Errors
    ///
    /// If the agent is closed.
    pub(super) fn begin(&self) -> Result<()> {
        self.go_on("begin", |stage| {
            if *stage != Stage::Closed {
                *stage = Stage::UnderWay;
            }
        })
    }

    /// The process is there. On the portal.
    ///
    /// # Errors
    ///
    /// If the start was given up before.
    pub(super) fn spawned(&self, conn: &Connection) -> Result<()> {
        self.go_on("spawned", |_| *self.conn.borrow_mut() = Some(conn.clone()))
    }

    /// # Errors
    ///
    /// If the start was given up.
    pub(super) fn end(&self) -> Result<()> {
        let was = self.stage.update("end", |stage| {
            self.conn.borrow_mut().take();
            let was = *stage;
            if was != Stage::Closed {
                *stage = Stage::Over;
            }
            was
        });
        if was == Stage::UnderWay { Ok(()) } else { Err(given_up()) }
    }

    fn go_on(&self, operation: &'static str, change: impl FnOnce(&mut Stage)) -> Result<()> {
        let goes_on = self.stage.update(operation, |stage| {
            change(stage);
            *stage == Stage::UnderWay
        });
        if goes_on { Ok(()) } else { Err(given_up()) }
    }

    /// Ends the server that starts, if one does, and with it the start. From any thread.
    pub(super) fn give_up(&self) {
        self.stop_at(Stage::GivenUp);
    }

    /// As [`Self::give_up`], and lets no start begin until [`Self::reopen`].
    pub(super) fn close(&self) {
        self.stop_at(Stage::Closed);
    }

    pub(super) fn reopen(&self) {
        self.stage.set(Stage::Over);
    }

    fn stop_at(&self, end: Stage) {
        let Stopped(was_under_way, conn) = self.stage.update("stop", |stage| {
            let was_under_way = *stage == Stage::UnderWay;
            if was_under_way || end == Stage::Closed {
                *stage = end;
            }
            Stopped(was_under_way, self.conn.borrow().clone().filter(|_| was_under_way))
        });
        if was_under_way {
            reach(Branch::StartGivenUp);
        }
        if let Some(conn) = conn {
            conn.end_process_soon();
        }
    }
}

/// Whether a start was under way when it was to stop, and its connection if it had come so far.
struct Stopped(bool, Option<Connection>);

impl Hash for Stopped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1.is_some()).hash(state);
    }
}

/// Waits for a start on a worker. A task that is cancelled meanwhile waits on, and is cancelled when the start has ended; if it
/// is cancelled again, the start is given up.
///
/// # Errors
///
/// What the start fails with; `Cancelled` if the task was cancelled.
pub(super) async fn outlast(start: &Future<()>, give_up: impl Fn()) -> Result<()> {
    let result = shield(start).await;
    if result != Err(Exception::Cancelled) {
        return result;
    }
    reach(Branch::StartInterrupted);
    while !start.done() {
        if shield(start).await == Err(Exception::Cancelled) {
            give_up();
        }
    }
    Err(Exception::Cancelled)
}

/// What a start that was given up fails with.
pub(super) fn given_up() -> Exception {
    Exception::Error { kind: "StartGivenUp".to_owned(), message: "the start was given up".to_owned() }
}
