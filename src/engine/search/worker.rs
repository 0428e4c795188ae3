//! One of the workers that search a program together, and what they share: the tables of states, and the branches that
//! one lends to others. A worker may be the only one.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::visited_states::{Known, Table};
use crate::engine::limits::{Limits, Search};
use crate::engine::system::{Numbers, SharedNumbers, Use};
use crate::engine::trace::Stopped;

/// Cores that are free.
#[derive(Debug, Default)]
pub struct Cores {
    free: AtomicUsize,
}

impl Cores {
    /// So many.
    #[must_use]
    pub fn new(free: usize) -> Self {
        Self { free: AtomicUsize::new(free) }
    }

    /// One more: its worker has nothing left to do.
    pub fn give(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1)).is_ok()
    }
}

/// A core that a worker computes on.
pub(super) struct Core(Arc<Cores>);

impl Drop for Core {
    fn drop(&mut self) {
        self.0.give();
    }
}

/// A part of a search: all that begins with these steps.
#[derive(Clone)]
pub(in crate::engine) struct Subtree {
    /// The steps to the place from which it goes: who moves, and in which alternative.
    pub(in crate::engine) steps: Vec<(usize, usize)>,
    /// The thread that moves from there.
    pub(in crate::engine) thread: usize,
    /// In which of its alternatives; none for each of them.
    pub(in crate::engine) alternative: Option<usize>,
    /// The threads that sleep there, and what their operations use.
    pub(in crate::engine) asleep: Vec<(usize, Arc<[Use]>)>,
}

/// A branch that was lent.
#[derive(Default)]
pub(in crate::engine) struct Lease {
    done: AtomicBool,
}

impl Lease {
    /// Whether everything in it was run.
    pub(in crate::engine) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// A branch that no worker took yet.
pub(super) struct Offer {
    pub(super) branch: Subtree,
    pub(super) lent: Arc<Lease>,
    /// The core for the worker that takes it.
    pub(super) core: Option<Core>,
}

/// What those who search together have in common.
pub(in crate::engine) struct Shared {
    /// The states that were left.
    pub(in crate::engine) known: Table<Known>,
    /// Those of a search within a bound, of which there is nothing more to say.
    pub(in crate::engine) left: Table<()>,
    numbers: Arc<SharedNumbers>,
    /// Whether there is anybody but the lead.
    is_alone: bool,
    board: Mutex<Board>,
    changed: Condvar,
    /// Those who wait for what they lent, and the offers they could take.
    waiting: AtomicUsize,
    offers: AtomicUsize,
    over: AtomicBool,
    cores: Arc<Cores>,
}

#[derive(Default)]
struct Board {
    offers: Vec<Offer>,
    /// Helpers without a branch.
    idle: usize,
    found: Search,
    /// Whether a thread can go round in a circle.
    is_circular: bool,
}

/// The table has so many parts if several use it.
const PARTS: usize = 64;

impl Shared {
    pub(super) fn new(is_alone: bool, cores: Arc<Cores>) -> Self {
        let parts = if is_alone { 1 } else { PARTS };
        Self {
            known: Table::new(parts),
            left: Table::new(parts),
            numbers: Arc::default(),
            is_alone,
            board: Mutex::default(),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
            offers: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            cores,
        }
    }

