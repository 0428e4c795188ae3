//! `closed-service-begins-no-run`: reads the service's book.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServiceEntry};
use crate::scenario::{EventKind, Need};

/// A service that is being closed begins no run.
pub struct ClosedServiceBeginsNoRun;

impl Rule for ClosedServiceBeginsNoRun {
    fn name(&self) -> &'static str {
        "closed-service-begins-no-run"
    }

    fn title(&self) -> &'static str {
        "a service that is being closed begins no run"
    }

    fn page(&self) -> &'static str {
        "Closing the service ends the run in flight and then the agent. A run that begins in between is ended by nobody: its \
server is killed under it, or it works on for a user who has left.

It breaks when the service begins a run after a call of `close` has begun, unless the service was started again before.

Source: the decision `closing`, #3376, merged code."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut closing = false;
        let mut violations = Vec::new();
        for entry in &seen.service {
            match entry {
                ServiceEntry::Closing => closing = true,
                ServiceEntry::Opened => closing = false,
                ServiceEntry::Began { .. } if closing => violations.push(Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: "the service began a run while it was being closed".to_owned(),
                    marks: last_message(seen),
                }),
                _ => {}
            }
        }
        violations
    }
}

/// The message that such a run would go on with.
fn last_message(seen: &Observations) -> Vec<Mark> {
    let place = seen.events.iter().rposition(|event| event.kind == EventKind::UserMessage);
    place.map(Mark::Event).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::ClosedServiceBeginsNoRun;
    use crate::observation::{Observations, ServiceEntry};
    use crate::rules::testkit::*;

    fn book(service: Vec<ServiceEntry>) -> Observations {
        Observations { service, ..seen(vec![user("first")], vec![]) }
    }

    #[test]
    fn a_run_that_begins_after_a_close_has_begun_breaks_it() {
        let seen = book(vec![message("first", true), ServiceEntry::Closing, began_by_message()]);
        assert_eq!(
            breaks(&ClosedServiceBeginsNoRun, &seen),
            "the service began a run while it was being closed"
        );
    }

    #[test]
    fn one_before_it_or_of_a_service_that_was_started_again_does_not() {
        holds(&ClosedServiceBeginsNoRun, &book(vec![began_by_message(), ServiceEntry::Closing]));
        let again = vec![ServiceEntry::Closing, ServiceEntry::Opened, began_by_message()];
        holds(&ClosedServiceBeginsNoRun, &book(again));
    }
}
