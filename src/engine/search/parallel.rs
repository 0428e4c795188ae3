//! One search by several threads of this process, each with a program of its own.
//!
//! One of them, the lead, searches the whole tree as it would alone. Where a core is free, a worker lends the
//! branch that it would try last, next to the root of its path: the steps that lead there, the thread to try and the
//! threads that sleep. A helper goes along the steps, searches what is below the branch as a search of its own, and may
//! lend in turn. What it was lent, the lender tries last; if that is not done by then, the lender helps another one
//! meanwhile, and goes on when it is (Wagner and Calder, "Leapfrogging: a portable technique for implementing efficient
//! futures", PPoPP 1993). So no branch is searched twice, and no thread waits in a circle: a lender waits for a branch
//! that was taken later than its own, and the branch that was taken last waits for none.
//!
//! *Why nothing is lost.* Searches share one thing: the [`Table`](super::visited_states::Table) of states. An entry says that from this state
//! everything was run to its end, but for what begins with a thread of its sleep set, and names with its footprint
//! whatever was done there that could race with a step above. It is put in when that is true, on leaving the state and
//! never on coming to it, and it speaks of the state alone, not of the path by which a worker came. So a worker that
//! meets the state prunes by finished work, its own or another's (as the workers of Laarman, Langerak, van de Pol, Weber and Wijs,
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
//! gives none) and is run again by one.

use std::sync::Arc;
use std::thread::{self, Scope};

use super::worker::{Cores, How, Shared, Worker};
#[cfg(test)]
use crate::engine::execution::ending::Visit;
use crate::engine::limits::{Limits, Search};
#[cfg(test)]
use crate::engine::system::Fingerprints;

/// Searches every interleaving of a program on this thread and, wherever one of `cores` is free, on others. Each of
/// them calls `work`, which makes the system and calls [`Worker::search`] once. What is shown may be shown by any of
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
/// use turnloom::engine::coroutines::Coroutines;
/// use turnloom::engine::kernel::{Cell, thread};
///
/// let outcomes = Mutex::new(BTreeSet::new());
/// let found = search_together(&Limits::default(), &Arc::new(Cores::new(3)), &|worker| {
///     let last: Rc<RefCell<Option<Cell<&str>>>> = Rc::default();
///     let slot = last.clone();
///     let program = Coroutines::new(move || {
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
pub(in crate::engine) fn in_turn<S: Fingerprints>(
    limits: &Limits,
    system: &S,
    visit: &mut Visit<'_, S::Run>,
) -> Search {
    let shared = Shared::new(false, Arc::default());
    Worker::new(&shared, limits, true, How::InTurn).search(system, visit);
    shared.into_found()
}
