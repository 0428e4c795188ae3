//! A scenario on an engine: the one door through which the command line explores and replays.
//!
//! Here observations meet the rules, and a violation gets its token: the schedule with the fewest preemptions that a
//! search in a fixed order finds. It must not know how outcomes are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::check::{self, Profile, Violation};
use crate::observation::{Context, LockEdge, Observations, Why};
use crate::runtime::{DecisionError, Decisions};
use crate::scenario::{Channel, Scenario};
use crate::snapshot;
use crate::stage::{Firing, Stage};

use super::inhouse::{
    Ended, Execution, Limits, Sample, Schedule, Stopped, Visit, follow, run_search, sample,
};
use super::lock_graph::{LockGraph, lock_graph};
use super::{EngineKind, Exploration, OutcomeReport, Replay, Statistics, Token, TraceStep, Verdict, loom};

/// How many executions the search for a canonical witness may take before the first schedule found has to do.
const WITNESS_BUDGET: u64 = 400_000;

/// An execution may have so many steps for each one that the scenario writes down.
const STEPS_FOR_EACH: usize = 100;

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
    /// Who fires the timers.
    pub timers: Firing,
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine.
    pub engine: EngineKind,
    /// The preemption bound: for the in-house engine none is every interleaving; for loom none is the scenario's own
    /// bound.
    pub preemptions: Option<u32>,
    /// Stop as soon as a rule is broken: a complete search with the canonical witness as the only outcome, any other with
    /// what was seen until then.
    pub first_violation: bool,
    /// What the in-house engine runs.
    pub search: SearchKind,
    /// How much it may run.
    pub budget: Budget,
    /// Set when somebody wants the search to end with what is known.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// At most so many bytes for what the in-house engine keeps of one scenario, half for states and half for outcomes, by
    /// an estimate that is the same on every machine.
    pub memory: u64,
    /// The rules that count: those of this profile and of the ones before it.
    pub profile: Profile,
}

/// One GiB.
const MEMORY: u64 = 1 << 30;

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: EngineKind::Turnloom,
            preemptions: None,
            first_violation: false,
            search: SearchKind::Complete,
            budget: Budget::default(),
            interrupted: None,
            memory: MEMORY,
            profile: Profile::Runtime,
        }
    }
}

/// What the in-house engine runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SearchKind {
    /// Every interleaving, or every one within the preemption bound.
    #[default]
    Complete,
    /// Every interleaving without preemptions, then with one, then with two… as far as the budget goes.
    FewPreemptions,
    /// Schedules that are drawn.
    Sampled(Sample),
}

/// How much may be run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// At most so many schedules.
    pub schedules: Option<u64>,
    /// No schedule is begun after so many seconds.
    pub seconds: Option<u64>,
}

/// How many schedules are drawn when the budget does not say.
pub const SAMPLE: u64 = 10_000;

/// Why a scenario could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// A name that decides nothing.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The scenario has what only a live server can do.
    #[error("failed to run `{0}`: it has what only a live server can do")]
    OnlyLive(String),
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

/// Told from time to time how far an exploration is.
pub type Progress<'p> = dyn FnMut(Told) + 'p;

/// How far an exploration is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// Executions that came to their end.
    pub executions: u64,
    /// How much of the space lies behind, as far as it can be estimated.
    pub share: Option<f64>,
}

impl Job {
    /// The decisions of the runtime, if an engine can run the scenario at all.
    pub(super) fn decisions(&self) -> Result<Decisions, ExploreError> {
        if self.scenario.is_only_live() {
            return Err(ExploreError::OnlyLive(self.name.clone()));
        }
        let revision = self.revision.as_ref().unwrap_or(&self.scenario.revision);
        Ok(Decisions::of(revision, &self.scenario.decisions, &self.defects)?)
    }

    /// The stage on which the scenario is played.
    pub(super) fn stage(&self) -> Result<Stage, ExploreError> {
        Ok(Stage::new(&self.scenario, self.decisions()?, self.timers))
    }

    /// How far a search of the job goes if nothing else is said. Whoever writes many steps down wants long executions, which
    /// are no hangs.
    pub(super) fn limits(&self) -> Limits {
        let limits = Limits::default();
        Limits { steps: limits.steps.max(STEPS_FOR_EACH * written(&self.scenario)), ..limits }
    }

