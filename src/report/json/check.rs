//! What `turnloom check --format json` prints.
//!
//! Nothing here may decide what is in the document.

use serde::Serialize;

use super::ToldViolation;
use crate::explore::EngineKind;

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
///       "violations": [{ "rule": "nothing-stranded-after-finish", "token": "r08-finish-gap:-:bob@alice.lock-state.7:139700" }]
///     }
///   ],
///   "summary": { "scenarios": 1, "clean": 0, "failed": 1 }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckDocument {
    /// Every scenario, in the order in which it was run.
    pub scenarios: Vec<CheckedScenario>,
    /// How many there are.
    pub summary: CheckSummary,
}

/// One scenario of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<ReplayedRegression>,
    /// Why it is not as in its reviewed snapshot, in words and with the difference, line by line; not there if it is, or
    /// if there was nothing to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// With `--stats`: executions begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions: Option<u64>,
    /// With `--stats`: wall-clock seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A token that a scenario keeps, replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedRegression {
    /// The token.
    pub token: String,
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// Where it no longer fits, in words.
    pub drift: Vec<String>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenRule {
    /// Its name.
    pub rule: String,
    /// The least schedule that breaks it; null if it takes more than one execution to break it.
    pub token: Option<String>,
}

/// How a check ended. A scenario that is not clean has failed: a rule broke, its snapshot is missing or different, or
/// not all of it could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckSummary {
    /// How many scenarios were run.
    pub scenarios: usize,
    /// How many of them are clean.
    pub clean: usize,
    /// How many of them are not.
    pub failed: usize,
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::{BrokenRule, CheckDocument, CheckSummary, CheckedScenario};
    use crate::explore::EngineKind;

    #[test]
    fn the_document_of_a_check() {
        let scenario = CheckedScenario {
            name: "r08".into(),
            verdict: "violated".into(),
            engine: EngineKind::Turnloom,
            outcomes: 2,
            violations: vec![
                BrokenRule { rule: "lock-order".into(), token: None },
                BrokenRule { rule: "no-replay".into(), token: Some("r08:-:bob@ann.run:0".into()) },
            ],
            regressions: Vec::new(),
            snapshot: None,
            executions: None,
            seconds: None,
        };
        let summary = CheckSummary { scenarios: 1, clean: 0, failed: 1 };
        insta::assert_snapshot!(text(&CheckDocument { scenarios: vec![scenario], summary }), @r#"
        {
          "scenarios": [
            {
              "name": "r08",
              "verdict": "violated",
              "engine": "turnloom",
              "outcomes": 2,
              "violations": [
                {
                  "rule": "lock-order",
                  "token": null
                },
                {
                  "rule": "no-replay",
                  "token": "r08:-:bob@ann.run:0"
                }
              ]
            }
          ],
          "summary": {
            "scenarios": 1,
            "clean": 0,
            "failed": 1
          }
        }
        "#);
    }
}
