//! `lock-order`: cycles of the acquisition graph, of one execution or merged over all of them.

use std::collections::BTreeSet;

use super::{Context, Mark, Rule, Side, Violation};
use crate::engine::locks::lock_cycles::{Cycle, cycles};
use crate::observation::{LockEdge, Observations};

/// Locks are taken in one order.
pub struct LockOrder;

const NAME: &str = "lock-order";

impl Rule for LockOrder {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "locks are taken in one order: the acquisition graph has no cycle"
    }

    fn page(&self) -> &'static str {
        "If one thread takes `run` while it holds `state`, and another takes `state` while it holds `run`, the two can \
stop each other for ever, even if in no execution they did so yet. The acquisition graph has an edge for each lock that was \
taken while another was held, merged over all executions of the scenario.

It breaks on each cycle of that graph whose edges can belong to as many different threads as it has edges. A thread \
alone cannot stop itself this way, so a cycle of one thread is none.

Source: the family of lock-order rules of the race catalogue; #3376 R21 and R23 (finalization and restart in and out \
of the state lock), #3358 R31 and R32."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        judge_graph(&seen.lock_order)
    }
}

/// The cycles of an acquisition graph that can be a deadlock, each once, sorted.
///
/// ```
/// use turnloom::rules::lock_order::judge_graph;
/// use turnloom::observation::LockEdge;
///
/// let edge = |held: &str, then: &str, thread: &str| LockEdge {
///     held: held.into(),
///     then: then.into(),
///     thread: thread.into(),
/// };
/// let crossed = [edge("state", "run", "loop"), edge("run", "state", "bob")].into();
/// assert_eq!(judge_graph(&crossed).len(), 1);
/// ```
#[must_use]
pub fn judge_graph(edges: &BTreeSet<LockEdge>) -> Vec<Violation> {
    cycles(edges).iter().map(violation).collect()
}

fn violation(cycle: &Cycle) -> Violation {
    Violation {
        rule: NAME,
        side: Side::Client,
        message: format!("locks are taken in a circle: {cycle}"),
        marks: cycle.edges.iter().map(|edge| Mark::Thread(edge.thread.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LockOrder, judge_graph};
    use crate::observation::{LockEdge, Observations};
    use crate::rules::testkit::*;

    fn graph(list: &[LockEdge]) -> Vec<String> {
        judge_graph(&edges(list)).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn two_threads_that_cross_break_it() {
        let lock_order = edges(&[edge("state", "run", "loop"), edge("run", "state", "bob")]);
        assert_eq!(
            breaks(&LockOrder, &Observations { lock_order, ..Observations::default() }),
            "locks are taken in a circle: bob takes state while it holds run; loop takes run while it holds state"
        );
    }

    #[test]
    fn one_thread_alone_is_no_deadlock() {
        assert_eq!(graph(&[edge("state", "run", "loop"), edge("run", "state", "loop")]), [""; 0]);
        assert_eq!(graph(&[edge("state", "state", "loop"), edge("state", "state", "bob")]), [""; 0]);
    }

    #[test]
    fn a_tree_has_no_cycle() {
        let tree = [edge("state", "run", "loop"), edge("state", "cell", "bob"), edge("run", "cell", "bob")];
        assert_eq!(graph(&tree), [""; 0]);
        assert_eq!(graph(&[]), [""; 0]);
    }

    #[test]
    fn a_circle_of_three_needs_three_threads() {
        let circle = |last| [edge("a", "b", "x"), edge("b", "c", "y"), edge("c", "a", last)];
        assert_eq!(graph(&circle("x")), [""; 0]);
        assert_eq!(graph(&circle("z")).len(), 1);
    }

    #[test]
    fn the_threads_are_chosen_so_that_all_differ() {
        let both = [edge("a", "b", "x"), edge("a", "b", "y"), edge("b", "a", "x")];
        assert_eq!(
            graph(&both),
            ["locks are taken in a circle: y takes b while it holds a; x takes a while it holds b"]
        );
    }
}
