//! The documents that `--format json` prints, one a command, and nothing else on that stream.
//!
//! They are a promise to programs: a field is never renamed and never goes away; there may be new ones. Seconds and
//! counts of executions are there only with `--stats`, so without it the same input gives the same bytes.
//! Nothing here may decide what is in a document.

mod audit;
mod check;
mod explore;
mod fault;
mod shrink;
mod suggest;

use serde::{Deserialize, Serialize};

use crate::rules::{Basis, Side, basis};

pub use audit::{AuditDocument, AuditRow, AuditSummary, Demand};
pub use check::{
    BrokenRule, CheckDocument, CheckSummary, CheckedScenario, CheckedSnapshot, ReplayedRegression, ShardHead,
    ShardedScenario, Standing,
};
pub use explore::{
    ExploreDocument, ExploredOutcome, RacingOperation, ToldLockCycle, ToldLockEdge, ToldLockGraph,
    ToldRacingPair, ToldSubject,
};
pub use fault::FaultDocument;
pub use shrink::{ShrinkDocument, ToldSize};
pub use suggest::{SuggestDocument, ToldSuggestion};

/// A violation in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldViolation {
    /// The rule.
    pub rule: String,
    /// What happened.
    pub message: String,
    /// Whose doing it is.
    pub side: Side,
    /// Where the rule comes from: pages of ACP v1, rows of the race catalogue.
    pub cites: String,
}

impl From<&crate::rules::Violation> for ToldViolation {
    fn from(violation: &crate::rules::Violation) -> Self {
        let cites = basis(violation.rule).map(Basis::cited).unwrap_or_default();
        let (rule, message) = (violation.rule.to_owned(), violation.message.clone());
        Self { rule, message, side: violation.side, cites }
    }
}

/// A document as text, with a line end.
#[must_use]
pub fn text(document: &impl Serialize) -> String {
    // Every key of these documents is a string, which is all that could go wrong.
    serde_json::to_string_pretty(document).expect("a document is made of what JSON can hold") + "\n"
}
