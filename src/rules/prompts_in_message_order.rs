//! `prompts-in-message-order`: holds the first prompt of each message against the order of the event log.

use super::facts::{messages, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;
use crate::scenario::Need;

/// Prompts follow the order of the messages, none left out.
pub struct PromptsInMessageOrder;

/// A user message and where it was first prompted, if it was.
struct Prompted<'a> {
    event: usize,
    text: &'a str,
    read: Option<usize>,
}

impl Rule for PromptsInMessageOrder {
    fn name(&self) -> &'static str {
        "prompts-in-message-order"
    }

    fn title(&self) -> &'static str {
        "prompts follow the order of the messages, and none is left out"
    }

    fn page(&self) -> &'static str {
        "Messages that arrive while a turn runs wait in a queue. The next prompt belongs to the oldest of them; a run \
that jumps to the newest one never tells the agent what was said in between, and a run that begins with the newest \
one skips what was said before it.

It breaks when a message is prompted before an older message of the event log, or though an older one was never \
prompted, nor taken up by a run whose prompt was replaced before the server read it. Only the first prompt of each message counts: after an interrupt the interrupted message comes again. A \
native agent's LLM call carries all messages, so the rule is for ACP agents.

Source: R17 `fifo-skip`, #3376 round 4; also R27 `initial-cursor-latest`; N32 `sync-run-skips-queue`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp, Need::TwoMessages]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp {
            return Vec::new();
        }
        let turns = turns(seen);
        let read = |text: &str| turns.iter().find(|turn| turn.text == text).map(|turn| turn.read);
        let sent: Vec<_> = messages(seen)
            .into_iter()
            .map(|(event, text)| Prompted { event, text, read: read(text) })
            .collect();
        let mut violations = Vec::new();
        for (place, old) in sent.iter().enumerate() {
            if old.read.is_none() && was_taken_up(seen, old.text) {
                continue;
            }
            let overtakes =
                |new: &&Prompted<'_>| new.read.is_some_and(|at| old.read.is_none_or(|own| at < own));
            if let Some(new) = sent[place + 1..].iter().find(overtakes) {
                violations.push(self.overtaken(old, new));
            }
        }
        violations
    }
}

/// Whether some run took a step with the message: its turn came, though its prompt was replaced before the server read it.
fn was_taken_up(seen: &Observations, text: &str) -> bool {
    let mut steps = seen.runs.iter().flat_map(|run| &run.steps);
    steps.any(|step| step.message.as_deref() == Some(text))
}

impl PromptsInMessageOrder {
    fn overtaken(&self, old: &Prompted<'_>, new: &Prompted<'_>) -> Violation {
        let message = match old.read {
            None => {
                format!("message {:?} was left out: {:?}, sent after it, was prompted", old.text, new.text)
            }
            Some(_) => {
                format!("message {:?} was prompted before {:?}, which was sent first", new.text, old.text)
            }
        };
        let prompts = [old.read, new.read].into_iter().flatten().map(Mark::Server);
        let marks = [Mark::Event(old.event), Mark::Event(new.event)].into_iter().chain(prompts).collect();
        Violation { rule: self.name(), side: Side::Client, message, marks }
    }
}

#[cfg(test)]
mod tests {
    use super::PromptsInMessageOrder;
    use crate::observation::{Event, Observations};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn idle(events: Vec<Event>, prompts: &[&str]) -> Observations {
        let mut seen = seen(events, prompts.iter().flat_map(|text| [prompt(text), failed(text)]).collect());
        seen.end.status = Status::Idle;
        seen
    }

    fn three() -> Vec<Event> {
        vec![user("first"), user("second"), user("third")]
    }

    #[test]
    fn a_message_that_is_left_out_breaks_it() {
        let seen = idle(three(), &["first", "third"]);
        assert_eq!(
            breaks(&PromptsInMessageOrder, &seen),
            "message \"second\" was left out: \"third\", sent after it, was prompted"
        );
        assert_eq!(broken(&seen), ["prompts-in-message-order"].into());
    }

    #[test]
    fn a_message_that_overtakes_another_breaks_it() {
        let seen = idle(three(), &["first", "third", "second"]);
        assert_eq!(
            breaks(&PromptsInMessageOrder, &seen),
            "message \"third\" was prompted before \"second\", which was sent first"
        );
    }

    #[test]
    fn messages_may_wait_and_an_interrupted_one_may_come_again() {
        holds(&PromptsInMessageOrder, &idle(three(), &["first", "second"]));
        holds(&PromptsInMessageOrder, &idle(three(), &["first", "first", "second", "third"]));
        holds(&PromptsInMessageOrder, &idle(three(), &["first", "second", "first"]));
        holds(&PromptsInMessageOrder, &idle(three(), &[]));
    }

    #[test]
    fn a_native_agent_tells_all_at_once() {
        assert_eq!(PromptsInMessageOrder.judge(&idle(three(), &["third"]), &native()), []);
    }
}
