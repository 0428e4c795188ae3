//! `failed-start-is-told`: holds the starts of the server's log against the errors of the event log.

use super::{Mark, Rule, Side, Violation};
use crate::observation::{Context, Observations, ServerEntry};
use crate::scenario::{EventKind, Need};

/// A start of the server that failed is told in the event log.
pub struct FailedStartIsTold;

impl Rule for FailedStartIsTold {
    fn name(&self) -> &'static str {
        "failed-start-is-told"
    }

    fn title(&self) -> &'static str {
        "a start of the server that failed is told in the event log"
    }

    fn page(&self) -> &'static str {
        "A server that cannot be started ends the run that wanted it, and the caller of that run gets an exception. All others \
have only the event log and the status: without an event they see a conversation that is as idle as before, and no \
reason why nothing happens.

It breaks when the server's log has more processes that were ended without a session (neither `session/new` nor \
`session/load` was answered well) than the event log has errors.

Source: the decision `failed_start`, openhands-sdk 1.24.0 beside 1.25.0 (ACPAgent.init_state)."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp || seen.stuck.is_some() {
            return Vec::new();
        }
        let failed = failed_starts(seen);
        let told = seen.events.iter().filter(|event| event.kind == EventKind::Error).count();
        let untold = failed.into_iter().skip(told).map(|(place, process)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("the start of process {process} failed, and no error in the event log says so"),
            marks: vec![Mark::Server(place)],
        });
        untold.collect()
    }
}

/// The processes that were ended before they had a session: where each began, and its number.
fn failed_starts(seen: &Observations) -> Vec<(usize, u32)> {
    let has_session = |number: u32| {
        seen.server.iter().any(|entry| match entry {
            ServerEntry::New { process, .. } => *process == number,
            ServerEntry::Load { process, loaded, .. } => *process == number && *loaded,
            _ => false,
        })
    };
    let ended = |number: u32| {
        seen.server.iter().any(|entry| matches!(entry, ServerEntry::Ended { process } if *process == number))
    };
    let starts = seen.server.iter().enumerate().filter_map(|(place, entry)| match entry {
        ServerEntry::Started { process } => Some((place, *process)),
        _ => None,
    });
    starts.filter(|(_, process)| ended(*process) && !has_session(*process)).collect()
}

#[cfg(test)]
mod tests {
    use super::FailedStartIsTold;
    use crate::observation::ServerEntry;
    use crate::rules::testkit::*;

    fn refused() -> Vec<ServerEntry> {
        vec![ServerEntry::Started { process: 1 }, ServerEntry::Initialize { process: 1 }, ended()]
    }

    #[test]
    fn a_failed_start_without_an_error_event_breaks_it() {
        let seen = seen(vec![], refused());
        assert_eq!(
            breaks(&FailedStartIsTold, &seen),
            "the start of process 1 failed, and no error in the event log says so"
        );
        assert_eq!(broken(&seen), ["failed-start-is-told"].into());
    }

    #[test]
    fn one_that_is_told_and_one_that_went_well_do_not() {
        holds(&FailedStartIsTold, &seen(vec![error("ACPInitError")], refused()));
        let mut well = refused();
        well.insert(2, ServerEntry::New { process: 1, session: "s1".into() });
        holds(&FailedStartIsTold, &seen(vec![system_prompt()], well));
    }
}
