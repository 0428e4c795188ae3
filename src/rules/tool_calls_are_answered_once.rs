//! `tool-calls-are-answered-once`: reads the tool calls in the event log, and what answers them.

use std::collections::BTreeMap;

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;
use crate::scenario::{EventKind, Need};

/// Each tool call of an LLM's has one answer at most.
pub struct ToolCallsAreAnsweredOnce;

impl Rule for ToolCallsAreAnsweredOnce {
    fn name(&self) -> &'static str {
        "tool-calls-are-answered-once"
    }

    fn title(&self) -> &'static str {
        "a tool call of an LLM's has one answer: what the tool said, a rejection or an error"
    }

    fn page(&self) -> &'static str {
        "An agent that asks before it acts records the tool calls of an answer and leaves them to a user, who has them \
executed or rejected. Whichever it is, the log says one thing of each call. Protocols of LLMs have one result for a call, so \
a release shows its LLM the first answer and drops the others (ObservationUniquenessProperty); but who reads the log is told that a \
call was rejected which was executed, and who rejected it that it worked.

It breaks when a call has a second answer in the event log: a rejection beside another one, or beside what the tool said, \
or beside the error that an interrupt leaves. A later call of the same id is another call. A call without an answer does \
not break it: it may still wait for its user.

Source: N19 `tool-call-answered-twice`, found by turnloom in openhands-sdk 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::ToolCall]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut violations = Vec::new();
        for (place, event) in seen.events.iter().enumerate() {
            let id = event.text.as_str();
            if event.kind == EventKind::Action {
                answers.remove(id);
            }
            let Some(says) = says(event.kind) else { continue };
            let Some(first) = answers.get(id) else {
                answers.insert(id, place);
                continue;
            };
            let before = self::says(seen.events[*first].kind).unwrap_or_default();
            violations.push(Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!("tool call {id:?} {says} after it {before}"),
                marks: vec![Mark::Event(*first), Mark::Event(place)],
            });
        }
        violations
    }
}

/// What an event says of a tool call that it answers.
fn says(kind: EventKind) -> Option<&'static str> {
    match kind {
        EventKind::Observation => Some("was executed"),
        EventKind::Rejection => Some("was rejected"),
        EventKind::AgentError => Some("was said to have failed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::ToolCallsAreAnsweredOnce;
    use crate::observation::Observations;
    use crate::rules::testkit::*;
    use crate::scenario::EventKind;
    use crate::scenario::EventKind::{Action, AgentError, Observation, Rejection};

    fn log(kinds: &[EventKind]) -> Observations {
        seen(kinds.iter().map(|kind| event(*kind, "t1")).collect(), vec![])
    }

    #[test]
    fn a_second_answer_breaks_it() {
        for (answers, message) in [
            ([Rejection, Rejection], "tool call \"t1\" was rejected after it was rejected"),
            ([Observation, Rejection], "tool call \"t1\" was rejected after it was executed"),
            ([Rejection, AgentError], "tool call \"t1\" was said to have failed after it was rejected"),
        ] {
            let seen = log(&[&[Action], &answers[..]].concat());
            assert_eq!(breaks(&ToolCallsAreAnsweredOnce, &seen), message);
            assert_eq!(broken(&seen), ["tool-calls-are-answered-once"].into());
        }
    }

    #[test]
    fn one_answer_to_each_call_is_right_and_so_is_none() {
        holds(&ToolCallsAreAnsweredOnce, &log(&[Action]));
        holds(&ToolCallsAreAnsweredOnce, &log(&[Action, AgentError]));
        holds(&ToolCallsAreAnsweredOnce, &log(&[Action, Rejection, Action, Observation]));
        let two = [event(Action, "t1"), event(Action, "t2"), event(Rejection, "t1"), event(Rejection, "t2")];
        holds(&ToolCallsAreAnsweredOnce, &seen(two.to_vec(), vec![]));
    }
}
