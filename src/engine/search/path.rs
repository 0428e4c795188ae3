//! What every search keeps of the path that it is on: going along it again, and, for those that follow races, which
//! steps used which object. It must not know which steps are tried, nor why.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use super::complete::{Search, Stopped, Visit};
use super::footprint::{Clock, join};
use super::parallel::{Lease, Subtree, Worker};
use crate::engine::coroutines::{Keep, Run};
use crate::engine::execution::dependence::{Use, either_changes};
use crate::engine::execution::fair_cycles::at_limit;
use crate::engine::execution::record::{Ended, Execution, Left, StepRecord};

/// A search that runs one execution after another, each along a path that leaves the one before at its last open place.
pub(in crate::engine) trait Paths: Sized {
    /// Runs one execution along the path, then on.
    fn execute(&mut self, run: Run, visit: &mut Visit<'_>) -> ControlFlow<()>;

    /// Moves the path to the next interleaving.
    fn backtrack(&mut self) -> Further;

    /// What the search came to so far.
    fn found(&mut self) -> &mut Search;

    /// A branch that is to be searched and that somebody else may search.
    fn lend(&mut self) -> Option<(Subtree, Arc<Lease>)>;

    /// A search of the same kind that searches such a branch.
    fn part(&self, branch: Subtree) -> Self;
}

/// What comes after an execution.
pub(in crate::engine) enum Further {
    /// Another one.
    Execution,
    /// Somebody else searches what comes next.
    Lease(Arc<Lease>),
    /// Nothing.
    End,
}

/// Runs a search to its end, or to where the limits or the visitor stop it.
pub(in crate::engine) fn walk<P: Paths>(
    worker: &Worker<'_>,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
    mut paths: P,
    is_whole: bool,
) {
    while !worker.is_over() && worker.limits.allow(paths.found()).is_some() {
        let run = Run::begin(program.clone(), worker.shop.clone(), Keep::States);
        if let Some(stopped) = run.stopped() {
            paths.found().stopped = Some(stopped);
            break;
        }
        if paths.execute(run, visit).is_break() {
            break;
        }
        if let Some(lent) = worker.lend(|| paths.lend())
            && !wait_for(worker, program, visit, &paths, &lent)
        {
            break;
        }
        if !go_on(worker, program, visit, &mut paths) {
            break;
        }
    }
    worker.add(paths.found(), is_whole);
}

/// Moves the path to the next interleaving, when what has to be known for it is; whether there is one.
fn go_on<P: Paths>(
    worker: &Worker<'_>,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
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
        if !wait_for(worker, program, visit, paths, &lent) {
            return false;
        }
    }
}

/// Waits for a branch that was lent, and searches others meanwhile; false if the search is over.
fn wait_for<P: Paths>(
    worker: &Worker<'_>,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
    paths: &P,
    lent: &Lease,
) -> bool {
    worker.wait_for(lent, &mut |branch| walk(worker, program, visit, paths.part(branch), false))
}

/// Takes a step of the path; how the execution ended if it is not the step that was taken here before and `left` that.
pub(in crate::engine) fn step(
    run: &mut Run,
    taken: &mut Vec<StepRecord>,
    next: StepRecord,
    left: Option<&Left>,
) -> Option<Ended> {
    let depth = taken.len();
    let is_there = next.alternative == 0 || next.alternative < run.alternatives(next.thread);
    if !run.can_move(next.thread) || !is_there {
        return Some(Left::cannot_move(run, depth, next.thread, left));
    }
    taken.push(next);
    run.step(next.thread, next.alternative);
    if let Some(stopped) = run.stopped() {
        return Some(Ended::Stopped(stopped));
    }
    left.and_then(|left| left.differs(run, depth, next.thread))
}

/// An execution has come to its end: it is counted, shown, and its daemons are told; whether to go on. One that a limit
/// has ended is not shown and ends the search.
pub(in crate::engine) fn show(
    found: &mut Search,
    mut run: Run,
    mut ended: Ended,
    (taken, share): (&[StepRecord], Option<f64>),
    visit: &mut Visit<'_>,
) -> ControlFlow<()> {
    let mut gone_on = Vec::new();
    if ended == Ended::Stopped(Stopped::Steps) {
        gone_on.extend_from_slice(taken);
        ended = at_limit(&mut run, &mut gone_on);
    }
    let taken = if gone_on.is_empty() { taken } else { &gone_on };
    if let Ended::Stopped(stopped) = ended {
        found.stopped = Some(stopped);
        return ControlFlow::Break(());
    }
    found.count(&ended);
    let flow = visit(&Execution { run: &run, ended, taken, share });
    run.finish();
    flow
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
    /// Who moves.
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
