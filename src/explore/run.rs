//! A scenario on an engine: the one door through which the command line explores.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::exploration::{EngineKind, Exploration, Verdict};
use super::findings::{Findings, Judge};
use super::job::{ExploreError, Job, Options, Progress, SearchKind, Told, out_of_steps};
use super::loom;
use super::trial::{Observed, Trial};
use super::witness::{find_canonical_witnesses, first_violation};
use crate::engine::execution::{Ended, Execution};
use crate::engine::search::{
    Cores, Limits, Sample, Search, Stopped, Visit, bounded_search, deepen, run_search, sample,
    search_together,
};
use crate::engine::system::{Fingerprints, Run, System};

/// Where a complete search finds no more memory, one of few preemptions follows that may run this part of its number of
/// executions: what can be proved then, is.
const SHARE_OF_FEW_PREEMPTIONS: u64 = 4;

/// Runs a scenario through its interleavings.
///
/// # Errors
///
/// If a name decides nothing, or the engine cannot run the scenario at all. A rule that breaks is no error.
pub fn explore(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let began = Instant::now();
    let mut exploration = match options.engine {
        EngineKind::Turnloom if options.first_violation && options.search == SearchKind::Complete => {
            first_violation(job, options, progress)?
        }
        EngineKind::Turnloom => every_interleaving(job, options, progress)?,
        EngineKind::Loom => loom::explore(job, options)?,
    };
    exploration.statistics.seconds = began.elapsed().as_secs_f64();
    Ok(exploration)
}

/// What a search of a scenario came to.
pub(super) struct Searched {
    pub(super) executions: u64,
    states: u64,
    share: Option<f64>,
    pub(super) clean: Verdict,
}

fn every_interleaving(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let together = match &options.cores {
        Some(cores) => on_several_cores(job, options, cores, progress)?,
        None => None,
    };
    let (findings, searched) = match together {
        Some(found) => found,
        None => on_one_core(job, options, progress)?,
    };
    let mut exploration = findings.report(job, options, searched.clean);
    exploration.statistics.executions = searched.executions;
    exploration.statistics.states = searched.states;
    exploration.statistics.share = searched.share.filter(|_| exploration.is_cut_short());
    Ok(exploration)
}

