//! One execution of a scenario along a schedule, step by step.

use std::collections::BTreeSet;

use super::exploration::{Anchor, Replay, TraceStep};
use super::job::{ExploreError, Job};
use super::trial::{Observed, Trial};
use crate::engine::execution::{Schedule, follow};
use crate::engine::trace;
use crate::engine::trace::Trace;
use crate::observation::{EVENT_LOG, SERVER_LOG};

/// Runs a scenario once along a schedule; where the schedule does not fit, as near to it as can be.
///
/// # Errors
///
/// If a name decides nothing, or the program under test broke a promise of its own.
pub fn replay(job: &Job, schedule: &Schedule) -> Result<Replay, ExploreError> {
    replay_on(&Trial::of(job)?, schedule)
}

/// As [`replay`], on whatever the trial runs on.
pub(super) fn replay_on<S: Observed>(
    trial: &Trial<'_, S>,
    schedule: &Schedule,
) -> Result<Replay, ExploreError> {
    let (seen, drift) = follow(&trial.limits, &trial.system, schedule, |execution| {
        Ok::<_, ExploreError>((trial.seen(execution)?, execution.trace(), execution.schedule()))
    });
    let (outcome, trace, schedule) = seen?;
    let violations = trial.violations(&outcome);
    let (threads, steps) = (roles(&trace), trace.scene().iter().cloned().map(TraceStep::from).collect());
    Ok(Replay { threads, steps, outcome, violations, schedule, drift })
}

/// The roles that took steps after the setup, in the order in which they came up.
fn roles(trace: &Trace) -> Vec<String> {
    let took_part: BTreeSet<&str> = trace.scene().iter().map(|step| &*step.role).collect();
    trace.roles.iter().filter(|role| took_part.contains(&***role)).map(ToString::to_string).collect()
}

impl From<trace::Step> for TraceStep {
    fn from(step: trace::Step) -> Self {
        Self {
            thread: step.role.to_string(),
            operation: step.operation.name.into_owned(),
            object: step.operation.object.to_string(),
            detail: step.detail,
            alternative: step.alternative,
            holds: step.holds.iter().map(ToString::to_string).collect(),
            anchors: step.anchors.into_iter().filter_map(Anchor::of).collect(),
            notes: step.notes,
        }
    }
}

impl Anchor {
    /// The entry of a log of a scenario; none if the log is none of them.
    fn of(anchor: trace::Anchor) -> Option<Self> {
        match anchor.log {
            EVENT_LOG => Some(Self::Event(anchor.entry)),
            SERVER_LOG => Some(Self::Server(anchor.entry)),
            _ => None,
        }
    }
}
