//! The search over visited states: every interleaving of a program, up to those that nobody can tell apart.
//!
//! A state is what each thread has learned so far and what each shared object holds. A thread is a function of what it
//! learned, so two executions that reach the same state have the same futures, and the second is cut. One thing more is
//! left out: where a thread is about to let a lock go, or to go on from a wait for what is set once and for all, the
//! others need not be tried first, since nothing they can do before then touches that object (a persistent set of one
//! thread; Godefroid, Partial-Order Methods, LNCS 1032, chapter 4). With a preemption bound nothing is left out, and the
//! budget left and the thread that moved last belong to the state. It must not know what a program is about.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::coroutines::{Run, Shop};
use super::execution::{Ended, Execution, Left, Taken, default_choice};
use super::reduction;
use crate::kernel::digest::{chain, digest};

/// How far a search goes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// At most so many switches away from a thread that could have gone on; none for every interleaving.
    pub preemptions: Option<u32>,
    /// An execution of more steps than this counts as a hang.
    pub steps: usize,
    /// At most so many executions; none for as many as it takes.
    pub executions: Option<u64>,
    /// No execution is begun after this; none for no limit of time. What such a search comes to depends on the machine.
    pub until: Option<Instant>,
    /// No execution is begun once this is set, by another thread or a signal.
    pub interrupted: Option<Arc<AtomicBool>>,
}

/// Why a search stopped before it was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// So many executions were run.
    Executions,
    /// The time was up.
    Time,
    /// Somebody interrupted it.
    Interrupted,
}

impl Limits {
    /// Whether a search within these limits ends after some time.
    pub(super) fn is_timed(&self) -> bool {
        self.until.is_some() || self.interrupted.is_some()
    }

    /// Counts one more execution and gives its number, from 0; none if the limits allow no more.
    pub(super) fn allow(&self, found: &mut Search) -> Option<u64> {
        let interrupted = || self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        let stopped = if self.executions.is_some_and(|most| found.executions >= most) {
            Stopped::Executions
        } else if self.until.is_some_and(|until| Instant::now() >= until) {
            Stopped::Time
        } else if interrupted() {
            Stopped::Interrupted
        } else {
            found.executions += 1;
            return Some(found.executions - 1);
        };
        found.stopped = Some(stopped);
        None
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { preemptions: None, steps: 20_000, executions: None, until: None, interrupted: None }
    }
}

/// What a search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Executions begun.
    pub executions: u64,
    /// Executions cut because all that could go on was seen on another path.
    pub blocked: u64,
    /// Distinct states in which somebody had a choice.
    pub states: u64,
    /// Executions that ended in a deadlock.
    pub deadlocks: u64,
    /// Executions that ended in a panic.
    pub panics: u64,
    /// Whether every interleaving within the limits was run (none was left when the search stopped).
    pub exhausted: bool,
    /// Whether an interleaving was left out because of the preemption bound.
    pub bounded: bool,
    /// Which limit ended the search, if one did.
    pub stopped: Option<Stopped>,
}

impl Search {
    /// Counts an execution that came to its end.
    pub(super) fn count(&mut self, ended: &Ended) {
        self.deadlocks += u64::from(*ended == Ended::Deadlock);
        self.panics += u64::from(matches!(ended, Ended::Panicked(_)));
    }
}

/// Whether an execution is over after so many steps, and how.
pub(super) fn ended(limits: &Limits, run: &Run, enabled: &[usize], steps: usize) -> Option<Ended> {
    if let Some(message) = run.panicked() {
        return Some(Ended::Panicked(message));
    }
    if enabled.is_empty() {
        return Some(if run.quiescent() { Ended::Complete } else { Ended::Deadlock });
    }
    (steps >= limits.steps).then_some(Ended::Hang)
}

/// Searches every interleaving of `program`.
///
/// ```
/// use turnloom::explore::{Limits, search};
/// use turnloom::kernel::{FifoLock, thread};
///
/// // Two locks taken in two orders: some interleaving deadlocks.
/// let found = search(&Limits::default(), || {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     let (a2, b2) = (a.clone(), b.clone());
///     thread::spawn("other", move || {
///         let _b = b2.lock();
///         let _a = a2.lock();
///     });
///     let _a = a.lock();
///     let _b = b.lock();
/// });
/// assert!(found.deadlocks > 0 && found.exhausted);
/// ```
pub fn search(limits: &Limits, program: impl Fn() + 'static) -> Search {
    run_search(limits, &(Rc::new(program) as Rc<dyn Fn()>), &mut |_| ControlFlow::Continue(()))
}

