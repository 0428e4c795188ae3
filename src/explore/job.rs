//! What is run and how: a scenario with decisions changed, an engine, and how far it may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::exploration::{EngineKind, Verdict};
use super::token::Token;
use crate::engine::execution::Schedule;
use crate::engine::search::{Cores, Limits, Sample, Stopped};
use crate::harness::model::SetupError;
use crate::harness::python::PythonSubject;
use crate::harness::{Firing, Stage};
use crate::rules::Profile;
use crate::scenario::Scenario;

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
    /// The program that it is run on; none for the model.
    pub subject: Option<PythonSubject>,
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The engine.
    pub engine: EngineKind,
    /// The preemption bound: for the in-house engine none is every interleaving; for loom none is the scenario's own
    /// bound.
    pub preemptions: Option<u32>,
    /// Stop as soon as a rule is broken: a complete search with the canonical witness as the only outcome, any other
    /// with what was seen until then.
    pub first_violation: bool,
    /// What the in-house engine runs.
    pub search: SearchKind,
    /// How much it may run.
    pub budget: Budget,
    /// Set when the search is to end with what is known.
    pub interrupted: Option<Arc<AtomicBool>>,
    /// At most so many bytes for what the in-house engine keeps of one scenario, half for states and half for outcomes,
    /// by an estimate that is the same on every machine.
    pub memory: u64,
    /// The rules that count: those of this profile and of the ones before it.
    pub profile: Profile,
    /// Cores that a complete search of every interleaving on the in-house engine may use besides its own; none for one
    /// alone. What is told is the same, but for a search that the time or an interruption cuts short.
    pub cores: Option<Arc<Cores>>,
    /// What the schedules are drawn from that a search of a program draws by itself.
    pub seed: u64,
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
            cores: None,
            seed: 0,
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
    Decision(#[from] SetupError),
    /// The scenario has what only a live server can do.
    #[error("failed to run `{0}`: it has what only a live server can do")]
    OnlyLive(String),
    /// The model or the engine broke a promise of its own: a defect of turnloom.
    #[error(
        "failed to run `{scenario}`: {message}; this is a fault of turnloom and says nothing about the scenario: please \
         report it with the scenario's file, the command line and this message"
    )]
    Broken {
        /// The scenario.
        scenario: String,
        /// The panic.
        message: String,
    },
    /// The program under test ended itself, did not answer, or did what the rig cannot control.
    #[error("failed to run `{scenario}`: {message}")]
    Program {
        /// The scenario.
        scenario: String,
        /// What happened.
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
    /// A limit ended the one execution that was to be run.
    #[error("failed to run `{scenario}`: {reason}")]
    Limit {
        /// The scenario.
        scenario: String,
        /// Which limit, and what helps.
        reason: String,
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
pub type Progress<'p> = dyn FnMut(Told) + Send + 'p;

/// How far an exploration is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Told {
    /// Executions that came to their end.
    pub executions: u64,
    /// How much of the space lies behind, as far as it can be estimated.
    pub share: Option<f64>,
}

impl Job {
    /// The stage on which the scenario is played, if an engine can run it at all.
    pub(super) fn stage(&self) -> Result<Stage, ExploreError> {
        if self.scenario.is_only_live() {
            return Err(ExploreError::OnlyLive(self.name.clone()));
        }
        Ok(Stage::of(&self.scenario, self.revision.as_deref(), &self.defects, self.timers)?)
    }

    /// How far a search of the job goes if nothing else is said. The limit of steps scales with the length of the
    /// scenario: a long execution of a long scenario is no hang.
    pub(super) fn limits(&self) -> Limits {
        let limits = Limits::default();
        Limits { steps: limits.steps.max(STEPS_FOR_EACH * written(&self.scenario)), ..limits }
    }

    /// The options of a command that name the program, each behind a space; empty for the model.
    #[must_use]
    pub fn options(&self) -> String {
        self.subject.as_ref().map(PythonSubject::options).unwrap_or_default()
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

impl Options {
    /// How far a search of the job goes from now on.
    pub(super) fn limits(&self, job: &Job) -> Limits {
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

    /// Whether the search is to end with what is known.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// What is known when a search was stopped.
    pub(super) fn cut_short(&self, limits: &Limits, stopped: Stopped, executions: u64) -> Verdict {
        let seconds = self.budget.seconds.unwrap_or(0);
        Verdict::Incomplete(match stopped {
            Stopped::Executions => format!("the budget of {executions} schedules was used up"),
            Stopped::Time => format!("the budget of {seconds} seconds was used up"),
            Stopped::Interrupted => "it was interrupted".to_owned(),
            Stopped::Memory => format!("the memory of {} was used up", size_in_words(self.memory)),
            Stopped::Steps => format!("an execution {}", out_of_steps(limits.steps)),
        })
    }
}

/// Why an execution within the limits came to no end: a limit ended it.
pub(super) fn limit_reached(limits: &Limits, stopped: Stopped) -> String {
    match stopped {
        Stopped::Steps => format!("it {}", out_of_steps(limits.steps)),
        Stopped::Memory => format!(
            "its threads and objects take more than {}; leave actors out",
            size_in_words(limits.memory)
        ),
        Stopped::Executions | Stopped::Time | Stopped::Interrupted => "it was interrupted".to_owned(),
    }
}

/// What is known of an execution that took more steps than this, and what helps.
pub(super) fn out_of_steps(steps: usize) -> String {
    format!(
        "took more than {steps} steps and neither ended nor came back to a state it had been in: lower \
         `limits.iterations` or `limits.retries`, or let the server end the loop"
    )
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
