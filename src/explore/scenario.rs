//! A scenario on an engine: the one door through which the command line explores and replays.
//!
//! Here observations meet the rules, and a violation gets its token: the schedule with the fewest preemptions that a
//! search in a fixed order finds. It must not know how outcomes are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Instant;

use crate::check::{self, Violation};
use crate::observation::{Context, LockEdge, Observations, Why};
use crate::runtime::{DecisionError, Decisions};
use crate::scenario::{Channel, Scenario};
use crate::snapshot;
use crate::stage::Stage;

use super::inhouse::{Drift, Ended, Execution, Limits, Schedule, follow, run_search};
use super::{EngineKind, Exploration, OutcomeReport, Replay, Statistics, Token, TraceStep, Verdict, loom};

/// How many executions the search for a canonical witness may take before the first schedule found has to do.
const WITNESS_BUDGET: u64 = 400_000;

/// What is run: a scenario, with decisions changed.
#[derive(Debug, Clone)]
pub struct Job {
    /// The scenario's name: the stem of its file.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
    /// A revision instead of the scenario's own.
    pub revision: Option<String>,
    /// The defects that are switched on.
    pub defects: Vec<String>,
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine.
    pub engine: EngineKind,
    /// The preemption bound: for the in-house engine none is every interleaving; for loom none is the scenario's own
    /// bound.
    pub preemptions: Option<u32>,
    /// Stop as soon as a rule is broken, with the canonical witness as the only outcome.
    pub first_violation: bool,
}

/// Why a scenario could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A name that decides nothing.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The program under test broke a promise of its own: a defect of turnloom.
    #[error("failed to run `{scenario}`: {message}")]
    Broken {
        /// The scenario.
        scenario: String,
        /// The panic.
        message: String,
    },
    /// The same steps did not do the same twice: a defect of turnloom.
    #[error(
        "failed to run `{scenario}`: the same schedule did not do the same twice, and first differs at step {step}: \
         it was `{first}`, then {}",
        if first == now { "the same with another result".to_owned() } else { format!("`{now}`") }
    )]
    NotDeterministic {
        /// The scenario.
        scenario: String,
        /// The step, counted from the end of the setup.
        step: usize,
        /// What it was, in words.
        first: String,
        /// What it is now.
        now: String,
    },
    /// The child process in which loom runs could not be started or ended without an answer.
    #[error("failed to run loom for `{scenario}`: {message}")]
    Child {
        /// The scenario.
        scenario: String,
        /// What happened.
        message: String,
    },
}

/// Why a token could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be run.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The schedule does not fit.
    #[error(transparent)]
    Drift(#[from] Drift),
}

/// Told of executions and states from time to time.
pub type Progress<'p> = dyn FnMut(u64, u64) + 'p;

impl Job {
    pub(super) fn decisions(&self) -> Result<Decisions, ExploreError> {
        let revision = self.revision.as_ref().unwrap_or(&self.scenario.revision);
        Ok(Decisions::of(revision, &self.scenario.decisions, &self.defects)?)
    }

    /// The token of a schedule of this job.
    #[must_use]
    pub fn token(&self, schedule: Schedule) -> Token {
        Token {
            scenario: self.name.clone(),
            revision: self.revision.clone(),
            defects: self.defects.clone(),
            schedule,
        }
    }
}

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
        EngineKind::Turnloom if options.first_violation => first_violation(job, options, progress)?,
        EngineKind::Turnloom => every_interleaving(job, options, progress)?,
        EngineKind::Loom => loom::explore(job, options)?,
    };
    exploration.statistics.seconds = began.elapsed().as_secs_f64();
    Ok(exploration)
}

/// What is known of the outcomes so far.
pub(super) struct Findings {
    context: Context,
    observe: Vec<Channel>,
    pub(super) outcomes: BTreeMap<Observations, Found>,
    pub(super) lock_order: BTreeSet<LockEdge>,
}

/// One distinct outcome.
pub(super) struct Found {
    pub(super) violations: BTreeSet<Violation>,
    pub(super) schedule: Option<Schedule>,
    pub(super) schedules: u64,
}

