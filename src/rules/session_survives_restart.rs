//! `session-survives-restart`: reads the sessions of the server's log.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::Need;

/// A restarted server is asked for the session before it is asked for a new one.
pub struct SessionSurvivesRestart;

impl Rule for SessionSurvivesRestart {
    fn name(&self) -> &'static str {
        "session-survives-restart"
    }

    fn title(&self) -> &'static str {
        "a restarted server is asked for the session before it is asked for a new one"
    }

    fn page(&self) -> &'static str {
        "The session is the agent's memory of the conversation, and the server keeps it across processes. A restart \
that forgets the session's id gets a new, empty session: the agent answers as if nothing had been said.

It breaks when a process reads `session/new` though an earlier process was prompted in a session, and the process was not asked \
for that session with `session/load`, in vain, before. A load that succeeds must be of the last session in use. A session \
that nobody has prompted, or that the server has refused to open, is no loss.

Source: R22 `session-identity-lost`, #3376 c3749ff."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        // The sessions that the conversation can be in since this process; none before anything was prompted.
        let mut known: (u32, Vec<&str>) = (0, Vec::new());
        let mut refused: Option<(u32, &str)> = None;
        let mut violations = Vec::new();
        for (place, entry) in seen.server.iter().enumerate() {
            match entry {
                ServerEntry::Load { process, session, loaded: false } => refused = Some((*process, session)),
                ServerEntry::Load { process, session, loaded: true } => {
                    if let Some(last) = known.1.last().filter(|_| !known.1.contains(&session.as_str())) {
                        violations.push(self.violation(place, *process, &format!("session {session}"), last));
                    }
                    known = (*process, vec![session]);
                }
                ServerEntry::New { process, session } => {
                    let (before, sessions) = &mut known;
                    let asked = refused.is_some_and(|(at, old)| at == *process && sessions.contains(&old));
                    if let Some(last) = sessions.last().filter(|_| *before != *process && !asked) {
                        violations.push(self.violation(place, *process, "a new session", last));
                    }
                    if !sessions.is_empty() {
                        // Whether the server has said so to the client is not in its log.
                        (*before, *sessions) = (*process, [&sessions[..], &[session]].concat());
                    }
                }
                ServerEntry::Prompt { process, session, .. } => known = (*process, vec![session]),
                _ => {}
            }
        }
        violations
    }
}

impl SessionSurvivesRestart {
    fn violation(&self, place: usize, process: u32, got: &str, known: &str) -> Violation {
        Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "process {process} was given {got}, though the conversation was in session {known}"
            ),
            marks: vec![Mark::Server(place)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SessionSurvivesRestart;
    use crate::observation::ServerEntry;
    use crate::rules::testkit::*;

    fn new(process: u32, session: &str) -> ServerEntry {
        ServerEntry::New { process, session: session.into() }
    }

    fn asked(process: u32, session: &str) -> ServerEntry {
        ServerEntry::Prompt { process, session: session.into(), text: "hi".into() }
    }

    fn load(process: u32, session: &str, loaded: bool) -> ServerEntry {
        ServerEntry::Load { process, session: session.into(), loaded }
    }

    #[test]
    fn a_new_session_after_a_restart_breaks_it() {
        let seen = seen(vec![], vec![new(1, "s1"), asked(1, "s1"), ended(), new(2, "s2")]);
        assert_eq!(
            breaks(&SessionSurvivesRestart, &seen),
            "process 2 was given a new session, though the conversation was in session s1"
        );
        assert_eq!(broken(&seen), ["session-survives-restart"].into());
    }

    #[test]
    fn the_last_session_counts() {
        let server = |id| {
            vec![
                new(1, "s1"),
                asked(1, "s1"),
                load(2, "s1", false),
                new(2, "s2"),
                asked(2, "s2"),
                load(3, id, true),
            ]
        };
        holds(&SessionSurvivesRestart, &seen(vec![], server("s2")));
        breaks(&SessionSurvivesRestart, &seen(vec![], server("s1")));
    }

    #[test]
    fn a_load_that_fails_excuses_a_new_session_in_its_own_process() {
        let server = |process| vec![asked(1, "s1"), load(2, "s1", false), new(process, "s2")];
        holds(&SessionSurvivesRestart, &seen(vec![], server(2)));
        let server = server(3);
        breaks(&SessionSurvivesRestart, &seen(vec![], server));
    }

    #[test]
    fn a_session_that_is_loaded_and_a_first_one_are_right() {
        holds(&SessionSurvivesRestart, &seen(vec![], vec![asked(1, "s1"), load(2, "s1", true)]));
        holds(&SessionSurvivesRestart, &seen(vec![], vec![new(2, "s1")]));
    }

    #[test]
    fn a_new_session_that_the_client_may_not_know_of_can_be_left_out() {
        let server = |then: ServerEntry| vec![asked(1, "s1"), load(2, "s1", false), new(2, "s2"), then];
        for id in ["s1", "s2"] {
            holds(&SessionSurvivesRestart, &seen(vec![], server(load(3, id, true))));
            let mut server = server(load(3, id, false));
            server.push(new(3, "s3"));
            holds(&SessionSurvivesRestart, &seen(vec![], server));
        }
        breaks(&SessionSurvivesRestart, &seen(vec![], server(new(3, "s3"))));
    }

    #[test]
    fn a_session_that_nobody_has_prompted_is_no_loss() {
        holds(&SessionSurvivesRestart, &seen(vec![], vec![new(1, "s1"), ended(), new(2, "s2")]));
    }
}
