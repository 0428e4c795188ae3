//! The racing pair: two operations of different threads whose order decides how an execution ends.
//!
//! From the end of the failing schedule to its beginning, the choice of each step is reversed: another thread that could
//! have moved there moves instead, and from then on no thread is preempted and no choice departs from the first
//! alternative. The first reversal that does not fail is the last moment at which things could still have gone well.

use super::drop_departures::STEPS;
use super::record::{Execution, Question};
use super::replay::{Fork, follow, forks};
use super::schedule::{Departure, Schedule, Switch};
use crate::engine::limits::Limits;
use crate::engine::system::System;
use crate::engine::trace::Step;

/// How many reversals are tried, from the end of the schedule.
const REVERSALS: usize = 1_000;

/// Two operations of different threads, and an execution for either order of them. `T` is a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RacingPair<T = Step> {
    /// The step at which the two executions part.
    pub parting: usize,
    /// The execution that fails: `first` before `second`.
    pub failing: Side<T>,
    /// The nearest that does not: `second` comes before `first`.
    pub passing: Side<T>,
}

/// One of the two executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side<T = Step> {
    /// Its schedule.
    pub schedule: Schedule,
    /// Its steps after the setup.
    pub steps: Vec<T>,
    /// Which step is the operation that comes first in the failing execution; none if it does not come.
    pub first: Option<usize>,
    /// Which step is the operation that comes second there; none if it does not come.
    pub second: Option<usize>,
}

impl<T> RacingPair<T> {
    /// The same pair with other steps in the place of these.
    #[must_use]
    pub fn map<U>(self, step: impl Fn(T) -> U) -> RacingPair<U> {
        let side = |side: Side<T>| Side {
            steps: side.steps.into_iter().map(&step).collect(),
            schedule: side.schedule,
            first: side.first,
            second: side.second,
        };
        RacingPair { parting: self.parting, failing: side(self.failing), passing: side(self.passing) }
    }
}

/// An execution that was run.
struct Ran {
    schedule: Schedule,
    steps: Vec<Step>,
}

/// Finds the racing pair of a schedule that fails and has no departure to spare; none if no single reversal helps.
///
/// # Errors
///
/// The first that `fails` gives.
pub fn racing_pair<S: System, E>(
    limits: &Limits,
    system: &S,
    schedule: &Schedule,
    fails: &Question<'_, S::Run, Result<bool, E>>,
) -> Result<Option<RacingPair>, E> {
    let ran = |execution: &Execution<'_, S::Run>| Ran {
        schedule: execution.schedule(),
        steps: execution.trace().scene().to_vec(),
    };
    let failing = follow(limits, system, schedule, ran).0;
    let forks = forks(limits, system, schedule);
    let most = limits.executions.map_or(REVERSALS, |most| REVERSALS.min(most as usize));
    let (mut tries, mut steps) = (0, 0);
    let mut taken: usize = forks.iter().map(Fork::departures).sum();
    for (step, fork) in forks.iter().enumerate().rev() {
        taken -= fork.departures();
        for thread in fork.able.iter().filter(|thread| **thread != fork.moves) {
            tries += 1;
            if tries > most || steps > STEPS {
                return Ok(None);
            }
            let reversed = reversed(schedule, taken, fork, thread);
            let (passing, drift) = follow(limits, system, &reversed, |execution| {
                steps += execution.steps();
                Ok(if fails(execution)? { None } else { Some(ran(execution)) })
            });
            if let Some(passing) = passing?.filter(|_| drift.is_empty()) {
                return Ok(Some(pair(step, failing, passing)));
            }
        }
    }
    Ok(None)
}

/// The schedule up to a step, at which this thread moves instead; from then on no thread is preempted.
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
fn pair(parting: usize, failing: Ran, passing: Ran) -> RacingPair {
    let run = |steps: &[Step]| {
        let role = steps.get(parting).map(|step| step.role.clone());
        let same = steps.iter().skip(parting).take_while(|step| Some(&step.role) == role.as_ref());
        parting..parting + same.count()
    };
    let (ours, theirs) = (run(&failing.steps), run(&passing.steps));
    let conflict = ours.clone().find_map(|our| {
        let their = theirs.clone().find(|their| conflict(&failing.steps[our], &passing.steps[*their]));
        their.map(|their| (our, their))
    });
    let (our, their) = conflict.unwrap_or((parting, parting));
    let other = |steps: &[Step], of: &[Step], step: usize| {
        let wanted = of.get(step)?;
        let same = |step: &Step| (&step.role, &step.operation) == (&wanted.role, &wanted.operation);
        (parting..steps.len()).find(|step| same(&steps[*step]))
    };
    let second = other(&failing.steps, &passing.steps, their);
    let first = other(&passing.steps, &failing.steps, our);
    let side = |ran: Ran, first, second| Side { schedule: ran.schedule, steps: ran.steps, first, second };
    RacingPair {
        parting,
        passing: side(passing, first, Some(their)),
        failing: side(failing, Some(our), second),
    }
}

/// Whether the order of two operations can matter.
fn conflict(one: &Step, other: &Step) -> bool {
    let is_read = |step: &Step| step.operation.name == "read";
    one.operation.object == other.operation.object && !(is_read(one) && is_read(other))
}
