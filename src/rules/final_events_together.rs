//! `final-events-together`: reads the last events of turns in the event log.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Event, Observations, ServerEntry};
use crate::scenario::{EventKind, ToolStatus};

/// The final events of a turn stand together.
pub struct FinalEventsTogether;

/// The code of the error event of a turn whose prompt failed.
const PROMPT_ERROR: &str = "ACPPromptError";

impl Rule for FinalEventsTogether {
    fn name(&self) -> &'static str {
        "final-events-together"
    }

    fn title(&self) -> &'static str {
        "the final events of a turn stand together in the event log"
    }

    fn page(&self) -> &'static str {
        "A turn that fails ends with an agent message that tells of the failure, an error event with its code, and the \
status. They are one change of the conversation, and belong in one critical section. If each takes the lock for \
itself, a message that a user sends meanwhile lands between them: the log says that the user wrote after the failure and \
before it, and the status is written over whatever the message made of it.

A turn that ends well has final events too: each tool call that the server left open is closed as completed, and then the turn is finished.

It breaks when the event before an error event `ACPPromptError` is not the agent message that belongs to it, or when a message \
stands between the closing of a tool call that the server never told of as completed and the finish of its turn.

Source: R07 `split-finalization`, #3376 round 2; R21 `unlocked-timeout-finalization`, round 5."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut violations = self.torn_finishes(seen);
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
                    side: Side::Client,
                    message: format!("{} came between the final events of a failed turn", name(other)),
                    marks: places.map(Mark::Event).collect(),
                });
            }
        }
        violations
    }
}

impl FinalEventsTogether {
    /// The messages between the closing of a turn's cards and its finish.
    fn torn_finishes(&self, seen: &Observations) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut closed = None;
        for (place, event) in seen.events.iter().enumerate() {
            match event.kind {
                EventKind::ToolCall if closed.is_none() && is_closed_by_runtime(seen, event) => {
                    closed = Some(place);
                }
                EventKind::UserMessage if closed.is_some() => {
                    let finish =
                        seen.events[place..].iter().position(|event| event.kind == EventKind::Finish);
                    let marks = closed.into_iter().chain([place]).chain(finish.map(|after| place + after));
                    violations.push(Violation {
                        rule: self.name(),
                        side: Side::Client,
                        message: format!("{} came between the final events of a turn", name(event)),
                        marks: marks.map(Mark::Event).collect(),
                    });
                    closed = None;
                }
                EventKind::Finish => closed = None,
                _ => {}
            }
        }
        violations
    }
}

/// Whether a card was completed that the server never told of as completed.
fn is_closed_by_runtime(seen: &Observations, card: &Event) -> bool {
    let told = |entry: &ServerEntry| matches!(entry, ServerEntry::Tool { id, status: ToolStatus::Completed, .. } if *id == card.text);
    card.tool == Some(ToolStatus::Completed) && !seen.server.iter().any(told)
}

fn name(event: &Event) -> String {
    match event.kind {
        EventKind::UserMessage => format!("message {:?}", event.text),
        kind => format!("the event {}", crate::scenario::word(&kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::FinalEventsTogether;
    use crate::rules::testkit::*;

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
    fn a_message_between_the_closing_of_a_card_and_the_finish_breaks_it() {
        use crate::scenario::ToolStatus::{Completed, InProgress};
        let torn = vec![card(InProgress), card(Completed), user("second"), finish()];
        let said = |status| vec![prompt("first"), tool(status), completed("first")];
        let seen_torn = seen(torn.clone(), said(InProgress));
        assert_eq!(
            breaks(&FinalEventsTogether, &seen_torn),
            "message \"second\" came between the final events of a turn"
        );
        holds(&FinalEventsTogether, &seen(torn, said(Completed)));
        let whole = vec![card(InProgress), user("second"), card(Completed), finish(), user("third")];
        holds(&FinalEventsTogether, &seen(whole, said(InProgress)));
    }

    #[test]
    fn other_errors_stand_alone() {
        let events = vec![agent_message("timed out"), user("second"), error("ACPInitError")];
        holds(&FinalEventsTogether, &seen(events, vec![]));
    }
}
