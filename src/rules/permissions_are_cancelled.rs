//! `permissions-are-cancelled`: reads the server's log. `turnloom verify` holds the same against the frames of a
//! transcript.

use super::facts::turns;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
use crate::scenario::{Need, REQUEST_PERMISSION, ReplyKind};

/// A permission that was asked for before a cancel and is answered after it is answered `cancelled`.
pub struct PermissionsAreCancelled;

/// A permission request that is not answered.
struct Pending<'a> {
    place: usize,
    session: &'a str,
    name: &'a str,
    /// Where its turn was cancelled since.
    cancelled: Option<usize>,
}

impl Rule for PermissionsAreCancelled {
    fn name(&self) -> &'static str {
        "permissions-are-cancelled"
    }

    fn title(&self) -> &'static str {
        "after a cancel, pending permission requests are answered cancelled"
    }

    fn page(&self) -> &'static str {
        "Who cancels a turn wants nothing more to be done. A permission request can be on its way just then: the agent \
wrote it before it read `session/cancel`, and the client reads it after it has sent that. Granting it tells the agent that \
the user agrees with what he has just stopped, so ACP demands the outcome `cancelled` for each request that is pending.

It breaks when the server reads the answer to a permission request after the `session/cancel` of its session, had asked \
before it, and the answer is not `cancelled`. A pipe keeps its order, so the client wrote that answer after the cancel. What \
was granted before the cancel is fine, whenever the tool runs; a request that is made only after the server has read the \
cancel, or in no turn, is the agent's doing.

Source: ACP v1, prompt-turn and tool-calls; N18 `cancelled-permission-granted`, found by turnloom in openhands-sdk 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp, Need::Permission]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let turns = turns(seen);
        let in_turn =
            |place: usize, of: &str| turns.iter().any(|turn| turn.session == of && turn.is_under_way(place));
        let mut pending: Vec<Pending<'_>> = Vec::new();
        let mut violations = Vec::new();
        for (place, entry) in seen.server.iter().enumerate() {
            match entry {
                ServerEntry::Called { session, name, method, .. }
                    if method == REQUEST_PERMISSION && in_turn(place, session) =>
                {
                    pending.push(Pending { place, session, name, cancelled: None });
                }
                ServerEntry::Cancel { session, .. } => {
                    let own = pending.iter_mut().filter(|asked| asked.session == session);
                    own.for_each(|asked| asked.cancelled = asked.cancelled.or(Some(place)));
                }
                ServerEntry::Replied { name, kind, .. } => {
                    let Some(at) = pending.iter().position(|asked| asked.name == name) else { continue };
                    let asked = pending.remove(at);
                    if let Some(cancel) = asked.cancelled.filter(|_| *kind != ReplyKind::Cancelled) {
                        violations.push(Violation {
                            rule: self.name(),
                            side: Side::Client,
                            message: format!(
                                "the permission request {name:?} was pending when its turn was cancelled, and is answered {}",
                                crate::scenario::word(kind)
                            ),
                            marks: [asked.place, cancel, place].map(Mark::Server).to_vec(),
                        });
                    }
                }
                ServerEntry::Ended { .. } => pending.clear(),
                _ => {}
            }
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::PermissionsAreCancelled;
    use crate::observation::{Observations, ServerEntry};
    use crate::rules::testkit::*;
    use crate::scenario::{ReplyKind, StopReason};

    fn called(name: &str) -> ServerEntry {
        let method = crate::scenario::REQUEST_PERMISSION.to_owned();
        ServerEntry::Called { process: 1, session: "s1".into(), name: name.into(), method }
    }

    fn replied(name: &str, kind: ReplyKind) -> ServerEntry {
        ServerEntry::Replied { process: 1, name: name.into(), kind }
    }

    fn turn(middle: &[ServerEntry]) -> Observations {
        let around = [vec![prompt("first")], middle.to_vec(), vec![answered("first", StopReason::Cancelled)]];
        seen(vec![user("first"), interrupt()], around.concat())
    }

    fn cancel() -> ServerEntry {
        ServerEntry::Cancel { process: 1, session: "s1".into() }
    }

    #[test]
    fn a_pending_request_that_is_granted_after_the_cancel_breaks_it() {
        for (kind, word) in [(ReplyKind::Result, "result"), (ReplyKind::Error, "error")] {
            let seen = turn(&[called("may I"), cancel(), replied("may I", kind)]);
            let message = format!(
                "the permission request \"may I\" was pending when its turn was cancelled, and is answered {word}"
            );
            assert_eq!(breaks(&PermissionsAreCancelled, &seen), message);
            assert_eq!(broken(&seen), ["permissions-are-cancelled"].into());
        }
    }

    #[test]
    fn what_is_answered_cancelled_before_the_cancel_or_asked_after_it_is_fine() {
        let (yes, no) = (replied("may I", ReplyKind::Result), replied("may I", ReplyKind::Cancelled));
        holds(&PermissionsAreCancelled, &turn(&[called("may I"), cancel(), no]));
        holds(&PermissionsAreCancelled, &turn(&[called("may I"), yes.clone(), cancel()]));
        holds(&PermissionsAreCancelled, &turn(&[cancel(), called("may I"), yes.clone()]));
        holds(&PermissionsAreCancelled, &turn(&[called("may I"), cancel(), ended(), yes]));
    }

    #[test]
    fn what_is_asked_for_between_turns_belongs_to_no_cancelled_one() {
        let crossed = [prompt("first"), completed("first"), called("may I"), prompt("second"), cancel()];
        let end = [replied("may I", ReplyKind::Result), answered("second", StopReason::Cancelled)];
        holds(
            &PermissionsAreCancelled,
            &seen(vec![user("first"), finish()], [&crossed[..], &end[..]].concat()),
        );
    }

    #[test]
    fn another_call_and_another_session_are_nothing_to_it() {
        let other = ServerEntry::Called {
            process: 1,
            session: "s1".into(),
            name: "read".into(),
            method: "fs/read_text_file".into(),
        };
        holds(&PermissionsAreCancelled, &turn(&[other, cancel(), replied("read", ReplyKind::Result)]));
        let elsewhere = ServerEntry::Cancel { process: 1, session: "s2".into() };
        let seen = turn(&[called("may I"), elsewhere, replied("may I", ReplyKind::Result)]);
        holds(&PermissionsAreCancelled, &seen);
    }
}
