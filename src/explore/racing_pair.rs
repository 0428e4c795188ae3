//! The two operations whose order decides the verdict, and the passing schedule nearest to the failing one.
//!
//! The failing schedule loses every switch it can spare. Then, from its end to its beginning, the choice of each step is
//! reversed: another thread that could have moved there moves instead, and from then on nobody is preempted and no choice
//! departs from the first alternative. The first reversal that breaks no rule is the last moment at which things could
//! still have gone well. It must not know how a pair is put into words.

use super::job::{ExploreError, Job};
use super::run::replay;
use super::shrink::{STEPS, spare_departures};
use super::{Replay, TraceStep};
use crate::engine::execution::{Departure, Fork, Schedule, Switch, forks};

/// How many reversals are tried, from the end of the schedule.
const REVERSALS: usize = 1_000;

/// Two operations of different threads, and an execution for either order of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RacingPair {
    /// The step at which the two executions part.
    pub parting: usize,
    /// The execution that breaks rules: `first` before `second`.
    pub failing: Side,
    /// The nearest that breaks none: `second` comes before `first`.
    pub passing: Side,
}

/// One of the two executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its schedule.
    pub schedule: Schedule,
    /// Its steps.
    pub steps: Vec<TraceStep>,
    /// Which step is the operation that comes first where rules break; none if it does not come.
    pub first: Option<usize>,
    /// Which step is the operation that comes second there; none if it does not come.
    pub second: Option<usize>,
}

/// Finds the racing pair of a schedule that breaks rules; none if it breaks none, or if no single reversal helps.
///
/// # Errors
///
/// If a name decides nothing, or the program under test broke a promise of its own.
pub fn racing_pair(job: &Job, schedule: &Schedule) -> Result<Option<RacingPair>, ExploreError> {
    let Some(schedule) = spare_departures(job, schedule)? else { return Ok(None) };
    let failing = replay(job, &schedule)?;
    let stage = job.stage()?;
    let forks = forks(&job.limits(), &stage.program(), &schedule);
    stage.clear();
    let (mut tries, mut steps) = (0, 0);
    let mut taken: usize = forks.iter().map(Fork::departures).sum();
    for (step, fork) in forks.iter().enumerate().rev() {
        taken -= fork.departures();
        for thread in fork.able.iter().filter(|thread| **thread != fork.moves) {
            tries += 1;
            if tries > REVERSALS || steps > STEPS {
                return Ok(None);
            }
            let passing = replay(job, &reversed(&schedule, taken, fork, thread))?;
            steps += passing.steps.len();
            if passing.drift.is_empty() && passing.violations.is_empty() {
                return Ok(Some(pair(step, failing, passing)));
            }
        }
    }
    Ok(None)
}

/// The schedule up to a step, at which this thread moves instead; from then on nobody is preempted.
fn reversed(schedule: &Schedule, taken: usize, fork: &Fork, thread: &str) -> Schedule {
    let mut departures = schedule.departures[..taken].to_vec();
    if thread != fork.default.thread {
        let switch = Switch { thread: thread.to_owned(), before: fork.default.clone() };
        departures.push(Departure::Switch(switch));
    }
    Schedule { departures }
}

/// The first two operations on one object that the executions take in different orders. Where the executions part, one
/// thread goes first in the failing one and another in the passing one; the pair is of those two.
fn pair(parting: usize, failing: Replay, passing: Replay) -> RacingPair {
    let run = |steps: &[TraceStep]| {
        let thread = steps.get(parting).map(|step| step.thread.clone());
        let same = steps.iter().skip(parting).take_while(|step| Some(&step.thread) == thread.as_ref());
        parting..parting + same.count()
    };
    let (ours, theirs) = (run(&failing.steps), run(&passing.steps));
    let conflict = ours.clone().find_map(|our| {
        let their = theirs.clone().find(|their| conflict(&failing.steps[our], &passing.steps[*their]));
        their.map(|their| (our, their))
    });
    let (our, their) = conflict.unwrap_or((parting, parting));
    let other = |steps: &[TraceStep], of: &[TraceStep], step: usize| {
        let wanted = of.get(step)?;
        let same = |step: &TraceStep| {
            (&step.thread, &step.operation, &step.object)
                == (&wanted.thread, &wanted.operation, &wanted.object)
        };
        (parting..steps.len()).find(|step| same(&steps[*step]))
    };
    let second = other(&failing.steps, &passing.steps, their);
    let first = other(&passing.steps, &failing.steps, our);
    RacingPair {
        parting,
        passing: Side { schedule: passing.schedule, steps: passing.steps, first, second: Some(their) },
        failing: Side { schedule: failing.schedule, steps: failing.steps, first: Some(our), second },
    }
}

/// Whether the order of two operations can matter.
fn conflict(one: &TraceStep, other: &TraceStep) -> bool {
    one.object == other.object && !(one.operation == "read" && other.operation == "read")
}
