//! `lock-order`: cycles of the acquisition graph, of one execution or merged over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Context, Mark, Rule, Side, Violation};
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

/// From a lock to the locks that were taken while it was held, each with the threads that did.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>;

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
    cycles(edges).iter().map(Cycle::violation).collect()
}

/// Locks taken in a circle, each by another thread: the lock of each edge is held in the next one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cycle {
    /// The edges, in the order of the circle.
    pub edges: Vec<LockEdge>,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, LockEdge { held, then, thread }) in self.edges.iter().enumerate() {
            let gap = if place == 0 { "" } else { "; " };
            write!(f, "{gap}{thread} takes {then} while it holds {held}")?;
        }
        Ok(())
    }
}

impl Cycle {
    fn new(cycle: &[&str], threads: &[&str]) -> Self {
        let next = cycle.iter().cycle().skip(1);
        let edge = |((held, then), thread): ((&&str, &&str), &&str)| LockEdge {
            held: (*held).to_owned(),
            then: (*then).to_owned(),
            thread: (*thread).to_owned(),
        };
        Self { edges: cycle.iter().zip(next).zip(threads).map(edge).collect() }
    }

    fn violation(&self) -> Violation {
        Violation {
            rule: NAME,
            side: Side::Client,
            message: format!("locks are taken in a circle: {self}"),
            marks: self.edges.iter().map(|edge| Mark::Thread(edge.thread.clone())).collect(),
        }
    }
}

/// The cycles of an acquisition graph that can be a deadlock, each once, sorted by their words.
#[must_use]
pub fn cycles(edges: &BTreeSet<LockEdge>) -> Vec<Cycle> {
    let mut graph = Graph::new();
    for edge in edges.iter().filter(|edge| edge.held != edge.then) {
        graph.entry(&edge.held).or_default().entry(&edge.then).or_default().insert(&edge.thread);
    }
    let most = edges.iter().map(|edge| edge.thread.as_str()).collect::<BTreeSet<_>>().len();
    let mut cycles: Vec<_> = graph.keys().flat_map(|lock| cycles_from(&graph, lock, most)).collect();
    cycles.sort_by_cached_key(ToString::to_string);
    cycles
}

/// The cycles through `first` and locks after it in the order of names, so that each cycle is found once.
fn cycles_from<'a>(graph: &Graph<'a>, first: &'a str, most: usize) -> Vec<Cycle> {
    let mut found = Vec::new();
    let mut paths = vec![vec![first]];
    while let Some(path) = paths.pop() {
        let Some(nexts) = path.last().and_then(|last| graph.get(last)) else { continue };
        for &next in nexts.keys() {
            if next == first {
                found.extend(threads_of(graph, &path).map(|threads| Cycle::new(&path, &threads)));
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
