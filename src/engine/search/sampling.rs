//! Samples of the interleavings, when there are too many to run them all: which schedules are drawn depends on a seed
//! and on nothing else.
//!
//! Three ways to draw. *Random*: each step goes to a thread drawn from those that can move. *PCT*: threads have random
//! priorities, and at a few random steps the one that moves falls to the bottom, which finds any bug of so many ordering
//! constraints with a probability that can be stated (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).
//! *POS*: operations have random priorities, drawn anew for those that race with the operation just taken, which is
//! close to drawing partial orders evenly (Yuan, Yang, Gu, CAV 2018). Each draws the alternatives of an operation evenly.
//! A sample proves nothing.

use std::ops::ControlFlow;
use std::rc::Rc;

use super::path::show;
use crate::engine::execution::dependence::depend;
use crate::engine::execution::ending::{Visit, ended};
use crate::engine::execution::record::{StepRecord, default_choice};
use crate::engine::limits::{Limits, Search};
use crate::engine::system::{Begin, Keep, Numbers, PathStep, Report, Run, System};
use crate::engine::trace::{Ended, Stopped};

/// How schedules are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampler {
    /// Each step goes to any thread that can move, all equally likely.
    Random,
    /// Probabilistic concurrency testing: for bugs of `depth` ordering constraints.
    Pct {
        /// How many ordering constraints: one more than there are priority changes in a schedule.
        depth: u32,
    },
    /// Partial-order sampling.
    Pos,
}

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How schedules are drawn.
    pub sampler: Sampler,
    /// What they are drawn from: the same seed draws the same schedules.
    pub seed: u64,
}

/// Runs as many schedules of `system` as the limits allow, and shows each to `visit`, which may stop.
///
/// # Panics
///
/// If the limits allow any number of executions: a sample has no end of its own.
///
/// ```
/// use std::ops::ControlFlow;
/// use turnloom::engine::coroutines::Coroutines;
/// use turnloom::engine::execution::Ended;
/// use turnloom::engine::search::{Limits, Sample, Sampler, sample};
/// use turnloom::engine::kernel::{FifoLock, thread};
///
/// let program = Coroutines::new(|| {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     let (a2, b2) = (a.clone(), b.clone());
///     thread::spawn("other", move || {
///         let _b = b2.lock();
///         let _a = a2.lock();
///     });
///     let _a = a.lock();
///     let _b = b.lock();
/// });
/// let limits = Limits { executions: Some(1_000), ..Limits::default() };
/// let found = sample(&limits, &program, Sample { sampler: Sampler::Pos, seed: 1 }, &mut |execution| {
///     if execution.ended == Ended::Deadlock { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
/// });
/// assert_eq!(found.deadlocks, 1);
/// ```
pub fn sample<S: System>(
    limits: &Limits,
    system: &S,
    sample: Sample,
    visit: &mut Visit<'_, S::Run>,
) -> Search {
    assert!(limits.executions.is_some() || limits.is_timed(), "a sample ends where its limits say");
    let numbers = Rc::<Numbers>::default();
    let mut found = Search::default();
    let mut longest = 0;
    while let Some(number) = limits.allow(&mut found) {
        let drawn = Drawn::new(sample, number, longest);
        let begin = |keep, path: &[PathStep]| system.begin(Begin { numbers: &numbers, limits, keep, path });
        let (steps, flow) = draw(limits, &begin, drawn, &mut found, visit);
        longest = longest.max(steps);
        if flow.is_break() {
            break;
        }
    }
    found
}

