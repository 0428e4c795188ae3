//! `last-state-is-true`: holds what a subscriber saw last against how the conversation stood at the end.

use super::service_log::was_closed;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Published};
use crate::scenario::{EventKind, Need, word};

/// The last state that a subscriber is told is the one there is.
pub struct LastStateIsTrue;

impl Rule for LastStateIsTrue {
    fn name(&self) -> &'static str {
        "last-state-is-true"
    }

    fn title(&self) -> &'static str {
        "when all is done, the last state that a subscriber was told is the one there is"
    }

    fn page(&self) -> &'static str {
        "A subscriber (a user's window) knows of the conversation what it is told, and believes the last word. If a \
worker reads the state and the loop publishes it later, a newer state may have been published in between, and the old \
one comes out last: the window shows `idle` or `running` for a conversation that is finished, until something else \
happens.

It breaks when an execution has come to its end and the last state that the subscriber of the event service saw is not \
the conversation's status. An execution that got stuck does not count, nor does one in which the service was closed or \
reloaded: a closed service has no subscribers any more, and the run that is still coming to its end tells nobody of its state.

Source: N03 `stale-state-published`, found by turnloom in openhands-agent-server 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let last = seen.stream.iter().rev().find_map(|published| match published {
            Published::State(status) => Some(*status),
            _ => None,
        });
        let goes_on = seen.stuck.is_none() && !was_closed(seen);
        let Some(last) = last.filter(|last| goes_on && *last != seen.end.status) else {
            return Vec::new();
        };
        let ends = |kind| matches!(kind, EventKind::Finish | EventKind::Interrupt | EventKind::Pause);
        let marks = seen.events.iter().rposition(|event| ends(event.kind)).map(Mark::Event);
        vec![Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "the conversation is {}, but the last that its subscriber was told is {}",
                word(&seen.end.status),
                word(&last),
            ),
            marks: marks.into_iter().collect(),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::LastStateIsTrue;
    use crate::observation::{Call, CallKind, Observations, Published};
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn told(states: &[Status]) -> Observations {
        let states = states.iter().copied().map(Published::State);
        let events = vec![user("first"), finish()];
        let stream = events.iter().cloned().map(Published::Event).chain(states).collect();
        Observations { stream, ..seen(events, vec![prompt("first"), completed("first")]) }
    }

    #[test]
    fn an_old_state_that_comes_last_breaks_it() {
        let seen = told(&[Status::Finished, Status::Idle]);
        assert_eq!(
            breaks(&LastStateIsTrue, &seen),
            "the conversation is finished, but the last that its subscriber was told is idle"
        );
        assert_eq!(broken(&seen), ["last-state-is-true"].into());
    }

    #[test]
    fn an_old_state_on_the_way_and_no_state_at_all_are_fine() {
        holds(&LastStateIsTrue, &told(&[Status::Finished, Status::Idle, Status::Finished]));
        holds(&LastStateIsTrue, &told(&[]));
        let stuck = deadlock(lock_across_prompt()).stuck;
        holds(&LastStateIsTrue, &Observations { stuck, ..told(&[Status::Idle]) });
    }

    #[test]
    fn a_service_that_was_closed_tells_nobody_anything() {
        for call in [CallKind::Close, CallKind::Reload] {
            let calls = [("alice".to_owned(), vec![Call::new(call, Ok(()))])].into();
            holds(&LastStateIsTrue, &Observations { calls, ..told(&[Status::Running]) });
        }
    }
}
