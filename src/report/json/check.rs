//! What `turnloom check --format json` prints.
//!
//! Nothing here may decide what is in the document.

use serde::{Deserialize, Serialize};

use super::ToldViolation;
use crate::explore::EngineKind;
use crate::rules::Side;

/// What `turnloom check --format json` prints.
///
/// ```json
/// {
///   "scenarios": [
///     {
///       "name": "r08-finish-gap",
///       "verdict": "violated",
///       "engine": "turnloom",
///       "outcomes": 3,
///       "violations": [
///         {
///           "rule": "nothing-stranded-after-finish",
///           "token": "r08-finish-gap:-:bob@alice.lock-state.7:139700",
///           "message": "message \"second\" was never prompted, though the conversation is finished",
///           "side": "client",
///           "cites": "R08, R12",
///           "line": 3
///         }
///       ],
///       "file": "scenarios/r08-finish-gap.json",
///       "exit": 1
///     }
///   ],
///   "summary": { "scenarios": 1, "clean": 0, "failed": 1, "incomplete": 0 }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckDocument {
    /// With `--shard`: which part of a check this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardHead>,
    /// Every scenario, in the order in which it was run.
    pub scenarios: Vec<CheckedScenario>,
    /// How many there are.
    pub summary: CheckSummary,
}

/// One scenario of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedScenario {
    /// The stem of its file.
    pub name: String,
    /// `proved`, `proved up to 2 preemptions`, `violated`, `deadlock`, `hang` or `incomplete: …`.
    pub verdict: String,
    /// The engine.
    pub engine: EngineKind,
    /// How many distinct outcomes there are.
    pub outcomes: usize,
    /// Each broken rule once; with the token of a regression, if one breaks it.
    pub violations: Vec<BrokenRule>,
    /// What came of the tokens that the scenario keeps; not there if it keeps none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<ReplayedRegression>,
    /// Its file, as it was given.
    pub file: String,
    /// The exit code of a check of this scenario alone.
    pub exit: u8,
    /// Which roles were merged to fit the engine, in words; not there if none were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reduced: Vec<String>,
    /// How it stands to its reviewed snapshot; not there if there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<CheckedSnapshot>,
    /// With `--stats`: executions begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executions: Option<u64>,
    /// With `--stats`: distinct states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<u64>,
    /// With `--stats`: wall-clock seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// With `--stats`: how much of the space was seen, as an estimate; not there if all of it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// Which part of a check a document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardHead {
    /// A digest of the whole text of the report, in which this field itself counts as [`UNSEALED`](crate::report::shards::UNSEALED).
    pub content: String,
    /// The number of the part, from 1.
    pub index: u32,
    /// How many parts there are.
    pub of: u32,
    /// The version of turnloom.
    pub turnloom: String,
    /// How the scenarios were run: the options that decide what is in a report.
    pub options: String,
    /// Whether the search was bounded, which decides how wide the text is.
    pub bounded: bool,
    /// All scenarios of the check, in their order.
    pub scenarios: Vec<ShardedScenario>,
}

/// A scenario of a check that was parted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardedScenario {
    /// Its file, as it was given.
    pub file: String,
    /// A digest of what it says.
    pub digest: String,
    /// The number of the part that it belongs to.
    pub shard: u32,
}

impl CheckDocument {
    /// The scenarios, counted.
    #[must_use]
    pub fn new(scenarios: Vec<CheckedScenario>) -> Self {
        let ended = |code: u8| scenarios.iter().filter(|checked| checked.exit == code).count();
        let (clean, incomplete) = (ended(0), ended(3));
        let failed = scenarios.len() - clean - incomplete;
        let summary = CheckSummary { scenarios: scenarios.len(), clean, failed, incomplete };
        Self { shard: None, scenarios, summary }
    }

    /// The exit code of the check: that of the scenario which ended worst.
    #[must_use]
    pub fn exit(&self) -> u8 {
        let codes = || self.scenarios.iter().map(|checked| checked.exit);
        [2, 1, 3].into_iter().find(|code| codes().any(|exit| exit == *code)).unwrap_or(0)
    }
}

/// How a scenario stands to its reviewed snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedSnapshot {
    /// The file of the snapshot.
    pub file: String,
    /// How it stands.
    pub standing: Standing,
    /// The first line of the file that is different; 1 if there is none.
    pub line: usize,
    /// The difference, or why the file system refused; empty if it was written.
    pub words: String,
    /// Whether a proposal was written beside it.
    pub proposed: bool,
}

/// How a snapshot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It was written: what was seen is the reviewed snapshot from now on.
    Written,
    /// There is none.
    Missing,
    /// What was seen is not as reviewed.
    Different,
    /// It could not be read or written.
    Refused,
}

/// A token that a scenario keeps, replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayedRegression {
    /// The token.
    pub token: String,
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// Where it no longer fits, in words.
    pub drift: Vec<String>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokenRule {
    /// Its name.
    pub rule: String,
    /// The least schedule that breaks it; null if it takes more than one execution to break it.
    pub token: Option<String>,
    /// What happened.
    pub message: String,
    /// Whose doing it is.
    pub side: Side,
    /// Where the rule comes from: pages of ACP v1, rows of the race catalogue.
    pub cites: String,
    /// The line of the scenario's file that it is about: the title, which says what must hold, or the regression.
    pub line: usize,
}

/// How a check ended. A scenario is clean, or it has failed (a rule broke, or its snapshot is missing or different), or it is
/// incomplete: nothing broke, but not all of it could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSummary {
    /// How many scenarios were run.
    pub scenarios: usize,
    /// How many of them are clean.
    pub clean: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many of them are incomplete.
    pub incomplete: usize,
}

#[cfg(test)]
mod tests {
    use super::CheckDocument;
    use crate::report::json::text;
    use crate::report::testkit::violated;

    #[test]
    fn the_document_of_a_check() {
        let document = CheckDocument::new(vec![violated("r08")]);
        insta::assert_snapshot!(text(&document), @r#"
        {
          "scenarios": [
            {
              "name": "r08",
              "verdict": "violated",
              "engine": "turnloom",
              "outcomes": 1,
              "violations": [
                {
                  "rule": "lock-order",
                  "token": null,
                  "message": "message \"a\"\nwas <lost> & 100% gone, twice",
                  "side": "client",
                  "cites": "",
                  "line": 3
                },
                {
                  "rule": "no-replay",
                  "token": "r08:-:bob@ann.run:0",
                  "message": "message \"a\"\nwas <lost> & 100% gone, twice",
                  "side": "client",
                  "cites": "",
                  "line": 3
                }
              ],
              "file": "scenarios/r08.json",
              "exit": 1
            }
          ],
          "summary": {
            "scenarios": 1,
            "clean": 0,
            "failed": 1,
            "incomplete": 0
          }
        }
        "#);
    }
}
