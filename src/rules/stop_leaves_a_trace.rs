//! `stop-leaves-a-trace`: holds runs that were cut short against the stops in the log.

use super::service_log::began;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{CallKind, Observations, ServiceEntry};
use crate::scenario::Need;
use crate::terms::{EventKind, Status};

/// A run that a stop has cut short is told of in the log.
pub struct StopLeavesATrace;

impl Rule for StopLeavesATrace {
    fn name(&self) -> &'static str {
        "stop-leaves-a-trace"
    }

    fn title(&self) -> &'static str {
        "a run that a stop has cut short leaves a pause or an interrupt in the log"
    }

    fn page(&self) -> &'static str {
        "A user, or the next process, who reads the log later must see why the agent did not go to work: a run was asked for, and \
a stop ended it. An interrupt that ends a run before its first step and is recorded nowhere leaves a conversation that looks as \
if nobody had asked for a run.

It breaks when a run was cancelled and the log has neither a pause nor an interrupt. A run counts as cancelled if the call \
that made it returned `CancelledError`; through the service, if it began, a stop came after that, it took no step and no error \
was recorded. An execution that got stuck does not count, nor a conversation that waits for a confirmation, has finished or has \
failed at the end: a stop changes nothing there, and the status says what comes next. What stops a run once the service is being \
closed needs no event.

Source: N37 `interrupt-at-start-untold`, found by turnloom in openhands-sdk 1.25.0 and 1.58.2."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Stop]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let tells = |kind| matches!(kind, EventKind::Interrupt | EventKind::Pause);
        let is_clear =
            matches!(seen.end.status, Status::WaitingForConfirmation | Status::Finished | Status::Error);
        if is_clear || seen.stuck.is_some() || seen.events.iter().any(|event| tells(event.kind)) {
            return Vec::new();
        }
        let marks: Vec<Mark> = seen.events.len().checked_sub(1).map(Mark::Event).into_iter().collect();
        let violation = |what: String| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("{what}, and the log does not say that a stop ended it"),
            marks: marks.clone(),
        };
        let calls = cancelled_calls(seen).map(|(actor, call)| format!("the {call} of {actor} was cancelled"));
        let runs = runs_cut_short(seen).map(|number| format!("run {number} took no step"));
        calls.chain(runs).map(violation).collect()
    }
}

/// The calls that ran the conversation and were cancelled.
fn cancelled_calls(seen: &Observations) -> impl Iterator<Item = (&str, &CallKind)> {
    let calls = seen.calls.iter().flat_map(|(actor, calls)| calls.iter().map(move |call| (actor, call)));
    let cut = calls
        .filter(|(_, call)| matches!(call.call, CallKind::Run | CallKind::Accept) && call.was_cancelled());
    cut.map(|(actor, call)| (actor.as_str(), &call.call))
}

/// The runs of the service, by number, that were stopped before they came to anything.
fn runs_cut_short(seen: &Observations) -> impl Iterator<Item = u32> {
    let has_failed = seen.events.iter().any(|event| event.kind == EventKind::Error);
    let came_to_its_begin = |number: u32| seen.runs.iter().any(|run| run.number == number);
    let stopped = |place: usize| {
        let mut open = seen.service[place..].iter().take_while(|entry| **entry != ServiceEntry::Closing);
        open.any(ServiceEntry::is_stop)
    };
    let runs = (1..).zip(began(seen)).filter(move |_| !has_failed);
    let cut = runs.filter(move |(number, (place, _))| stopped(*place) && !came_to_its_begin(*number));
    cut.map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::StopLeavesATrace;
    use crate::observation::{Call, CallKind, Event, Observations, ServiceEntry};
    use crate::rules::testkit::*;
    use crate::terms::Status;

    fn returned(events: Vec<Event>, call: &str, returned: &str) -> Observations {
        let call = Call { call: CallKind::from(call), returned: returned.to_owned() };
        Observations { calls: [("alice".to_owned(), vec![call])].into(), ..idle(events) }
    }

    fn stopped(events: Vec<Event>) -> Observations {
        let service = vec![message("first", true), began_by_message(), ServiceEntry::Stop];
        Observations { service, ..idle(events) }
    }

    fn idle(events: Vec<Event>) -> Observations {
        let mut seen = seen(events, vec![]);
        seen.end.status = Status::Idle;
        seen
    }

    #[test]
    fn a_run_that_was_cancelled_and_is_not_told_of_breaks_it() {
        let seen = returned(vec![system_prompt()], "run", "CancelledError");
        assert_eq!(
            breaks(&StopLeavesATrace, &seen),
            "the run of alice was cancelled, and the log does not say that a stop ended it"
        );
        assert_eq!(broken(&seen), ["stop-leaves-a-trace"].into());
    }

    #[test]
    fn a_run_of_the_service_that_was_stopped_before_its_first_step_counts_too() {
        assert_eq!(
            breaks(&StopLeavesATrace, &stopped(vec![user("first"), system_prompt()])),
            "run 1 took no step, and the log does not say that a stop ended it"
        );
    }

    #[test]
    fn what_stops_a_run_while_the_service_closes_does_not() {
        let mut seen = stopped(vec![user("first"), system_prompt()]);
        seen.service.insert(2, ServiceEntry::Closing);
        holds(&StopLeavesATrace, &seen);
    }

    #[test]
    fn an_interrupt_a_pause_an_error_and_a_run_that_took_a_step_do_not() {
        for told in [interrupt(), pause()] {
            holds(&StopLeavesATrace, &returned(vec![told.clone()], "run", "CancelledError"));
            holds(&StopLeavesATrace, &stopped(vec![user("first"), told]));
        }
        holds(&StopLeavesATrace, &returned(vec![], "run", "ok"));
        holds(&StopLeavesATrace, &stopped(vec![user("first"), error("ACPInitError")]));
        for status in [Status::WaitingForConfirmation, Status::Finished, Status::Error] {
            let mut clear = stopped(vec![user("first")]);
            clear.end.status = status;
            holds(&StopLeavesATrace, &clear);
        }
        let runs = vec![run(1, "loop", &[])];
        holds(&StopLeavesATrace, &Observations { runs, ..stopped(vec![user("first")]) });
    }
}
