//! A scenario on an engine: the one door through which the command line explores and replays.

use crate::runtime::DecisionError;
use crate::scenario::Scenario;

use super::EngineKind;
use super::turnloom::Drift;

/// What is run: a scenario, with decisions changed.
#[derive(Debug, Clone)]
pub struct Job {
    /// The scenario's name: the stem of its file.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
    /// A revision instead of the scenario's own.
    pub revision: Option<String>,
    /// The defects that are switched on.
    pub defects: Vec<String>,
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine.
    pub engine: EngineKind,
    /// The preemption bound: for the in-house engine none is every interleaving; for loom none is the scenario's own
    /// bound.
    pub preemptions: Option<u32>,
    /// Stop as soon as a rule is broken (an audit needs no more).
    pub first_violation: bool,
}

/// Why a scenario could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A name that decides nothing.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The program under test broke a promise of its own: a defect of turnloom.
    #[error("failed to run `{scenario}`: {message}")]
    Broken {
        /// The scenario.
        scenario: String,
        /// The panic.
        message: String,
    },
    /// The child process in which loom runs could not be started or ended without an answer.
    #[error("failed to run loom for `{scenario}`: {message}")]
    Child {
        /// The scenario.
        scenario: String,
        /// What happened.
        message: String,
    },
}

/// Why a token could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be run.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The schedule does not fit.
    #[error(transparent)]
    Drift(#[from] Drift),
}
