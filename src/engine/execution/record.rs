//! One execution that came to its end: how it ended, and the schedule that leads there. It must not know how the
//! schedule was chosen.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::schedule::{Choice, Departure, Point, Schedule, Switch, named};
use crate::engine::coroutines::Run;
use crate::engine::search::complete::Stopped;
use crate::engine::trace::Book;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everybody is done, or idle with nothing to do.
    Complete,
    /// Nobody can move, and somebody is neither done nor idle.
    Deadlock,
    /// It came back to a state that it had been in, and can do so for ever with each thread served that can move.
    Hang,
    /// A thread panicked: its name and the message.
    Panicked(String),
    /// The program did not do again what it had done: after the same steps, this one was different. It read a clock, a
    /// random number, an address, the order of a hash map or a value left by an execution before, or threads share
    /// what no kernel object holds. The search stops here.
    NotDeterministic {
        /// The first step that differs, counted from the end of the program's setup.
        step: usize,
        /// What the step was, in words: `bob: lock state`.
        first: String,
        /// What it is now; the same words if only what the operation got or left is different.
        now: String,
    },
    /// A limit of the search ended it. How the program would have gone on is not known.
    Stopped(Stopped),
}

/// One execution that came to its end.
pub struct Execution<'a> {
    pub(in crate::engine) run: &'a Run,
    /// How it ended.
    pub ended: Ended,
    pub(in crate::engine) taken: &'a [StepRecord],
    /// How much of the space lies behind, as far as it can be estimated.
    pub share: Option<f64>,
}

/// One step: who moved, and who would have, left alone.
#[derive(Clone, Copy)]
pub(in crate::engine) struct StepRecord {
    pub(in crate::engine) thread: usize,
    pub(in crate::engine) default: usize,
    /// Which of its alternatives the operation was; left alone, it is the first.
    pub(in crate::engine) alternative: usize,
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
    fn scene(&self) -> &[StepRecord] {
        &self.taken[self.run.book().setup_steps().min(self.taken.len())..]
    }

    /// How many steps it had.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.taken.len()
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let scene = self.scene();
        let operations = self.operations();
        let mut points = Points::of(scene, &operations);
        let mut departures = Vec::new();
        for (step, taken) in scene.iter().enumerate() {
            if taken.thread != taken.default {
                let before = points.next_of(self.run, taken.default);
                let thread = self.run.name(taken.thread).to_string();
                departures.push(Departure::Switch(Switch { thread, before }));
            }
            if taken.alternative > 0 {
                let at = points.next_of(self.run, taken.thread);
                departures.push(Departure::Choice(Choice { at, alternative: taken.alternative }));
            }
            points.pass(taken.thread, &operations[step]);
        }
        Schedule { departures }
    }

    /// The operation of each step after the setup.
    fn operations(&self) -> Vec<String> {
        let steps = self.book().steps().into_iter().skip(self.book().setup_steps());
        let operation = |(taken, step): (&StepRecord, crate::engine::trace::Step)| {
            let own = self.book().name(step.role) == self.run.name(taken.thread);
            if own { named(&format!("{} {}", step.operation, step.object)) } else { OTHER.to_owned() }
        };
        self.scene().iter().zip(steps).map(operation).collect()
    }
}

/// The points of a schedule at which the threads stand, while an execution is gone through step by step.
struct Points<'a> {
    /// The operations of each thread, in order.
    own: Vec<Vec<&'a str>>,
    /// How many of them lie behind.
    behind: Vec<usize>,
    counts: FxHashMap<(usize, &'a str), usize>,
}

impl<'a> Points<'a> {
    fn of(scene: &[StepRecord], operations: &'a [String]) -> Self {
        let threads = scene.iter().map(|taken| taken.thread + 1).max().unwrap_or(0);
        let mut own = vec![Vec::new(); threads];
        for (taken, operation) in scene.iter().zip(operations) {
            own[taken.thread].push(operation.as_str());
        }
        Self { own, behind: vec![0; threads], counts: FxHashMap::default() }
    }

    /// The point right before the next operation of a thread, taken or not.
    fn next_of(&self, run: &Run, thread: usize) -> Point {
        let behind = self.behind.get(thread).copied().unwrap_or(0);
        let next = self.own.get(thread).and_then(|own| own.get(behind));
        let operation = next.map_or_else(|| pending(run, thread), ToString::to_string);
        let before = self.counts.get(&(thread, operation.as_str())).copied().unwrap_or(0);
        Point { thread: run.name(thread).to_string(), count: before + 1, operation }
    }

    /// A thread takes its next operation.
    fn pass(&mut self, thread: usize, operation: &'a str) {
        self.behind[thread] += 1;
        *self.counts.entry((thread, operation)).or_default() += 1;
    }
}

/// The operation that a thread is about to take.
pub(in crate::engine) fn pending(run: &Run, thread: usize) -> String {
    run.pending(thread)
        .map_or_else(|| OTHER.to_owned(), |(operation, object)| named(&format!("{operation} {object}")))
}

/// Who moves when nothing says otherwise: the thread that moved last, else the first that can.
pub(in crate::engine) fn default_choice(last: Option<usize>, enabled: &[usize]) -> usize {
    match last {
        Some(last) if enabled.contains(&last) => last,
        _ => enabled[0],
    }
}

/// What a step left, to be held against the same step of a later execution.
pub(in crate::engine) struct Left {
    trail: u128,
    operation: Option<(&'static str, Rc<str>)>,
}

impl Left {
    /// What the last step left, taken by this thread.
    pub(in crate::engine) fn of(run: &Run, thread: usize) -> Self {
        Self { trail: run.trail(thread), operation: run.book().last_operation() }
    }

    /// How the execution ended if its step at this depth left something else.
    pub(in crate::engine) fn differs(&self, run: &Run, depth: usize, thread: usize) -> Option<Ended> {
        if self.trail == run.trail(thread) {
            return None;
        }
        let now = run.book().last_operation();
        Some(not_deterministic(run, depth, thread, Self::in_words(&self.operation), &Self::in_words(&now)))
    }

    /// How the execution ended whose thread cannot take the step that it took before.
    pub(in crate::engine) fn cannot_move(
        run: &Run,
        depth: usize,
        thread: usize,
        first: Option<&Self>,
    ) -> Ended {
        let first = first.map_or_else(|| "can move".to_owned(), |first| Self::in_words(&first.operation));
        not_deterministic(run, depth, thread, first, "cannot move")
    }

    fn in_words(operation: &Option<(&'static str, Rc<str>)>) -> String {
        operation.as_ref().map(|(operation, object)| format!("{operation} {object}")).unwrap_or_default()
    }
}

fn not_deterministic(run: &Run, depth: usize, thread: usize, first: String, now: &str) -> Ended {
    let thread = if thread < run.threads() { run.name(thread) } else { "a thread".into() };
    let step = depth.saturating_sub(run.book().setup_steps());
    Ended::NotDeterministic { step, first: format!("{thread}: {first}"), now: format!("{thread}: {now}") }
}
