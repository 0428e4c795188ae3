//! A scenario on an engine: the one door through which the command line explores and replays.
//!
//! Here observations meet the rules, and a violation gets its token: the schedule with the fewest preemptions that a
//! search in a fixed order finds. It must not know how outcomes are shown.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::harness::Stage;
use crate::observation::{LockEdge, Observations, Why};
use crate::rules as check;

use super::findings::{Findings, Found, Judge};
use super::job::{ExploreError, Job, Options, Progress, SearchKind, Told, limit_reached, out_of_steps};
use super::{EngineKind, Exploration, Replay, Statistics, TraceStep, Verdict, loom};
use crate::engine::execution::{Ended, Execution, Schedule, follow};
use crate::engine::locks::lock_graph::{LockGraph, known_lock_graph, lock_graph};
use crate::engine::search::{
    Cores, Limits, Sample, Search, Stopped, Visit, run_search, sample, search_together,
};

/// How many executions the search for a canonical witness may take before the first schedule found has to do.
const WITNESS_BUDGET: u64 = 400_000;

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

/// Why an execution could not go on, if it could not.
///
/// # Errors
///
/// If the program broke a promise of its own.
pub(super) fn stuck(job: &Job, ended: &Ended) -> Result<Option<Why>, ExploreError> {
    match ended {
        Ended::Complete => Ok(None),
        Ended::Deadlock => Ok(Some(Why::Deadlock)),
        Ended::Hang => Ok(Some(Why::Hang)),
        Ended::Stopped(stopped) => {
            let reason = limit_reached(&job.limits(), *stopped);
            Err(ExploreError::Limit { scenario: job.name.clone(), reason })
        }
        Ended::Panicked(message) => {
            Err(ExploreError::Broken { scenario: job.name.clone(), message: message.clone() })
        }
        Ended::NotDeterministic { step, first, now } => Err(ExploreError::NotDeterministic {
            scenario: job.name.clone(),
            step: *step,
            first: first.clone(),
            now: now.clone(),
        }),
    }
}

