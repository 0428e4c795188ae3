//! `session-survives-restart`: reads the sessions of the server's log.

use super::{Mark, Rule, Side, Violation};
use crate::observation::{Context, Observations, ServerEntry};
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
        let mut last: Option<(u32, &str)> = None;
        let mut refused: Option<(u32, &str)> = None;
        let mut violations = Vec::new();
        for (place, entry) in seen.server.iter().enumerate() {
            match entry {
                ServerEntry::Load { process, session, loaded: false } => refused = Some((*process, session)),
                ServerEntry::Load { process, session, loaded: true } => {
                    if let Some((_, known)) = last.filter(|(_, known)| *known != session) {
                        violations.push(self.violation(
                            place,
                            *process,
                            &format!("session {session}"),
                            known,
                        ));
                    }
                    last = Some((*process, session));
                }
                ServerEntry::New { process, .. } => {
                    let lost = last
                        .filter(|&(before, known)| before != *process && refused != Some((*process, known)));
                    if let Some((_, known)) = lost {
                        violations.push(self.violation(place, *process, "a new session", known));
                    }
                }
                ServerEntry::Prompt { process, session, .. } => last = Some((*process, session)),
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
    use super::super::testkit::*;
    use super::SessionSurvivesRestart;
    use crate::observation::ServerEntry;

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
    fn a_session_that_nobody_has_prompted_is_no_loss() {
        holds(&SessionSurvivesRestart, &seen(vec![], vec![new(1, "s1"), ended(), new(2, "s2")]));
    }
}
