//! The calls by which the command line reaches the rest of the house, in one place.
//!
//! A scenario's diagnostics are text from here on, so no command depends on how they are made.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::check::rules;
use crate::explore::{self, Exploration, ExploreError, Job, Options, Replay, ReplayError, Schedule};
use crate::runtime::{DECISIONS, DEFECTS, REVISIONS};
use crate::scenario::{self, Scenario, Vocabulary};

/// A scenario that was read.
pub(super) struct Loaded {
    /// The stem of its file.
    pub(super) name: String,
    /// The scenario.
    pub(super) scenario: Scenario,
    /// What is worth saying of it, rendered; empty if nothing is.
    pub(super) warnings: String,
    /// What keeps an engine from running it, rendered; empty if nothing does.
    pub(super) only_live: String,
}

/// Reads a scenario and judges it; all that is wrong with it, rendered, if it cannot be run.
pub(super) fn load(path: &Path, colour: bool) -> Result<Loaded, String> {
    let scenario::Loaded { name, scenario, warnings, only_live } =
        scenario::load(path, &vocabulary()).map_err(|diagnostics| diagnostics.render(colour))?;
    let text = |found: scenario::Diagnostics| {
        if found.is_empty() { String::new() } else { found.render(colour) }
    };
    Ok(Loaded { name, scenario, warnings: text(warnings), only_live: text(only_live) })
}

fn vocabulary() -> Vocabulary {
    let alternatives = |decision: &crate::runtime::Decision| {
        decision.alternatives.iter().map(|alternative| alternative.name).collect()
    };
    Vocabulary {
        defects: DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: rules().iter().map(|rule| rule.name()).collect(),
        revisions: REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: DECISIONS.iter().map(|decision| (decision.name, alternatives(decision))).collect(),
    }
}

/// The JSON Schema of the scenario file.
pub(super) fn schema() -> String {
    scenario::schema()
}

/// Runs every interleaving.
pub(super) fn explore(
    job: &Job,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exploration, ExploreError> {
    explore::explore(job, options, progress)
}

/// Runs one interleaving.
pub(super) fn replay(job: &Job, schedule: &Schedule) -> Result<Replay, ReplayError> {
    explore::replay(job, schedule)
}

/// The process in which loom runs.
pub(super) fn loom_child() -> ExitCode {
    match explore::loom::child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent reads this; if it is gone, nobody is left to tell.
            let _ = writeln!(std::io::stderr(), "failed to run loom: {error}");
            ExitCode::FAILURE
        }
    }
}
