//! One execution steered towards a deadlock: threads that hold a lock of a cycle and are about to take the next one are
//! held back while any other thread can move.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::engine::execution::record::Execution;
use crate::engine::execution::replay::{Going, Place, drive};
use crate::engine::limits::Limits;
use crate::engine::system::{Run, System};
use crate::engine::trace::LockEdge;

/// Runs `system` once with the threads of `edges` held back where they are about to take an edge's second lock, and
/// shows the execution to `visit`. Those of them that are not held back go before all other threads, in `order`.
pub fn held_back<S: System, T>(
    limits: &Limits,
    system: &S,
    edges: &[LockEdge],
    order: &[&str],
    visit: impl FnOnce(&Execution<'_, S::Run>) -> T,
) -> T {
    let Ok(driven) =
        drive::<_, Infallible>(limits, system, &mut |place| Ok(Going::first(choose(place, edges, order))));
    driven.show(visit)
}

fn choose<R: Run>(place: &Place<'_, R>, edges: &[LockEdge], order: &[&str]) -> usize {
    let unfinished = place.run.unfinished().into_iter();
    let held = unfinished.filter(|role| {
        let Some(lock) = role.operation.takes() else { return false };
        let mut own = edges.iter().filter(|edge| role.thread == edge.thread && edge.then == lock);
        own.any(|edge| role.holds.contains(&edge.held))
    });
    let held: BTreeSet<String> = held.map(|role| role.thread).collect();
    let is_free = |thread: usize| !held.contains(&**place.report.role(thread));
    let of_cycle = order.iter().filter_map(|name| place.able(name));
    let others = std::iter::once(place.default).chain(place.enabled().iter().copied());
    of_cycle.chain(others).find(|thread| is_free(*thread)).unwrap_or(place.default)
}
