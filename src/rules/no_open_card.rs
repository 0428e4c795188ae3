//! `no-open-card`: reads the cards of the event log, turn by turn.

use super::facts::{CardEvent, card_events, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::{Need, Status, word};

/// A turn that has ended leaves no card open.
pub struct NoOpenCard;

impl Rule for NoOpenCard {
    fn name(&self) -> &'static str {
        "no-open-card"
    }

    fn title(&self) -> &'static str {
        "a turn that has ended leaves no card open"
    }

    fn page(&self) -> &'static str {
        "The server tells of a tool call when it begins and when it ends. If the turn is cancelled, times out or fails in \
between, no later update will ever close the card, and a server that takes up the work again uses a new id. So the \
runtime has to close each open card as `failed` when it ends the turn; otherwise the card is `in_progress` for ever.

It breaks when the last event of a card before its turn ended is not terminal. A turn ends with a finish event, an \
agent message of a failure, an interrupt or an error; what no such event follows has ended too, unless the \
conversation is still running or the execution got stuck. A card that is closed too late is `nothing-after-turn-end` \
instead.

Source: R33 `orphaned-cards`, #3358 round 1; also R13; N29 `late-update-after-finish`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Card]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        if seen.stuck.is_some() || seen.end.status == Status::Running || is_in_flight(seen) {
            return Vec::new();
        }
        let cards = card_events(seen);
        let open = cards.iter().enumerate().filter(|(place, card)| {
            let next = cards[place + 1..].iter().find(|next| next.id == card.id);
            let goes_on = next.is_some_and(|next| next.stretch == card.stretch || next.status.is_terminal());
            !card.status.is_terminal() && !goes_on
        });
        let violation = |(_, card): (usize, &CardEvent<'_>)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("card {:?} is left {} by a turn that has ended", card.id, word(&card.status)),
            marks: vec![Mark::Event(card.event)],
        };
        open.map(violation).collect()
    }
}

/// Whether the last turn is still on, though a pause is in the log: nobody has cancelled its prompt.
fn is_in_flight(seen: &Observations) -> bool {
    let turns = turns(seen);
    let last = turns.last().filter(|turn| turn.answer.is_none() && turn.ended.is_none());
    let cancels = |entry: &ServerEntry| matches!(entry, ServerEntry::Cancel { .. });
    last.is_some_and(|turn| {
        seen.end.status == Status::Paused && !seen.server[turn.read..].iter().any(cancels)
    })
}

#[cfg(test)]
mod tests {
    use super::NoOpenCard;
    use crate::observation::Observations;
    use crate::rules::testkit::*;
    use crate::scenario::Status;
    use crate::scenario::ToolStatus::{Completed, Failed, InProgress, Pending};

    #[test]
    fn a_card_that_an_interrupt_leaves_in_progress_breaks_it() {
        let seen = seen(vec![card(InProgress), interrupt()], vec![]);
        assert_eq!(breaks(&NoOpenCard, &seen), "card \"t1\" is left in_progress by a turn that has ended");
        assert_eq!(broken(&seen), ["no-open-card"].into());
    }

    #[test]
    fn so_does_one_that_is_told_of_after_the_last_turn() {
        breaks(&NoOpenCard, &seen(vec![finish(), card(Pending)], vec![]));
    }

    #[test]
    fn a_later_card_of_the_same_id_does_not_close_it() {
        let events = vec![card(InProgress), interrupt(), card(InProgress), card(Completed), finish()];
        breaks(&NoOpenCard, &seen(events, vec![]));
    }

    #[test]
    fn a_card_that_is_closed_too_late_is_another_finding() {
        let seen = seen(vec![card(InProgress), interrupt(), card(Completed)], vec![]);
        holds(&NoOpenCard, &seen);
        assert_eq!(broken(&seen), ["nothing-after-turn-end"].into());
    }

    #[test]
    fn closed_cards_are_right() {
        holds(&NoOpenCard, &seen(vec![card(InProgress), card(Failed), interrupt()], vec![]));
        holds(&NoOpenCard, &seen(vec![card(Completed), finish()], vec![]));
    }

    #[test]
    fn a_turn_that_is_under_way_may_have_open_cards() {
        let mut running = seen(vec![card(InProgress)], vec![]);
        running.end.status = Status::Running;
        holds(&NoOpenCard, &running);
        let stuck = deadlock(lock_across_prompt()).stuck;
        holds(&NoOpenCard, &Observations { stuck, ..seen(vec![card(InProgress)], vec![]) });
    }
}
