//! `run-stops-after-error`: reads the steps of each run.

use super::service_log::began;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Call, CallKind, Observations, RunSeen};
use crate::scenario::{EventKind, Status, word};

/// A run takes no step after an error.
pub struct RunStopsAfterError;

impl Rule for RunStopsAfterError {
    fn name(&self) -> &'static str {
        "run-stops-after-error"
    }

    fn title(&self) -> &'static str {
        "a run takes no step after one that ended in error"
    }

    fn page(&self) -> &'static str {
        "A step that leaves the conversation in error (a prompt timed out, say) is the last one of its run. If the loop \
goes on, it prompts the same message again, or finds nothing to prompt and writes `finished` over the error, and the \
user never learns that something failed. Queued messages stay queued: whoever reads the error decides what comes next, \
and a further run may take them.

It breaks when a run takes a step after one at whose end the status was `error`. A step of a later run does not count, \
nor does one that was cut short by an interrupt. It also breaks when the last step of the last run ended in error and the \
conversation is not in error at the end, though nothing but a further run may take an error back.

Source: R18 `runs-on-after-error`, #3376 round 4; N05 `sync-runs-on-after-error`, 1.25.0."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let goes_on = |run: &&RunSeen| {
            let steps = run.steps.iter().take(run.steps.len().saturating_sub(1));
            steps.into_iter().any(|step| step.ended == Some(Status::Error))
        };
        let tells = |kind: EventKind| matches!(kind, EventKind::Error | EventKind::AgentMessage);
        let errors = seen.events.iter().enumerate().filter(|(_, event)| tells(event.kind));
        let marks: Vec<Mark> = errors.map(|(place, _)| Mark::Event(place)).collect();
        let violation = |run: &RunSeen| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("run {} took another step after one that had ended in error", run.number),
            marks: marks.clone(),
        };
        let on: Vec<Violation> = seen.runs.iter().filter(goes_on).map(violation).collect();
        let over = if on.is_empty() { written_over(seen) } else { None };
        let over = over.map(|run| Violation {
            message: format!(
                "run {} ended in error, and then the conversation was said to be {}",
                run.number,
                word(&seen.end.status)
            ),
            ..violation(run)
        });
        on.into_iter().chain(over).collect()
    }
}

/// The last run that came to its first step, if its last one ended in error and the conversation is no longer in error. A further
/// run may take the error back, though it was stopped before its first step.
fn written_over(seen: &Observations) -> Option<&RunSeen> {
    let last = seen.runs.iter().max_by_key(|run| run.number)?;
    let failed = last.steps.last().is_some_and(|step| step.ended == Some(Status::Error));
    let is_last = begun(seen) <= last.number as usize;
    (failed && is_last && seen.stuck.is_none() && seen.end.status != Status::Error).then_some(last)
}

/// How many runs have begun: those of the service, or those that an actor has called.
fn begun(seen: &Observations) -> usize {
    let is_run = |call: &&Call| matches!(call.call, CallKind::Run | CallKind::RunSync | CallKind::Accept);
    let called = seen.calls.values().flatten().filter(is_run).count();
    if seen.service.is_empty() { called } else { began(seen).len() }
}

#[cfg(test)]
mod tests {
    use super::RunStopsAfterError;
    use crate::observation::{Call, Observations};
    use crate::rules::testkit::*;
    use crate::scenario::{EventKind, Status};

    fn runs(runs: Vec<Vec<Option<Status>>>) -> Observations {
        let runs = (1..).zip(runs).map(|(number, ends)| {
            run(number, "alice", &ends.into_iter().map(|end| (Some("first"), end)).collect::<Vec<_>>())
        });
        let events = vec![user("first"), event(EventKind::AgentMessage, "timed out")];
        let mut seen = seen(events, vec![prompt("first"), failed("first")]);
        seen.end.status = Status::Error;
        Observations { runs: runs.collect(), ..seen }
    }

    #[test]
    fn another_step_of_the_same_run_breaks_it() {
        let seen = runs(vec![vec![Some(Status::Error), Some(Status::Finished)]]);
        assert_eq!(
            breaks(&RunStopsAfterError, &seen),
            "run 1 took another step after one that had ended in error"
        );
        assert_eq!(broken(&seen), ["run-stops-after-error"].into());
        breaks(&RunStopsAfterError, &runs(vec![vec![Some(Status::Error), None]]));
    }

    #[test]
    fn an_error_that_is_written_over_breaks_it() {
        let mut seen = runs(vec![vec![Some(Status::Error)]]);
        seen.end.status = Status::Finished;
        assert_eq!(
            breaks(&RunStopsAfterError, &seen),
            "run 1 ended in error, and then the conversation was said to be finished"
        );
        // The message of that run never comes again, either.
        assert_eq!(broken(&seen), ["failed-message-comes-again", "run-stops-after-error"].into());
        let mut called = seen.clone();
        let runs = ["run_sync", "run"].map(|run| Call { call: run.into(), returned: "ok".into() });
        called.calls.insert("alice".into(), runs.into());
        holds(&RunStopsAfterError, &called);
        let mut again = seen.clone();
        again.service = vec![message("first", true), began_by_message(), began_by_message()];
        holds(&RunStopsAfterError, &again);
        seen.runs.push(run(2, "alice", &[]));
        holds(&RunStopsAfterError, &seen);
    }

    #[test]
    fn the_last_step_a_later_run_and_steps_without_an_error_are_fine() {
        holds(&RunStopsAfterError, &runs(vec![vec![Some(Status::Finished), Some(Status::Error)]]));
        holds(&RunStopsAfterError, &runs(vec![vec![Some(Status::Error)], vec![Some(Status::Finished)]]));
        holds(&RunStopsAfterError, &runs(vec![vec![None, Some(Status::Finished)], Vec::new()]));
    }
}
