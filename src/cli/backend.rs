//! The calls by which the command line reaches the rest of the house, in one place.
//!
//! A scenario's diagnostics are text from here on, so no command depends on how they are made.

use std::path::Path;
use std::process::ExitCode;

use crate::check::rules;
use crate::explore::{Exploration, ExploreError, Job, Options, Replay, ReplayError, Schedule};
use crate::scenario::Scenario;

/// A scenario that was read.
pub(super) struct Loaded {
    /// The stem of its file.
    pub(super) name: String,
    /// The scenario.
    pub(super) scenario: Scenario,
    /// What is worth saying of it, rendered; empty if nothing is.
    pub(super) warnings: String,
}

/// Reads a scenario and judges it; all that is wrong with it, rendered, if it cannot be run.
pub(super) fn load(path: &Path, _colour: bool) -> Result<Loaded, String> {
    let file = path.display();
    let fail = |why: String| format!("failed to read scenario `{file}`: {why}\n");
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => fail("the file does not exist".to_owned()),
        kind => fail(kind.to_string()),
    })?;
    let scenario = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Loaded { name, scenario, warnings: String::new() })
}

/// The JSON Schema of the scenario file.
pub(super) fn schema() -> String {
    let schema = schemars::schema_for!(Scenario);
    format!("{:#}\n", schema.to_value())
}

/// Runs every interleaving.
pub(super) fn explore(
    job: &Job,
    _options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exploration, ExploreError> {
    progress(0, rules().len() as u64);
    Err(ExploreError::Broken { scenario: job.name.clone(), message: "there is no engine yet".to_owned() })
}

/// Runs one interleaving.
pub(super) fn replay(job: &Job, _schedule: &Schedule) -> Result<Replay, ReplayError> {
    let (scenario, message) = (job.name.clone(), "there is no engine yet".to_owned());
    Err(ExploreError::Broken { scenario, message }.into())
}

/// The process in which loom runs.
pub(super) fn loom_child() -> ExitCode {
    ExitCode::FAILURE
}
