//! One search by several threads of this process, each with a program of its own.
//!
//! One of them, the lead, searches the whole tree as it would alone. Where a core is free, whoever searches lends the
//! branch that it would try last, next to the root of its path: the steps that lead there, the thread to try and the
//! threads that sleep. A helper goes along the steps, searches what is below the branch as a search of its own, and may
//! lend in turn. What it was lent, the lender tries last; if that is not done by then, the lender helps somebody else
//! meanwhile, and goes on when it is (Wagner and Calder, "Leapfrogging: a portable technique for implementing efficient
//! futures", PPoPP 1993). So no branch is searched twice, and no thread waits in a circle: a lender waits for a branch
//! that was taken later than its own, and the branch that was taken last waits for none.
//!
//! *Why nothing is lost.* Searches share one thing: the [`Table`] of states. An entry says that from this state
//! everything was run to its end, but for what begins with a thread of its sleep set, and names with its footprint
//! whatever was done there that could race with a step above. It is put in when that is true, on leaving the state and
//! never on coming to it, and it speaks of the state alone, not of the path by which somebody came. So whoever meets
//! the state prunes by finished work, whoever did it (as the workers of Laarman, Langerak, van de Pol, Weber and Wijs,
//! "Multi-core nested depth-first search", ATVA 2011, share what they have left and nothing else). By induction on the
//! order in which entries are put in, each of them is as true as one that a search on its own puts in. The lead comes
//! to each branch that it lent like to any other, finds the states below in the table, and takes from their footprints
//! the races with its own path: what it wants tried is what it would want alone. When it has left the root, everything
//! was run. A helper may be lent a sleep set that is smaller than the one with which the lender comes there; then the
//! entry says more than is asked for. It may be told that the branch which the lender is still in sleeps; the entry
//! says so.
//!
//! *What is the same for every number of threads*: the outcomes and the edges of the lock graph, as both belong to the
//! last state of an execution. What is told of a search that was not run through, or in which a thread could go round
//! in circles, depends on the order of its executions; so there is no such search: it is left ([`search_together`]
//! gives none) and is run again by one. It must not know what a program is about.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use super::complete::{Limits, Search, Stopped, Visit, begin};
use super::stateful_dpor::Known;
use super::visited_states::Table;
use crate::engine::coroutines::{Names, StackPool};
use crate::engine::execution::dependence::Use;

/// Cores that nobody computes on.
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

    /// One more: whoever computed on it has nothing left to do.
    pub fn give(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1)).is_ok()
    }
}

/// A core that somebody computes on.
struct Core(Arc<Cores>);

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

/// A branch that nobody took yet.
struct Offer {
    branch: Subtree,
    lent: Arc<Lease>,
    /// The core for whoever takes it.
    core: Option<Core>,
}

