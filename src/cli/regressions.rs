//! The tokens that a scenario keeps: each once broke a rule, and is replayed before anything is explored.
//!
//! It must not know what is explored afterwards.

use std::fmt::Write;

use super::backend;
use super::files::File;
use crate::check::Violation;
use crate::explore::{Drift, ExploreError, Job, Token};
use crate::report::json::{ReplayedRegression, ToldViolation};
use crate::report::words;

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
        let job = Job { name, scenario, revision, defects, timers };
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

    /// The rules that it breaks, each once, with the token that shows it.
    pub(super) fn broken(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut rules: Vec<&'static str> = self.violations.iter().map(|violation| violation.rule).collect();
        rules.dedup();
        rules.into_iter().map(|rule| (rule, self.token.as_str()))
    }

    /// What is to be said of it, indented: that it breaks a rule, or that it has drifted; nothing if it is well.
    pub(super) fn told(&self, file: &File) -> String {
        let mut text = String::new();
        if self.is_broken() {
            text += "  a regression breaks a rule\n";
            for violation in &self.violations {
                let _ = writeln!(text, "  {}", words::violation(violation));
            }
            text += &words::replay(&self.token, &file.shown(), "    ");
        }
        if !self.drift.is_empty() {
            let _ = writeln!(text, "  note: the regression {} has drifted", words::plain(&self.token));
            text += &words::drift(&self.drift, "    ");
        }
        text
    }

    /// The same for programs.
    pub(super) fn document(&self) -> ReplayedRegression {
        ReplayedRegression {
            token: self.token.clone(),
            violations: self.violations.iter().map(ToldViolation::from).collect(),
            drift: self.drift.iter().map(ToString::to_string).collect(),
        }
    }
}
