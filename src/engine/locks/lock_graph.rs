//! The lock graph of a program over all its executions: an execution that shows each edge, and what becomes of each
//! cycle when schedules are steered into it.
//!
//! A cycle says that threads take locks in different orders, not that they ever meet. So each cycle is attacked:
//! whoever of its threads holds its lock and is about to take the next one is held back while the others go on. If that
//! ends with each of them waiting for the next, the deadlock is confirmed; otherwise the reason is told. It must not
//! know what the locks protect.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::held_back;
use crate::engine::execution::{Ended, Execution, Schedule, follow};
use crate::engine::search::{Limits, run_search};
use crate::observation::LockEdge;
use crate::rules::lock_order::{Cycle, cycles};

/// The acquisition graph merged over all executions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockGraph {
    /// Each edge, with a schedule that shows it and has no switch to spare.
    pub edges: BTreeMap<LockEdge, Schedule>,
    /// Each cycle that can be a deadlock, and what came of attacking it.
    pub cycles: Vec<(Cycle, Attack)>,
}

/// What came of steering schedules into a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attack {
    /// A schedule that ends in the deadlock.
    Confirmed(Schedule),
    /// No schedule was found that does, and why.
    Potential(Reason),
}

/// Why a cycle did not become a deadlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Every interleaving was run and none is the deadlock; where the edges are shown, each thread holds this lock too.
    Guarded(String),
    /// Every interleaving was run, and in none does each of its threads hold its lock while it waits for the next.
    NeverTogether,
    /// Not every interleaving was run.
    NotReached,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guarded(lock) => write!(
                f,
                "every interleaving was run and none comes to it: each of the threads holds `{lock}` meanwhile"
            ),
            Self::NeverTogether => f.write_str(
                "every interleaving was run, and in none does each thread hold its lock while it waits for the next",
            ),
            Self::NotReached => f.write_str("no steered schedule came to it, and not every interleaving was run"),
        }
    }
}

/// Merges the lock graph of `program` over all executions within the limits and attacks its cycles.
///
/// ```
/// use std::rc::Rc;
/// use turnloom::engine::locks::{Attack, lock_graph};
/// use turnloom::engine::search::Limits;
/// use turnloom::engine::kernel::{FifoLock, thread};
///
/// let program: Rc<dyn Fn()> = Rc::new(|| {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     for (name, first, second) in [("ab", a.clone(), b.clone()), ("ba", b, a)] {
///         thread::spawn_detached(name, move || {
///             let _first = first.lock();
///             let _second = second.lock();
///         });
///     }
/// });
/// let graph = lock_graph(&Limits::default(), &program);
/// assert_eq!(graph.edges.len(), 2);
/// assert!(matches!(graph.cycles[..], [(_, Attack::Confirmed(_))]));
/// ```
#[must_use]
pub fn lock_graph(limits: &Limits, program: &Rc<dyn Fn()>) -> LockGraph {
    let mut edges: BTreeMap<LockEdge, Schedule> = BTreeMap::new();
    let mut deadlocks: Vec<(Schedule, Vec<(String, String)>)> = Vec::new();
    let search = run_search(limits, program, &mut |execution| {
        let new: Vec<LockEdge> =
            execution.book().edges().into_iter().filter(|edge| !edges.contains_key(edge)).collect();
        if !new.is_empty() {
            let schedule = execution.schedule();
            edges.extend(new.into_iter().map(|edge| (edge, schedule.clone())));
        }
        if execution.ended == Ended::Deadlock {
            let waiting = waiting(execution);
            if deadlocks.iter().all(|(_, known)| *known != waiting) {
                deadlocks.push((execution.schedule(), waiting));
            }
        }
        ControlFlow::Continue(())
    });
    edges.extend(witnesses(limits, program, &edges.keys().cloned().collect()));
    let complete = search.exhausted && !search.bounded;
    let attacked = cycles(&edges.keys().cloned().collect()).into_iter().map(|cycle| {
        let seen = deadlocks.iter().find(|(_, waiting)| is_deadlock(&cycle, waiting));
        let steered = steer(limits, program, &cycle).or_else(|| seen.map(|(schedule, _)| schedule.clone()));
        let locks = |execution: &Execution<'_>| is_locked(&cycle, execution);
        let attack = match steered {
            Some(schedule) => Attack::Confirmed(without_spares(limits, program, &schedule, &locks)),
            None => Attack::Potential(reason(limits, program, &edges, &cycle, complete)),
        };
        (cycle, attack)
    });
    let cycles = attacked.collect();
    LockGraph { edges, cycles }
}

/// The graph of a program whose edges are known from a search; none if more has to be searched for than what shows
/// them.
pub(crate) fn known_lock_graph(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    edges: &BTreeSet<LockEdge>,
) -> Option<LockGraph> {
    if !cycles(edges).is_empty() {
        return None;
    }
    let shown = witnesses(limits, program, edges);
    (shown.len() == edges.len()).then(|| LockGraph { edges: shown, cycles: Vec::new() })
}

/// What shows the edges is not searched for longer than this.
const EXECUTIONS: u64 = 100_000;