/// Runs one schedule; how many steps it had after the setup.
fn draw<R: Run>(
    limits: &Limits,
    begin: &dyn Fn(Keep, &[PathStep]) -> R,
    mut drawn: Drawn,
    found: &mut Search,
    visit: &mut Visit<'_, R>,
) -> (usize, ControlFlow<()>) {
    let mut run = begin(drawn.keeps(), &[]);
    let mut taken: Vec<StepRecord> = Vec::new();
    let mut enabled: Vec<usize> = Vec::new();
    loop {
        let report = run.report();
        if let Some(ended) = ended(limits, &run, taken.len()) {
            let steps = taken.len().saturating_sub(report.setup_steps);
            if ended == Ended::Stopped(Stopped::Steps) && drawn.keeps() == Keep::Nothing {
                // Whether it goes round for ever is seen by its states.
                drop(run);
                run = begin(Keep::States, &again(&taken));
            }
            let flow = show(limits, found, &mut run, ended, (&taken, None), visit);
            if found.stopped == Some(Stopped::Steps) {
                // The others are drawn all the same.
                found.stopped = None;
                found.out_of_steps += 1;
                return (steps, ControlFlow::Continue(()));
            }
            return (steps, flow);
        }
        if limits.end_here(found, run.size(), taken.len()) {
            return (0, ControlFlow::Break(()));
        }
        enabled.clear();
        enabled.extend(report.enabled());
        let default = default_choice(taken.last().map(|taken| taken.thread), &enabled);
        let explores = !report.sets_up;
        let thread = if explores { drawn.thread(&enabled) } else { default };
        let alternative = if explores { drawn.alternative(report.alternatives(thread)) } else { 0 };
        taken.push(StepRecord { thread, default, alternative });
        run.step(thread, alternative);
        if explores {
            drawn.taken(run.report(), thread, &enabled);
        }
    }
}

/// The same steps, to be taken in a new execution.
fn again(taken: &[StepRecord]) -> Vec<PathStep> {
    let again =
        |step: &StepRecord| PathStep { thread: step.thread, alternative: step.alternative, trail: None };
    taken.iter().map(again).collect()
}

/// The choices of one schedule.
struct Drawn {
    sampler: Sampler,
    rng: fastrand::Rng,
    /// The priority of each thread, or of its next operation; the highest that can move does.
    priorities: Vec<u64>,
    /// The steps before which the thread that would move falls to the bottom.
    falls: Vec<usize>,
    step: usize,
}

impl Drawn {
    /// Priorities below this are those of threads that fell.
    const BOTTOM: u64 = 1_000;

    /// `number` counts the schedules of a sample; `longest` is the number of steps of the longest one so far.
    fn new(sample: Sample, number: u64, longest: usize) -> Self {
        let mut rng = fastrand::Rng::with_seed(sample.seed);
        let mut rng = fastrand::Rng::with_seed(rng.u64(..) ^ number);
        let falls = match sample.sampler {
            Sampler::Pct { depth } => (1..depth).map(|_| rng.usize(..longest.max(1))).collect(),
            Sampler::Random | Sampler::Pos => Vec::new(),
        };
        Self { sampler: sample.sampler, rng, priorities: Vec::new(), falls, step: 0 }
    }

    /// Only partial-order sampling asks what a step used.
    fn keeps(&self) -> Keep {
        if self.sampler == Sampler::Pos { Keep::States } else { Keep::Nothing }
    }

    fn thread(&mut self, enabled: &[usize]) -> usize {
        if self.sampler == Sampler::Random {
            return enabled[self.rng.usize(..enabled.len())];
        }
        let highest = self.highest(enabled);
        let falls = self.falls.iter().filter(|step| **step == self.step).count();
        if falls == 0 {
            return highest;
        }
        let fallen = self.priorities.iter().filter(|priority| **priority < Self::BOTTOM).count();
        self.priorities[highest] = Self::BOTTOM - 1 - (fallen as u64).min(Self::BOTTOM - 1);
        self.highest(enabled)
    }

    /// One of the alternatives of an operation, all equally likely.
    fn alternative(&mut self, alternatives: usize) -> usize {
        if alternatives > 1 { self.rng.usize(..alternatives) } else { 0 }
    }

    fn highest(&mut self, enabled: &[usize]) -> usize {
        for _ in self.priorities.len()..=enabled.iter().copied().max().unwrap_or(0) {
            let priority = self.fresh();
            self.priorities.push(priority);
        }
        let highest = enabled.iter().copied().max_by_key(|thread| self.priorities[*thread]);
        highest.unwrap_or(enabled[0])
    }

    fn fresh(&mut self) -> u64 {
        self.rng.u64(Self::BOTTOM..)
    }

    /// A step was taken by a thread when these could move.
    fn taken(&mut self, report: &Report, thread: usize, enabled: &[usize]) {
        self.step += 1;
        if self.sampler != Sampler::Pos {
            return;
        }
        let races = |other: &usize| report.next(*other).is_some_and(|next| depend(next.uses(), &report.uses));
        let anew: Vec<usize> =
            enabled.iter().copied().filter(|other| *other == thread || races(other)).collect();
        for thread in anew {
            let priority = self.fresh();
            self.priorities[thread] = priority;
        }
    }
}
