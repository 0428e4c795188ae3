//! What every search keeps of the path that it is on: going along it again, and, for those that follow races, which
//! steps used which object.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use super::footprint::{Clock, join};
use super::worker::{Lease, Subtree, Worker};
use crate::engine::execution::dependence::either_changes;
use crate::engine::execution::ending::{Visit, ended};
use crate::engine::execution::fair_cycles::at_limit;
use crate::engine::execution::record::{Execution, Left, StepRecord, diverged};
use crate::engine::limits::{Limits, Search};
use crate::engine::system::{Begin, Diverged, Failure, Keep, Numbers, PathStep, Run, System, Use};
use crate::engine::trace::{Ended, Stopped};

/// A search that runs one execution after another, each along a path that leaves the one before at its last open place.
pub(in crate::engine) trait Paths<S: System>: Sized {
    /// Runs one execution along the path, then on.
    fn execute(&mut self, system: &S, visit: &mut Visit<'_, S::Run>) -> ControlFlow<()>;

    /// Moves the path to the next interleaving.
    fn backtrack(&mut self) -> Further;

    /// What the search came to so far.
    fn found(&mut self) -> &mut Search;

    /// A branch that is to be searched and that another worker may search.
    fn lend(&mut self) -> Option<(Subtree, Arc<Lease>)>;

    /// A search of the same kind that searches such a branch.
    fn part(&self, branch: Subtree) -> Self;
}

/// What comes after an execution.
pub(in crate::engine) enum Further {
    /// Another one.
    Execution,
    /// Another worker searches what comes next.
    Lease(Arc<Lease>),
    /// Nothing.
    End,
}

/// Runs a search to its end, or to where the limits or the visitor stop it.
pub(in crate::engine) fn walk<S: System, P: Paths<S>>(
    worker: &Worker<'_>,
    system: &S,
    visit: &mut Visit<'_, S::Run>,
    mut paths: P,
    is_whole: bool,
) {
    while !worker.is_over() && worker.limits.allow(paths.found()).is_some() {
        if paths.execute(system, visit).is_break() {
            break;
        }
        if let Some(lent) = worker.lend(|| paths.lend())
            && !wait_for(worker, system, visit, &paths, &lent)
        {
            break;
        }
        if !go_on(worker, system, visit, &mut paths) {
            break;
        }
    }
    worker.add(paths.found(), is_whole);
}

/// Moves the path to the next interleaving, when what has to be known for it is; whether there is one.
fn go_on<S: System, P: Paths<S>>(
    worker: &Worker<'_>,
    system: &S,
    visit: &mut Visit<'_, S::Run>,
    paths: &mut P,
) -> bool {
    loop {
        let lent = match paths.backtrack() {
            Further::Execution => return true,
            Further::Lease(lent) => lent,
            Further::End => {
                paths.found().exhausted = true;
                return false;
            }
        };
        if !wait_for(worker, system, visit, paths, &lent) {
            return false;
        }
    }
}

/// Waits for a branch that was lent, and searches others meanwhile; false if the search is over.
fn wait_for<S: System, P: Paths<S>>(
    worker: &Worker<'_>,
    system: &S,
    visit: &mut Visit<'_, S::Run>,
    paths: &P,
    lent: &Lease,
) -> bool {
    worker.wait_for(lent, &mut |branch| walk(worker, system, visit, paths.part(branch), false))
}

/// The steps of a path that were taken before, with what each left.
#[derive(Default)]
pub(in crate::engine) struct Known(Vec<PathStep>);

impl Known {
    /// Begins an execution along a path, as far as it was taken before; each of its places gives the step from there
    /// and what that left. If the path does not fit any more, or the system failed on the way, how the execution ended: what
    /// was true before is true no longer, so a search stops there.
    pub(in crate::engine) fn begin<'p, S: System>(
        &mut self,
        (system, limits, numbers): (&S, &Limits, &Rc<Numbers>),
        path: impl Iterator<Item = (StepRecord, Option<&'p Left>)> + Clone,
        taken: &mut Vec<StepRecord>,
    ) -> (S::Run, Option<Ended>) {
        taken.clear();
        self.0.clear();
        let known = || path.clone().map_while(|(step, left)| Some((step, left?)));
        for (step, left) in known() {
            taken.push(step);
            self.0.push(left.again(step));
        }
        let run = system.begin(Begin { numbers, limits, keep: Keep::States, path: &self.0 });
        let report = run.report();
        let at = match &report.failure {
            Some(Failure::Diverged(at)) => *at,
            Some(_) if !self.0.is_empty() => {
                taken.truncate(run.steps().len());
                let ended = ended(limits, &run, taken.len());
                return (run, ended);
            }
            Some(_) => return (run, None),
            // Without trails only the last step can be held against what it was.
            None => match self.0.last().filter(|last| last.trail.is_none()).and_then(|_| known().last()) {
                Some((_, left)) if !left.is_operation(&run) => {
                    Diverged { at: taken.len() - 1, was_taken: true }
                }
                _ => return (run, None),
            },
        };
        let there = known().nth(at.at);
        let thread = there.map(|(step, _)| step.thread);
        let ended = diverged(&run, at, thread, there.map(|(_, left)| left));
        taken.truncate(at.at + usize::from(at.was_taken));
        (run, Some(ended))
    }
}

/// Takes a step that is new on the path; how the execution ended if the thread cannot take it any more.
pub(in crate::engine) fn step<R: Run>(
    run: &mut R,
    taken: &mut Vec<StepRecord>,
    next: StepRecord,
) -> Option<Ended> {
    if !run.report().can_take(next.thread, next.alternative) {
        let at = Diverged { at: taken.len(), was_taken: false };
        return Some(diverged(run, at, Some(next.thread), None));
    }
    taken.push(next);
    run.step(next.thread, next.alternative);
    match run.report().failure {
        Some(Failure::Stopped(stopped)) => Some(Ended::Stopped(stopped)),
        _ => None,
    }
}

/// An execution has come to its end: it is counted and shown; whether to go on. One that a limit has ended is not shown
/// and ends the search.
pub(in crate::engine) fn show<R: Run>(
    limits: &Limits,
    found: &mut Search,
    run: &mut R,
    mut ended: Ended,
    (taken, share): (&[StepRecord], Option<f64>),
    visit: &mut Visit<'_, R>,
) -> ControlFlow<()> {
    let mut gone_on = Vec::new();
    if ended == Ended::Stopped(Stopped::Steps) {
        gone_on.extend_from_slice(taken);
        ended = at_limit(limits, run, &mut gone_on);
    }
    let taken = if gone_on.is_empty() { taken } else { &gone_on };
    if let Ended::Stopped(stopped) = ended {
        found.stopped = Some(stopped);
        return ControlFlow::Break(());
    }
    found.count(&ended);
    visit(&Execution { run, ended, taken, share })
}

/// What there is to choose at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Kind {
    /// Nothing: the program sets itself up.
    Setup,
    /// Nothing: it lies above the branch that is searched.
    Given,
    /// Nothing: a thread's next operation commutes with all that others can do before it.
    Settled,
    /// Which thread moves.
    Open,
}

