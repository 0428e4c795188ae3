//! What every search keeps of the path that it is on: going along it again, and, for those that follow races, which steps
//! used which object. It must not know which steps are tried, nor why.

use std::ops::ControlFlow;
use std::rc::Rc;

use super::coroutines::{Keep, Run, Shop};
use super::dependence::{Use, either_changes};
use super::execution::{Ended, Execution, Left, Taken};
use super::footprint::{Clock, join};
use super::search::{Limits, Search, Visit};

/// A search that runs one execution after another, each along a path that leaves the one before at its last open place.
pub(super) trait Paths {
    /// Runs one execution along the path, then on.
    fn execute(&mut self, run: Run, visit: &mut Visit<'_>) -> ControlFlow<()>;

    /// Moves the path to the next interleaving; false if there is none.
    fn backtrack(&mut self) -> bool;

    /// What the search came to so far.
    fn found(&mut self) -> &mut Search;
}

/// Runs a search to its end, or to where the limits or the visitor stop it.
pub(super) fn walk(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
    mut paths: impl Paths,
) -> Search {
    let shop = Rc::new(Shop::default());
    while limits.allow(paths.found()).is_some() {
        let run = Run::begin(program.clone(), shop.clone(), Keep::States);
        if paths.execute(run, visit).is_break() {
            break;
        }
        if !paths.backtrack() {
            paths.found().exhausted = true;
            break;
        }
    }
    std::mem::take(paths.found())
}

/// Takes a step of the path; how the execution ended if it is not the step that was taken here before and `left` that.
pub(super) fn step(run: &mut Run, taken: &mut Vec<Taken>, next: Taken, left: Option<&Left>) -> Option<Ended> {
    let depth = taken.len();
    let is_there = next.alternative == 0 || next.alternative < run.alternatives(next.thread);
    if !run.can_move(next.thread) || !is_there {
        return Some(Left::cannot_move(run, depth, next.thread, left));
    }
    taken.push(next);
    run.step(next.thread, next.alternative);
    left.and_then(|left| left.differs(run, depth, next.thread))
}

/// An execution has come to its end: it is counted, shown, and its daemons are told; whether to go on.
pub(super) fn show(
    found: &mut Search,
    mut run: Run,
    ended: Ended,
    (taken, share): (&[Taken], Option<f64>),
    visit: &mut Visit<'_>,
) -> ControlFlow<()> {
    found.count(&ended);
    let flow = visit(&Execution { run: &run, ended, taken, share });
    run.finish();
    flow
}

/// What there is to choose at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: the program sets itself up.
    Setup,
    /// Nothing: a thread's next operation commutes with all that others can do before it.
    Settled,
    /// Who moves.
    Open,
}

/// The uses of each object along the path, the last one last.
#[derive(Default)]
pub(super) struct Pasts {
    of: Vec<Vec<Past>>,
}

/// One use of an object on the path.
pub(super) struct Past {
    /// The number of steps before the one that used it.
    pub(super) depth: usize,
    pub(super) changes: bool,
    /// The clock of that step.
    clock: Clock,
}

impl Pasts {
    /// The uses of one object.
    pub(super) fn of(&self, object: u32) -> &[Past] {
        self.of.get(object as usize).map_or(&[], Vec::as_slice)
    }

    /// Joins to a clock what happened before a use that comes next.
    pub(super) fn join(&self, one: Use, clock: &mut Vec<u32>) {
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
    pub(super) fn add(&mut self, depth: usize, uses: &[Use], clock: &Clock) {
        for one in uses {
            let object = one.object as usize;
            if self.of.len() <= object {
                self.of.resize_with(object + 1, Vec::new);
            }
            self.of[object].push(Past { depth, changes: one.changes, clock: clock.clone() });
        }
    }

    /// Takes back what the last step used.
    pub(super) fn take_back(&mut self, uses: &[Use]) {
        for one in uses {
            self.of[one.object as usize].pop();
        }
    }

    /// Forgets the whole path.
    pub(super) fn clear(&mut self) {
        self.of.clear();
    }
}

/// The clock of a thread's step after so many others, when this is what happened before it.
pub(super) fn tick(mut before: Vec<u32>, thread: usize, depth: usize) -> Clock {
    if before.len() <= thread {
        before.resize(thread + 1, 0);
    }
    before[thread] = u32::try_from(depth + 1).unwrap_or(u32::MAX);
    before.into()
}