/// As [`search`], and shows each execution that came to its end to `visit`, which may stop the search.
pub fn run_search(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    match limits.preemptions {
        Some(_) => bounded(limits, program, visit),
        None => reduction::search(limits, program, visit),
    }
}

/// What is told of each execution that came to its end; it may stop the search.
pub type Visit<'v> = dyn FnMut(&Execution<'_>) -> ControlFlow<()> + 'v;

fn bounded(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    let mut searcher = Searcher {
        limits,
        visited: HashSet::new(),
        path: Vec::new(),
        taken: Vec::new(),
        found: Search::default(),
    };
    let shop = Rc::new(Shop::default());
    loop {
        if limits.allow(&mut searcher.found).is_none() {
            return searcher.found;
        }
        let run = Run::begin(program.clone(), shop.clone(), false);
        if searcher.execute(run, visit).is_break() {
            return searcher.found;
        }
        if !searcher.backtrack() {
            searcher.found.exhausted = true;
            return searcher.found;
        }
    }
}

struct Searcher<'l> {
    limits: &'l Limits,
    visited: HashSet<u128>,
    path: Vec<Node>,
    taken: Vec<Taken>,
    found: Search,
}

/// A place where somebody had a choice, or the only step there was.
struct Node {
    choices: Vec<usize>,
    next: usize,
    /// What the present choice left, once it was taken.
    left: Option<Left>,
}

impl Searcher<'_> {
    /// Runs one execution: along the path, then on to its end or to a state that was seen before.
    fn execute(
        &mut self,
        mut run: Run,
        visit: &mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.taken.clear();
        let mut last = None;
        let mut budget = self.limits.preemptions;
        loop {
            let depth = self.taken.len();
            let enabled = run.enabled();
            let ended = ended(self.limits, &run, &enabled, depth);
            if let Some(ended) = ended {
                return self.end(run, ended, visit);
            }
            let default = default_choice(last, &enabled);
            let free = last.is_none_or(|last| last != default);
            if depth == self.path.len() {
                let mut choices = vec![default];
                if free || budget != Some(0) {
                    choices.extend(enabled.iter().copied().filter(|thread| *thread != default));
                } else {
                    self.found.bounded |= enabled.len() > 1;
                }
                if !run.exploring() {
                    choices.truncate(1);
                } else if budget.is_none()
                    && let Some(settled) = choices
                        .iter()
                        .copied()
                        .find(|thread| run.next(*thread).is_some_and(|next| next.settled))
                {
                    choices = vec![settled];
                }
                if choices.len() > 1 && !self.enter(&run, last, budget) {
                    return ControlFlow::Continue(());
                }
                self.path.push(Node { choices, next: 0, left: None });
            }
            let node = &self.path[depth];
            let thread = node.choices[node.next];
            if !free && thread != default {
                budget = budget.map(|left| left - 1);
            }
            if !run.can_move(thread) {
                let ended = Left::cannot_move(&run, depth, thread, node.left.as_ref());
                let _ = self.end(run, ended, visit);
                return ControlFlow::Break(());
            }
            self.taken.push(Taken { thread, default });
            run.step(thread);
            let left = self.path[depth].left.get_or_insert_with(|| Left::of(&run, thread));
            if let Some(ended) = left.differs(&run, depth, thread) {
                let _ = self.end(run, ended, visit);
                return ControlFlow::Break(());
            }
            last = Some(thread);
        }
    }

    fn end(
        &mut self,
        run: Run,
        ended: Ended,
        visit: &mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.found.count(&ended);
        let mut run = run;
        let flow = visit(&Execution { run: &run, ended, taken: &self.taken, share: None });
        run.finish();
        flow
    }

    /// Whether a state is new.
    fn enter(&mut self, run: &Run, last: Option<usize>, budget: Option<u32>) -> bool {
        let mut state = run.state();
        if let Some(budget) = budget {
            state = chain(state, digest(&(last, budget)));
        }
        let new = self.visited.insert(state);
        self.found.states += u64::from(new);
        new
    }

    /// Moves the path to the next interleaving; false if there is none.
    fn backtrack(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            node.next += 1;
            node.left = None;
            if node.next < node.choices.len() {
                return true;
            }
            self.path.pop();
        }
        false
    }
}
