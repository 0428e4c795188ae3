//! From a failure to the smallest thing that still fails: fewest switches first, then fewest steps of actors, then fewest
//! steps of the script (the server's actions and the clock's).
//!
//! The rules to keep breaking are those of the execution with the fewest switches that breaks any, all of them and no
//! other, so that one failure does not slip into another. Things are taken out of the scenario one at a time, the
//! largest first, for as long as what is left makes sense and breaks the same rules with no more switches.

mod candidates;

use std::collections::BTreeSet;

use super::job::{ExploreError, Job, Options, Progress, Told};
use super::run::explore;
use super::token::Token;
use super::trial::{Observed, Trial};
use crate::engine::execution::{Execution, Schedule, drop_departures};
use crate::engine::search::{Least, Limits, least};
use crate::rules::Violation;
use crate::scenario::Scenario;

pub use candidates::smaller;

/// Of a failure with more switches than this, only those that can be left out are.
const SWITCHES: usize = 3;
/// How many executions it may take to find the fewest switches, or to know that a smaller scenario is too small.
const EXECUTIONS: u64 = 20_000;

/// How large a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    /// Switches of the schedule.
    pub switches: usize,
    /// Steps of all actors.
    pub actor_steps: usize,
    /// Actions of the server, steps of the clock, and what the subscriber is slow to take in.
    pub script_steps: usize,
}

/// A failure that has been made smaller.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The smaller scenario, under a name of its own, with the revision and defects that it fails under.
    pub job: Job,
    /// The schedule under which it fails.
    pub schedule: Schedule,
    /// What it breaks.
    pub violations: Vec<Violation>,
    /// How large it is.
    pub size: Size,
    /// How large it was.
    pub before: Size,
}

impl Shrunk {
    /// The token of the smaller scenario.
    #[must_use]
    pub fn token(&self) -> Token {
        self.job.token(self.schedule.clone())
    }
}

/// An execution that breaks rules.
struct Witness {
    schedule: Schedule,
    violations: Vec<Violation>,
}

/// Shrinks what a scenario breaks; none if it breaks nothing. Every smaller scenario has to please `is_valid`.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn shrink(
    job: &Job,
    is_valid: &dyn Fn(&Scenario) -> bool,
    progress: &mut Progress<'_>,
) -> Result<Option<Shrunk>, ExploreError> {
    let Some(mut witness) = first(job, progress)? else { return Ok(None) };
    let before = size(&job.scenario, &witness.schedule);
    let rules = names(&witness.violations);
    let mut small = job.clone();
    small.name = format!("{}-small", job.name);
    small.scenario.regressions.clear();
    small.scenario.catches.retain(|caught| {
        let same: BTreeSet<&str> = caught.rules.iter().map(String::as_str).collect();
        job.defects == std::slice::from_ref(&caught.defect) && same == rules
    });
    let mut tried = 0;
    'smaller: loop {
        for scenario in smaller(&small.scenario) {
            tried += 1;
            progress(Told { executions: tried, share: None });
            if !is_valid(&scenario) {
                continue;
            }
            let candidate = Job { scenario, ..small.clone() };
            let found = breaking(&Trial::of(&candidate)?, witness.schedule.switches(), Some(&rules));
            if let Some(found) = found {
                (small, witness) = (candidate, found);
                continue 'smaller;
            }
        }
        break;
    }
    let Witness { schedule, violations } = witness;
    let size = size(&small.scenario, &schedule);
    Ok(Some(Shrunk { job: small, schedule, violations, size, before }))
}

/// The execution with the fewest switches that breaks a rule.
fn first(job: &Job, progress: &mut Progress<'_>) -> Result<Option<Witness>, ExploreError> {
    let options = Options::default();
    let explored = explore(job, &options, progress)?;
    let tokens = explored.outcomes.values().filter_map(|outcome| outcome.token.as_ref());
    let schedules = tokens.filter_map(|token| token.parse::<Token>().ok()).map(|token| token.schedule);
    let least = schedules.min_by_key(|schedule| (schedule.switches(), schedule.clone()));
    let Some(least) = least else { return Ok(None) };
    let trial = Trial::of(job)?;
    if let Some(found) = breaking(&trial, SWITCHES.min(least.switches()), None) {
        return Ok(Some(found));
    }
    fewer_departures(&trial, &least)
}

/// The execution with the fewest switches, at most so many, that breaks exactly these rules (without them, any).
fn breaking<S: Observed>(
    trial: &Trial<'_, S>,
    switches: usize,
    rules: Option<&BTreeSet<&'static str>>,
) -> Option<Witness> {
    let limits = Limits { executions: Some(EXECUTIONS), ..trial.limits.clone() };
    let found = least(&limits, switches, &trial.system, &mut |execution| {
        // A scenario that breaks the runtime itself is no smaller form of one that breaks a rule.
        let violations = trial.broken(execution).ok()??;
        let is_wanted = rules.is_none_or(|rules| *rules == names(&violations));
        is_wanted.then(|| Witness { schedule: execution.schedule(), violations })
    });
    if let Least::Found(witness) = found { Some(witness) } else { None }
}

/// A schedule that breaks rules, without the departures that it can spare; none if it breaks none.
pub(super) fn spare_departures<S: Observed>(
    trial: &Trial<'_, S>,
    schedule: &Schedule,
) -> Result<Option<Schedule>, ExploreError> {
    Ok(fewer_departures(trial, schedule)?.map(|witness| witness.schedule))
}

/// What a schedule breaks, without each departure that can be left out so that the same rules break; none if it
/// breaks none.
fn fewer_departures<S: Observed>(
    trial: &Trial<'_, S>,
    schedule: &Schedule,
) -> Result<Option<Witness>, ExploreError> {
    let Some(first) = trial.along(schedule)? else { return Ok(None) };
    let rules = names(&first.1);
    let same = |execution: &Execution<'_, S::Run>| {
        Ok::<_, ExploreError>(trial.broken(execution)?.filter(|violations| names(violations) == rules))
    };
    let (schedule, violations) = drop_departures(&trial.limits, &trial.system, first, &same)?;
    Ok(Some(Witness { schedule, violations }))
}

/// The rules that break.
fn names(violations: &[Violation]) -> BTreeSet<&'static str> {
    violations.iter().map(|violation| violation.rule).collect()
}

fn size(scenario: &Scenario, schedule: &Schedule) -> Size {
    let actor_steps = scenario.actors.iter().map(|actor| actor.does.len()).sum();
    let actions: usize = scenario.server.iter().map(|reaction| reaction.actions.len()).sum();
    let script_steps = actions + scenario.clock.len() + scenario.subscriber.len();
    Size { switches: schedule.switches(), actor_steps, script_steps }
}
