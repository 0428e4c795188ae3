//! `lock-order`: cycles of the acquisition graph, of one execution or merged over all of them.
//!
//! It must not ask whether the cycle came to a deadlock in any execution: that one could is the finding.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mark, Rule, Violation};
use crate::observation::{Context, LockEdge, Observations};

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

/// From a lock to the locks that were taken while it was held, each with the threads that did.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>;

/// The cycles of an acquisition graph that can be a deadlock, each once, sorted.
///
/// ```
/// use turnloom::check::lock_order::judge_graph;
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
    let mut graph = Graph::new();
    for edge in edges.iter().filter(|edge| edge.held != edge.then) {
        graph.entry(&edge.held).or_default().entry(&edge.then).or_default().insert(&edge.thread);
    }
    let most = edges.iter().map(|edge| edge.thread.as_str()).collect::<BTreeSet<_>>().len();
    let mut violations: Vec<_> = graph.keys().flat_map(|lock| cycles(&graph, lock, most)).collect();
    violations.sort();
    violations
}

/// The cycles through `first` and locks after it in the order of names, so that each cycle is found once.
fn cycles<'a>(graph: &Graph<'a>, first: &'a str, most: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut paths = vec![vec![first]];
    while let Some(path) = paths.pop() {
        let Some(nexts) = path.last().and_then(|last| graph.get(last)) else { continue };
        for &next in nexts.keys() {
            if next == first {
                found.extend(threads_of(graph, &path).map(|threads| violation(&path, &threads)));
            } else if next > first && path.len() < most && !path.contains(&next) {
                paths.push([path.as_slice(), &[next]].concat());
            }
        }
    }
    found
}

/// A thread for each edge of the cycle, all different; none if there is no such choice.
fn threads_of<'a>(graph: &Graph<'a>, cycle: &[&'a str]) -> Option<Vec<&'a str>> {
    fn choose<'a>(edges: &[&BTreeSet<&'a str>], chosen: &mut Vec<&'a str>) -> bool {
        let Some(threads) = edges.get(chosen.len()) else { return true };
        for &thread in *threads {
            if !chosen.contains(&thread) {
                chosen.push(thread);
                if choose(edges, chosen) {
                    return true;
                }
                chosen.pop();
            }
        }
        false
    }
    let next = cycle.iter().cycle().skip(1);
    let edges: Vec<_> =
        cycle.iter().zip(next).filter_map(|(held, then)| graph.get(held)?.get(then)).collect();
    let mut chosen = Vec::new();
    choose(&edges, &mut chosen).then_some(chosen)
}

fn violation(cycle: &[&str], threads: &[&str]) -> Violation {
    let next = cycle.iter().cycle().skip(1);
    let steps = cycle.iter().zip(next).zip(threads);
    let steps: Vec<_> =
        steps.map(|((held, then), thread)| format!("{thread} takes {then} while it holds {held}")).collect();
    Violation {
        rule: NAME,
        message: format!("locks are taken in a circle: {}", steps.join("; ")),
        marks: threads.iter().map(|&thread| Mark::Thread(thread.to_owned())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::*;
    use super::{LockOrder, judge_graph};
    use crate::observation::{LockEdge, Observations};

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
