//! `nothing-after-turn-end`: holds cards and texts of the event log against the turns they belong to.

use std::collections::BTreeSet;

use super::facts::{CardEvent, Turn, card_events, finishes, has_closed, late_updates, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::{Need, word};

/// No update of a prompt is recorded after its turn ended.
pub struct NothingAfterTurnEnd;

impl Rule for NothingAfterTurnEnd {
    fn name(&self) -> &'static str {
        "nothing-after-turn-end"
    }

    fn title(&self) -> &'static str {
        "no update of a prompt is recorded after its turn ended"
    }

    fn page(&self) -> &'static str {
        "A cancelled prompt may go on streaming for a while. Its updates reach the runtime through callbacks that belong \
to the turn. If the turn is recorded as ended before the prompt has come to rest, or if the next turn wires its own \
callbacks to the same bridge meanwhile, a late update lands where it does not belong: behind the message of the \
time-out, or in the answer to the next message.

It breaks in two ways. A card that was opened before the event that ended its turn is closed after it. Or the finish \
events are not, in their order, the texts of turns of the server's log, in theirs: one has text of another turn in it. \
A card that the server told of as closed from the start is let pass. So are all texts when two prompts of one session \
overlap (`one-prompt-a-session` speaks of that), or when the server itself goes on behind its answer, since no frame \
says whose they are. Where a client has closed the conversation, the answer may lack the end of what the server said: what was \
not taken in yet is lost with the connection. The rule is for ACP agents.

Source: R06 `cancelled-updates-leak`, #3376 round 1; R11 `timeout-before-drain`, round 3; R29 `old-bridge-callbacks`; \
N01 `overtaken-live-update` and N39 `history-leaks-into-turn`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp {
            return Vec::new();
        }
        let text = self.strange_text(seen);
        self.late_cards(seen).into_iter().chain(text).collect()
    }
}

impl NothingAfterTurnEnd {
    fn late_cards(&self, seen: &Observations) -> Vec<Violation> {
        let cards = card_events(seen);
        let born_closed = born_closed(seen);
        let mut violations = Vec::new();
        for (place, late) in cards.iter().enumerate() {
            let mut earlier = cards[..place].iter().rev().filter(|card| card.id == late.id);
            let Some(before) = earlier.next() else { continue };
            if before.stretch < late.stretch && late.status.is_terminal() && !born_closed.contains(late.id) {
                violations.push(self.late_card(before, late));
            }
        }
        violations
    }

    fn late_card(&self, before: &CardEvent<'_>, late: &CardEvent<'_>) -> Violation {
        Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("card {:?} is {} after its turn has ended", late.id, word(&late.status)),
            marks: vec![Mark::Event(before.event), Mark::Event(late.event)],
        }
    }

    /// The first finish event that is not the text of a turn after those of the finish events before it.
    fn strange_text(&self, seen: &Observations) -> Option<Violation> {
        let turns = turns(seen);
        let mut texts = texts(seen, &turns)?.into_iter();
        let strange = finishes(seen).into_iter().find(|&place| {
            let finish = &seen.events[place].text;
            !texts.any(|text| text == *finish || has_closed(seen) && text.starts_with(finish.as_str()))
        })?;
        Some(Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "the answer {:?} is not what the server said in one turn",
                seen.events[strange].text
            ),
            marks: vec![Mark::Event(strange)],
        })
    }
}

/// The cards that the server told of as closed when it first told of them in a turn.
fn born_closed(seen: &Observations) -> BTreeSet<&str> {
    let mut told = BTreeSet::new();
    let mut born_closed = BTreeSet::new();
    for entry in &seen.server {
        match entry {
            ServerEntry::Prompt { process, session, .. } => {
                told.retain(|(known, of, _)| (*known, *of) != (*process, session.as_str()));
            }
            ServerEntry::Tool { process, session, id, status } => {
                let first = told.insert((*process, session.as_str(), id.as_str()));
                born_closed.extend((first && status.is_terminal()).then_some(id.as_str()));
            }
            _ => {}
        }
    }
    born_closed
}

/// What the server said in each turn; none if two turns of a session overlap, or the server speaks between turns.
fn texts(seen: &Observations, turns: &[Turn<'_>]) -> Option<Vec<String>> {
    let end = |turn: &Turn<'_>| turn.answer.map(|(place, _)| place).or(turn.ended).unwrap_or(usize::MAX);
    let overlap = |(place, turn): (usize, &Turn<'_>)| {
        turns[place + 1..].iter().any(|later| later.same_session(turn) && later.read < end(turn))
    };
    if turns.iter().enumerate().any(overlap) || !late_updates(seen).is_empty() {
        return None;
    }
    let said = |turn: &Turn<'_>| {
        let last = end(turn).min(seen.server.len());
        let chunks = seen.server[turn.read..last].iter().filter_map(|entry| match entry {
            ServerEntry::Said { process, session, text }
                if (*process, session.as_str()) == (turn.process, turn.session) =>
            {
                Some(text.as_str())
            }
            _ => None,
        });
        chunks.collect()
    };
    Some(turns.iter().map(said).collect())
}

