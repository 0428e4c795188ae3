//! `no-run-unasked`: holds each rerun of the service against what was to be run.

use super::facts::messages;
use super::service_log::{Asked, asked, began, was_accepted};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Cause, Observations, RunSeen};
use crate::scenario::Need;

/// The service begins no run that nobody asked for.
pub struct NoRunUnasked;

impl Rule for NoRunUnasked {
    fn name(&self) -> &'static str {
        "no-run-unasked"
    }

    fn title(&self) -> &'static str {
        "a rerun is for a message that was sent with run=true and still waits, or for tool calls that were accepted"
    }

    fn page(&self) -> &'static str {
        "A message sent with `run=false` waits until somebody wants an answer. The service begins runs by itself only \
for messages that were sent with `run=true` and refused a run of their own, and for tool calls that a user accepted while the \
run that asked about them was coming to its end. If such a request outlives its message (the old run has dealt with it after \
all), it makes the service run whatever comes next.

It breaks when a run that the service began by itself takes a step, though every message sent with `run=true` by then \
had been prompted to the end in an earlier run, and no accept had found tool calls that waited since the run before \
began. With a native agent a message counts as dealt with by the first call that carries it.

Source: R26 `stale-rerun-flag`, #3376 (open); N24 `overtaken-rerun-executes`, found by turnloom in openhands-agent-server 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let (messages, asked) = (messages(seen), asked(seen));
        let place_of = |text: &str| messages.iter().position(|(_, sent)| *sent == text);
        let mut violations = Vec::new();
        for (number, (place, by)) in (1..).zip(began(seen)) {
            let run = seen.runs.iter().find(|run| run.number == number);
            let Some(run) = run.filter(|run| by == Cause::Rerun && !run.steps.is_empty()) else { continue };
            let told = |asked: &Asked<'_>| {
                let earlier = seen.runs.iter().filter(|earlier| earlier.number < number);
                let ended = earlier.flat_map(|run| &run.steps).filter(|step| step.ended.is_some());
                let mut texts = ended.filter_map(|step| step.message.as_deref());
                let carries = |text| !context.acp && place_of(text) >= place_of(asked.text);
                texts.any(|text| text == asked.text || carries(text))
            };
            let all_told = asked.iter().all(|asked| !asked.run || asked.place > place || told(asked));
            if all_told && !was_accepted(&seen.service[..place]) {
                violations.push(self.unasked(run, &messages));
            }
        }
        violations
    }
}

impl NoRunUnasked {
    fn unasked(&self, run: &RunSeen, messages: &[(usize, &str)]) -> Violation {
        let texts: Vec<_> = run.steps.iter().filter_map(|step| step.message.as_deref()).collect();
        let quoted: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
        let marks = messages.iter().filter(|(_, text)| texts.contains(text));
        Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "the service began run {} by itself, though no message that was to be run waited; it prompted {}",
                run.number,
                if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") },
            ),
            marks: marks.map(|(place, _)| Mark::Event(*place)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NoRunUnasked;
    use crate::observation::{Cause, Observations, ServiceEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    const DONE: Option<Status> = Some(Status::Finished);

    /// Run 1 prompts `first`, then a rerun prompts `second`.
    fn rerun(second_wants_run: bool, first_ended: Option<Status>) -> Observations {
        let server = vec![prompt("first"), completed("first"), prompt("second"), completed("second")];
        let service = vec![
            message("first", true),
            began_by_message(),
            message("second", second_wants_run),
            ServiceEntry::Began { by: Cause::Rerun },
        ];
        let runs =
            vec![run(1, "loop", &[(Some("first"), first_ended)]), run(2, "loop", &[(Some("second"), DONE)])];
        let events = vec![user("first"), finish(), user("second"), finish()];
        Observations { service, runs, ..seen(events, server) }
    }

    #[test]
    fn a_rerun_for_a_message_without_a_run_breaks_it() {
        let seen = rerun(false, DONE);
        assert_eq!(
            breaks(&NoRunUnasked, &seen),
            "the service began run 2 by itself, though no message that was to be run waited; it prompted \"second\""
        );
        assert_eq!(broken(&seen), ["no-run-unasked"].into());
    }

    #[test]
    fn a_rerun_for_a_message_that_waits_is_asked_for() {
        holds(&NoRunUnasked, &rerun(true, DONE));
        holds(&NoRunUnasked, &rerun(false, None));
        let mut called = rerun(false, DONE);
        called.service[3] = ServiceEntry::Began { by: Cause::Run };
        holds(&NoRunUnasked, &called);
        let mut accepted = rerun(false, DONE);
        accepted.service.insert(3, ServiceEntry::Accept { waiting: true });
        holds(&NoRunUnasked, &accepted);
        accepted.service[3] = ServiceEntry::Accept { waiting: false };
        breaks(&NoRunUnasked, &accepted);
        let mut idle = rerun(false, DONE);
        idle.runs[1].steps.clear();
        holds(&NoRunUnasked, &idle);
    }

    #[test]
    fn one_llm_call_carries_all_messages_before_it() {
        let mut carried = rerun(true, DONE);
        carried.runs[0].steps[0].message = Some("second".into());
        assert_eq!(NoRunUnasked.judge(&carried, &native()).len(), 1);
        assert_eq!(NoRunUnasked.judge(&rerun(true, DONE), &native()), []);
    }
}
