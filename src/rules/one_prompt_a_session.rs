//! `one-prompt-a-session`: reads the prompts of the server's log.

use super::facts::{Turn, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;
use crate::scenario::Need;

/// No session has two prompts in flight.
pub struct OnePromptASession;

impl Rule for OnePromptASession {
    fn name(&self) -> &'static str {
        "one-prompt-a-session"
    }

    fn title(&self) -> &'static str {
        "no session is prompted while another of its prompts is unanswered"
    }

    fn page(&self) -> &'static str {
        "A session has one turn at a time. When a cancelled prompt does not return within the drain's limit, the \
server may still be at work on it; if the next prompt goes to the same session, two turns run in it and nobody can \
tell whose updates are whose. The session must be left alone or its process restarted first.

It breaks when the server reads a prompt while an earlier prompt of the same session in the same process is \
unanswered. The ACP specification does not forbid it, so this is a policy of the client.

Source: R10 `undrained-session-reused`, #3376 round 3; N04 `sync-session-reused` and N26 \
`switched-agent-forgets-restart`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp {
            return Vec::new();
        }
        let turns = turns(seen);
        let mut violations = Vec::new();
        for (place, late) in turns.iter().enumerate() {
            let open = |turn: &&Turn<'_>| turn.answer.is_none_or(|(answer, _)| answer > late.read);
            let earlier = turns[..place].iter().filter(|turn| turn.same_session(late));
            violations.extend(earlier.filter(open).map(|early| Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!(
                    "message {:?} was prompted in session {} of process {} while the prompt of {:?} was unanswered",
                    late.text, late.session, late.process, early.text,
                ),
                marks: vec![Mark::Server(early.read), Mark::Server(late.read)],
            }));
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::OnePromptASession;
    use crate::rules::testkit::*;
    use crate::scenario::StopReason;

    #[test]
    fn a_prompt_into_a_running_turn_breaks_it() {
        let server = vec![prompt("first"), prompt("second"), completed("second"), completed("first")];
        let seen = seen(vec![user("first"), user("second"), finish(), finish()], server);
        assert_eq!(
            breaks(&OnePromptASession, &seen),
            "message \"second\" was prompted in session s1 of process 1 while the prompt of \"first\" was unanswered"
        );
        assert_eq!(broken(&seen), ["one-prompt-a-session"].into());
    }

    #[test]
    fn answered_turns_and_other_sessions_and_processes_do_not() {
        let cancelled = || answered("first", StopReason::Cancelled);
        holds(&OnePromptASession, &seen(vec![], vec![prompt("first"), cancelled(), prompt("second")]));
        holds(&OnePromptASession, &seen(vec![], vec![prompt("first"), failed("first"), prompt("second")]));
        holds(&OnePromptASession, &seen(vec![], vec![prompt("first"), prompt_in(1, "s2", "second")]));
        holds(
            &OnePromptASession,
            &seen(vec![], vec![prompt("first"), ended(), prompt_in(2, "s1", "second")]),
        );
    }
}