    /// The token of a schedule of this job.
    #[must_use]
    pub fn token(&self, schedule: Schedule) -> Token {
        Token {
            scenario: self.name.clone(),
            revision: self.revision.clone(),
            defects: self.defects.clone(),
            timers: self.timers,
            schedule,
        }
    }
}

/// How many steps the scenario writes down, for everybody.
fn written(scenario: &Scenario) -> usize {
    let actors: usize = scenario.actors.iter().map(|actor| actor.does.len()).sum();
    let server: usize = scenario.server.iter().map(|reaction| reaction.actions.len()).sum();
    actors + scenario.clock.len() + server
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
        EngineKind::Turnloom if options.first_violation && options.search == SearchKind::Complete => {
            first_violation(job, options, progress)?
        }
        EngineKind::Turnloom => every_interleaving(job, options, progress)?,
        EngineKind::Loom => loom::explore(job, options)?,
    };
    exploration.statistics.seconds = began.elapsed().as_secs_f64();
    Ok(exploration)
}

/// What is known of the outcomes so far.
pub(super) struct Findings {
    context: Context,
    profile: Profile,
    observe: Vec<Channel>,
    pub(super) outcomes: BTreeMap<Observations, Found>,
    pub(super) lock_order: BTreeSet<LockEdge>,
    /// About how many bytes the outcomes take.
    size: u64,
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
    pub(super) fn new(scenario: &Scenario, profile: Profile) -> Self {
        Self {
            context: Stage::context(scenario),
            profile,
            observe: scenario.observe.clone(),
            outcomes: BTreeMap::new(),
            lock_order: BTreeSet::new(),
            size: 0,
        }
    }

    /// Takes in an execution that ended `times` times like this; what it is found under.
    pub(super) fn take_in(&mut self, seen: &Observations, times: u64) -> (&mut Found, bool) {
        let violations = check::judge_by(self.profile, seen, &self.context);
        let broken = !violations.is_empty();
        self.lock_order.extend(seen.lock_order.iter().cloned());
        let shown = snapshot::project(seen, &self.observe);
        let found = self.outcomes.entry(shown).or_insert_with_key(|shown| {
            self.size += size(shown);
            Found { violations: BTreeSet::new(), schedule: None, schedules: 0 }
        });
        found.violations.extend(violations);
        found.schedules += times;
        (found, broken)
    }

    fn judge(&self, seen: &Observations) -> (Observations, Vec<Violation>) {
        (snapshot::project(seen, &self.observe), check::judge_by(self.profile, seen, &self.context))
    }