    fn into_board(self) -> Board {
        self.board.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the search of one worker came to.
    pub(super) fn into_found(self) -> Search {
        self.into_board().found
    }

    /// What the search came to; none if it has to be run by one.
    pub(super) fn result(self) -> Option<Search> {
        let Board { found, is_circular, .. } = self.into_board();
        let is_called_off = matches!(found.stopped, Some(Stopped::Time | Stopped::Interrupted));
        ((found.exhausted || is_called_off) && !is_circular).then_some(found)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the search for all.
    pub(super) fn end(&self) {
        let _board = self.board();
        self.over.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn take(&self, board: &mut Board) -> Option<Offer> {
        // The oldest is next to the root, so it is the largest.
        if board.offers.is_empty() {
            return None;
        }
        self.offers.fetch_sub(1, Ordering::Relaxed);
        Some(board.offers.remove(0))
    }

    pub(super) fn finish(&self, lent: &Lease) {
        let _board = self.board();
        lent.done.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

/// Wakes the other workers on a panic.
pub(super) struct EndOnPanic<'s>(pub(super) &'s Shared);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

/// One of those who search together.
pub struct Worker<'s> {
    shared: &'s Shared,
    pub(in crate::engine) limits: &'s Limits,
    /// Its numbers of threads and objects, which are those of all.
    pub(in crate::engine) numbers: Rc<Numbers>,
    /// Whether it searches the whole tree, or only what is lent.
    pub(super) leads: bool,
    how: How<'s>,
}

/// What becomes of a branch that could be lent.
pub(super) enum How<'s> {
    /// There is no other worker to take it.
    Alone,
    /// A worker with a core takes it; this begins one more helper.
    Together(&'s dyn Fn()),
    /// It is lent, and searched at once by the lender: what can happen when threads work together, but the same each
    /// time.
    #[cfg(test)]
    InTurn,
}

impl<'s> Worker<'s> {
    pub(super) fn new(shared: &'s Shared, limits: &'s Limits, leads: bool, how: How<'s>) -> Self {
        let numbers = (!shared.is_alone).then(|| shared.numbers.clone());
        Self { shared, limits, numbers: Rc::new(Numbers::sharing(numbers)), leads, how }
    }

    /// What all have in common.
    pub(in crate::engine) fn shared(&self) -> &'s Shared {
        self.shared
    }

    /// Whether it searches alone.
    pub(in crate::engine) fn is_alone(&self) -> bool {
        self.shared.is_alone
    }

    pub(super) fn next_offer(&self) -> Option<Offer> {
        let mut board = self.shared.board();
        loop {
            if self.is_over() {
                return None;
            }
            if let Some(offer) = self.shared.take(&mut board) {
                return Some(offer);
            }
            board.idle += 1;
            board = self.shared.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.idle -= 1;
        }
    }

    /// Whether the others have ended the search.
    pub(in crate::engine) fn is_over(&self) -> bool {
        !self.is_alone() && self.shared.over.load(Ordering::Acquire)
    }

    /// The core for a branch to be lent; none if no worker could take it. A worker that waits has a core.
    fn core(&self) -> Option<Option<Core>> {
        let shared = self.shared;
        match self.how {
            How::Alone => None,
            How::Together(_)
                if shared.waiting.load(Ordering::Relaxed) > shared.offers.load(Ordering::Relaxed) =>
            {
                Some(None)
            }
            How::Together(_) => shared.cores.take().then(|| Some(Core(shared.cores.clone()))),
            #[cfg(test)]
            How::InTurn => Some(None),
        }
    }

    /// Lends what `part` has to lend, if another worker could take it; what is to be waited for at once.
    pub(in crate::engine) fn lend(
        &self,
        part: impl FnOnce() -> Option<(Subtree, Arc<Lease>)>,
    ) -> Option<Arc<Lease>> {
        let core = self.core()?;
        let (branch, lent) = part()?;
        let mut board = self.shared.board();
        let needs_helper = core.is_some() && board.idle == 0;
        self.shared.offers.fetch_add(1, Ordering::Relaxed);
        board.offers.push(Offer { branch, lent: lent.clone(), core });
        self.shared.changed.notify_all();
        drop(board);
        match self.how {
            How::Alone => None,
            How::Together(recruit) => {
                if needs_helper {
                    recruit();
                }
                None
            }
            #[cfg(test)]
            How::InTurn => Some(lent),
        }
    }

    /// Waits until a branch is done, and helps meanwhile; false if the search is over.
    pub(in crate::engine) fn wait_for(&self, lent: &Lease, help: &mut dyn FnMut(Subtree)) -> bool {
        let mut board = self.shared.board();
        loop {
            if self.is_over() {
                return false;
            }
            if lent.is_done() {
                return true;
            }
            if let Some(Offer { branch, lent, core }) = self.shared.take(&mut board) {
                drop(board);
                // A worker that waits has a core.
                drop(core);
                help(branch);
                self.shared.finish(&lent);
                board = self.shared.board();
                continue;
            }
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            board = self.shared.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Adds up what a part of the search came to. A part that was not run through ends the search.
    pub(in crate::engine) fn add(&self, part: &Search, is_whole: bool) {
        let mut board = self.shared.board();
        let found = &mut board.found;
        found.executions += part.executions;
        found.blocked += part.blocked;
        found.states += part.states;
        found.deadlocks += part.deadlocks;
        found.panics += part.panics;
        found.exhausted |= part.exhausted && is_whole;
        found.bounded |= part.bounded;
        found.stopped = found.stopped.or(part.stopped);
        drop(board);
        if !part.exhausted {
            self.shared.end();
        }
    }

    /// A thread can go round in a circle.
    pub(in crate::engine) fn goes_round(&self) {
        self.shared.board().is_circular = true;
    }
}