impl Found {
    /// Whether one execution breaks all that any execution with this outcome breaks.
    fn is_shown_by(&self, violations: &[Violation]) -> bool {
        self.violations.iter().all(|violation| violations.contains(violation))
    }
}

impl Findings {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            context: Stage::context(scenario),
            observe: scenario.observe.clone(),
            outcomes: BTreeMap::new(),
            lock_order: BTreeSet::new(),
        }
    }

    /// Takes in an execution that ended `times` times like this; what it is found under.
    pub(super) fn take_in(&mut self, seen: &Observations, times: u64) -> (&mut Found, bool) {
        let violations = check::judge(seen, &self.context);
        let broken = !violations.is_empty();
        self.lock_order.extend(seen.lock_order.iter().cloned());
        let shown = snapshot::project(seen, &self.observe);
        let found = self.outcomes.entry(shown).or_insert_with(|| Found {
            violations: BTreeSet::new(),
            schedule: None,
            schedules: 0,
        });
        found.violations.extend(violations);
        found.schedules += times;
        (found, broken)
    }

    fn judge(&self, seen: &Observations) -> (Observations, Vec<Violation>) {
        (snapshot::project(seen, &self.observe), check::judge(seen, &self.context))
    }

    pub(super) fn report(self, job: &Job, engine: EngineKind, clean: Verdict) -> Exploration {
        let lock_violations = check::lock_order::judge_graph(&self.lock_order);
        let mut broken: BTreeSet<&str> = lock_violations.iter().map(|violation| violation.rule).collect();
        let outcomes: BTreeMap<Observations, OutcomeReport> = self
            .outcomes
            .into_iter()
            .map(|(seen, found)| {
                broken.extend(found.violations.iter().map(|violation| violation.rule));
                let token = found.schedule.map(|schedule| job.token(schedule).to_string());
                let violations = found.violations.into_iter().collect();
                (seen, OutcomeReport { violations, token, schedules: found.schedules })
            })
            .collect();
        let verdict = if broken.is_empty() {
            clean
        } else if broken.iter().all(|rule| *rule == "no-deadlock") {
            Verdict::Deadlock
        } else if broken.iter().all(|rule| *rule == "no-hang") {
            Verdict::Hang
        } else {
            Verdict::Violated
        };
        Exploration {
            engine,
            verdict,
            reduced: Vec::new(),
            outcomes,
            lock_order: self.lock_order,
            lock_violations,
            statistics: Statistics::default(),
        }
    }
}

