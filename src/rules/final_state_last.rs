//! `final-state-last`: reads the order in which a subscriber was told of events and states.

use super::facts::{is_paused_in_turn, turns};
use super::service_log::was_closed;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Published, ServiceEntry};
use crate::scenario::{EventKind, Status, word};

/// The state in which a run ended is the last thing that a subscriber is told of it.
pub struct FinalStateLast;

impl Rule for FinalStateLast {
    fn name(&self) -> &'static str {
        "final-state-last"
    }

    fn title(&self) -> &'static str {
        "the state that a run ended in reaches a subscriber after every event of the run"
    }

    fn page(&self) -> &'static str {
        "A subscriber takes `finished` for the end: it hides the spinner, closes the socket, counts the turn. Each event \
is brought to it by a task of its own, and one that it is slow to take in does not hold up the next. So the service waits \
until all that the run recorded was taken in, and only then tells the state it ended in.

It breaks when an event that a run records (the agent's text, a tool card, a tool call or what it came to, the end of a \
turn, an error) is the last that a subscriber of the event service is told, with no state after it. Messages of users do not \
count, nor does an execution that got stuck, whose last run is still on (be it paused in a turn without an answer), in which the service was closed or reloaded (a closed \
service has no subscribers any more), or in which it has given the subscriber up (timer `pending_drain`).

Source: R42 `final-status-before-events`, #3376 merged code."
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let last = seen.stream.iter().rposition(|published| match published {
            Published::Event(event) => is_of_a_run(event.kind),
            _ => false,
        });
        let Some(Published::Event(event)) = last.map(|last| &seen.stream[last]) else { return Vec::new() };
        let after = last.map_or(&[][..], |last| &seen.stream[last + 1..]);
        let paused_in_turn = context.acp && is_paused_in_turn(&turns(seen), seen);
        let goes_on = seen.end.status == Status::Running || paused_in_turn;
        if seen.stuck.is_some()
            || goes_on
            || was_closed(seen)
            || seen.service.contains(&ServiceEntry::PendingLeft)
            || after.iter().any(|published| matches!(published, Published::State(_)))
        {
            return Vec::new();
        }
        let place =
            seen.events.iter().rposition(|logged| logged.kind == event.kind && logged.text == event.text);
        vec![Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "the subscriber was told of the event {} after the last state of its run",
                word(&event.kind)
            ),
            marks: place.map(Mark::Event).into_iter().collect(),
        }]
    }
}

fn is_of_a_run(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Finish
            | EventKind::AgentMessage
            | EventKind::ToolCall
            | EventKind::Error
            | EventKind::Action
            | EventKind::Observation
            | EventKind::AgentError
    )
}

#[cfg(test)]
mod tests {
    use super::FinalStateLast;
    use crate::observation::{Observations, Published, ServiceEntry};
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn told(stream: Vec<Published>) -> Observations {
        let events = vec![user("first"), finish()];
        Observations { stream, ..seen(events, vec![prompt("first"), completed("first")]) }
    }

    #[test]
    fn a_subscriber_that_was_given_up_is_told_late() {
        let stream = vec![Published::State(Status::Finished), Published::Event(finish())];
        holds(&FinalStateLast, &Observations { service: vec![ServiceEntry::PendingLeft], ..told(stream) });
    }

    #[test]
    fn an_event_of_the_run_after_its_last_state_breaks_it() {
        let seen = told(vec![Published::State(Status::Finished), Published::Event(finish())]);
        assert_eq!(
            breaks(&FinalStateLast, &seen),
            "the subscriber was told of the event finish after the last state of its run"
        );
        assert_eq!(broken(&seen), ["final-state-last"].into());
    }

    #[test]
    fn a_state_after_it_and_a_message_behind_that_are_fine() {
        let state = || Published::State(Status::Finished);
        holds(&FinalStateLast, &told(vec![state(), Published::Event(finish()), state()]));
        let late = Published::Event(user("second"));
        holds(&FinalStateLast, &told(vec![Published::Event(finish()), state(), late]));
        holds(&FinalStateLast, &told(Vec::new()));
    }

    #[test]
    fn a_run_that_is_still_on_has_no_last_state_yet() {
        let mut seen = told(vec![Published::State(Status::Running), Published::Event(finish())]);
        seen.end.status = Status::Running;
        holds(&FinalStateLast, &seen);
    }
}