/// What was seen of an execution that ended. A search breaks off at one that broke a promise, and `failed` says why.
pub(super) fn seen(
    job: &Job,
    stage: &Stage,
    execution: &Execution<'_>,
    failed: &mut Option<ExploreError>,
) -> ControlFlow<(), Observations> {
    match stuck(job, &execution.ended) {
        Ok(why) => ControlFlow::Continue(stage.observe(why, execution.book())),
        Err(error) => {
            *failed = Some(error);
            ControlFlow::Break(())
        }
    }
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
    let stage = job.stage()?;
    let program = stage.program();
    let judge = Judge::new(&job.scenario, options.profile);
    let mut findings = Findings::default();
    let mut failed = None;
    let mut told = Told::default();
    let mut is_full = false;
    let mut visit = |execution: &Execution<'_>| {
        told = Told { executions: told.executions + 1, share: execution.share };
        progress(told);
        let seen = seen(job, &stage, execution, &mut failed)?;
        let (found, broken) = findings.take_in(judge.judge(&seen), 1);
        if broken && found.schedule.is_none() {
            found.schedule = Some(execution.schedule());
        }
        is_full = findings.size > options.memory / 2;
        let is_enough = is_full || broken && options.first_violation;
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut searched = options.run(job, &program, &mut visit);
    searched.share = told.share;
    if is_full {
        searched.clean = options.cut_short(&job.limits(), Stopped::Memory, searched.executions);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if findings.is_broken() && !options.first_violation {
        find_canonical_witnesses(job, options, (&stage, &program), &judge, &mut findings);
    }
    stage.clear();
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
    // What can go wrong with a stage goes wrong here.
    let stage = job.stage()?;
    let limits = options.limits(job);
    let told = Mutex::new((Told::default(), progress));
    let findings = Mutex::new(Findings::default());
    let found = search_together(&limits, cores, &|worker| {
        let Ok(stage) = job.stage() else { return };
        let judge = Judge::new(&job.scenario, options.profile);
        worker.search(&stage.program(), &mut |execution| {
            tell(&told, execution);
            // Where it goes on for ever, and what breaks a promise first, one core finds out.
            let Ok(why) = stuck(job, &execution.ended) else { return ControlFlow::Break(()) };
            let judged = judge.judge(&stage.observe(why, execution.book()));
            let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
            let (found, broken) = findings.take_in(judged, 1);
            if broken && found.schedule.is_none() {
                found.schedule = Some(execution.schedule());
            }
            let is_full = findings.size > options.memory / 2;
            if is_full || why == Some(Why::Hang) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        stage.clear();
    });
    let Some(found) = found else { return Ok(None) };
    let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let share = told.into_inner().unwrap_or_else(PoisonError::into_inner).0.share;
    let judge = Judge::new(&job.scenario, options.profile);
    let has_all = !findings.is_broken()
        || find_canonical_witnesses(job, options, (&stage, &stage.program()), &judge, &mut findings);
    stage.clear();
    // What is cut short by the time is another matter each time anyway.
    let is_told = has_all || found.stopped.is_some();
    Ok(is_told.then(|| (findings, Searched { share, ..options.searched(&limits, &found) })))
}

/// Tells of an execution that anybody ran. Of the share of the space only the lead knows.
fn tell(told: &Mutex<(Told, &mut Progress<'_>)>, execution: &Execution<'_>) {
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
    pub(super) fn run(&self, job: &Job, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Searched {
        let limits = self.limits(job);
        match self.search {
            SearchKind::Complete => self.run_complete(&limits, program, visit),
            SearchKind::FewPreemptions => self.run_few_preemptions(limits, program, visit),
            SearchKind::Sampled(drawn) => self.run_sample(&limits, drawn, program, visit),
        }
    }

    fn run_complete(&self, limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Searched {
        let search = run_search(limits, program, visit);
        let searched = self.searched(limits, &search);
        let is_too_large = matches!(search.stopped, Some(Stopped::Memory | Stopped::Steps));
        if !is_too_large || limits.preemptions.is_some() {
            return searched;
        }
        let executions = search.executions / SHARE_OF_FEW_PREEMPTIONS;
        let limits = Limits { executions: Some(executions), ..limits.clone() };
        let few = self.run_few_preemptions(limits, program, visit);
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

    fn run_few_preemptions(
        &self,
        mut limits: Limits,
        program: &Rc<dyn Fn()>,
        visit: &mut Visit<'_>,
    ) -> Searched {
        let most = self.preemptions.unwrap_or(u32::MAX);
        let (mut executions, mut states) = (0, 0);
        let mut clean = None;
        for preemptions in 0..=most {
            limits.preemptions = Some(preemptions);
            let search = run_search(&limits, program, visit);
            executions += search.executions;
            states += search.states;
            limits.executions = limits.executions.map(|left| left.saturating_sub(search.executions));
            if let Some(stopped) = search.stopped {
                clean = clean.or(Some(self.cut_short(&limits, stopped, executions)));
                break;
            }
            if !search.exhausted {
                // Whoever looks on has seen enough.
                break;
            }
            clean = Some(if search.bounded { Verdict::ProvedUpTo(preemptions) } else { Verdict::Proved });
            if !search.bounded {
                break;
            }
        }
        Searched { executions, states, share: None, clean: clean.unwrap_or(Verdict::Proved) }
    }

    fn run_sample(
        &self,
        limits: &Limits,
        drawn: Sample,
        program: &Rc<dyn Fn()>,
        visit: &mut Visit<'_>,
    ) -> Searched {
        let search = sample(limits, program, drawn, visit);
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

/// Gives each violating outcome the schedule with the fewest preemptions, the first in a fixed order; whether each of
/// them has got one.
fn find_canonical_witnesses(
    job: &Job,
    options: &Options,
    (stage, program): (&Stage, &Rc<dyn Fn()>),
    judge: &Judge,
    findings: &mut Findings,
) -> bool {
    let wanted = |found: &&Found| !found.violations.is_empty();
    let mut missing = findings.outcomes.values().filter(wanted).count();
    let mut have: BTreeSet<Observations> = BTreeSet::new();
    let of_search = options.limits(job);
    // Whoever allowed a search so much allows the search for witnesses no more.
    let mut budget = options.budget.schedules.map_or(WITNESS_BUDGET, |budget| budget.min(WITNESS_BUDGET));
    for preemptions in 0.. {
        let (preemptions, executions) = (Some(preemptions), Some(budget));
        let limits = Limits { preemptions, executions, ..of_search.clone() };
        let search = run_search(&limits, program, &mut |execution| {
            let why = match execution.ended {
                Ended::Deadlock => Some(Why::Deadlock),
                Ended::Hang => Some(Why::Hang),
                Ended::Complete | Ended::Panicked(_) | Ended::NotDeterministic { .. } | Ended::Stopped(_) => {
                    None
                }
            };
            let judged = judge.judge(&stage.observe(why, execution.book()));
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
        });
        budget = budget.saturating_sub(search.executions);
        if missing == 0 || !search.bounded || budget == 0 || search.stopped.is_some() {
            return missing == 0;
        }
    }
    unreachable!("some number of preemptions bounds nothing any more")
}

/// The canonical witness of the first rule that breaks, by ever more preemptions.
fn first_violation(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let stage = job.stage()?;
    let program = stage.program();
    let judge = Judge::new(&job.scenario, options.profile);
    let mut statistics = Statistics::default();
    for preemptions in 0.. {
        let memory = options.memory / 2;
        let limits = Limits { preemptions: Some(preemptions), memory, ..job.limits() };
        let mut findings = Findings::default();
        let mut failed = None;
        let mut witness = false;
        let search = run_search(&limits, &program, &mut |execution| {
            let seen = seen(job, &stage, execution, &mut failed)?;
            let judged = judge.judge(&seen);
            if judged.violations.is_empty() {
                return ControlFlow::Continue(());
            }
            findings.take_in(judged, 1).0.schedule = Some(execution.schedule());
            witness = true;
            ControlFlow::Break(())
        });
        statistics.executions += search.executions;
        statistics.states += search.states;
        progress(Told { executions: statistics.executions, share: None });
        if let Some(error) = failed {
            return Err(error);
        }
        let last = search.stopped.is_some() || !search.bounded || options.preemptions == Some(preemptions);
        if witness || last {
            stage.clear();
            let clean = match search.stopped {
                Some(stopped) => options.cut_short(&job.limits(), stopped, search.executions),
                None if search.bounded => Verdict::ProvedUpTo(preemptions),
                None => Verdict::Proved,
            };
            let mut exploration = findings.report(job, options, clean);
            exploration.statistics = statistics;
            return Ok(exploration);
        }
    }
    unreachable!("some number of preemptions bounds nothing any more")
}

/// The lock graph of a scenario of which an exploration has seen these edges, and its cycles attacked. It is searched
/// for within the same limits as the scenario itself.
///
/// # Errors
///
/// If a name decides nothing.
pub fn locks(job: &Job, options: &Options, seen: &BTreeSet<LockEdge>) -> Result<LockGraph, ExploreError> {
    let stage = job.stage()?;
    let (limits, program) = (options.limits(job), stage.program());
    let known = known_lock_graph(&limits, &program, seen);
    let graph = known.unwrap_or_else(|| lock_graph(&limits, &program));
    stage.clear();
    Ok(graph)
}

/// Runs a scenario once along a schedule; where the schedule does not fit, as near to it as can be.
///
/// # Errors
///
/// If a name decides nothing, or the program under test broke a promise of its own.
pub fn replay(job: &Job, schedule: &Schedule) -> Result<Replay, ExploreError> {
    let stage = job.stage()?;
    let (seen, drift) = follow(&job.limits(), &stage.program(), schedule, |execution| {
        let why = stuck(job, &execution.ended)?;
        Ok::<_, ExploreError>((stage.observe(why, execution.book()), trace(execution), execution.schedule()))
    });
    stage.clear();
    let (outcome, (threads, steps), schedule) = seen?;
    let violations = check::judge(&outcome, &check::Context::of(&job.scenario));
    Ok(Replay { threads, steps, outcome, violations, schedule, drift })
}

/// The steps of an execution, without those that only set it up, and the roles that took them.
fn trace(execution: &Execution<'_>) -> (Vec<String>, Vec<TraceStep>) {
    let book = execution.book();
    let names = book.names();
    let steps: Vec<TraceStep> = book
        .steps()
        .into_iter()
        .skip(book.setup_steps())
        .map(|step| TraceStep {
            thread: names[step.role.0].to_string(),
            operation: step.operation.to_owned(),
            object: step.object.to_string(),
            detail: step.detail,
            alternative: step.alternative,
            holds: step.holds.iter().map(ToString::to_string).collect(),
            anchors: step.anchors,
        })
        .collect();
    let took_part: BTreeSet<&str> = steps.iter().map(|step| step.thread.as_str()).collect();
    let threads = names.iter().filter(|name| took_part.contains(&***name)).map(ToString::to_string);
    (threads.collect(), steps)
}