/// Why an execution could not go on, if it could not.
///
/// # Errors
///
/// If the program broke a promise of its own.
fn stuck(job: &Job, ended: &Ended) -> Result<Option<Why>, ExploreError> {
    match ended {
        Ended::Complete => Ok(None),
        Ended::Deadlock => Ok(Some(Why::Deadlock)),
        Ended::Hang => Ok(Some(Why::Hang)),
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

fn every_interleaving(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let stage = Stage::new(&job.scenario, job.decisions()?);
    let program = stage.program();
    let bound = options.preemptions.or(job.scenario.preemptions);
    let limits = Limits { preemptions: bound, ..Limits::default() };
    let mut findings = Findings::new(&job.scenario);
    let mut failed = None;
    let mut ended_so_far = 0;
    let search = run_search(&limits, &program, &mut |execution| {
        ended_so_far += 1;
        progress(ended_so_far, 0);
        let seen = match stuck(job, &execution.ended) {
            Ok(why) => stage.observe(why, execution.book()),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        };
        let (found, broken) = findings.take_in(&seen, 1);
        if broken && found.schedule.is_none() {
            found.schedule = Some(execution.schedule());
        }
        ControlFlow::Continue(())
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let broken = findings.outcomes.values().any(|found| !found.violations.is_empty());
    if broken {
        find_canonical_witnesses(&stage, &program, &mut findings);
    }
    stage.clear();
    let clean = match bound {
        Some(bound) if search.bounded => Verdict::ProvedUpTo(bound),
        _ => Verdict::Proved,
    };
    let mut exploration = findings.report(job, EngineKind::Turnloom, clean);
    exploration.statistics.executions = search.executions;
    exploration.statistics.states = search.states;
    Ok(exploration)
}

/// Gives each violating outcome the schedule with the fewest preemptions, the first in a fixed order.
fn find_canonical_witnesses(stage: &Stage, program: &Rc<dyn Fn()>, findings: &mut Findings) {
    let wanted = |found: &&Found| !found.violations.is_empty();
    let mut missing = findings.outcomes.values().filter(wanted).count();
    let mut have: BTreeSet<Observations> = BTreeSet::new();
    let mut budget = WITNESS_BUDGET;
    for preemptions in 0.. {
        let limits = Limits { preemptions: Some(preemptions), executions: Some(budget), ..Limits::default() };
        let search = run_search(&limits, program, &mut |execution| {
            let why = match execution.ended {
                Ended::Deadlock => Some(Why::Deadlock),
                Ended::Hang => Some(Why::Hang),
                Ended::Complete | Ended::Panicked(_) | Ended::NotDeterministic { .. } => None,
            };
            let (shown, violations) = findings.judge(&stage.observe(why, execution.book()));
            if violations.is_empty() || have.contains(&shown) {
                return ControlFlow::Continue(());
            }
            if let Some(found) =
                findings.outcomes.get_mut(&shown).filter(|found| found.is_shown_by(&violations))
            {
                found.schedule = Some(execution.schedule());
                have.insert(shown);
                missing -= 1;
            }
            if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        budget = budget.saturating_sub(search.executions);
        if missing == 0 || !search.bounded || budget == 0 {
            return;
        }
    }
}

/// The canonical witness of the first rule that breaks, by ever more preemptions.
fn first_violation(
    job: &Job,
    options: &Options,
    progress: &mut Progress<'_>,
) -> Result<Exploration, ExploreError> {
    let stage = Stage::new(&job.scenario, job.decisions()?);
    let program = stage.program();
    let mut statistics = Statistics::default();
    for preemptions in 0.. {
        let limits = Limits { preemptions: Some(preemptions), ..Limits::default() };
        let mut findings = Findings::new(&job.scenario);
        let mut failed = None;
        let mut witness = false;
        let search = run_search(&limits, &program, &mut |execution| {
            let why = match stuck(job, &execution.ended) {
                Ok(why) => why,
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            };
            let seen = stage.observe(why, execution.book());
            if findings.judge(&seen).1.is_empty() {
                return ControlFlow::Continue(());
            }
            findings.take_in(&seen, 1).0.schedule = Some(execution.schedule());
            witness = true;
            ControlFlow::Break(())
        });
        statistics.executions += search.executions;
        statistics.states += search.states;
        progress(statistics.executions, statistics.states);
        if let Some(error) = failed {
            return Err(error);
        }
        let last = !search.bounded || options.preemptions == Some(preemptions);
        if witness || last {
            stage.clear();
            let clean = if search.bounded { Verdict::ProvedUpTo(preemptions) } else { Verdict::Proved };
            let mut exploration = findings.report(job, EngineKind::Turnloom, clean);
            exploration.statistics = statistics;
            return Ok(exploration);
        }
    }
    unreachable!("some number of preemptions bounds nothing any more")
}

/// Runs a scenario once along a schedule.
///
/// # Errors
///
/// If a name decides nothing or the schedule does not fit.
pub fn replay(job: &Job, schedule: &Schedule) -> Result<Replay, ReplayError> {
    let stage = Stage::new(&job.scenario, job.decisions()?);
    let seen = follow(&Limits::default(), &stage.program(), schedule, |execution| {
        let why = stuck(job, &execution.ended)?;
        Ok::<_, ExploreError>((stage.observe(why, execution.book()), trace(execution)))
    })?;
    let (outcome, (threads, steps)) = seen?;
    stage.clear();
    let violations = check::judge(&outcome, &Stage::context(&job.scenario));
    Ok(Replay { threads, steps, outcome, violations })
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
            holds: step.holds.iter().map(ToString::to_string).collect(),
            anchors: step.anchors,
        })
        .collect();
    let took_part: BTreeSet<&str> = steps.iter().map(|step| step.thread.as_str()).collect();
    let threads = names.iter().filter(|name| took_part.contains(&***name)).map(ToString::to_string);
    (threads.collect(), steps)
}