/// The uses of each object along the path, the last one last.
#[derive(Default)]
pub(in crate::engine) struct Pasts {
    of: Vec<Vec<Past>>,
}

/// One use of an object on the path.
pub(in crate::engine) struct Past {
    /// The number of steps before the one that used it.
    pub(in crate::engine) depth: usize,
    pub(in crate::engine) changes: bool,
    /// The clock of that step.
    clock: Clock,
}

impl Pasts {
    /// The uses of one object.
    pub(in crate::engine) fn of(&self, object: u32) -> &[Past] {
        self.of.get(object as usize).map_or(&[], Vec::as_slice)
    }

    /// Joins to a clock what happened before a use that comes next.
    pub(in crate::engine) fn join(&self, one: Use, clock: &mut Vec<u32>) {
        for before in self.of(one.object).iter().rev() {
            if either_changes(one.changes, before.changes) {
                join(clock, &before.clock);
            }
            if before.changes {
                return;
            }
        }
    }

    /// Takes down what a step used.
    pub(in crate::engine) fn add(&mut self, depth: usize, uses: &[Use], clock: &Clock) {
        for one in uses {
            let object = one.object as usize;
            if self.of.len() <= object {
                self.of.resize_with(object + 1, Vec::new);
            }
            self.of[object].push(Past { depth, changes: one.changes, clock: clock.clone() });
        }
    }

    /// Takes back what the last step used.
    pub(in crate::engine) fn take_back(&mut self, uses: &[Use]) {
        for one in uses {
            self.of[one.object as usize].pop();
        }
    }

    /// Forgets the whole path.
    pub(in crate::engine) fn clear(&mut self) {
        self.of.clear();
    }
}

/// The clock of a thread's step after so many others, when this is what happened before it.
pub(in crate::engine) fn tick(mut before: Vec<u32>, thread: usize, depth: usize) -> Clock {
    if before.len() <= thread {
        before.resize(thread + 1, 0);
    }
    before[thread] = u32::try_from(depth + 1).unwrap_or(u32::MAX);
    before.into()
}
