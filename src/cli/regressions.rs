//! The tokens that a scenario keeps: each once broke a rule, and is replayed before anything is explored.

use super::backend;
use super::files::File;
use crate::engine::execution::Drift;
use crate::explore::{ExploreError, Job, Token};
use crate::report::json::{ReplayedRegression, ToldViolation};
use crate::rules::Violation;

/// What came of one token.
pub(super) struct Regression {
    token: String,
    violations: Vec<Violation>,
    drift: Vec<Drift>,
}

/// Replays the tokens of a scenario, in their order.
pub(super) fn replay(file: &File) -> Result<Vec<Regression>, ExploreError> {
    let scenario = &file.loaded.scenario;
    let one = |text: &String| {
        // That it is a token was found when the file was read.
        let token: Token = text.parse().ok()?;
        let (name, scenario) = (file.loaded.name.clone(), scenario.clone());
        let Token { revision, defects, timers, .. } = token;
        let job = Job { name, scenario, revision, defects, timers, subject: None };
        let replay = backend::replay(&job, &token.schedule);
        let token = text.clone();
        Some(replay.map(|replay| Regression { token, violations: replay.violations, drift: replay.drift }))
    };
    scenario.regressions.iter().filter_map(one).collect()
}

impl Regression {
    /// Whether it breaks a rule.
    pub(super) fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }

    /// Its token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// What it breaks.
    pub(super) fn broken(&self) -> &[Violation] {
        &self.violations
    }

    /// It as a part of the document.
    pub(super) fn document(&self) -> ReplayedRegression {
        ReplayedRegression {
            token: self.token.clone(),
            violations: self.violations.iter().map(ToldViolation::from).collect(),
            drift: self.drift.iter().map(ToString::to_string).collect(),
        }
    }
}
