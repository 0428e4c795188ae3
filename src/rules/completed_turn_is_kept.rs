//! `completed-turn-is-kept`: holds the server's completed turns against the finish events.

use super::facts::{Turn, finishes, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;
use crate::scenario::Need;

/// A turn that the server completed is recorded, or its session is given up.
pub struct CompletedTurnIsKept;

impl Rule for CompletedTurnIsKept {
    fn name(&self) -> &'static str {
        "completed-turn-is-kept"
    }

    fn title(&self) -> &'static str {
        "a turn that the server completed is recorded, or its session is given up"
    }

    fn page(&self) -> &'static str {
        "After `session/cancel` the prompt may still come to its own end: the answer was on its way. The server's \
history then has a completed turn. A client that records a time-out or an interrupt instead, and goes on in the same \
session, has a conversation that differs from the one that the agent remembers. Either the turn is recorded as \
finished, or the session is not used again.

It breaks when there are fewer finish events than turns that the server completed in a session that lives \
on: one that is in use at the end, or that was prompted again later. A turn whose answer came in an ended process or in a \
session that was given up does not count, nor does an execution that got stuck. Finish events are counted, not \
matched, so a turn can go unnoticed when a session that was given up has a finish event of its own.

Source: R28 `drain-result-discarded`, #3376 (open)."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp || seen.stuck.is_some() {
            return Vec::new();
        }
        let turns = turns(seen);
        let kept: Vec<_> = turns.iter().filter(|turn| lives_on(turn, &turns, seen)).collect();
        let finishes = finishes(seen);
        if finishes.len() >= kept.len() {
            return Vec::new();
        }
        let texts: Vec<_> = kept.iter().map(|turn| format!("{:?}", turn.text)).collect();
        let answers = kept.iter().filter_map(|turn| turn.completed()).map(Mark::Server);
        vec![Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "the server completed {} in a session that lives on, but {}",
                texts.join(", "),
                match finishes.len() {
                    0 => "no finish event was recorded".to_owned(),
                    1 => "only 1 finish event was recorded".to_owned(),
                    count => format!("only {count} finish events were recorded"),
                },
            ),
            marks: finishes.iter().copied().map(Mark::Event).chain(answers).collect(),
        }]
    }
}

/// Whether the turn was completed and the client went on in its session.
fn lives_on(turn: &Turn<'_>, turns: &[Turn<'_>], seen: &Observations) -> bool {
    let Some(answer) = turn.completed() else { return false };
    let in_use = seen.end.session.as_ref().is_some_and(|used| {
        turn.ended.is_none() && used.process == turn.process && used.session == turn.session
    });
    in_use || turns.iter().any(|later| later.same_session(turn) && later.read > answer)
}

#[cfg(test)]
mod tests {
    use super::CompletedTurnIsKept;
    use crate::observation::{Observations, ServerEntry};
    use crate::rules::testkit::*;
    use crate::scenario::{Status, StopReason};

    fn paused(finished: usize, server: Vec<ServerEntry>) -> Observations {
        let mut seen = seen((0..finished).map(|_| finish()).collect(), server);
        seen.end.status = Status::Paused;
        seen
    }

    #[test]
    fn a_result_that_is_thrown_away_breaks_it() {
        let seen = paused(0, vec![prompt("first"), completed("first")]);
        assert_eq!(
            breaks(&CompletedTurnIsKept, &seen),
            "the server completed \"first\" in a session that lives on, but no finish event was recorded"
        );
        assert_eq!(broken(&seen), ["completed-turn-is-kept"].into());
    }

    #[test]
    fn so_does_one_whose_session_is_given_up_only_after_another_prompt() {
        let mut seen = paused(0, vec![prompt("first"), completed("first"), prompt("second"), ended()]);
        seen.end.session = None;
        breaks(&CompletedTurnIsKept, &seen);
    }

    #[test]
    fn each_turn_needs_a_finish_event_of_its_own() {
        let both = || vec![prompt("first"), completed("first"), prompt("second"), completed("second")];
        breaks(&CompletedTurnIsKept, &paused(1, both()));
        holds(&CompletedTurnIsKept, &paused(2, both()));
    }

    #[test]
    fn a_session_that_was_given_up_does_not_count() {
        let turn = || vec![prompt("first"), completed("first")];
        let mut given_up = paused(0, turn());
        given_up.end.session = None;
        holds(&CompletedTurnIsKept, &given_up);
        holds(&CompletedTurnIsKept, &paused(0, [turn(), vec![ended()]].concat()));
    }

    #[test]
    fn neither_a_cancelled_turn_nor_a_stuck_execution_counts() {
        let cancelled = vec![prompt("first"), answered("first", StopReason::Cancelled)];
        holds(&CompletedTurnIsKept, &paused(0, cancelled));
        let stuck = deadlock(lock_across_prompt()).stuck;
        let seen = Observations { stuck, ..paused(0, vec![prompt("first"), completed("first")]) };
        holds(&CompletedTurnIsKept, &seen);
    }
}