/// What those who search together have in common.
pub(in crate::engine) struct Shared {
    /// The states that were left.
    pub(in crate::engine) known: Table<Known>,
    /// Those of a search within a bound, of which there is nothing more to say.
    pub(in crate::engine) left: Table<()>,
    names: Arc<Names>,
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
    fn new(is_alone: bool, cores: Arc<Cores>) -> Self {
        let parts = if is_alone { 1 } else { PARTS };
        Self {
            known: Table::new(parts),
            left: Table::new(parts),
            names: Arc::default(),
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

    /// What the search came to; none if it has to be run by one.
    fn result(self) -> Option<Search> {
        let Board { found, is_circular, .. } = self.into_board();
        let is_called_off = matches!(found.stopped, Some(Stopped::Time | Stopped::Interrupted));
        ((found.exhausted || is_called_off) && !is_circular).then_some(found)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody goes on.
    fn end(&self) {
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

    fn finish(&self, lent: &Lease) {
        let _board = self.board();
        lent.done.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

/// Somebody who panics does not let the others wait for him.
struct EndOnPanic<'s>(&'s Shared);

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
    /// Its own stacks.
    pub(in crate::engine) shop: Rc<StackPool>,
    /// Whether it searches the whole tree, or only what is lent.
    leads: bool,
    how: How<'s>,
}

/// What becomes of a branch that could be lent.
enum How<'s> {
    /// There is nobody to take it.
    Alone,
    /// Whoever has a core takes it; this begins one more helper.
    Together(&'s dyn Fn()),
    /// It is lent, and searched at once by the lender: what can happen when threads work together, but the same each
    /// time.
    #[cfg(test)]
    InTurn,
}

impl<'s> Worker<'s> {
    fn new(shared: &'s Shared, limits: &'s Limits, leads: bool, how: How<'s>) -> Self {
        let names = (!shared.is_alone).then(|| shared.names.clone());
        Self { shared, limits, shop: Rc::new(StackPool::new(limits, names)), leads, how }
    }

    /// What all have in common.
    pub(in crate::engine) fn shared(&self) -> &'s Shared {
        self.shared
    }

    /// Whether it searches alone.
    pub(in crate::engine) fn is_alone(&self) -> bool {
        self.shared.is_alone
    }

    /// Does this worker's part of the search of `program`, which is the same program for all, and shows it each
    /// execution that came to its end.
    pub fn search(&self, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) {
        let _end = EndOnPanic(self.shared);
        if self.leads {
            begin(self, program, visit, None);
            self.shared.end();
            return;
        }
        while let Some(Offer { branch, lent, core }) = self.next_offer() {
            begin(self, program, visit, Some(branch));
            drop(core);
            self.shared.finish(&lent);
        }
    }

    fn next_offer(&self) -> Option<Offer> {
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

    /// The core for a branch to be lent; none if nobody could take it. Who waits for something has a core.
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

    /// Lends what `part` has to lend, if somebody could take it; what is to be waited for at once.
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
                // Whoever waits has a core.
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

/// Searches alone.
pub(in crate::engine) fn alone(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    let shared = Shared::new(true, Arc::default());
    begin(&Worker::new(&shared, limits, true, How::Alone), program, visit, None);
    shared.into_board().found
}

/// Searches every interleaving of a program on this thread and, wherever one of `cores` is free, on others. Each of
/// them calls `work`, which makes the program and calls [`Worker::search`] once. What is shown may be shown by any of
/// them.
///
/// None if the search is one for a single thread ([`run_search`](super::run_search)), and what was shown of it is to be
/// forgotten: it was not run to its end, for another reason than the time or an interruption, or a thread can go round
/// in a circle. It is not even begun if the limits bound the number of executions.
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::BTreeSet;
/// use std::ops::ControlFlow;
/// use std::rc::Rc;
/// use std::sync::{Arc, Mutex};
/// use turnloom::engine::search::Limits;
/// use turnloom::engine::search::{Cores, search_together};
/// use turnloom::engine::kernel::{Cell, thread};
///
/// let outcomes = Mutex::new(BTreeSet::new());
/// let found = search_together(&Limits::default(), &Arc::new(Cores::new(3)), &|worker| {
///     let last: Rc<RefCell<Option<Cell<&str>>>> = Rc::default();
///     let slot = last.clone();
///     let program: Rc<dyn Fn()> = Rc::new(move || {
///         let cell = Cell::new("cell", "");
///         for name in ["a", "b", "c"] {
///             let cell = cell.clone();
///             thread::spawn_detached(name, move || cell.set(name));
///         }
///         *slot.borrow_mut() = Some(cell);
///     });
///     worker.search(&program, &mut |_| {
///         let seen = last.borrow().as_ref().map(|cell| cell.inspect(|value| *value));
///         outcomes.lock().unwrap().extend(seen);
///         ControlFlow::Continue(())
///     });
/// });
/// assert!(found.is_some_and(|found| found.exhausted));
/// assert_eq!(outcomes.into_inner().unwrap(), BTreeSet::from(["a", "b", "c"]));
/// ```
pub fn search_together(limits: &Limits, cores: &Arc<Cores>, work: &Work) -> Option<Search> {
    if limits.executions.is_some() {
        return None;
    }
    let shared = Shared::new(false, cores.clone());
    thread::scope(|scope| {
        let recruit = || recruit(scope, &shared, limits, work);
        work(&Worker::new(&shared, limits, true, How::Together(&recruit)));
    });
    shared.result()
}

/// What each of those who search together does.
pub type Work<'w> = dyn Fn(&Worker<'_>) + Sync + 'w;

/// Begins one more helper.
fn recruit<'s>(scope: &'s Scope<'s, '_>, shared: &'s Shared, limits: &'s Limits, work: &'s Work<'s>) {
    scope.spawn(move || {
        let recruit = || recruit(scope, shared, limits, work);
        work(&Worker::new(shared, limits, false, How::Together(&recruit)));
    });
}

/// Searches as if together, but branch after branch on this thread, the same each time.
#[cfg(test)]
pub(in crate::engine) fn in_turn(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    let shared = Shared::new(false, Arc::default());
    Worker::new(&shared, limits, true, How::InTurn).search(program, visit);
    shared.into_board().found
}