/// For each edge the schedule with the fewest preemptions that shows it, the first in a fixed order, without switches
/// to spare; as many edges as are found within the limits.
fn witnesses(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    edges: &BTreeSet<LockEdge>,
) -> BTreeMap<LockEdge, Schedule> {
    let mut found: BTreeMap<LockEdge, Schedule> = BTreeMap::new();
    let mut left = limits.executions.map_or(EXECUTIONS, |most| most.min(EXECUTIONS));
    for preemptions in 0..=limits.preemptions.unwrap_or(u32::MAX) {
        let limits = Limits { preemptions: Some(preemptions), executions: Some(left), ..limits.clone() };
        let search = run_search(&limits, program, &mut |execution| {
            let seen = execution.book().edges();
            let new: Vec<&LockEdge> =
                seen.iter().filter(|edge| edges.contains(edge) && !found.contains_key(edge)).collect();
            if !new.is_empty() {
                let schedule = execution.schedule();
                found.extend(new.into_iter().map(|edge| (edge.clone(), schedule.clone())));
            }
            if found.len() < edges.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        left = left.saturating_sub(search.executions);
        if found.len() == edges.len() || !search.bounded || search.stopped.is_some() {
            break;
        }
    }
    for (edge, schedule) in &mut found {
        let shows = |execution: &Execution<'_>| execution.book().edges().contains(edge);
        *schedule = without_spares(limits, program, schedule, &shows);
    }
    found
}

/// Who waits for which lock.
fn waiting(execution: &Execution<'_>) -> Vec<(String, String)> {
    let unfinished = execution.book().unfinished().into_iter();
    let locks = unfinished.filter_map(|role| {
        let lock = role.operation.strip_prefix("lock ")?.to_owned();
        Some((role.thread, lock))
    });
    locks.collect()
}

/// Whether each thread of the cycle waits for its next lock. In a deadlock that means that the thread before has it.
fn is_deadlock(cycle: &Cycle, waiting: &[(String, String)]) -> bool {
    cycle.edges.iter().all(|edge| waiting.contains(&(edge.thread.clone(), edge.then.clone())))
}

/// Whether an execution ends in the deadlock of the cycle.
fn is_locked(cycle: &Cycle, execution: &Execution<'_>) -> bool {
    execution.ended == Ended::Deadlock && is_deadlock(cycle, &waiting(execution))
}

/// The schedule without each switch that can be left out so that its execution still is as wanted.
fn without_spares(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    schedule: &Schedule,
    wanted: &dyn Fn(&Execution<'_>) -> bool,
) -> Schedule {
    let mut least = schedule.clone();
    let mut index = 0;
    while index < least.departures.len() {
        let mut fewer = least.clone();
        fewer.departures.remove(index);
        let run = |execution: &Execution<'_>| (wanted(execution), execution.schedule());
        let ((is_wanted, ran), _) = follow(limits, program, &fewer, run);
        if is_wanted && ran.departures.len() < least.departures.len() {
            (least, index) = (ran, 0);
        } else {
            index += 1;
        }
    }
    least
}

/// Steers executions into the cycle, each time with another of its threads going first.
fn steer(limits: &Limits, program: &Rc<dyn Fn()>, cycle: &Cycle) -> Option<Schedule> {
    let threads: Vec<&str> = cycle.edges.iter().map(|edge| edge.thread.as_str()).collect();
    (0..threads.len()).find_map(|first| {
        let order: Vec<&str> = threads.iter().cycle().skip(first).take(threads.len()).copied().collect();
        held_back(limits, program, &cycle.edges, &order, |execution| {
            is_locked(cycle, execution).then(|| execution.schedule())
        })
    })
}

/// Why no schedule came to the deadlock.
fn reason(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    edges: &BTreeMap<LockEdge, Schedule>,
    cycle: &Cycle,
    complete: bool,
) -> Reason {
    if !complete {
        return Reason::NotReached;
    }
    let own: BTreeSet<&str> = cycle.edges.iter().map(|edge| edge.held.as_str()).collect();
    let mut guards: Option<BTreeSet<String>> = None;
    for edge in &cycle.edges {
        let Some(schedule) = edges.get(edge) else { continue };
        let held = follow(limits, program, schedule, |execution| held_at(execution, edge)).0;
        guards = Some(match guards {
            Some(guards) => guards.intersection(&held).cloned().collect(),
            None => held,
        });
    }
    let guard = guards.into_iter().flatten().find(|lock| !own.contains(lock.as_str()));
    guard.map_or(Reason::NeverTogether, Reason::Guarded)
}

/// The other locks that the thread of an edge holds when it takes the second one while it holds the first.
fn held_at(execution: &Execution<'_>, edge: &LockEdge) -> BTreeSet<String> {
    let book = execution.book();
    let steps = book.steps().into_iter();
    let taken = steps.filter(|step| step.operation == "lock" && *step.object == *edge.then);
    let mut taken = taken.filter(|step| *book.name(step.role) == *edge.thread);
    let shown = taken.find(|step| step.holds.iter().any(|lock| **lock == *edge.held));
    let held = shown.map(|step| step.holds).unwrap_or_default();
    held.iter().map(ToString::to_string).filter(|lock| *lock != edge.then).collect()
}