#[cfg(test)]
mod tests {
    use super::NothingAfterTurnEnd;
    use crate::observation::{Call, CallKind, Event};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::StopReason;
    use crate::scenario::ToolStatus::{Completed, Failed, InProgress};

    fn finish_with(text: &str) -> Event {
        Event { text: text.into(), ..finish() }
    }

    #[test]
    fn a_card_that_is_closed_again_after_the_time_out_breaks_it() {
        let events = vec![card(InProgress), card(Failed), agent_message("timed out"), card(Completed)];
        let seen = seen(events, vec![prompt("first"), tool(InProgress), tool(Completed)]);
        assert_eq!(breaks(&NothingAfterTurnEnd, &seen), "card \"t1\" is completed after its turn has ended");
        assert_eq!(broken(&seen), ["nothing-after-turn-end"].into());
    }

    #[test]
    fn a_card_told_of_again_by_a_later_turn_is_another_card() {
        let events =
            vec![card(InProgress), card(Failed), interrupt(), card(InProgress), card(Completed), finish()];
        let server =
            vec![prompt("first"), tool(InProgress), prompt("second"), tool(InProgress), tool(Completed)];
        holds(&NothingAfterTurnEnd, &seen(events, server));
        let events = vec![card(InProgress), card(Failed), interrupt(), card(Completed), finish()];
        let server = vec![prompt("first"), tool(InProgress), prompt("second"), tool(Completed)];
        holds(&NothingAfterTurnEnd, &seen(events, server));
    }

    #[test]
    fn text_of_a_cancelled_turn_in_the_answer_to_the_next_breaks_it() {
        let cancelled = [prompt("first"), said("late"), answered("first", StopReason::Cancelled)];
        let next = [prompt("second"), said("hello"), completed("second")];
        let seen = |text| seen(vec![interrupt(), finish_with(text)], [&cancelled[..], &next[..]].concat());
        assert_eq!(
            breaks(&NothingAfterTurnEnd, &seen("latehello")),
            "the answer \"latehello\" is not what the server said in one turn"
        );
        assert_eq!(broken(&seen("latehello")), ["nothing-after-turn-end"].into());
        holds(&NothingAfterTurnEnd, &seen("hello"));
        assert_eq!(NothingAfterTurnEnd.judge(&seen("latehello"), &native()), []);
    }

    #[test]
    fn an_answer_that_a_close_has_cut_short_does_not() {
        let server = vec![prompt("first"), said("hel"), said("lo"), completed("first")];
        let mut seen = seen(vec![finish_with("hel")], server);
        assert_eq!(
            breaks(&NothingAfterTurnEnd, &seen),
            "the answer \"hel\" is not what the server said in one turn"
        );
        seen.calls.insert("bob".into(), vec![Call { call: CallKind::Close, returned: "ok".into() }]);
        holds(&NothingAfterTurnEnd, &seen);
        seen.events[0].text = "lo".into();
        breaks(&NothingAfterTurnEnd, &seen);
    }

    #[test]
    fn answers_come_in_the_order_of_their_turns() {
        let turn = |text: &str, word: &str| vec![prompt(text), said(word), said(word), completed(text)];
        let server = [turn("first", "a"), turn("second", "b")].concat();
        let seen = |one, other| seen(vec![finish_with(one), finish_with(other)], server.clone());
        holds(&NothingAfterTurnEnd, &seen("aa", "bb"));
        breaks(&NothingAfterTurnEnd, &seen("bb", "aa"));
    }

    #[test]
    fn what_the_server_says_behind_its_answer_is_nobodys() {
        let server =
            vec![prompt("first"), completed("first"), said("late"), prompt("second"), completed("second")];
        holds(&NothingAfterTurnEnd, &seen(vec![finish_with(""), finish_with("late")], server));
    }

    #[test]
    fn overlapping_prompts_are_left_to_another_rule() {
        let server =
            vec![prompt("first"), prompt("second"), said("a"), completed("first"), completed("second")];
        holds(&NothingAfterTurnEnd, &seen(vec![finish_with("x")], server));
    }
}
