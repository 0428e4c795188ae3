//! `final-events-together`: reads the last events of failed turns in the event log.

use super::{Mark, Rule, Violation};
use crate::observation::{Context, Observations};
use crate::scenario::EventKind;

/// The final events of a failed turn stand together.
pub struct FinalEventsTogether;

/// The code of the error event of a turn whose prompt failed.
const PROMPT_ERROR: &str = "ACPPromptError";

impl Rule for FinalEventsTogether {
    fn name(&self) -> &'static str {
        "final-events-together"
    }

    fn title(&self) -> &'static str {
        "the final events of a failed turn stand together in the event log"
    }

    fn page(&self) -> &'static str {
        "A turn that fails ends with an agent message that tells of the failure, an error event with its code, and the \
status. They are one change of the conversation, and belong in one critical section. If each takes the lock for \
itself, a message that a user sends meanwhile lands between them: the log says that the user wrote after the failure and \
before it, and the status is written over whatever the message made of it.

It breaks when the event before an error event `ACPPromptError` is not the agent message that belongs to it.

Source: R21 `unlocked-timeout-finalization`, #3376 round 5; also R07."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (place, event) in seen.events.iter().enumerate() {
            if event.kind != EventKind::Error || event.text != PROMPT_ERROR {
                continue;
            }
            let before = place.checked_sub(1).map(|before| (before, &seen.events[before]));
            if let Some((between, other)) =
                before.filter(|(_, before)| before.kind != EventKind::AgentMessage)
            {
                let message =
                    seen.events[..place].iter().rposition(|event| event.kind == EventKind::AgentMessage);
                let places = message.into_iter().chain([between, place]);
                violations.push(Violation {
                    rule: self.name(),
                    message: format!("{} came between the final events of a failed turn", name(other)),
                    marks: places.map(Mark::Event).collect(),
                });
            }
        }
        violations
    }
}

fn name(event: &crate::observation::Event) -> String {
    match event.kind {
        EventKind::UserMessage => format!("message {:?}", event.text),
        kind => format!("the event {}", crate::scenario::word(&kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testkit::*;
    use super::FinalEventsTogether;

    #[test]
    fn a_message_between_the_final_events_breaks_it() {
        let events = vec![user("first"), agent_message("failed"), user("second"), error("ACPPromptError")];
        let mut seen = seen(events, vec![]);
        seen.end.status = crate::scenario::Status::Error;
        assert_eq!(
            breaks(&FinalEventsTogether, &seen),
            "message \"second\" came between the final events of a failed turn"
        );
        assert_eq!(broken(&seen), ["final-events-together"].into());
    }

    #[test]
    fn a_message_before_or_after_them_does_not() {
        let failure = || [agent_message("failed"), error("ACPPromptError")];
        holds(&FinalEventsTogether, &seen([&[user("second")][..], &failure()].concat(), vec![]));
        holds(&FinalEventsTogether, &seen([&failure()[..], &[user("second")]].concat(), vec![]));
    }

    #[test]
    fn other_errors_stand_alone() {
        let events = vec![agent_message("timed out"), user("second"), error("ACPInitError")];
        holds(&FinalEventsTogether, &seen(events, vec![]));
    }
}
