//! What `turnloom explore --format json` prints.
//!
//! Nothing here may decide what is in the document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ToldViolation;
use crate::explore::EngineKind;
use crate::explore::Firing;
use crate::observation::Observations;

/// What `turnloom explore --format json` prints.
///
/// ```json
/// {
///   "name": "r08-finish-gap",
///   "verdict": "violated",
///   "engine": "turnloom",
///   "revision": "fixed",
///   "defects": ["finish-gap"],
///   "outcomes": [
///     {
///       "violations": [{ "rule": "nothing-stranded-after-finish", "message": "…" }],
///       "token": "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700",
///       "observations": { "events": [], "server": [], "calls": {}, "stream": [], "tokens": {}, "end": {} }
///     }
///   ],
///   "lock_violations": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExploreDocument {
    /// The stem of the scenario's file.
    pub name: String,
    /// As in [`CheckedScenario::verdict`](super::CheckedScenario::verdict).
    pub verdict: String,
    /// The engine.
    pub engine: EngineKind,
    /// The revision of the model that was run; not there for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The program that was run; not there for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<ToldSubject>,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// Who fired the timers, if not the scenario's clock.
    #[serde(skip_serializing_if = "is_clock")]
    pub timers: Firing,
    /// Every distinct outcome as the scenario observes it, in canonical order.
    pub outcomes: Vec<ExploredOutcome>,
    /// What breaks a rule of the lock order merged over all executions, which no single token shows.
    pub lock_violations: Vec<ToldViolation>,
    /// The lock order merged over all executions, with a schedule for each edge; empty under loom.
    pub lock_graph: ToldLockGraph,
    /// With `--stats`: executions begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions: Option<u64>,
    /// With `--stats`: wall-clock seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A program under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldSubject {
    /// The packages under test, with their versions.
    pub packages: BTreeMap<String, String>,
    /// The version of Python.
    pub python: String,
    /// What its threads run on: `greenlets` or `threads`.
    pub executor: String,
    /// What the rig does not see.
    pub not_tracked: Vec<String>,
}

/// One outcome of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExploredOutcome {
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// The least schedule that leads to it; null if nothing is broken.
    pub token: Option<String>,
    /// The two operations whose order decides it; null if nothing is broken or no single reversal passes.
    pub racing_pair: Option<ToldRacingPair>,
    /// Where there is no racing pair: the waits of the scenario, in words, without one of which an order passes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deciding_waits: Vec<String>,
    /// What the scenario observes of it; the rest is empty.
    pub observations: Observations,
    /// With `--stats`: how many executions ended in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedules: Option<u64>,
}

/// The two operations whose order decides whether rules break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldRacingPair {
    /// In words: `first` before `second`.
    pub words: String,
    /// The operation that comes first where rules break.
    pub first: Option<RacingOperation>,
    /// The operation that comes second there, and first where none break.
    pub second: Option<RacingOperation>,
    /// The failing schedule, without the switches it can spare.
    pub failing: String,
    /// The nearest passing schedule.
    pub passing: String,
}

/// The lock order merged over all executions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ToldLockGraph {
    /// Which lock was taken while which was held.
    pub edges: Vec<ToldLockEdge>,
    /// What can be a deadlock.
    pub cycles: Vec<ToldLockCycle>,
}

/// One edge of the lock order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLockEdge {
    /// The lock that was held.
    pub held: String,
    /// The lock that was taken, or the wait that began.
    pub then: String,
    /// The thread.
    pub thread: String,
    /// A schedule that shows it.
    pub token: String,
}

/// Locks that are taken in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLockCycle {
    /// The circle in words.
    pub words: String,
    /// The schedule that ends in the deadlock; null if none was found.
    pub deadlock: Option<String>,
    /// Why none was found; null if one was.
    pub reason: Option<String>,
}

/// One operation of a racing pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RacingOperation {
    /// The thread.
    pub thread: String,
    /// What it does.
    pub operation: String,
    /// To what.
    pub object: String,
    /// The value, in words; empty if there is nothing to say.
    pub detail: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(super) fn is_clock(timers: &Firing) -> bool {
    *timers == Firing::Clock
}

#[cfg(test)]
mod tests {
    use super::{ExploreDocument, ExploredOutcome, ToldLockGraph};
    use crate::explore::EngineKind;
    use crate::explore::Firing;
    use crate::observation::Observations;
    use crate::report::json::{ToldViolation, text};
    use crate::rules::Side;

    #[test]
    fn the_document_of_an_exploration() {
        let (rule, message) = ("no-replay".into(), "twice".into());
        let violation = ToldViolation { rule, message, side: Side::Client, cites: "R05".into() };
        let document = ExploreDocument {
            name: "r08".into(),
            verdict: "violated".into(),
            engine: EngineKind::Loom,
            revision: Some("fixed".into()),
            subject: None,
            defects: vec!["finish-gap".into()],
            timers: Firing::Clock,
            outcomes: vec![ExploredOutcome {
                violations: vec![violation],
                token: Some("r08:finish-gap:bob@ann.run:0".into()),
                racing_pair: None,
                deciding_waits: Vec::new(),
                observations: Observations::default(),
                schedules: Some(3),
            }],
            lock_violations: Vec::new(),
            lock_graph: ToldLockGraph::default(),
            executions: Some(7),
            seconds: Some(0.5),
        };
        insta::assert_snapshot!(text(&document), @r#"
        {
          "name": "r08",
          "verdict": "violated",
          "engine": "loom",
          "revision": "fixed",
          "defects": [
            "finish-gap"
          ],
          "outcomes": [
            {
              "violations": [
                {
                  "rule": "no-replay",
                  "message": "twice",
                  "side": "client",
                  "cites": "R05"
                }
              ],
              "token": "r08:finish-gap:bob@ann.run:0",
              "racing_pair": null,
              "observations": {
                "events": [],
                "server": [],
                "calls": {},
                "stream": [],
                "tokens": {},
                "end": {
                  "status": "idle",
                  "cursor": null,
                  "session": null
                },
                "stuck": null,
                "lock_order": []
              },
              "schedules": 3
            }
          ],
          "lock_violations": [],
          "lock_graph": {
            "edges": [],
            "cycles": []
          },
          "executions": 7,
          "seconds": 0.5
        }
        "#);
    }
}
