//! The racing pair of a failing schedule of a scenario: the two steps whose order decides whether rules break.

use super::exploration::TraceStep;
use super::job::{ExploreError, Job};
use super::shrink::spare_departures;
use super::trial::{Observed, Trial};
use crate::engine::execution;
use crate::engine::execution::{Execution, Schedule};
use crate::engine::search::Limits;

/// Two steps of different threads, and an execution for either order of them.
pub type RacingPair = execution::RacingPair<TraceStep>;

/// One of the two executions.
pub type Side = execution::Side<TraceStep>;

/// Finds the racing pair of a schedule that breaks rules; none if it breaks none, or if no single reversal helps.
///
/// # Errors
///
/// If a name decides nothing, or the program under test broke a promise of its own.
pub fn racing_pair(job: &Job, schedule: &Schedule) -> Result<Option<RacingPair>, ExploreError> {
    let trial = Trial::of(job)?;
    let Some(schedule) = spare_departures(&trial, schedule)? else { return Ok(None) };
    racing_pair_on(&trial, &trial.limits, &schedule)
}

/// As [`racing_pair`], within these limits, of a schedule that has no departure to spare.
pub(super) fn racing_pair_on<S: Observed>(
    trial: &Trial<'_, S>,
    limits: &Limits,
    schedule: &Schedule,
) -> Result<Option<RacingPair>, ExploreError> {
    let fails = |execution: &Execution<'_, S::Run>| Ok::<_, ExploreError>(trial.broken(execution)?.is_some());
    let pair = execution::racing_pair(limits, &trial.system, schedule, &fails)?;
    Ok(pair.map(|pair| pair.map(TraceStep::from)))
}
