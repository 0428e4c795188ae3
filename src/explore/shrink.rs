//! From a failure to the smallest thing that still fails: fewest switches first, then fewest steps of actors, then fewest
//! steps of the script (the server's actions and the clock's).
//!
//! The rules to keep breaking are those of the execution with the fewest switches that breaks any, all of them and no
//! other, so that one failure does not slip into another. Things are taken out of the scenario one at a time, the
//! largest first, for as long as what is left makes sense and breaks the same rules with no more switches. It must not
//! know how a scenario is read or shown.

use std::collections::BTreeSet;

use crate::rules as check;
use crate::rules::{Context, Violation};
use crate::scenario::Scenario;

use super::job::{ExploreError, Job, Options, Progress};
use super::run::{explore, stuck};
use super::smaller::smaller;
use super::{Token, Told};
use crate::engine::execution::{Schedule, follow};
use crate::engine::search::{Least, Limits, least};

/// Of a failure with more switches than this, only those that can be left out are.
const SWITCHES: usize = 3;
/// So many departures are many: they are left out in stretches first.
const MANY: usize = 64;
/// How many steps it may take to find out which departures can be left out.
pub(super) const STEPS: usize = 2_000_000;
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
    /// How many steps the execution has.
    steps: usize,
    violations: Vec<Violation>,
}

impl Witness {
    fn rules(&self) -> BTreeSet<&'static str> {
        self.violations.iter().map(|violation| violation.rule).collect()
    }
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
    let rules = witness.rules();
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
            if let Some(found) = breaking(&candidate, witness.schedule.switches(), Some(&rules))? {
                (small, witness) = (candidate, found);
                continue 'smaller;
            }
        }
        break;
    }
    let Witness { schedule, violations, .. } = witness;
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
    if let Some(found) = breaking(job, SWITCHES.min(least.switches()), None)? {
        return Ok(Some(found));
    }
    match along(job, &least)? {
        Some(witness) => fewer_departures(job, witness).map(Some),
        None => Ok(None),
    }
}

/// The execution with the fewest switches, at most so many, that breaks exactly these rules (without them, any).
fn breaking(
    job: &Job,
    switches: usize,
    rules: Option<&BTreeSet<&'static str>>,
) -> Result<Option<Witness>, ExploreError> {
    let stage = job.stage()?;
    let context = Context::of(&job.scenario);
    let limits = Limits { executions: Some(EXECUTIONS), ..job.limits() };
    let found = least(&limits, switches, &stage.program(), &mut |execution| {
        // A scenario that breaks the runtime itself is no smaller form of one that breaks a rule.
        let why = stuck(job, &execution.ended).ok()?;
        let violations = check::judge(&stage.observe(why, execution.book()), &context);
        let (schedule, steps) = (execution.schedule(), execution.steps());
        let witness = Witness { schedule, steps, violations };
        let broken = witness.rules();
        rules.map_or(!broken.is_empty(), |rules| *rules == broken).then_some(witness)
    });
    stage.clear();
    Ok(if let Least::Found(witness) = found { Some(witness) } else { None })
}

/// What the execution along a schedule breaks; none if nothing.
fn along(job: &Job, schedule: &Schedule) -> Result<Option<Witness>, ExploreError> {
    let stage = job.stage()?;
    let (seen, _) = follow(&job.limits(), &stage.program(), schedule, |execution| {
        let why = stuck(job, &execution.ended)?;
        Ok::<_, ExploreError>((stage.observe(why, execution.book()), execution.schedule(), execution.steps()))
    });
    stage.clear();
    let (outcome, schedule, steps) = seen?;
    let violations = check::judge(&outcome, &Context::of(&job.scenario));
    Ok((!violations.is_empty()).then_some(Witness { schedule, steps, violations }))
}

/// A schedule that breaks rules, without the departures that it can spare; none if it breaks none.
pub(super) fn spare_departures(job: &Job, schedule: &Schedule) -> Result<Option<Schedule>, ExploreError> {
    let Some(witness) = along(job, schedule)? else { return Ok(None) };
    Ok(Some(fewer_departures(job, witness)?.schedule))
}

/// Leaves out every departure without which the same rules break, as far as the steps allow that this may take. Of very
/// many departures whole stretches are left out first, each half as long as the ones before.
fn fewer_departures(job: &Job, mut witness: Witness) -> Result<Witness, ExploreError> {
    let rules = witness.rules();
    let mut left = STEPS;
    let all = witness.schedule.departures.len();
    let mut stretch = if all > MANY { all / 2 } else { 1 };
    let mut index = 0;
    while left > 0 {
        let departures = witness.schedule.departures.len();
        if index >= departures {
            if stretch == 1 {
                break;
            }
            (stretch, index) = (stretch / 2, 0);
            continue;
        }
        let mut schedule = witness.schedule.clone();
        schedule.departures.drain(index..departures.min(index + stretch));
        left = left.saturating_sub(witness.steps);
        match along(job, &schedule)? {
            Some(found) if found.rules() == rules && found.schedule.departures.len() < departures => {
                (witness, index) = (found, if stretch == 1 { 0 } else { index });
            }
            _ => index += stretch,
        }
    }
    Ok(witness)
}

fn size(scenario: &Scenario, schedule: &Schedule) -> Size {
    let actor_steps = scenario.actors.iter().map(|actor| actor.does.len()).sum();
    let actions: usize = scenario.server.iter().map(|reaction| reaction.actions.len()).sum();
    let script_steps = actions + scenario.clock.len() + scenario.subscriber.len();
    Size { switches: schedule.switches(), actor_steps, script_steps }
}
