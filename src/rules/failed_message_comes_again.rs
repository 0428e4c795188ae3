//! `failed-message-comes-again`: reads the steps of each run beside the prompts of the server's log.

use super::facts::{messages, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, StepSeen};
use crate::scenario::{Need, Status};

/// A message whose turn ended in error is prompted again before any newer one.
pub struct FailedMessageComesAgain;

impl Rule for FailedMessageComesAgain {
    fn name(&self) -> &'static str {
        "failed-message-comes-again"
    }

    fn title(&self) -> &'static str {
        "a message whose turn ended in error is prompted again before any newer one, and before the conversation is finished"
    }

    fn page(&self) -> &'static str {
        "A prompt that timed out says nothing about its message: the agent may have read it, but it has not dealt with it. The \
run ends in error, and whoever runs the conversation again wants that message to be answered. If the cursor moves over it, \
the next run goes on with what came later, or finds nothing to do and says `finished`, and the message is lost.

It breaks when the last step that took a message ended with the status `error`, no prompt of the message was completed, and \
a later step took a newer message or the conversation is finished at the end. It is for ACP agents: a native agent's LLM \
call carries all messages.

Source: the decision `failed_message`, #3376, ffeb8816e beside the merged code."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp || seen.stuck.is_some() {
            return Vec::new();
        }
        let (turns, messages) = (turns(seen), messages(seen));
        let steps: Vec<&StepSeen> = seen.runs.iter().flat_map(|run| &run.steps).collect();
        let violation = |(at, &(place, text)): (usize, &(usize, &str))| {
            let takes = |step: &&StepSeen| step.message.as_deref() == Some(text);
            let last = steps.iter().rposition(takes)?;
            let completed = turns.iter().any(|turn| turn.text == text && turn.completed().is_some());
            if steps[last].ended != Some(Status::Error) || completed {
                return None;
            }
            let newer = messages[at + 1..].iter().map(|(_, newer)| *newer);
            let later = || steps[last + 1..].iter().filter_map(|step| step.message.as_deref());
            let instead = newer.into_iter().find(|newer| later().any(|text| text == *newer));
            let what = match instead {
                Some(newer) => format!("{newer:?}, sent after it, was prompted"),
                None if seen.end.status == Status::Finished => "the conversation is finished".to_owned(),
                None => return None,
            };
            let prompts = turns.iter().filter(|turn| turn.text == text).map(|turn| Mark::Server(turn.read));
            Some(Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!("the turn of message {text:?} ended in error, and then {what}"),
                marks: [Mark::Event(place)].into_iter().chain(prompts).collect(),
            })
        };
        messages.iter().enumerate().filter_map(violation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::FailedMessageComesAgain;
    use crate::observation::Observations;
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn timed_out(then: &[(Option<&str>, Option<Status>)]) -> Observations {
        let events = vec![user("first"), agent_message("timed out"), user("second")];
        let runs = vec![run(1, "alice", &[(Some("first"), Some(Status::Error))]), run(2, "alice", then)];
        Observations { runs, ..seen(events, vec![prompt("first"), prompt("second"), completed("second")]) }
    }

    #[test]
    fn a_message_that_is_passed_over_breaks_it() {
        let seen = timed_out(&[(Some("second"), Some(Status::Finished))]);
        assert_eq!(
            breaks(&FailedMessageComesAgain, &seen),
            "the turn of message \"first\" ended in error, and then \"second\", sent after it, was prompted"
        );
        assert_eq!(FailedMessageComesAgain.judge(&seen, &native()), []);
    }

    #[test]
    fn so_does_a_conversation_that_is_finished_without_it() {
        let mut seen = timed_out(&[]);
        seen.events.truncate(2);
        assert_eq!(
            breaks(&FailedMessageComesAgain, &seen),
            "the turn of message \"first\" ended in error, and then the conversation is finished"
        );
        seen.end.status = Status::Error;
        holds(&FailedMessageComesAgain, &seen);
    }

    #[test]
    fn one_that_is_prompted_again_or_was_completed_after_all_does_not() {
        let again = [(Some("first"), Some(Status::Finished)), (Some("second"), Some(Status::Finished))];
        holds(&FailedMessageComesAgain, &timed_out(&again));
        let mut seen = timed_out(&[(Some("second"), Some(Status::Finished))]);
        seen.server.insert(1, completed("first"));
        holds(&FailedMessageComesAgain, &seen);
    }
}
