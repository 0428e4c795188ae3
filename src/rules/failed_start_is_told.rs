//! `failed-start-is-told`: holds the starts of the server's log against what the event log tells of them.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};
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

It breaks when the server was started more often than the event log has system prompts, the mark of a start that went \
well, and errors. The processes that never read a prompt are taken for those that failed.

Source: the decision `failed_start`, openhands-sdk 1.24.0 beside 1.25.0 (ACPAgent.init_state)."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp || seen.stuck.is_some() {
            return Vec::new();
        }
        let tells = |kind: EventKind| matches!(kind, EventKind::SystemPrompt | EventKind::Error);
        let told = seen.events.iter().filter(|event| tells(event.kind)).count();
        let starts = seen.server.iter().enumerate().filter_map(|(place, entry)| match entry {
            ServerEntry::Started { process } => Some((place, *process)),
            _ => None,
        });
        let untold = starts.clone().count().saturating_sub(told);
        let unused = starts.filter(|(_, process)| !was_prompted(seen, *process));
        let violation = |(place, process): (usize, u32)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("the start of process {process} failed, and no error in the event log says so"),
            marks: vec![Mark::Server(place)],
        };
        unused.take(untold).map(violation).collect()
    }
}

/// Whether the process read a prompt.
fn was_prompted(seen: &Observations, number: u32) -> bool {
    seen.server.iter().any(|entry| matches!(entry, ServerEntry::Prompt { process, .. } if *process == number))
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
        holds(&FailedStartIsTold, &seen(vec![system_prompt()], refused()));
    }
}
