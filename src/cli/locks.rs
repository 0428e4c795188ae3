//! The lock graph as `explore` tells it: a schedule for each edge, and what became of each cycle.

use std::fmt::Write;

use super::backend;
use super::files::File;
use crate::engine::execution::Schedule;
use crate::engine::locks::{Attack, Cycle, LockGraph};
use crate::explore::{EngineKind, Exploration, ExploreError, Job, Options};
use crate::observation::LockEdge;
use crate::report::json::{ToldLockCycle, ToldLockEdge, ToldLockGraph};
use crate::report::words;

/// Finds the graph. Where the exploration saw no edge there is none to find, and loom's schedules are not searched again.
pub(super) fn find(job: &Job, options: &Options, seen: &Exploration) -> Result<LockGraph, ExploreError> {
    if seen.lock_order.is_empty() || options.engine == EngineKind::Loom {
        return Ok(LockGraph::default());
    }
    backend::locks(job, options, &seen.lock_order)
}

/// Each edge with its token, then each cycle with its deadlock or the reason why there is none.
pub(super) fn told(job: &Job, graph: &LockGraph, file: &File) -> String {
    let replay =
        |schedule: &Schedule| words::replay(&job.token(schedule.clone()).to_string(), &file.shown(), "    ");
    let mut text = String::new();
    for (edge, schedule) in &graph.edges {
        let words = format!("{} takes {} while it holds {}", edge.thread, edge.then, edge.held);
        let _ = write!(text, "  {}\n{}", words::plain(&words), replay(schedule));
    }
    for (cycle, attack) in &graph.cycles {
        let words = words::plain(&cycle.to_string());
        match attack {
            Attack::Confirmed(schedule) => {
                let _ = write!(text, "  confirmed deadlock: {words}\n{}", replay(schedule));
            }
            Attack::Potential(reason) => {
                let _ = write!(text, "  potential deadlock: {words}\n    not reached: {reason}\n");
            }
        }
    }
    text
}

/// The same for programs.
pub(super) fn document(job: &Job, graph: &LockGraph) -> ToldLockGraph {
    let token = |schedule: &Schedule| job.token(schedule.clone()).to_string();
    let edge = |(edge, schedule): (&LockEdge, &Schedule)| ToldLockEdge {
        held: edge.held.clone(),
        then: edge.then.clone(),
        thread: edge.thread.clone(),
        token: token(schedule),
    };
    let cycle = |(cycle, attack): &(Cycle, Attack)| {
        let (deadlock, reason) = match attack {
            Attack::Confirmed(schedule) => (Some(token(schedule)), None),
            Attack::Potential(reason) => (None, Some(reason.to_string())),
        };
        ToldLockCycle { words: cycle.to_string(), deadlock, reason }
    };
    ToldLockGraph {
        edges: graph.edges.iter().map(edge).collect(),
        cycles: graph.cycles.iter().map(cycle).collect(),
    }
}
