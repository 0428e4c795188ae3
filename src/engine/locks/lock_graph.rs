//! The lock graph of a program over all its executions: an execution that shows each edge, and what becomes of each
//! cycle when schedules are steered into it.
//!
//! A cycle says that threads take locks in different orders, not that they ever meet. So each cycle is attacked: each of
//! its threads that holds its lock and is about to take the next one is held back while the others go on. If that
//! ends with each of them waiting for the next, the deadlock is confirmed; otherwise the reason is told.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;

use super::held_back;
use super::lock_cycles::{Cycle, cycles};
use crate::engine::execution::{Ended, Execution, Schedule, drop_departures, follow};
use crate::engine::limits::Limits;
use crate::engine::search::{SearchOf, bounded_search, deepen};
use crate::engine::system::{Run, System};
use crate::engine::trace::{LockEdge, Step};

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

/// Merges the lock graph of a system over all executions within the limits and attacks its cycles. `search` is the
/// complete search: [`run_search`](crate::engine::search::run_search) for a system with fingerprints,
/// [`dpor`](crate::engine::search::dpor) for one without.
///
/// ```
/// use turnloom::engine::coroutines::Coroutines;
/// use turnloom::engine::kernel::{FifoLock, thread};
/// use turnloom::engine::locks::{Attack, lock_graph};
/// use turnloom::engine::search::{Limits, run_search};
///
/// let program = Coroutines::new(|| {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     for (name, first, second) in [("ab", a.clone(), b.clone()), ("ba", b, a)] {
///         thread::spawn_detached(name, move || {
///             let _first = first.lock();
///             let _second = second.lock();
///         });
///     }
/// });
/// let graph = lock_graph(&Limits::default(), &program, run_search);
/// assert_eq!(graph.edges.len(), 2);
/// assert!(matches!(graph.cycles[..], [(_, Attack::Confirmed(_))]));
/// ```
#[must_use]
pub fn lock_graph<S: System>(limits: &Limits, system: &S, search: SearchOf<S>) -> LockGraph {
    let mut edges: BTreeMap<LockEdge, Schedule> = BTreeMap::new();
    let mut deadlocks: Vec<(Schedule, Vec<(String, String)>)> = Vec::new();
    let search = search(limits, system, &mut |execution| {
        let new: Vec<LockEdge> =
            execution.lock_order().into_iter().filter(|edge| !edges.contains_key(edge)).collect();
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
    edges.extend(witnesses(limits, system, &edges.keys().cloned().collect()));
    let complete = search.exhausted && !search.bounded;
    let attacked = cycles(&edges.keys().cloned().collect()).into_iter().map(|cycle| {
        let seen = deadlocks.iter().find(|(_, waiting)| is_deadlock(&cycle, waiting));
        let steered = steer(limits, system, &cycle).or_else(|| seen.map(|(schedule, _)| schedule.clone()));
        let attack = match steered {
            Some(schedule) => {
                let locked = |execution: &Execution<'_, S::Run>| is_locked(&cycle, execution);
                Attack::Confirmed(without_spares(limits, system, &schedule, &locked))
            }
            None => Attack::Potential(reason(limits, system, &edges, &cycle, complete)),
        };
        (cycle, attack)
    });
    let cycles = attacked.collect();
    LockGraph { edges, cycles }
}

/// The graph of a system whose edges are known from a search; none if more has to be searched for than what shows
/// them.
pub(crate) fn known_lock_graph<S: System>(
    limits: &Limits,
    system: &S,
    edges: &BTreeSet<LockEdge>,
) -> Option<LockGraph> {
    if !cycles(edges).is_empty() {
        return None;
    }
    let shown = witnesses(limits, system, edges);
    (shown.len() == edges.len()).then(|| LockGraph { edges: shown, cycles: Vec::new() })
}

/// What shows the edges is not searched for longer than this.
const EXECUTIONS: u64 = 100_000;

/// For each edge the schedule with the fewest preemptions that shows it, the first in a fixed order, without switches
/// to spare; as many edges as are found within the limits.
fn witnesses<S: System>(
    limits: &Limits,
    system: &S,
    edges: &BTreeSet<LockEdge>,
) -> BTreeMap<LockEdge, Schedule> {
    let mut found: BTreeMap<LockEdge, Schedule> = BTreeMap::new();
    let executions = limits.executions.map_or(EXECUTIONS, |most| most.min(EXECUTIONS));
    let within = Limits { executions: Some(executions), ..limits.clone() };
    deepen(&within, limits.preemptions.unwrap_or(u32::MAX), |limits| {
        bounded_search(limits, system, &mut |execution| {
            let seen = execution.lock_order();
            let new: Vec<&LockEdge> =
                seen.iter().filter(|edge| edges.contains(edge) && !found.contains_key(edge)).collect();
            if !new.is_empty() {
                let schedule = execution.schedule();
                found.extend(new.into_iter().map(|edge| (edge.clone(), schedule.clone())));
            }
            if found.len() < edges.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    });
    for (edge, schedule) in &mut found {
        let shows = |execution: &Execution<'_, S::Run>| execution.lock_order().contains(edge);
        *schedule = without_spares(limits, system, schedule, &shows);
    }
    found
}

/// Which thread waits for which lock.
fn waiting<R: Run>(execution: &Execution<'_, R>) -> Vec<(String, String)> {
    let unfinished = execution.unfinished().into_iter();
    let locks = unfinished.filter_map(|role| {
        let lock = role.operation.takes()?.to_owned();
        Some((role.thread, lock))
    });
    locks.collect()
}

/// Whether each thread of the cycle waits for its next lock. In a deadlock that means that the thread before has it.
fn is_deadlock(cycle: &Cycle, waiting: &[(String, String)]) -> bool {
    cycle.edges.iter().all(|edge| waiting.contains(&(edge.thread.clone(), edge.then.clone())))
}

/// Whether an execution ends in the deadlock of the cycle.
fn is_locked<R: Run>(cycle: &Cycle, execution: &Execution<'_, R>) -> bool {
    execution.ended == Ended::Deadlock && is_deadlock(cycle, &waiting(execution))
}

/// The schedule without each departure that can be left out so that its execution still is as wanted.
fn without_spares<S: System>(
    limits: &Limits,
    system: &S,
    schedule: &Schedule,
    wanted: &dyn Fn(&Execution<'_, S::Run>) -> bool,
) -> Schedule {
    let first = (schedule.clone(), ());
    let Ok((least, ())) = drop_departures::<_, _, Infallible>(limits, system, first, &|execution| {
        Ok(wanted(execution).then_some(()))
    });
    least
}

/// Steers executions into the cycle, each time with another of its threads going first.
fn steer<S: System>(limits: &Limits, system: &S, cycle: &Cycle) -> Option<Schedule> {
    let threads: Vec<&str> = cycle.edges.iter().map(|edge| edge.thread.as_str()).collect();
    (0..threads.len()).find_map(|first| {
        let order: Vec<&str> = threads.iter().cycle().skip(first).take(threads.len()).copied().collect();
        held_back(limits, system, &cycle.edges, &order, |execution| {
            is_locked(cycle, execution).then(|| execution.schedule())
        })
    })
}

/// Why no schedule came to the deadlock.
fn reason<S: System>(
    limits: &Limits,
    system: &S,
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
        let held = follow(limits, system, schedule, |execution| held_at(execution, edge)).0;
        guards = Some(match guards {
            Some(guards) => guards.intersection(&held).cloned().collect(),
            None => held,
        });
    }
    let guard = guards.into_iter().flatten().find(|lock| !own.contains(lock.as_str()));
    guard.map_or(Reason::NeverTogether, Reason::Guarded)
}

/// The other locks that the thread of an edge holds when it takes the second one while it holds the first.
fn held_at<R: Run>(execution: &Execution<'_, R>, edge: &LockEdge) -> BTreeSet<String> {
    let shows = |step: &Step| {
        *step.role == *edge.thread
            && step.operation.takes() == Some(&edge.then)
            && step.holds.iter().any(|lock| **lock == *edge.held)
    };
    let shown = execution.trace().steps.into_iter().find(shows);
    let held = shown.map(|step| step.holds).unwrap_or_default();
    held.iter().map(ToString::to_string).filter(|lock| *lock != edge.then).collect()
}
