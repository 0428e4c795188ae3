//! The calls by which the command line reaches the rest of the crate, in one place.
//!
//! A scenario's diagnostics are text from here on, so no command depends on how they are made.

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use crate::engine::coroutines::panic_message;
use crate::engine::execution::Schedule;
use crate::engine::locks::LockGraph;
use crate::explore;
use crate::explore::{
    Exploration, ExploreError, Hunted, Job, Options, Progress, RacingPair, Replay, Shrunk, Suggestion, Token,
    TokenError,
};
use crate::observation::{LockEdge, Observations};
use crate::report::json;
use crate::rules::{Violation, rules};
use crate::scenario;
use crate::scenario::{Lines, Scenario, Switch, TokenNames, Vocabulary};
use crate::subject::model::{DECISIONS, DEFECTS, REVISIONS, Revision};
use crate::verify::protocol::RULES;

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
    /// Where its values stand in its file; none if it has no file.
    pub(super) lines: Option<Lines>,
}

/// Reads a scenario and judges it; all that is wrong with it, rendered, if it cannot be run.
pub(super) fn load(path: &Path, colour: bool) -> Result<Loaded, String> {
    let scenario::Loaded { name, scenario, warnings, only_live, lines } =
        scenario::load(path, &vocabulary()).map_err(|diagnostics| diagnostics.render(colour))?;
    let text = |found: scenario::Diagnostics| {
        if found.is_empty() { String::new() } else { found.render(colour) }
    };
    let (warnings, only_live) = (text(warnings), text(only_live));
    Ok(Loaded { name, scenario, warnings, only_live, lines: Some(lines) })
}

/// All that is wrong with or odd about a scenario file of this name and text, rendered; nothing if all is well.
pub(super) fn lint(name: &str, text: &str, colour: bool) -> Result<(), String> {
    match scenario::parse(name, text, &vocabulary()) {
        Ok(loaded) if loaded.warnings.is_empty() => Ok(()),
        Ok(scenario::Loaded { warnings: found, .. }) | Err(found) => Err(found.render(colour)),
    }
}

/// Every name that a scenario can use of this build: defects, rules, revisions, decisions.
///
/// ```
/// use turnloom::{cli, scenario};
/// let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "revision": "1.25.1", "actors": []}"#;
/// let refused = scenario::parse("x", text, &cli::vocabulary()).unwrap_err();
/// assert!(refused.render(false).contains("did you mean `1.25.0`?"));
/// ```
#[must_use]
pub fn vocabulary() -> Vocabulary {
    let alternatives = |decision: &crate::subject::model::Decision| {
        decision.alternatives.iter().map(|alternative| alternative.name).collect()
    };
    Vocabulary {
        defects: DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: rules().iter().map(|rule| rule.name()).collect(),
        revisions: REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: DECISIONS.iter().map(|decision| (decision.name, alternatives(decision))).collect(),
        switches: DEFECTS
            .iter()
            .map(|defect| Switch {
                defect: defect.name,
                decision: defect.decision,
                alternative: defect.alternative,
            })
            .collect(),
        changes: REVISIONS.iter().flat_map(changes).collect(),
        needs: rules().iter().map(|rule| (rule.name(), rule.needs())).collect(),
        protocol: RULES.iter().map(|rule| (rule.name, rule.title)).collect(),
        read_token: Some(read_token),
    }
}

fn changes(revision: &Revision) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let name = revision.name;
    revision.all_changes().into_iter().map(move |change| (name, change.decision, change.alternative))
}

fn read_token(text: &str) -> Result<TokenNames, String> {
    let Token { scenario, revision, defects, .. } =
        text.parse().map_err(|error: TokenError| error.to_string())?;
    Ok(TokenNames { scenario, revision, defects })
}

/// The JSON Schema of the scenario file.
pub(super) fn schema() -> String {
    scenario::schema()
}

/// Runs something of a scenario. A panic on the way is a fault of turnloom, never a finding.
fn guarded<T>(job: &Job, run: impl FnOnce() -> Result<T, ExploreError>) -> Result<T, ExploreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let message = panic_message(&*payload).to_owned();
        Err(ExploreError::Broken { scenario: job.name.clone(), message })
    })
}

/// Runs every interleaving.
pub(super) fn explore(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    guarded(job, || explore::explore(job, options, progress))
}

/// Makes what breaks a rule as small as it can be, without new warnings.
pub(super) fn shrink(job: &Job, progress: &mut Progress<'_>) -> Result<Option<Shrunk>, ExploreError> {
    guarded(job, || explore::shrink(job, &no_worse(job), progress))
}

/// The waits that would settle an order, without new warnings.
pub(super) fn suggest(
    job: &Job,
    outcomes: &BTreeSet<Observations>,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Vec<Suggestion>, ExploreError> {
    guarded(job, || explore::suggest(job, outcomes, options, &no_worse(job), progress))
}

/// True if a scenario that was made from this one has no more warnings than this one.
pub(super) fn no_worse(job: &Job) -> impl Fn(&Scenario) -> bool + '_ {
    let warnings = |scenario: &Scenario| {
        let text = json::text(scenario);
        scenario::parse(&job.name, &text, &vocabulary()).ok().map(|loaded| loaded.warnings.len())
    };
    let most = warnings(&job.scenario).unwrap_or_default();
    move |scenario| warnings(scenario).is_some_and(|count| count <= most)
}

/// Runs interleavings until one is wanted.
pub(super) fn hunt(
    job: &Job,
    options: &Options,
    wanted: &mut dyn FnMut(&Observations, &[Violation]) -> bool,
) -> Result<Hunted, ExploreError> {
    guarded(job, || explore::hunt(job, options, wanted))
}

/// Runs one interleaving.
pub(super) fn replay(job: &Job, schedule: &Schedule) -> Result<Replay, ExploreError> {
    guarded(job, || explore::replay(job, schedule))
}

/// The two operations whose order decides whether a schedule breaks a rule.
pub(super) fn racing_pair(job: &Job, schedule: &Schedule) -> Result<Option<RacingPair>, ExploreError> {
    guarded(job, || explore::racing_pair(job, schedule))
}

/// The lock graph over every interleaving, its cycles attacked.
pub(super) fn locks(
    job: &Job,
    options: &Options,
    seen: &BTreeSet<LockEdge>,
) -> Result<LockGraph, ExploreError> {
    guarded(job, || explore::locks(job, options, seen))
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
