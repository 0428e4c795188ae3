//! `accept-is-honoured`: reads the service's book and the last status, and marks the tool calls behind the last message.

use super::service_log::was_accepted;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServiceEntry};
use crate::scenario::{EventKind, Need, Status};

/// A user's yes to a tool call has it executed.
pub struct AcceptIsHonoured;

impl Rule for AcceptIsHonoured {
    fn name(&self) -> &'static str {
        "accept-is-honoured"
    }

    fn title(&self) -> &'static str {
        "a user's yes to tool calls that wait begins a run, unless a user stops"
    }

    fn page(&self) -> &'static str {
        "An agent that asks before it acts leaves its tool calls to a user and ends its run. To accept them is to begin \
the next one. A user can be fast: he sees the calls in the event log, or the status `waiting_for_confirmation`, \
while the run that asked is still coming to its end, and the service begins no run beside another. Then it may let him \
wait or tell him that he came too early; if it says that all went well, the calls must be executed.

It breaks when, with no thread left to move, the conversation waits for a confirmation, though a call of `accept` that found it \
waiting returned well, and no run began after that. It does not break if a user's pause, interrupt or close came after the accept, \
nor if a later run asks anew.

Source: N21 `accept-lost-in-tail`, found by turnloom in openhands-agent-server 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service, Need::ToolCall]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let last_stop = seen.service.iter().rposition(ServiceEntry::is_stop);
        let since = last_stop.map_or(0, |last| last + 1);
        let waits = seen.stuck.is_none() && seen.end.status == Status::WaitingForConfirmation;
        if !(waits && was_accepted(&seen.service[since..])) {
            return Vec::new();
        }
        let calls = seen.events.iter().enumerate().rev();
        let last = calls.take_while(|(_, event)| event.kind != EventKind::UserMessage);
        let asked = last.filter(|(_, event)| event.kind == EventKind::Action);
        let marks: Vec<Mark> = asked.map(|(place, _)| Mark::Event(place)).collect();
        vec![Violation {
            rule: self.name(),
            side: Side::Client,
            message: "a user accepted the tool calls that wait, and nobody executes them".to_owned(),
            marks,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::AcceptIsHonoured;
    use crate::observation::{Cause, Observations, ServiceEntry};
    use crate::rules::testkit::*;
    use crate::scenario::{EventKind, Status};

    const ACCEPTED: ServiceEntry = ServiceEntry::Accept { waiting: true };

    fn waits(after: &[ServiceEntry]) -> Observations {
        let mut seen = seen(vec![user("first"), event(EventKind::Action, "t1")], vec![]);
        seen.end.status = Status::WaitingForConfirmation;
        let asked = [ServiceEntry::Run, ServiceEntry::Began { by: Cause::Run }];
        seen.service = [&asked, after].concat();
        seen
    }

    #[test]
    fn an_accept_that_begins_no_run_breaks_it() {
        let seen = waits(&[ACCEPTED]);
        assert_eq!(
            breaks(&AcceptIsHonoured, &seen),
            "a user accepted the tool calls that wait, and nobody executes them"
        );
        assert_eq!(broken(&seen), ["accept-is-honoured"].into());
        breaks(&AcceptIsHonoured, &waits(&[ServiceEntry::Stop, ACCEPTED]));
    }

    #[test]
    fn an_accept_that_found_nothing_waiting_asks_for_nothing() {
        holds(&AcceptIsHonoured, &waits(&[]));
        holds(&AcceptIsHonoured, &waits(&[ServiceEntry::Accept { waiting: false }]));
    }

    #[test]
    fn a_run_that_began_or_a_stop_settles_it() {
        holds(&AcceptIsHonoured, &waits(&[ACCEPTED, ServiceEntry::Stop]));
        for by in [Cause::Accept, Cause::Rerun] {
            holds(&AcceptIsHonoured, &waits(&[ACCEPTED, ServiceEntry::Began { by }]));
        }
        let mut rejected = waits(&[ACCEPTED]);
        rejected.end.status = Status::Idle;
        holds(&AcceptIsHonoured, &rejected);
    }
}
