//! `nothing-stranded-after-finish`: holds the event log against the prompts, at the end of an execution.

use super::facts::{messages, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Stuck};
use crate::scenario::{EventKind, Status};

/// A conversation that has finished, or stopped at its limit, has prompted its newest messages.
pub struct NothingStrandedAfterFinish;

impl Rule for NothingStrandedAfterFinish {
    fn name(&self) -> &'static str {
        "nothing-stranded-after-finish"
    }

    fn title(&self) -> &'static str {
        "a conversation that has finished, stopped at its limit or got stuck has prompted its newest messages"
    }

    fn page(&self) -> &'static str {
        "`finished` tells the user that the agent has dealt with all that was said. A message that slips in between \
the run's last look for messages and its writing of `finished` is in the log, and nobody will ever prompt it.

It breaks when the status at the end of an execution is `finished` and a user message of the event log, newer than \
every prompted one, was not prompted; one left out between prompted ones breaks `prompts-in-message-order`. A native \
agent's LLM call carries all messages before it, so there the last message counts. With any other status (`idle`, \
`paused`, `error`) messages may be left for a later run.

It also breaks when an ACP agent's run ended in error for its iteration limit alone (`MaxIterationsReached`) and a \
message that was in the log by then was not prompted: nothing has failed, the message came too late for this run, and \
`idle` is what says so. And it breaks when an ACP agent's conversation is `stuck` though the last turn ended well, and a message was not prompted: an agent that answers one message after the other does not repeat itself, however alike the answers are.

Source: R08 `finish-gap`, #3376 round 2; R12 `cap-strands-message`, round 3; N15 `queue-taken-for-loop`, 1.25.0."
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let hangs = seen.stuck.as_ref().is_some_and(Stuck::is_hang);
        let limit = if context.acp { at_limit(seen) } else { None };
        let (end, why) = match (seen.end.status, limit) {
            _ if hangs => return Vec::new(),
            (Status::Finished, _) => (seen.events.len(), "the conversation is finished"),
            (Status::Error, Some(limit)) => (limit, "all that stopped the run is its iteration limit"),
            (Status::Stuck, _) if context.acp && ended_well(seen) => {
                (seen.events.len(), "the last turn of the stuck conversation ended well")
            }
            _ => return Vec::new(),
        };
        let (turns, mut messages) = (turns(seen), messages(seen));
        messages.retain(|(place, _)| *place < end);
        let prompted = |(_, text): &(usize, &str)| turns.iter().any(|turn| turn.text == *text);
        let after_the_last_prompted = messages.iter().rposition(prompted).map_or(0, |last| last + 1);
        let last = messages.len().saturating_sub(1);
        let first = if context.acp { after_the_last_prompted } else { after_the_last_prompted.max(last) };
        let left = messages[first..].iter();
        let violation = |(place, text): &(usize, &str)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("message {text:?} was never prompted, though {why}"),
            marks: vec![Mark::Event(*place)],
        };
        left.map(violation).collect()
    }
}

/// Where the log tells that the limit stopped the run, if that was the last error.
fn at_limit(seen: &Observations) -> Option<usize> {
    let last = seen.events.iter().rposition(|event| event.kind == EventKind::Error)?;
    seen.events[last].is_limit_of_steps().then_some(last)
}

/// Whether the last prompt was answered `end_turn`.
fn ended_well(seen: &Observations) -> bool {
    turns(seen).last().is_some_and(|turn| turn.completed().is_some())
}

#[cfg(test)]
mod tests {
    use super::NothingStrandedAfterFinish;
    use crate::observation::Event;
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    #[test]
    fn a_message_in_the_gap_breaks_it() {
        let events = vec![user("first"), finish(), user("second")];
        let seen = seen(events, vec![prompt("first"), completed("first")]);
        assert_eq!(
            breaks(&NothingStrandedAfterFinish, &seen),
            "message \"second\" was never prompted, though the conversation is finished"
        );
        assert_eq!(broken(&seen), ["nothing-stranded-after-finish"].into());
    }

    #[test]
    fn it_holds_when_all_was_prompted_or_the_run_may_go_on() {
        let events = vec![user("first"), user("second"), finish(), finish()];
        let both = vec![prompt("first"), completed("first"), prompt("second"), completed("second")];
        holds(&NothingStrandedAfterFinish, &seen(events.clone(), both));
        for status in [Status::Idle, Status::Paused, Status::Error] {
            let mut seen = seen(events.clone(), vec![prompt("first"), completed("first")]);
            seen.end.status = status;
            holds(&NothingStrandedAfterFinish, &seen);
        }
    }

    #[test]
    fn a_message_that_the_iteration_limit_left_behind_breaks_it() {
        let ends = |events: Vec<Event>| {
            let mut seen = seen(events, vec![prompt("first"), completed("first")]);
            seen.end.status = Status::Error;
            seen
        };
        let limit = || error("MaxIterationsReached");
        let stranded = ends(vec![user("first"), user("second"), finish(), limit()]);
        assert_eq!(
            breaks(&NothingStrandedAfterFinish, &stranded),
            "message \"second\" was never prompted, though all that stopped the run is its iteration limit"
        );
        assert_eq!(broken(&stranded), ["nothing-stranded-after-finish"].into());
        holds(&NothingStrandedAfterFinish, &ends(vec![user("first"), finish(), limit(), user("second")]));
        let failed = ends(vec![user("first"), user("second"), finish(), error("ACPPromptError")]);
        holds(&NothingStrandedAfterFinish, &failed);
        assert_eq!(NothingStrandedAfterFinish.judge(&stranded, &native()), []);
    }

    #[test]
    fn a_message_that_a_run_taken_for_stuck_left_behind_breaks_it() {
        let stuck = |server| {
            let mut seen = seen(vec![user("first"), user("second"), finish()], server);
            seen.end.status = Status::Stuck;
            seen
        };
        let answered_well = stuck(vec![prompt("first"), completed("first")]);
        assert_eq!(
            breaks(&NothingStrandedAfterFinish, &answered_well),
            "message \"second\" was never prompted, though the last turn of the stuck conversation ended well"
        );
        assert_eq!(broken(&answered_well), ["nothing-stranded-after-finish"].into());
        holds(&NothingStrandedAfterFinish, &stuck(vec![prompt("first"), failed("first")]));
        assert_eq!(NothingStrandedAfterFinish.judge(&answered_well, &native()), []);
    }

    #[test]
    fn one_llm_call_carries_all_messages_before_it() {
        let events = vec![user("first"), user("second"), finish()];
        let call = |text| seen(events.clone(), vec![prompt(text), completed(text)]);
        assert_eq!(NothingStrandedAfterFinish.judge(&call("second"), &native()), []);
        assert_eq!(NothingStrandedAfterFinish.judge(&call("first"), &native()).len(), 1);
    }
}
