//! Canonical witnesses: the schedule with the fewest preemptions that shows a violation, the first in a fixed order.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::exploration::{Exploration, Statistics, Verdict};
use super::findings::{Findings, Found, Judge};
use super::job::{ExploreError, Job, Options, Progress, Told};
use super::trial::{Observed, Trial};
use crate::engine::search::{Limits, bounded_search, deepen};
use crate::observation::Observations;

/// How many executions the search for a canonical witness may take before the first schedule found has to do.
const WITNESS_BUDGET: u64 = 400_000;

/// Gives each violating outcome the schedule with the fewest preemptions, the first in a fixed order; whether each of
/// them has got one.
pub(super) fn find_canonical_witnesses<S: Observed>(
    trial: &Trial<'_, S>,
    options: &Options,
    judge: &Judge,
    findings: &mut Findings,
) -> bool {
    let wanted = |found: &&Found| !found.violations.is_empty();
    let mut missing = findings.outcomes.values().filter(wanted).count();
    let mut have: BTreeSet<Observations> = BTreeSet::new();
    // What a search may not run, the search for witnesses may not run either.
    let budget = options.budget.schedules.map_or(WITNESS_BUDGET, |budget| budget.min(WITNESS_BUDGET));
    let within = Limits { executions: Some(budget), ..options.limits(trial.job) };
    deepen(&within, u32::MAX, |limits| {
        bounded_search(limits, &trial.system, &mut |execution| {
            let judged = judge.judge(&execution.seen());
            if judged.violations.is_empty() || have.contains(&judged.shown) {
                return ControlFlow::Continue(());
            }
            if let Some(found) = findings.outcomes.get_mut(&judged.shown)
                && found.is_shown_by(&judged.violations)
            {
                found.schedule = Some(execution.schedule());
                have.insert(judged.shown);
                missing -= 1;
            }
            if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    missing == 0
}

/// The canonical witness of the first rule that breaks, by ever more preemptions.
pub(super) fn first_violation(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let trial = Trial::of(job)?;
    let judge = Judge::new(&job.scenario, options.profile);
    let mut findings = Findings::default();
    let mut failed = None;
    let mut executions = 0;
    let within = Limits { memory: options.memory / 2, ..job.limits() };
    let deepened = deepen(&within, options.preemptions.unwrap_or(u32::MAX), |limits| {
        let search = bounded_search(limits, &trial.system, &mut |execution| {
            let judged = judge.judge(&trial.seen_or_stop(execution, &mut failed)?);
            if judged.violations.is_empty() {
                return ControlFlow::Continue(());
            }
            findings.take_in(judged, 1).0.schedule = Some(execution.schedule());
            ControlFlow::Break(())
        });
        executions += search.executions;
        progress(Told { executions, share: None });
        search
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let clean = match (deepened.last.stopped, deepened.run_through) {
        (Some(stopped), _) => options.cut_short(&trial.limits, stopped, deepened.last.executions),
        (None, Some(preemptions)) if deepened.last.bounded => Verdict::ProvedUpTo(preemptions),
        (None, _) => Verdict::Proved,
    };
    let mut exploration = findings.report(job, options, clean);
    exploration.statistics =
        Statistics { executions: deepened.executions, states: deepened.states, ..Statistics::default() };
    Ok(exploration)
}
