//! Samples of the interleavings, when there are too many to run them all: which schedules are drawn depends on a seed
//! and on nothing else.
//!
//! Three ways to draw. *Random*: each step goes to a thread drawn from those that can move. *PCT*: threads have random
//! priorities, and at a few random steps the one that moves falls to the bottom, which finds any bug of so many ordering
//! constraints with a probability that can be stated (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).
//! *POS*: operations have random priorities, drawn anew for those that race with the operation just taken, which is
//! close to drawing partial orders evenly (Yuan, Yang, Gu, CAV 2018). Each draws the alternatives of an operation evenly.
//! A sample proves nothing; it must not say so.

use std::ops::ControlFlow;
use std::rc::Rc;

use super::complete::{Limits, Search, Stopped, Visit, ended};
use super::path::show;
use crate::engine::coroutines::{Keep, Run, StackPool};
use crate::engine::execution::dependence::depend;
use crate::engine::execution::record::{Ended, StepRecord, default_choice};

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

/// Runs as many schedules of `program` as the limits allow, and shows each to `visit`, which may stop.
///
/// # Panics
///
/// If the limits allow any number of executions: a sample has no end of its own.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::rc::Rc;
/// use turnloom::engine::search::Limits;
/// use turnloom::engine::execution::Ended;
/// use turnloom::engine::search::{Sample, Sampler, sample};
/// use turnloom::engine::kernel::{FifoLock, thread};
///
/// let program: Rc<dyn Fn()> = Rc::new(|| {
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
pub fn sample(limits: &Limits, program: &Rc<dyn Fn()>, sample: Sample, visit: &mut Visit<'_>) -> Search {
    assert!(limits.executions.is_some() || limits.is_timed(), "a sample ends where its limits say");
    let shop = Rc::new(StackPool::new(limits, None));
    let mut found = Search::default();
    let mut longest = 0;
    while let Some(number) = limits.allow(&mut found) {
        let drawn = Drawn::new(sample, number, longest);
        let begin = |keep| Run::begin(program.clone(), shop.clone(), keep);
        let (steps, flow) = draw(limits, &begin, drawn, &mut found, visit);
        longest = longest.max(steps);
        if flow.is_break() {
            break;
        }
    }
    found
}

/// Runs one schedule; how many steps it had after the setup.
fn draw(
    limits: &Limits,
    begin: &dyn Fn(Keep) -> Run,
    mut drawn: Drawn,
    found: &mut Search,
    visit: &mut Visit<'_>,
) -> (usize, ControlFlow<()>) {
    let mut run = begin(drawn.keeps());
    let mut taken: Vec<StepRecord> = Vec::new();
    loop {
        let enabled = run.enabled();
        if let Some(ended) = ended(limits, &run, &enabled, taken.len()) {
            let steps = taken.len().saturating_sub(run.book().setup_steps());
            if ended == Ended::Stopped(Stopped::Steps) && drawn.keeps() == Keep::Nothing {
                // Whether it goes round for ever is seen by its states.
                drop(run);
                run = begin(Keep::States);
                taken.iter().for_each(|step| run.step(step.thread, step.alternative));
            }
            let flow = show(found, run, ended, (&taken, None), visit);
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
        let default = default_choice(taken.last().map(|taken| taken.thread), &enabled);
        let exploring = run.exploring();
        let thread = if exploring { drawn.thread(&enabled) } else { default };
        let alternative = if exploring { drawn.alternative(run.alternatives(thread)) } else { 0 };
        taken.push(StepRecord { thread, default, alternative });
        run.step(thread, alternative);
        if exploring {
            drawn.taken(&run, thread, &enabled);
        }
    }
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
    fn taken(&mut self, run: &Run, thread: usize, enabled: &[usize]) {
        self.step += 1;
        if self.sampler != Sampler::Pos {
            return;
        }
        let uses = run.take_uses();
        let races = |other: &usize| run.next(*other).is_some_and(|next| depend(next.uses(), &uses));
        let anew: Vec<usize> =
            enabled.iter().copied().filter(|other| *other == thread || races(other)).collect();
        for thread in anew {
            let priority = self.fresh();
            self.priorities[thread] = priority;
        }
    }
}
