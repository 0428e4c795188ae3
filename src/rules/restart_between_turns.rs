//! `restart-between-turns`: reads the system prompts of the event log, one for each start of the server.

use std::collections::BTreeSet;

use super::facts::ends_turn;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::EventKind;

/// The server is restarted between turns, not inside one.
pub struct RestartBetweenTurns;

impl Rule for RestartBetweenTurns {
    fn name(&self) -> &'static str {
        "restart-between-turns"
    }

    fn title(&self) -> &'static str {
        "the server is restarted between turns, not inside one"
    }

    fn page(&self) -> &'static str {
        "A session whose cancelled prompt did not return must not be used again, so the server is restarted. A restart \
takes as long as a process takes to start and to answer twice. Done in the handler of the cancellation it keeps \
everybody who pressed stop waiting for a process that nobody has asked for yet, and if the start fails, the \
interrupt ends as an error. The restart has time until the next turn.

It breaks when the event log has a system prompt, the mark of a started server, after an earlier one with no end of \
a turn (a finish event, an agent message of a failure, an interrupt, an error) in between. A server that has read no prompt \
was in no turn: a conversation that is taken up again before its first message starts a new one.

Source: R16 `restart-inside-cancel`, #3376 round 4."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut before: Option<usize> = None;
        let mut violations = Vec::new();
        for (place, event) in seen.events.iter().enumerate() {
            if ends_turn(event.kind) {
                before = None;
            }
            if event.kind != EventKind::SystemPrompt {
                continue;
            }
            if let Some(before) = before.replace(place)
                && was_in_a_turn(seen, before)
            {
                violations.push(Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: "the server was restarted before the turn of the one before had ended"
                        .to_owned(),
                    marks: vec![Mark::Event(before), Mark::Event(place)],
                });
            }
        }
        violations
    }
}

/// Whether the server that this system prompt is of has read a prompt, as far as the log says which server that was.
fn was_in_a_turn(seen: &Observations, system_prompt: usize) -> bool {
    let earlier =
        seen.events[..system_prompt].iter().filter(|event| event.kind == EventKind::SystemPrompt).count();
    let starts = seen.server.iter().filter_map(|entry| match entry {
        ServerEntry::New { process, .. } | ServerEntry::Load { process, loaded: true, .. } => Some(*process),
        _ => None,
    });
    let started = starts.collect::<BTreeSet<u32>>().into_iter().nth(earlier);
    seen.server.iter().any(|entry| match entry {
        ServerEntry::Prompt { process, .. } => started.is_none_or(|started| *process == started),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::RestartBetweenTurns;
    use crate::observation::ServerEntry;
    use crate::rules::testkit::*;

    #[test]
    fn a_restart_before_the_interrupt_is_recorded_breaks_it() {
        let seen =
            seen(vec![system_prompt(), user("first"), system_prompt(), interrupt()], vec![prompt("first")]);
        assert_eq!(
            breaks(&RestartBetweenTurns, &seen),
            "the server was restarted before the turn of the one before had ended"
        );
        assert_eq!(broken(&seen), ["restart-between-turns"].into());
    }

    #[test]
    fn a_restart_after_any_end_of_a_turn_is_right() {
        for end in [interrupt(), finish(), agent_message("timed out"), error("ACPPromptError")] {
            let events = vec![system_prompt(), user("first"), end, system_prompt(), finish()];
            holds(&RestartBetweenTurns, &seen(events, vec![]));
        }
    }

    #[test]
    fn the_first_start_needs_no_turn_before_it() {
        holds(&RestartBetweenTurns, &seen(vec![user("first"), system_prompt(), interrupt()], vec![]));
    }
    #[test]
    fn a_server_that_has_read_no_prompt_was_in_no_turn() {
        let new = ServerEntry::New { process: 1, session: "s1".into() };
        let load = ServerEntry::Load { process: 2, session: "s1".into(), loaded: true };
        let reloaded = vec![system_prompt(), system_prompt(), user("first"), finish()];
        let second = vec![new.clone(), load.clone(), prompt_in(2, "s1", "first")];
        holds(&RestartBetweenTurns, &seen(reloaded.clone(), second));
        breaks(&RestartBetweenTurns, &seen(reloaded, vec![new, prompt("first"), load]));
    }
}
