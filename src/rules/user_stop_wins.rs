//! `user-stop-wins`: reads the service's book, in its loop's order.

use super::service_log::{began, was_stopped};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Cause, Observations};
use crate::scenario::{EventKind, Need};

/// A user's stop wins over every run that was to begin by itself.
pub struct UserStopWins;

impl Rule for UserStopWins {
    fn name(&self) -> &'static str {
        "user-stop-wins"
    }

    fn title(&self) -> &'static str {
        "no run that was asked for before a user's stop begins by itself after it"
    }

    fn page(&self) -> &'static str {
        "The service begins runs on its own: to replace a prompt that it has interrupted, and for a message that came \
while the old run was coming to its end. Each takes a while to get there. If the user presses stop (pause, interrupt, \
close) meanwhile, that is the last word: what was asked for before it does not begin after it.

It breaks when the service begins a run for a message or as a rerun, and the user's last stop came after every message \
with `run=true` and every call for a run that was there by then. A run that somebody asked for by a call is his own \
affair: whether his call or the stop came first is for the two to settle.

Source: R39 `stop-overridden-by-rerun`, #3376 merged code; N06 `stop-lost-before-rerun`, 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service, Need::Stop]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let events = seen.events.iter().enumerate();
        let tells = events.filter(|(_, event)| matches!(event.kind, EventKind::Interrupt | EventKind::Pause));
        let marks: Vec<Mark> = tells.map(|(place, _)| Mark::Event(place)).collect();
        let mut violations = Vec::new();
        for (number, (place, by)) in (1..).zip(began(seen)) {
            if !matches!(by, Cause::Run | Cause::Accept) && was_stopped(&seen.service[..place]) {
                violations.push(Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: format!(
                        "run {number} began by itself after the user's stop, and nobody had asked for one since"
                    ),
                    marks: marks.clone(),
                });
            }
        }
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::UserStopWins;
    use crate::observation::{Cause, Observations, ServiceEntry};
    use crate::rules::testkit::*;

    fn book(service: Vec<ServiceEntry>) -> Observations {
        let events = vec![user("first"), user("second"), interrupt(), finish(), finish()];
        let server = vec![prompt("first"), completed("first"), prompt("second"), completed("second")];
        Observations { service, ..seen(events, server) }
    }

    fn rerun() -> ServiceEntry {
        ServiceEntry::Began { by: Cause::Rerun }
    }

    #[test]
    fn a_rerun_after_the_stop_breaks_it() {
        let asked = || vec![message("first", true), began_by_message(), message("second", true)];
        for late in [rerun(), began_by_message()] {
            let seen = book([asked(), vec![ServiceEntry::Stop, late]].concat());
            assert_eq!(
                breaks(&UserStopWins, &seen),
                "run 2 began by itself after the user's stop, and nobody had asked for one since"
            );
            assert_eq!(broken(&seen), ["user-stop-wins"].into());
        }
    }

    #[test]
    fn whoever_asks_after_the_stop_gets_a_run() {
        let stopped = || vec![message("first", true), began_by_message(), ServiceEntry::Stop];
        let again = vec![message("second", true), rerun()];
        holds(&UserStopWins, &book([stopped(), again].concat()));
        holds(&UserStopWins, &book([stopped(), vec![ServiceEntry::Run, rerun()]].concat()));
        let quiet = vec![message("second", false), rerun()];
        breaks(&UserStopWins, &book([stopped(), quiet].concat()));
    }

    #[test]
    fn a_call_for_a_run_may_cross_the_stop() {
        let crossed = vec![ServiceEntry::Run, ServiceEntry::Stop, ServiceEntry::Began { by: Cause::Run }];
        holds(&UserStopWins, &book(crossed));
        holds(&UserStopWins, &book(vec![message("first", true), began_by_message(), ServiceEntry::Stop]));
    }
}
