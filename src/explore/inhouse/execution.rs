//! One execution that came to its end: how it ended, and the schedule that leads there. It must not know how the
//! schedule was chosen.

use super::coroutines::Run;
use super::schedule::{Point, Schedule, Switch, named};
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

/// What a schedule calls an operation that a thread takes under the name of another role.
const OTHER: &str = "other";

impl Execution<'_> {
    /// The book: steps, roles, who waits for whom.
    #[must_use]
    pub fn book(&self) -> &Book {
        self.run.book()
    }

    /// The steps after the setup.
    fn scene(&self) -> &[Taken] {
        &self.taken[self.run.book().setup_steps().min(self.taken.len())..]
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let operations = self.operations();
        let departures = self.scene().iter().enumerate().filter(|(_, taken)| taken.thread != taken.default);
        let switches = departures.map(|(step, taken)| Switch {
            thread: self.run.name(taken.thread).to_string(),
            before: self.next_of_default(step, &operations),
        });
        Schedule { switches: switches.collect() }
    }

    /// The operation of each step after the setup.
    fn operations(&self) -> Vec<String> {
        let steps = self.book().steps().into_iter().skip(self.book().setup_steps());
        let operation = |(taken, step): (&Taken, crate::kernel::Step)| {
            let own = self.book().name(step.role) == self.run.name(taken.thread);
            if own { named(&format!("{} {}", step.operation, step.object)) } else { OTHER.to_owned() }
        };
        self.scene().iter().zip(steps).map(operation).collect()
    }

    /// The operation that the thread which would have gone on at this step was about to take.
    fn next_of_default(&self, step: usize, operations: &[String]) -> Point {
        let scene = self.scene();
        let thread = scene[step].default;
        let later = scene.iter().zip(operations).skip(step).find(|(taken, _)| taken.thread == thread);
        let operation = later.map_or_else(|| pending(self.run, thread), |(_, operation)| operation.clone());
        let before = scene.iter().zip(operations).take(step);
        let same = before.filter(|(taken, name)| taken.thread == thread && **name == operation);
        Point { thread: self.run.name(thread).to_string(), count: same.count() + 1, operation }
    }
}

/// The operation that a thread is about to take.
pub(super) fn pending(run: &Run, thread: usize) -> String {
    let name = run.name(thread);
    let mut waiting = run.book().unfinished().into_iter();
    let own = waiting.find(|role| role.thread == *name);
    own.map_or_else(|| OTHER.to_owned(), |role| named(&role.operation))
}

/// Who moves when nothing says otherwise: the thread that moved last, else the first that can.
pub(super) fn default_choice(last: Option<usize>, enabled: &[usize]) -> usize {
    match last {
        Some(last) if enabled.contains(&last) => last,
        _ => enabled[0],
    }
}
