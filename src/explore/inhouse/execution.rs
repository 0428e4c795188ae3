//! One execution that came to its end: how it ended, and the schedule that leads there. It must not know how the
//! schedule was chosen.

use super::coroutines::Run;
use super::schedule::{Schedule, Switch};
use crate::kernel::Book;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everybody is done, or idle with nothing to do.
    Complete,
    /// Nobody can move, and somebody is neither done nor idle.
    Deadlock,
    /// The limit of steps was reached.
    Hang,
    /// A thread panicked: its name and the message.
    Panicked(String),
}

/// One execution that came to its end.
pub struct Execution<'a> {
    pub(super) run: &'a Run,
    /// How it ended.
    pub ended: Ended,
    pub(super) taken: &'a [Taken],
    /// How much of the space lies behind, as far as it can be estimated.
    pub share: Option<f64>,
}

/// One step: who moved, and who would have, left alone.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) thread: usize,
    pub(super) default: usize,
}

impl Execution<'_> {
    /// The book: steps, roles, who waits for whom.
    #[must_use]
    pub fn book(&self) -> &Book {
        self.run.book()
    }

    /// The steps after the setup.
    pub(super) fn scene(&self) -> &[Taken] {
        &self.taken[self.run.book().setup_steps().min(self.taken.len())..]
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let departures = self.scene().iter().enumerate().filter(|(_, taken)| taken.thread != taken.default);
        let switches =
            departures.map(|(step, taken)| Switch { step, thread: self.run.name(taken.thread).to_string() });
        Schedule { switches: switches.collect() }
    }
}

/// Who moves when nothing says otherwise: the thread that moved last, else the first that can.
pub(super) fn default_choice(last: Option<usize>, enabled: &[usize]) -> usize {
    match last {
        Some(last) if enabled.contains(&last) => last,
        _ => enabled[0],
    }
}
