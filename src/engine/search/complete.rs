//! The front of the complete searches: which one runs, by how many workers.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::path::walk;
use super::worker::{EndOnPanic, How, Offer, Shared, Subtree, Worker};
use super::{preemption_bounded, stateful_dpor};
use crate::engine::coroutines::Coroutines;
use crate::engine::execution::ending::Visit;
use crate::engine::limits::{Limits, Search};
use crate::engine::system::{Fingerprints, System};

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
    run_search(limits, &Coroutines::new(program), &mut |_| ControlFlow::Continue(()))
}

/// Searches every interleaving of a system, or every one within the limits' bound of preemptions, and shows each
/// execution that came to its end to `visit`, which may stop the search.
///
/// Without a bound it needs fingerprints: it merges the interleavings that lead to the same state. For a system without
/// there are [`dpor`](super::dpor), which finds the same outcomes, and [`bounded_search`].
pub fn run_search<S: Fingerprints>(limits: &Limits, system: &S, visit: &mut Visit<'_, S::Run>) -> Search {
    let shared = Shared::new(true, Arc::default());
    begin(&Worker::new(&shared, limits, true, How::Alone), system, visit, None);
    shared.into_found()
}

/// Searches every interleaving of a system with at most as many preemptions as the limits say, none if they say nothing,
/// and shows each execution that came to its end to `visit`, which may stop the search.
///
/// If the system has fingerprints, an execution that comes to a state that is known is cut.
pub fn bounded_search<S: System>(limits: &Limits, system: &S, visit: &mut Visit<'_, S::Run>) -> Search {
    let shared = Shared::new(true, Arc::default());
    let worker = Worker::new(&shared, limits, true, How::Alone);
    let preemptions = limits.preemptions.unwrap_or(0);
    let searcher = preemption_bounded::Searcher::new(&worker, preemptions, None);
    walk(&worker, system, visit, searcher, true);
    shared.into_found()
}

/// A search of a system.
pub type SearchOf<S> = fn(&Limits, &S, &mut Visit<'_, <S as System>::Run>) -> Search;

/// Searches all of a system, or only this branch.
fn begin<S: Fingerprints>(
    worker: &Worker<'_>,
    system: &S,
    visit: &mut Visit<'_, S::Run>,
    branch: Option<Subtree>,
) {
    let is_whole = branch.is_none();
    match worker.limits.preemptions {
        Some(preemptions) => {
            let searcher = preemption_bounded::Searcher::new(worker, preemptions, branch);
            walk(worker, system, visit, searcher, is_whole);
        }
        None => walk(worker, system, visit, stateful_dpor::Searcher::new(worker, branch), is_whole),
    }
}

impl Worker<'_> {
    /// Does this worker's part of the search of `system`, which is the same for all workers, and shows it each execution
    /// that came to its end.
    pub fn search<S: Fingerprints>(&self, system: &S, visit: &mut Visit<'_, S::Run>) {
        let _end = EndOnPanic(self.shared());
        if self.leads {
            begin(self, system, visit, None);
            self.shared().end();
            return;
        }
        while let Some(Offer { branch, lent, core }) = self.next_offer() {
            begin(self, system, visit, Some(branch));
            drop(core);
            self.shared().finish(&lent);
        }
    }
}
