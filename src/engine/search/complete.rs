//! The front of the searches: how far one goes, what it came to, and which one runs. It must not know what a program is
//! about.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::parallel as together;
use super::parallel::{Subtree, Worker};
use super::path::walk;
use super::{preemption_bounded as bounded, stateful_dpor as reduction};
use crate::engine::coroutines::Run;
use crate::engine::execution::record::{Ended, Execution};

/// How far a search goes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// At most so many switches away from a thread that could have gone on; none for every interleaving.
    pub preemptions: Option<u32>,
    /// A search comes to no end of an execution of more steps than this: it hangs if from there it goes round for ever,
    /// and else it ends the search.
    pub steps: usize,
    /// At most so many executions; none for as many as it takes.
    pub executions: Option<u64>,
    /// No execution is begun after this; none for no limit of time. What such a search comes to depends on the machine.
    pub until: Option<Instant>,
    /// No execution is begun once this is set, by another thread or a signal.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// At most so many bytes for the states and the path that the search keeps and for the execution in flight, by an
    /// estimate that is the same on every machine. A search with one of these last three limits also ends in the middle of
    /// an execution, or while one begins.
    pub memory: u64,
}

/// Why a search stopped before it was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// So many executions were run.
    Executions,
    /// The time was up.
    Time,
    /// There was no more memory for what it keeps.
    Memory,
    /// An execution took more steps than the limits allow and had come back to no state.
    Steps,
    /// Somebody interrupted it.
    Interrupted,
}

impl Limits {
    /// Whether a search within these limits ends after some time.
    pub(in crate::engine) fn is_timed(&self) -> bool {
        self.until.is_some() || self.interrupted.is_some()
    }

    /// Whether the search ends here, in the middle of an execution, so many steps from its beginning.
    pub(in crate::engine) fn end_here(&self, found: &mut Search, kept: u64, depth: usize) -> bool {
        if kept > self.memory || depth.is_multiple_of(STEPS_BETWEEN_LOOKS) {
            found.stopped = self.reached(kept).or(found.stopped);
        }
        found.stopped.is_some()
    }

    /// The limit that is reached when so many bytes are kept, if one is.
    pub(in crate::engine) fn reached(&self, kept: u64) -> Option<Stopped> {
        if kept > self.memory { Some(Stopped::Memory) } else { self.called_off() }
    }

    /// Why no time is left, if so.
    fn called_off(&self) -> Option<Stopped> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            Some(Stopped::Time)
        } else if self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            Some(Stopped::Interrupted)
        } else {
            None
        }
    }

    /// Counts one more execution and gives its number, from 0; none if the limits allow no more.
    pub(in crate::engine) fn allow(&self, found: &mut Search) -> Option<u64> {
        if self.executions.is_some_and(|most| found.executions >= most) {
            found.stopped = Some(Stopped::Executions);
        } else {
            found.stopped = self.called_off();
        }
        if found.stopped.is_some() {
            return None;
        }
        found.executions += 1;
        Some(found.executions - 1)
    }
}

/// A clock is looked at after so many steps.
const STEPS_BETWEEN_LOOKS: usize = 256;

/// About how many bytes a place on the path takes, and each thread there.
const PLACE: u64 = 512;
const THREAD: u64 = 128;

/// About how many bytes a path takes.
pub(in crate::engine) fn path_size(places: usize, threads: usize) -> u64 {
    places as u64 * (PLACE + THREAD * threads as u64)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            preemptions: None,
            steps: 20_000,
            executions: None,
            until: None,
            interrupted: None,
            memory: 1 << 29,
        }
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
    /// Executions of a sample that took more steps than the limits allow and came back to no state. Any other search ends
    /// with the first one.
    pub out_of_steps: u64,
    /// Which limit ended the search, if one did.
    pub stopped: Option<Stopped>,
}

impl Search {
    /// Counts an execution that came to its end.
    pub(in crate::engine) fn count(&mut self, ended: &Ended) {
        self.deadlocks += u64::from(*ended == Ended::Deadlock);
        self.panics += u64::from(matches!(ended, Ended::Panicked(_)));
    }
}

/// Whether an execution is over after so many steps, and how. Of one that may take no more steps [`at_limit`] knows more.
pub(in crate::engine) fn ended(limits: &Limits, run: &Run, enabled: &[usize], steps: usize) -> Option<Ended> {
    if let Some(stopped) = run.stopped() {
        return Some(Ended::Stopped(stopped));
    }
    if let Some(message) = run.panicked() {
        return Some(Ended::Panicked(message));
    }
    if enabled.is_empty() {
        return Some(if run.quiescent() { Ended::Complete } else { Ended::Deadlock });
    }
    (steps >= limits.steps).then_some(Ended::Stopped(Stopped::Steps))
}

/// Searches every interleaving of `program`.
///
/// ```
/// use turnloom::engine::search::{Limits, search};
/// use turnloom::engine::kernel::{FifoLock, thread};
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
    together::alone(limits, program, visit)
}

/// Searches all of `program`, or only this branch.
pub(in crate::engine) fn begin(
    worker: &Worker<'_>,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
    branch: Option<Subtree>,
) {
    let is_whole = branch.is_none();
    match worker.limits.preemptions {
        Some(preemptions) => {
            walk(worker, program, visit, bounded::Searcher::new(worker, preemptions, branch), is_whole);
        }
        None => walk(worker, program, visit, reduction::Searcher::new(worker, branch), is_whole),
    }
}

/// What is told of each execution that came to its end; it may stop the search.
pub type Visit<'v> = dyn FnMut(&Execution<'_>) -> ControlFlow<()> + 'v;
