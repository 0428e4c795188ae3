//! One execution that came to its end: how it ended, what was observed of it, and the schedule that leads there.

use std::collections::BTreeSet;

use super::schedule::{Choice, Departure, Point, Schedule, Switch, named};
use crate::engine::coroutines::CoroutineRun;
use crate::engine::system::{Diverged, PathStep, Run};
use crate::engine::trace::{Ended, LockEdge, Operation, Step, Trace, Unfinished};

/// One execution that came to its end.
pub struct Execution<'a, R = CoroutineRun> {
    pub(in crate::engine) run: &'a R,
    /// How it ended.
    pub ended: Ended,
    pub(in crate::engine) taken: &'a [StepRecord],
    /// How much of the space lies behind, as far as it can be estimated.
    pub share: Option<f64>,
}

/// What a caller asks of an execution that came to its end, with an answer of type `T`.
pub type Question<'q, R, T> = dyn Fn(&Execution<'_, R>) -> T + 'q;

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

impl<R: Run> Execution<'_, R> {
    /// The execution as data.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.run.trace()
    }

    /// What is observed of it.
    #[must_use]
    pub fn seen(&self) -> R::Seen {
        self.run.seen(&self.ended)
    }

    /// What each role that is not done holds and waits for.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Unfinished> {
        self.run.unfinished()
    }

    /// The edges of the acquisition graph.
    #[must_use]
    pub fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.run.lock_order()
    }

    /// How many steps it had.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.taken.len()
    }

    /// The steps after the setup.
    fn scene(&self) -> &[StepRecord] {
        &self.taken[self.run.report().setup_steps.min(self.taken.len())..]
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let operations = self.operations();
        let role = |thread: usize| self.run.report().role(thread).to_string();
        let departures = self.scene().iter().enumerate().flat_map(|(step, taken)| {
            let switch = (taken.thread != taken.default).then(|| Switch {
                thread: role(taken.thread),
                before: self.next_of(taken.default, step, &operations),
            });
            let choice = (taken.alternative > 0).then(|| Choice {
                at: self.next_of(taken.thread, step, &operations),
                alternative: taken.alternative,
            });
            switch.map(Departure::Switch).into_iter().chain(choice.map(Departure::Choice))
        });
        Schedule { departures: departures.collect() }
    }

    /// The operation of each step after the setup.
    fn operations(&self) -> Vec<String> {
        let report = self.run.report();
        let steps = self.run.steps().into_iter().skip(report.setup_steps);
        let operation = |(taken, step): (&StepRecord, Step)| {
            let own = step.role == *report.role(taken.thread);
            if own { named(&step.operation.to_string()) } else { OTHER.to_owned() }
        };
        self.scene().iter().zip(steps).map(operation).collect()
    }

    /// The operation that a thread was about to take at this step.
    fn next_of(&self, thread: usize, step: usize, operations: &[String]) -> Point {
        let scene = self.scene();
        let later = scene.iter().zip(operations).skip(step).find(|(taken, _)| taken.thread == thread);
        let operation = later.map_or_else(|| pending(self.run, thread), |(_, operation)| operation.clone());
        let before = scene.iter().zip(operations).take(step);
        let same = before.filter(|(taken, name)| taken.thread == thread && **name == operation);
        let thread = self.run.report().role(thread).to_string();
        Point { thread, count: same.count() + 1, operation }
    }
}

/// The operation that a thread is about to take, as a schedule names it.
pub(in crate::engine) fn pending<R: Run>(run: &R, thread: usize) -> String {
    let announced = run.announced(thread);
    announced.map_or_else(|| OTHER.to_owned(), |operation| named(&operation.to_string()))
}

/// Who moves when nothing says otherwise: the thread that moved last, else the first that can.
#[must_use]
pub fn default_choice(last: Option<usize>, enabled: &[usize]) -> usize {
    match last {
        Some(last) if enabled.contains(&last) => last,
        _ => enabled[0],
    }
}

/// What a step left, to be held against the same step of a later execution.
pub(in crate::engine) struct Left {
    trail: Option<u128>,
    operation: Option<Operation>,
}

impl Left {
    /// What the last step left, taken by this thread.
    pub(in crate::engine) fn of<R: Run>(run: &R, thread: usize) -> Self {
        Self { trail: run.trail(thread), operation: run.took() }
    }

    /// The step that left it, to be taken again.
    pub(in crate::engine) fn again(&self, step: StepRecord) -> PathStep {
        PathStep { thread: step.thread, alternative: step.alternative, trail: self.trail }
    }

    /// Whether the last step of a run was the same operation.
    pub(in crate::engine) fn is_operation<R: Run>(&self, run: &R) -> bool {
        self.operation == run.took()
    }
}

/// How an execution ended that does not fit the path on which it was begun, at the step of this thread, which left that
/// before; as far as the two are known.
pub(in crate::engine) fn diverged<R: Run>(
    run: &R,
    diverged: Diverged,
    thread: Option<usize>,
    left: Option<&Left>,
) -> Ended {
    let report = run.report();
    let words =
        |operation: &Option<Operation>| operation.as_ref().map(ToString::to_string).unwrap_or_default();
    let first = left.map_or_else(|| "can move".to_owned(), |left| words(&left.operation));
    let now = if diverged.was_taken { words(&run.took()) } else { "cannot move".to_owned() };
    let thread = thread.and_then(|thread| report.threads.get(thread));
    let role = thread.map_or("a thread", |thread| &*thread.role);
    Ended::NotDeterministic {
        step: diverged.at.saturating_sub(report.setup_steps),
        first: format!("{role}: {first}"),
        now: format!("{role}: {now}"),
    }
}
