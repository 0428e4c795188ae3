//! One execution that came to its end: how it ended, what was observed of it, and the schedule that leads there.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

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
        let scene = self.scene();
        let operations = self.operations();
        let mut points = Points::of(scene, &operations);
        let mut departures = Vec::new();
        for (step, taken) in scene.iter().enumerate() {
            if taken.thread != taken.default {
                let before = points.next_of(self.run, taken.default);
                let thread = self.run.report().role(taken.thread).to_string();
                departures.push(Departure::Switch(Switch { thread, before }));
            }
            if taken.alternative > 0 {
                let at = points.next_of(self.run, taken.thread);
                departures.push(Departure::Choice(Choice { at, alternative: taken.alternative }));
            }
            // Of a system that failed the last step may not be known.
            if let Some(operation) = operations.get(step) {
                points.pass(taken.thread, operation);
            }
        }
        Schedule { departures }
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
    fn next_of<R: Run>(&self, run: &R, thread: usize) -> Point {
        let behind = self.behind.get(thread).copied().unwrap_or(0);
        let next = self.own.get(thread).and_then(|own| own.get(behind));
        let operation = next.map_or_else(|| pending(run, thread), ToString::to_string);
        let before = self.counts.get(&(thread, operation.as_str())).copied().unwrap_or(0);
        Point { thread: run.report().role(thread).to_string(), count: before + 1, operation }
    }

    /// A thread takes its next operation.
    fn pass(&mut self, thread: usize, operation: &'a str) {
        self.behind[thread] += 1;
        *self.counts.entry((thread, operation)).or_default() += 1;
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