    pub(super) fn report(self, job: &Job, engine: EngineKind, clean: Verdict) -> Exploration {
        let cut_short = matches!(clean, Verdict::Incomplete(_));
        let mut lock_violations = check::lock_order::judge_graph(&self.lock_order);
        lock_violations.retain(|violation| self.profile.holds(violation.rule));
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
            cut_short,
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
pub(super) fn stuck(job: &Job, ended: &Ended) -> Result<Option<Why>, ExploreError> {
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
    let stage = job.stage()?;
    let program = stage.program();
    let mut findings = Findings::new(&job.scenario, options.profile);
    let mut failed = None;
    let mut told = Told::default();
    let mut is_full = false;
    let mut visit = |execution: &Execution<'_>| {
        told = Told { executions: told.executions + 1, share: execution.share };
        progress(told);
        let seen = seen(job, &stage, execution, &mut failed)?;
        let (found, broken) = findings.take_in(&seen, 1);
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
        searched.clean = options.cut_short(Stopped::Memory, searched.executions);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let broken = findings.outcomes.values().any(|found| !found.violations.is_empty());
    if broken && !options.first_violation {
        find_canonical_witnesses(job, options, &stage, &program, &mut findings);
    }
    stage.clear();
    let mut exploration = findings.report(job, EngineKind::Turnloom, searched.clean);
    exploration.statistics.executions = searched.executions;
    exploration.statistics.states = searched.states;
    exploration.statistics.share = searched.share.filter(|_| exploration.is_cut_short());
    Ok(exploration)
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

    /// How far a search of the job goes from now on.
    fn limits(&self, job: &Job) -> Limits {
        let is_free = self.budget == Budget::default();
        let sample = matches!(self.search, SearchKind::Sampled(_)) && is_free;
        Limits {
            preemptions: self.preemptions.or(job.scenario.preemptions),
            executions: if sample { Some(SAMPLE) } else { self.budget.schedules },
            until: self.budget.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            interrupted: self.interrupted.clone(),
            memory: self.memory / 2,
            ..job.limits()
        }
    }

    fn run_complete(&self, limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Searched {
        let search = run_search(limits, program, visit);
        let clean = match (search.stopped, limits.preemptions) {
            (Some(stopped), _) => self.cut_short(stopped, search.executions),
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
                clean = clean.or(Some(self.cut_short(stopped, executions)));
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
            Some(Stopped::Interrupted) => self.cut_short(Stopped::Interrupted, search.executions),
            _ => Verdict::Sampled { schedules: search.executions, seed: drawn.seed },
        };
        Searched { executions: search.executions, states: 0, share: None, clean }
    }

    /// What is known when a search was stopped.
    fn cut_short(&self, stopped: Stopped, executions: u64) -> Verdict {
        let seconds = self.budget.seconds.unwrap_or(0);
        Verdict::Incomplete(match stopped {
            Stopped::Executions => format!("the budget of {executions} schedules was used up"),
            Stopped::Time => format!("the budget of {seconds} seconds was used up"),
            Stopped::Interrupted => "it was interrupted".to_owned(),
            Stopped::Memory => format!("the memory of {} was used up", size_in_words(self.memory)),
        })
    }
}

/// A size as it is written on the command line: `512MiB`.
///
/// ```
/// use turnloom::explore::size_in_words;
/// assert_eq!([1 << 30, 3 << 29, 5 << 10].map(size_in_words), ["1GiB", "1536MiB", "5KiB"]);
/// ```
#[must_use]
pub fn size_in_words(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(power, _)| bytes.trailing_zeros() >= *power);
    whole.map_or_else(|| format!("{bytes} bytes"), |(power, unit)| format!("{}{unit}", bytes >> power))
}

/// About how many bytes an outcome takes: what it says, and as much again for how it is kept.
fn size(seen: &Observations) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and an outcome is made of what JSON can hold.
    let _ = serde_json::to_writer(&mut count, seen);
    2 * count.0
}

/// Gives each violating outcome the schedule with the fewest preemptions, the first in a fixed order.
fn find_canonical_witnesses(
    job: &Job,
    options: &Options,
    stage: &Stage,
    program: &Rc<dyn Fn()>,
    findings: &mut Findings,
) {
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
        if missing == 0 || !search.bounded || budget == 0 || search.stopped.is_some() {
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
    let stage = job.stage()?;
    let program = stage.program();
    let mut statistics = Statistics::default();
    for preemptions in 0.. {
        let memory = options.memory / 2;
        let limits = Limits { preemptions: Some(preemptions), memory, ..job.limits() };
        let mut findings = Findings::new(&job.scenario, options.profile);
        let mut failed = None;
        let mut witness = false;
        let search = run_search(&limits, &program, &mut |execution| {
            let seen = seen(job, &stage, execution, &mut failed)?;
            if findings.judge(&seen).1.is_empty() {
                return ControlFlow::Continue(());
            }
            findings.take_in(&seen, 1).0.schedule = Some(execution.schedule());
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
                Some(stopped) => options.cut_short(stopped, search.executions),
                None if search.bounded => Verdict::ProvedUpTo(preemptions),
                None => Verdict::Proved,
            };
            let mut exploration = findings.report(job, EngineKind::Turnloom, clean);
            exploration.statistics = statistics;
            return Ok(exploration);
        }
    }
    unreachable!("some number of preemptions bounds nothing any more")
}

/// The lock graph of a scenario over all its executions, and its cycles attacked. It is searched for within the same limits
/// as the scenario itself.
///
/// # Errors
///
/// If a name decides nothing.
pub fn locks(job: &Job, options: &Options) -> Result<LockGraph, ExploreError> {
    let stage = job.stage()?;
    let graph = lock_graph(&options.limits(job), &stage.program());
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
    let violations = check::judge(&outcome, &Stage::context(&job.scenario));
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
