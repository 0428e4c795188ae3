//! Cycles of the acquisition graph: locks that threads take in different orders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::engine::trace::LockEdge;

/// From a lock to the locks that were taken while it was held, each with the threads that did.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<&'a str>>>;

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
