//! `no-replay`: reads the prompts of the server's log.

use super::facts::{Turn, all_recorded, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;
use crate::scenario::Need;

/// A message whose prompt was completed is not prompted again.
pub struct NoReplay;

impl Rule for NoReplay {
    fn name(&self) -> &'static str {
        "no-replay"
    }

    fn title(&self) -> &'static str {
        "a message whose prompt was completed is not prompted again"
    }

    fn page(&self) -> &'static str {
        "A user says a thing once, so the agent must be told it once. Which message comes next is decided from a \
cursor, the last message whose prompt was completed; a cursor that is read at the wrong moment, or lost, makes the \
agent do its work again, and its tools act twice.

It breaks when a message, known by its text, is prompted after a prompt of it was completed, in whatever session \
or process: the agent was done, refused, or had no tokens left. It does not break when the earlier prompt was not answered \
by then, or was answered `cancelled` or with an error: after a user's interrupt the interrupted message is prompted again. Nor does it break when the client never took \
the answer in: its process was ended after the answer, and there are fewer finish events than turns that ended well. A \
native agent calls its LLM many times for one message, so the rule is for ACP agents.

Source: R05 `just-arrived-prompt-replayed`, #3376 round 1; also R19, R24, N12 and N13."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp {
            return Vec::new();
        }
        let turns = turns(seen);
        let unrecorded = !all_recorded(seen, &turns);
        let mut violations = Vec::new();
        for (place, again) in turns.iter().enumerate() {
            let earlier = turns[..place].iter().filter(|turn| turn.text == again.text);
            let replayed = earlier.filter_map(|turn| Some((turn, turn.completed()?)));
            let replayed = replayed
                .filter(|(_, answer)| *answer < again.read)
                .find(|(turn, _)| !(unrecorded && was_lost(turn, again)));
            if let Some((first, answer)) = replayed {
                violations.push(Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: format!(
                        "message {:?} was prompted again in {}, though its prompt in {} had been completed",
                        again.text,
                        home(again),
                        home(first),
                    ),
                    marks: vec![Mark::Server(first.read), Mark::Server(answer), Mark::Server(again.read)],
                });
            }
        }
        violations
    }
}

/// Whether the process that answered was gone before the message was prompted again.
fn was_lost(first: &Turn<'_>, again: &Turn<'_>) -> bool {
    first.ended.is_some_and(|ended| ended < again.read)
}

fn home(turn: &Turn<'_>) -> String {
    format!("session {} of process {}", turn.session, turn.process)
}

#[cfg(test)]
mod tests {
    use super::NoReplay;
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::StopReason;

    #[test]
    fn a_completed_message_that_is_prompted_again_breaks_it() {
        let server = vec![prompt("second"), completed("second"), prompt("second"), completed("second")];
        let seen = seen(vec![user("second"), finish(), finish()], server);
        assert_eq!(
            breaks(&NoReplay, &seen),
            "message \"second\" was prompted again in session s1 of process 1, though its prompt in session s1 of \
             process 1 had been completed"
        );
        assert_eq!(broken(&seen), ["no-replay"].into());
        assert_eq!(NoReplay.judge(&seen, &native()), [], "an LLM is called many times for one message");
    }

    #[test]
    fn a_cursor_that_is_lost_with_the_process_breaks_it() {
        let server = vec![prompt("first"), completed("first"), ended(), prompt_in(2, "s1", "first")];
        breaks(&NoReplay, &seen(vec![user("first"), finish()], server));
    }

    #[test]
    fn a_refusal_and_a_turn_without_tokens_left_complete_a_prompt_too() {
        for reason in [StopReason::Refusal, StopReason::MaxTokens] {
            let server =
                vec![prompt("first"), answered("first", reason), prompt("first"), completed("first")];
            breaks(&NoReplay, &seen(vec![user("first"), finish(), finish()], server));
        }
    }

    #[test]
    fn an_interrupted_message_may_be_prompted_again() {
        let answers = [answered("first", StopReason::Cancelled), failed("first")];
        for answer in answers {
            let server = vec![prompt("first"), answer, prompt("first"), completed("first")];
            holds(&NoReplay, &seen(vec![user("first"), finish()], server));
        }
        let open = vec![prompt("first"), ended(), prompt_in(2, "s1", "first")];
        holds(&NoReplay, &seen(vec![user("first")], open));
        let crossing = vec![prompt("first"), prompt("first"), completed("first")];
        holds(&NoReplay, &seen(vec![user("first")], crossing));
    }

    #[test]
    fn an_answer_that_died_with_its_process_does_not_count() {
        let server = vec![prompt("first"), completed("first"), ended(), prompt_in(2, "s1", "first")];
        holds(&NoReplay, &seen(vec![user("first")], server));
    }

    #[test]
    fn different_messages_are_no_replay() {
        let server = vec![prompt("first"), completed("first"), prompt("second"), completed("second")];
        holds(&NoReplay, &seen(vec![user("first"), user("second"), finish(), finish()], server));
    }
}
