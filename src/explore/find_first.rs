//! A hunt: interleavings of a scenario until one shows what is looked for.
//!
//! An exploration tells every outcome; a hunt ends at the first execution that the caller wants, and says of the rest only
//! how much of the space was run and which rules broke on the way.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::exploration::Verdict;
use super::job::{ExploreError, Job, Options};
use super::token::Token;
use super::trial::Trial;
use crate::engine::execution::Ended;
use crate::observation::Observations;
use crate::rules::Violation;

/// What a hunt came to.
#[derive(Debug, Clone)]
pub struct Hunted {
    /// The execution that was wanted; none if no execution was.
    pub caught: Option<Caught>,
    /// How many executions were run.
    pub executions: u64,
    /// Every rule that broke in any of them.
    pub broken: BTreeSet<&'static str>,
    /// How much of the space was run, if nothing was caught.
    pub searched: Verdict,
}

/// The execution that was wanted.
#[derive(Debug, Clone)]
pub struct Caught {
    /// What was seen of it.
    pub seen: Observations,
    /// What it breaks.
    pub violations: Vec<Violation>,
    /// Its schedule.
    pub token: Token,
}

/// Runs interleavings on the in-house engine, as the options say, until `wanted` says yes to one.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn hunt(
    job: &Job,
    options: &Options,
    wanted: &mut dyn FnMut(&Observations, &[Violation]) -> bool,
) -> Result<Hunted, ExploreError> {
    hunt_among(job, options, &|_| true, wanted)
}

/// As [`hunt`], but only of executions that ended in such a way are the observations collected and judged.
pub(super) fn hunt_among(
    job: &Job,
    options: &Options,
    ended: &dyn Fn(&Ended) -> bool,
    wanted: &mut dyn FnMut(&Observations, &[Violation]) -> bool,
) -> Result<Hunted, ExploreError> {
    let trial = Trial::of(job)?;
    let (mut caught, mut failed, mut broken) = (None, None, BTreeSet::new());
    let searched = options.run(&trial, &mut |execution| {
        if !ended(&execution.ended) {
            return ControlFlow::Continue(());
        }
        let seen = trial.seen_or_stop(execution, &mut failed)?;
        let violations = trial.violations(&seen);
        broken.extend(violations.iter().map(|violation| violation.rule));
        if !wanted(&seen, &violations) {
            return ControlFlow::Continue(());
        }
        caught = Some(Caught { seen, violations, token: job.token(execution.schedule()) });
        ControlFlow::Break(())
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(Hunted { caught, executions: searched.executions, broken, searched: searched.clean }),
    }
}
