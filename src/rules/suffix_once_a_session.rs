//! `suffix-once-a-session`: holds the prompts of each session against the suffixes that came with them.

use super::facts::{Answer, Turn, all_recorded, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::Need;

/// In each session the system suffix goes with every prompt until one completes, then never again.
pub struct SuffixOnceASession;

impl Rule for SuffixOnceASession {
    fn name(&self) -> &'static str {
        "suffix-once-a-session"
    }

    fn title(&self) -> &'static str {
        "in each session the system suffix goes with every prompt until one completes, then never again"
    }

    fn page(&self) -> &'static str {
        "An ACP agent's instructions travel as a suffix of the first prompt; the session remembers them. If that \
prompt is cancelled nobody knows whether the session has them, so they go with the next prompt too. A marker says \
that the session has them. A marker that outlives the session makes a fresh one start without its instructions.

It breaks when the agent has a suffix and a prompt comes without it though no earlier prompt of the session was \
answered other than with an error; or with it though an earlier one was completed, unless there are fewer \
finish events than such turns, so that the client may not have taken that answer in. A loaded session is the session it was.

Source: R15 `stale-suffix-marker`, #3376 round 4; N27 `switched-agent-repeats-suffix`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp, Need::Suffix]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.suffix {
            return Vec::new();
        }
        let turns = turns(seen);
        let all_recorded = all_recorded(seen, &turns);
        let mut violations = Vec::new();
        for (place, turn) in turns.iter().enumerate() {
            let before = || turns[..place].iter().filter(|earlier| earlier.session == turn.session);
            let answered = before().any(|earlier| has_come_back(earlier, turn));
            let known = before().any(|earlier| earlier.completed().is_some_and(|answer| answer < turn.read));
            let what = match carries_suffix(seen, turn) {
                false if !answered => "without the system suffix, which the session does not have",
                true if known && all_recorded => "with the system suffix, which the session has",
                _ => continue,
            };
            violations.push(Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!("message {:?} was prompted in session {} {what}", turn.text, turn.session),
                marks: vec![Mark::Server(turn.read)],
            });
        }
        violations
    }
}

/// Whether the earlier prompt was answered, and not with an error, before the later one was read.
fn has_come_back(earlier: &Turn<'_>, later: &Turn<'_>) -> bool {
    matches!(earlier.answer, Some((answer, Answer::Reason(_))) if answer < later.read)
}

fn carries_suffix(seen: &Observations, turn: &Turn<'_>) -> bool {
    matches!(seen.server.get(turn.read + 1), Some(ServerEntry::Suffix { .. }))
}

#[cfg(test)]
mod tests {
    use super::SuffixOnceASession;
    use crate::observation::{Observations, ServerEntry};
    use crate::rules::Context;
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::StopReason;

    fn suffix() -> ServerEntry {
        ServerEntry::Suffix { process: 1, session: "s1".into() }
    }

    fn judge(finished: usize, server: Vec<ServerEntry>) -> Vec<String> {
        let seen: Observations = seen((0..finished).map(|_| finish()).collect(), server);
        assert_eq!(SuffixOnceASession.judge(&seen, &acp()), [], "without a suffix there is nothing to say");
        let violations = SuffixOnceASession.judge(&seen, &Context { suffix: true, ..acp() });
        violations.into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn a_fresh_session_without_it_breaks_it() {
        let first = vec![prompt("first"), suffix(), completed("first"), ended()];
        assert_eq!(
            judge(1, [first, vec![prompt_in(2, "s2", "second")]].concat()),
            [
                "message \"second\" was prompted in session s2 without the system suffix, which the session does not have"
            ]
        );
    }

    #[test]
    fn a_session_that_gets_it_twice_breaks_it() {
        let twice = || vec![prompt("first"), suffix(), completed("first"), prompt("second"), suffix()];
        assert_eq!(
            judge(1, twice()),
            ["message \"second\" was prompted in session s1 with the system suffix, which the session has"]
        );
        assert_eq!(judge(0, twice()), [""; 0], "the client may not have heard of the answer");
    }

    #[test]
    fn it_goes_with_every_prompt_until_one_completes() {
        let cancelled = answered("first", StopReason::Cancelled);
        let server =
            vec![prompt("first"), suffix(), cancelled, prompt("first"), suffix(), completed("first")];
        assert_eq!(judge(1, [server.clone(), vec![prompt("second")]].concat()), [""; 0]);
        let failed = vec![prompt("first"), suffix(), failed("first"), prompt("second")];
        assert_eq!(judge(0, failed).len(), 1);
    }

    #[test]
    fn a_loaded_session_has_what_it_had() {
        let server =
            vec![prompt("first"), suffix(), completed("first"), ended(), prompt_in(2, "s1", "second")];
        assert_eq!(judge(1, server), [""; 0]);
    }
}
