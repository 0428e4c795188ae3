//! What an exploration or a replay came to: verdict, outcomes, tokens, the steps of one execution.
//!
//! Plain data between the engines and `report/`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::execution::{Drift, Schedule};
use crate::observation::{LockEdge, Observations};
use crate::rules::Violation;

/// The engine that explores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The in-house engine: every interleaving, by a search over visited states.
    Turnloom,
    /// loom, with a preemption bound, in a child process.
    Loom,
}

/// How much of the space was seen, and what was found in it. Never a bare "ok".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every interleaving was run and no rule broke.
    Proved,
    /// Every interleaving with at most this many preemptions was run and no rule broke.
    ProvedUpTo(u32),
    /// So many schedules were drawn from this seed, and no rule broke in them. It proves nothing.
    Sampled {
        /// How many.
        schedules: u64,
        /// What they were drawn from.
        seed: u64,
    },
    /// So many schedules of a real program were run, and no rule broke in them. It proves nothing of the rest.
    Ran {
        /// How many.
        schedules: u64,
        /// All with at most so many preemptions are among them; none if not even all without.
        up_to: Option<u32>,
        /// How many of them were drawn.
        sampled: u64,
        /// How those were drawn: `pct and pos`.
        by: &'static str,
        /// What they were drawn from.
        seed: u64,
    },
    /// A rule broke.
    Violated,
    /// No thread can move, and no other rule says why.
    Deadlock,
    /// A thread moves for ever.
    Hang,
    /// Not all was run; the reason.
    Incomplete(String),
}

/// What an exploration came to.
#[derive(Debug, Clone)]
pub struct Exploration {
    /// The engine that explored.
    pub engine: EngineKind,
    /// How much was seen and what was found.
    pub verdict: Verdict,
    /// Whether a limit ended the search before it was through, whatever was found until then.
    pub cut_short: bool,
    /// Whether roles were merged to fit the engine, and which (in words); empty if not.
    pub reduced: Vec<String>,
    /// Every distinct outcome, in canonical order.
    pub outcomes: BTreeMap<Observations, OutcomeReport>,
    /// The acquisition graph merged over all executions.
    pub lock_order: BTreeSet<LockEdge>,
    /// What breaks a rule of the acquisition graph.
    pub lock_violations: Vec<Violation>,
    /// Numbers that depend on the search.
    pub statistics: Statistics,
}

impl Exploration {
    /// Whether a limit ended the search before it was through.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }
}

/// One distinct outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeReport {
    /// The rules it breaks.
    pub violations: Vec<Violation>,
    /// The schedule of its canonical witness; only for an outcome that breaks a rule.
    pub token: Option<String>,
    /// How many executions ended in it (a statistic).
    pub schedules: u64,
}

/// Numbers that depend on the search: never in a snapshot or in the default report.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Executions begun.
    pub executions: u64,
    /// Distinct states.
    pub states: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// How much of the space was seen, as an estimate; none if all of it was, or if there is no telling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// One execution, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The roles that took part: the columns of a timeline, in order.
    pub threads: Vec<String>,
    /// Its visible operations, in order.
    pub steps: Vec<TraceStep>,
    /// What was seen.
    pub outcome: Observations,
    /// What it breaks.
    pub violations: Vec<Violation>,
    /// The schedule as it was run.
    pub schedule: Schedule,
    /// Where the schedule that was asked for did not fit; empty if it did.
    pub drift: Vec<Drift>,
}

/// One visible operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceStep {
    /// The role of the thread that took it.
    pub thread: String,
    /// What it did: `lock`, `unlock`, `push`, `pop`, `write`, `fire`…
    pub operation: String,
    /// The kernel object it did it to: `state`, `loop`, `portal`, `status`…
    pub object: String,
    /// The value it wrote or got, in words; empty if there is nothing to say.
    pub detail: String,
    /// Which of its alternatives it was, counted from 0; none if there was only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<usize>,
    /// The locks the thread holds after the step.
    pub holds: Vec<String>,
    /// The observations made in this step.
    pub anchors: Vec<Anchor>,
    /// What the thread did before its next step that is no operation itself: `cancel task run`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where in the observations a step left its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Anchor {
    /// Appended this entry of the event log.
    Event(usize),
    /// Appended this entry of the server's log.
    Server(usize),
}
