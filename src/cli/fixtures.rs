//! A scenario and an exploration for the tests of this folder.

use std::path::PathBuf;

use super::backend::Loaded;
use super::files::File;
use crate::explore::{EngineKind, Exploration, OutcomeReport, Statistics, Verdict};
use crate::observation::Observations;
use crate::rules::{Side, Violation};

/// The least scenario, as if it had been read from this path.
pub(super) fn file(path: PathBuf) -> File {
    let scenario = serde_json::json!({
        "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "actors": []
    });
    let scenario = serde_json::from_value(scenario).expect("a scenario needs no more");
    let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
    let (warnings, only_live) = (String::new(), String::new());
    File { path, loaded: Loaded { name, scenario, warnings, only_live, lines: None } }
}

/// An exploration with one outcome, which breaks the rule if one is given.
pub(super) fn exploration(verdict: Verdict, rule: Option<&'static str>) -> Exploration {
    let violation =
        |rule| Violation { rule, side: Side::Client, message: "it did".into(), marks: Vec::new() };
    let report = OutcomeReport {
        violations: rule.map(violation).into_iter().collect(),
        token: rule.map(|_| "r08:-:bob@ann.run:0".to_owned()),
        schedules: 4,
    };
    Exploration {
        engine: EngineKind::Turnloom,
        cut_short: matches!(verdict, Verdict::Incomplete(_)),
        verdict,
        reduced: Vec::new(),
        outcomes: [(Observations::default(), report)].into(),
        lock_order: [].into(),
        lock_violations: Vec::new(),
        statistics: Statistics { executions: 12, states: 7, seconds: 0.25, share: None },
    }
}