fn on_one_core(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<(Findings, Searched), ExploreError> {
    let trial = Trial::of(job)?;
    let judge = Judge::new(&job.scenario, options.profile);
    let mut findings = Findings::default();
    let mut failed = None;
    let mut told = Told::default();
    let mut is_full = false;
    let mut searched = options.run(&trial, &mut |execution| {
        told = Told { executions: told.executions + 1, share: execution.share };
        progress(told);
        let seen = trial.seen_or_stop(execution, &mut failed)?;
        let (found, broken) = findings.take_in(judge.judge(&seen), 1);
        if broken && found.schedule.is_none() {
            found.schedule = Some(execution.schedule());
        }
        is_full = findings.size > options.memory / 2;
        let is_enough = is_full || broken && options.first_violation;
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    searched.share = told.share;
    if is_full {
        searched.clean = options.cut_short(&job.limits(), Stopped::Memory, searched.executions);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if findings.is_broken() && !options.first_violation {
        find_canonical_witnesses(&trial, options, &judge, &mut findings);
    }
    Ok((findings, searched))
}

/// Explores with all cores that are free; none if what would be told depends on how the work was shared, so that one
/// core has to do it.
fn on_several_cores(
    job: &Job,
    options: &Options,
    cores: &Arc<Cores>,
    progress: &mut Progress<'_>,
) -> Result<Option<(Findings, Searched)>, ExploreError> {
    if options.search != SearchKind::Complete || options.first_violation {
        return Ok(None);
    }
    // What can go wrong with a trial goes wrong here.
    let trial = Trial::of(job)?;
    let limits = options.limits(job);
    let told = Mutex::new((Told::default(), progress));
    let findings = Mutex::new(Findings::default());
    let found = search_together(&limits, cores, &|worker| {
        let Ok(trial) = Trial::of(job) else { return };
        let judge = Judge::new(&job.scenario, options.profile);
        worker.search(&trial.system, &mut |execution| {
            tell(&told, execution);
            // Where it goes on for ever, and what breaks a promise first, one core finds out.
            let Ok(seen) = trial.seen(execution) else { return ControlFlow::Break(()) };
            let judged = judge.judge(&seen);
            let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
            let (found, broken) = findings.take_in(judged, 1);
            if broken && found.schedule.is_none() {
                found.schedule = Some(execution.schedule());
            }
            let is_enough = findings.size > options.memory / 2 || execution.ended == Ended::Hang;
            if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    });
    let Some(found) = found else { return Ok(None) };
    let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let share = told.into_inner().unwrap_or_else(PoisonError::into_inner).0.share;
    let judge = Judge::new(&job.scenario, options.profile);
    let has_all = !findings.is_broken() || find_canonical_witnesses(&trial, options, &judge, &mut findings);
    // What is cut short by the time is another matter each time anyway.
    let is_told = has_all || found.stopped.is_some();
    Ok(is_told.then(|| (findings, Searched { share, ..options.searched(&limits, &found) })))
}

/// Tells of an execution, whichever worker ran it. Of the share of the space only the lead knows.
fn tell<R: Run>(told: &Mutex<(Told, &mut Progress<'_>)>, execution: &Execution<'_, R>) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let (told, progress) = &mut *told;
    *told = Told { executions: told.executions + 1, share: execution.share.or(told.share) };
    progress(*told);
}

fn everything_up_to(preemptions: u32) -> String {
    match preemptions {
        0 => "every interleaving without preemptions".to_owned(),
        1 => "every interleaving with at most 1 preemption".to_owned(),
        more => format!("every interleaving with at most {more} preemptions"),
    }
}

impl Options {
    /// Runs what is to be run on the in-house engine.
    pub(super) fn run<S: Fingerprints + Observed>(
        &self,
        trial: &Trial<'_, S>,
        visit: &mut Visit<'_, S::Run>,
    ) -> Searched {
        let limits = self.limits(trial.job);
        match self.search {
            SearchKind::Complete => self.run_complete(&limits, &trial.system, visit),
            SearchKind::FewPreemptions => self.run_few_preemptions(&limits, &trial.system, visit),
            SearchKind::Sampled(drawn) => self.run_sample(&limits, drawn, &trial.system, visit),
        }
    }

    fn run_complete<S: Fingerprints>(
        &self,
        limits: &Limits,
        system: &S,
        visit: &mut Visit<'_, S::Run>,
    ) -> Searched {
        let search = run_search(limits, system, visit);
        let searched = self.searched(limits, &search);
        let is_too_large = matches!(search.stopped, Some(Stopped::Memory | Stopped::Steps));
        if !is_too_large || limits.preemptions.is_some() {
            return searched;
        }
        let executions = search.executions / SHARE_OF_FEW_PREEMPTIONS;
        let limits = Limits { executions: Some(executions), ..limits.clone() };
        let few = self.run_few_preemptions(&limits, system, visit);
        let clean = match (searched.clean, few.clean) {
            (Verdict::Incomplete(reason), Verdict::ProvedUpTo(bound)) => {
                Verdict::Incomplete(format!("{reason}, but {} was run", everything_up_to(bound)))
            }
            (clean, _) => clean,
        };
        let (executions, states) = (searched.executions + few.executions, searched.states + few.states);
        Searched { executions, states, clean, ..searched }
    }

    /// What a complete search came to, if no rule broke.
    fn searched(&self, limits: &Limits, search: &Search) -> Searched {
        let clean = match (search.stopped, limits.preemptions) {
            (Some(stopped), _) => self.cut_short(limits, stopped, search.executions),
            (None, Some(bound)) if search.bounded => Verdict::ProvedUpTo(bound),
            (None, _) => Verdict::Proved,
        };
        Searched { executions: search.executions, states: search.states, share: None, clean }
    }

    fn run_few_preemptions<S: System>(
        &self,
        limits: &Limits,
        system: &S,
        visit: &mut Visit<'_, S::Run>,
    ) -> Searched {
        let most = self.preemptions.unwrap_or(u32::MAX);
        let deepened = deepen(limits, most, |limits| bounded_search(limits, system, visit));
        let clean = match (deepened.run_through, deepened.last.stopped) {
            (Some(preemptions), _) if !deepened.is_complete() => Verdict::ProvedUpTo(preemptions),
            (None, Some(stopped)) => self.cut_short(limits, stopped, deepened.executions),
            // Either everything was run, or the visitor has seen enough.
            _ => Verdict::Proved,
        };
        let (executions, states) = (deepened.executions, deepened.states);
        Searched { executions, states, share: None, clean }
    }

    fn run_sample<S: System>(
        &self,
        limits: &Limits,
        drawn: Sample,
        system: &S,
        visit: &mut Visit<'_, S::Run>,
    ) -> Searched {
        let search = sample(limits, system, drawn, visit);
        let clean = match search.stopped {
            Some(stopped @ (Stopped::Interrupted | Stopped::Memory)) => {
                self.cut_short(limits, stopped, search.executions)
            }
            _ if search.out_of_steps > 0 => Verdict::Incomplete(format!(
                "each of {} of the {} schedules {}",
                search.out_of_steps,
                search.executions,
                out_of_steps(limits.steps)
            )),
            _ => Verdict::Sampled { schedules: search.executions, seed: drawn.seed },
        };
        Searched { executions: search.executions, states: 0, share: None, clean }
    }
}
