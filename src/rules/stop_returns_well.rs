//! `stop-returns-well`: reads what the calls of users returned.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Call, CallKind, Observations};
use crate::scenario::{EventKind, Need};

/// A user's stop returns without an error.
pub struct StopReturnsWell;

impl Rule for StopReturnsWell {
    fn name(&self) -> &'static str {
        "stop-returns-well"
    }

    fn title(&self) -> &'static str {
        "a user's pause, interrupt or close returns without an error"
    }

    fn page(&self) -> &'static str {
        "Who presses stop wants to know that it worked. There is always something to stop, or nothing to do: neither is \
an error. A service that waits for the run it has stopped must not take the end of that run for its own: the window would \
show a failure, nothing would be published, and the user would press again.

It breaks when a call of `pause`, `interrupt` or `close` returned anything but `ok`.

Source: N16 `interrupt-fails-at-start` and N17 `close-loses-run`, found by turnloom in openhands-agent-server 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Stop]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let stops = |kind| matches!(kind, EventKind::Interrupt | EventKind::Pause);
        let marks = seen.events.iter().enumerate().filter(|(_, event)| stops(event.kind));
        let mut marks: Vec<Mark> = marks.map(|(place, _)| Mark::Event(place)).collect();
        if marks.is_empty() {
            marks.extend(seen.events.len().checked_sub(1).map(Mark::Event));
        }
        let mut violations = Vec::new();
        for (actor, calls) in &seen.calls {
            let is_stop =
                |call: &Call| matches!(call.call, CallKind::Pause | CallKind::Interrupt | CallKind::Close);
            let failed = calls.iter().filter(|call| is_stop(call) && !call.went_well());
            violations.extend(failed.map(|call| Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!("the {} of {actor} failed with {}", call.call, call.returned),
                marks: marks.clone(),
            }));
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::StopReturnsWell;
    use crate::observation::{Call, Observations};
    use crate::rules::testkit::*;

    fn returned(call: &str, returned: &str) -> Observations {
        let call = Call { call: call.into(), returned: returned.to_owned() };
        let calls = [("bob".to_owned(), vec![call])].into();
        Observations {
            calls,
            ..seen(vec![user("first"), finish()], vec![prompt("first"), completed("first")])
        }
    }

    #[test]
    fn a_stop_that_fails_breaks_it() {
        for stop in ["pause", "interrupt", "close"] {
            let seen = returned(stop, "CancelledError");
            let message = format!("the {stop} of bob failed with CancelledError");
            assert_eq!(breaks(&StopReturnsWell, &seen), message);
            assert_eq!(broken(&seen), ["stop-returns-well"].into());
        }
    }

    #[test]
    fn a_stop_that_returns_and_another_call_that_fails_are_fine() {
        holds(&StopReturnsWell, &returned("interrupt", "ok"));
        holds(&StopReturnsWell, &returned("run", "ValueError"));
    }
}
