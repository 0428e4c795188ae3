//! `superseded-prompt-is-cancelled`: looks for a prompt that is in flight when nobody moves any more.

use super::facts::{is_left_alone, is_paused_since, messages, turns};
use super::service_log::{asked, stopped_after};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Stuck};
use crate::scenario::Need;

/// A message with a run cancels the older prompt in flight.
pub struct SupersededPromptIsCancelled;

impl Rule for SupersededPromptIsCancelled {
    fn name(&self) -> &'static str {
        "superseded-prompt-is-cancelled"
    }

    fn title(&self) -> &'static str {
        "a message sent with run=true cancels the older prompt in flight"
    }

    fn page(&self) -> &'static str {
        "Who sends a message with `run=true` while the agent is at work wants to be heard now. The service tells the \
server to cancel the prompt in flight (`session/cancel`) and prompts the new message in its place. Otherwise the message \
waits until the old prompt has come to its end, and if the server hangs, for ever.

It breaks when at the end of an execution a prompt is unanswered, was never cancelled and its step goes on, though a message was \
persisted with `run=true` while it was in flight, waits behind it, and no user has stopped the conversation since, nor has a pause taken effect in the turn: a paused one comes to its end. A \
server that answers by itself hides the breach: let it wait for the cancel. For ACP agents through the service.

Source: R03 `no-cancel-on-supersede`, #3376 base (QA test 3)."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service, Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let hangs = seen.stuck.as_ref().is_some_and(Stuck::is_hang);
        let turns = turns(seen);
        let Some(last) = turns.last().filter(|turn| context.acp && !hangs && is_left_alone(turn, seen))
        else {
            return Vec::new();
        };
        let steps = seen.runs.iter().flat_map(|run| &run.steps);
        let steps = steps.filter(|step| step.message.as_deref() == Some(last.text));
        // A step that has come to its end, in a time-out say, has given its prompt up.
        let in_flight = steps.max_by_key(|step| step.after).filter(|step| step.ended.is_none());
        let Some(began) = in_flight.map(|step| step.after) else { return Vec::new() };
        if is_paused_since(seen, began) {
            return Vec::new();
        }
        let asked = asked(seen);
        let waits = |(place, text): &(usize, &str)| {
            let wants_run = asked
                .iter()
                .any(|asked| asked.text == *text && asked.run && !stopped_after(seen, asked.place));
            *place >= began && wants_run && turns.iter().all(|turn| turn.text != *text)
        };
        let messages = messages(seen);
        let waiting = messages.iter().find(|message| waits(message));
        let violation = |(place, text): &(usize, &str)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "message {text:?} was sent with run=true, but the prompt {:?} before it was not cancelled",
                last.text
            ),
            marks: vec![Mark::Event(*place), Mark::Server(last.read)],
        };
        waiting.map(violation).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::SupersededPromptIsCancelled;
    use crate::observation::{Observations, ServerEntry, ServiceEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn left(server: Vec<ServerEntry>, service: Vec<ServiceEntry>) -> Observations {
        let mut seen = seen(vec![user("first"), user("second")], server);
        seen.end.status = Status::Running;
        Observations { service, runs: vec![run(1, "loop", &[(Some("first"), None)])], ..seen }
    }

    fn both() -> Vec<ServiceEntry> {
        vec![message("first", true), began_by_message(), message("second", true)]
    }

    #[test]
    fn a_prompt_that_nobody_cancels_breaks_it() {
        let seen = left(vec![prompt("first")], both());
        assert_eq!(
            breaks(&SupersededPromptIsCancelled, &seen),
            "message \"second\" was sent with run=true, but the prompt \"first\" before it was not cancelled"
        );
        assert_eq!(broken(&seen), ["superseded-prompt-is-cancelled"].into());
        assert_eq!(SupersededPromptIsCancelled.judge(&seen, &native()), []);
    }

    #[test]
    fn a_turn_that_was_paused_comes_to_its_end() {
        let mut seen = left(vec![prompt("first")], both());
        seen.events.insert(1, pause());
        seen.end.status = Status::Paused;
        holds(&SupersededPromptIsCancelled, &seen);
    }

    #[test]
    fn a_prompt_that_has_timed_out_is_not_in_flight() {
        let mut seen = left(vec![prompt("first")], both());
        seen.runs = vec![run(1, "loop", &[(Some("first"), Some(Status::Error))])];
        holds(&SupersededPromptIsCancelled, &seen);
    }

    #[test]
    fn a_cancel_an_answer_or_a_later_prompt_is_enough() {
        let cancel = ServerEntry::Cancel { process: 1, session: "s1".into() };
        holds(&SupersededPromptIsCancelled, &left(vec![prompt("first"), cancel], both()));
        holds(&SupersededPromptIsCancelled, &left(vec![prompt("first"), failed("first")], both()));
        let next = vec![prompt("first"), completed("first"), prompt("second")];
        holds(&SupersededPromptIsCancelled, &left(next, both()));
    }

    #[test]
    fn a_message_without_a_run_a_stopped_one_and_one_from_before_the_prompt_wait() {
        let prompted = || vec![prompt("first")];
        let quiet = vec![message("first", true), began_by_message(), message("second", false)];
        holds(&SupersededPromptIsCancelled, &left(prompted(), quiet));
        let stopped = [both(), vec![ServiceEntry::Stop]].concat();
        holds(&SupersededPromptIsCancelled, &left(prompted(), stopped));
        let mut early = left(prompted(), both());
        early.runs[0].steps[0].after = 2;
        holds(&SupersededPromptIsCancelled, &early);
    }
}
