//! One execution steered towards a deadlock: threads that hold a lock of a cycle and are about to take the next one are
//! held back while anybody else can move. It must not know how the cycle was found.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::rc::Rc;

use crate::engine::execution::record::Execution;
use crate::engine::execution::replay::{Going, Place, drive};
use crate::engine::search::complete::Limits;
use crate::observation::LockEdge;

/// Runs `program` once with the threads of `edges` held back where they are about to take an edge's second lock, and
/// shows the execution to `visit`. Those of them that are not held back go before all other threads, in `order`.
pub fn held_back<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    edges: &[LockEdge],
    order: &[&str],
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> R {
    let Ok(driven) =
        drive::<Infallible>(limits, program, &mut |place| Ok(Going::first(choose(place, edges, order))));
    driven.show(visit)
}

fn choose(place: &Place<'_>, edges: &[LockEdge], order: &[&str]) -> usize {
    let held: BTreeSet<String> = place
        .run
        .book()
        .unfinished()
        .into_iter()
        .filter(|role| {
            edges.iter().any(|edge| {
                role.thread == edge.thread
                    && role.holds.contains(&edge.held)
                    && role.operation == format!("lock {}", edge.then)
            })
        })
        .map(|role| role.thread)
        .collect();
    let is_free = |thread: usize| !held.contains(&*place.run.name(thread));
    let of_cycle = order.iter().filter_map(|name| place.able(name));
    let others = std::iter::once(place.default).chain(place.enabled.iter().copied());
    of_cycle.chain(others).find(|thread| is_free(*thread)).unwrap_or(place.default)
}
