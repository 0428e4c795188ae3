//! `one-terminal-event-a-card`: reads the cards of the event log, turn by turn.

use super::facts::{card_events, late_updates};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::{Need, word};

/// Within its turn a card has one terminal event, the last one.
pub struct OneTerminalEventACard;

impl Rule for OneTerminalEventACard {
    fn name(&self) -> &'static str {
        "one-terminal-event-a-card"
    }

    fn title(&self) -> &'static str {
        "within its turn a card has one terminal event, and it is the last one"
    }

    fn page(&self) -> &'static str {
        "A card is the sequence of events of one tool call: `pending` or `in_progress`, then `completed` or `failed`. \
Whoever shows a conversation takes the last event of a card as its state, and whoever counts results takes the \
terminal one. When a turn is cancelled, the runtime closes the cards that are still open as `failed`. If it does so \
before the cancelled prompt has come to rest, the server's own `completed` follows: the log says both.

It breaks when an event of a card follows a terminal event of the same card before the turn ends. What comes after \
the turn's end is `nothing-after-turn-end` instead. A card that the server itself speaks of behind its answer is let pass.

Source: R09 `failed-before-drain`, #3376 round 2; N10 `failed-prompt-updates-leak`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Card]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut cards = card_events(seen);
        for late in late_updates(seen) {
            cards.retain(|card| !matches!(late, ServerEntry::Tool { id, .. } if id == card.id));
        }
        let mut violations = Vec::new();
        for (place, late) in cards.iter().enumerate() {
            let earlier =
                cards[..place].iter().filter(|card| (card.id, card.stretch) == (late.id, late.stretch));
            if let Some(closed) = earlier.rev().find(|card| card.status.is_terminal()) {
                violations.push(Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: format!(
                        "card {:?} is {} after it was {}",
                        late.id,
                        word(&late.status),
                        word(&closed.status),
                    ),
                    marks: vec![Mark::Event(closed.event), Mark::Event(late.event)],
                });
            }
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::OneTerminalEventACard;
    use crate::rules::testkit::*;
    use crate::scenario::ToolStatus::{Completed, Failed, InProgress};

    #[test]
    fn a_completed_after_a_failed_breaks_it() {
        let events = vec![card(InProgress), card(Failed), card(Completed), interrupt()];
        let seen = seen(events, vec![]);
        assert_eq!(breaks(&OneTerminalEventACard, &seen), "card \"t1\" is completed after it was failed");
        assert_eq!(broken(&seen), ["one-terminal-event-a-card"].into());
    }

    #[test]
    fn one_terminal_event_is_right_with_and_without_one_before() {
        holds(&OneTerminalEventACard, &seen(vec![card(InProgress), card(Completed), finish()], vec![]));
        holds(&OneTerminalEventACard, &seen(vec![card(Failed), interrupt()], vec![]));
    }

    #[test]
    fn a_card_that_the_server_closes_again_behind_its_answer_is_nobodys() {
        let events = vec![card(Completed), card(Completed), finish()];
        let server =
            vec![prompt("first"), completed("first"), tool(Completed), prompt("second"), tool(Completed)];
        holds(&OneTerminalEventACard, &seen(events, server));
    }

    #[test]
    fn a_later_turn_may_use_the_id_again() {
        let turn = || [card(InProgress), card(Completed), finish()];
        holds(&OneTerminalEventACard, &seen([turn(), turn()].concat(), vec![]));
    }
}
