//! `no-step-after-pause`: holds the steps of each run against the first pause in the log.

use super::service_log::{asks_for_run, began};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServiceEntry, StepSeen};
use crate::scenario::{EventKind, Need};

/// After a pause a run takes no further step.
pub struct NoStepAfterPause;

impl Rule for NoStepAfterPause {
    fn name(&self) -> &'static str {
        "no-step-after-pause"
    }

    fn title(&self) -> &'static str {
        "after a pause that is in the log, a run that had begun before it takes no further step"
    }

    fn page(&self) -> &'static str {
        "A pause in the event log tells the user that the agent has come to rest. A run that the service had begun, and \
that was still on its way to its first step when the pause came, must not write `running` over it: the user sees that \
he stopped the agent, and watches it go to work. The way may be long, since the first run of an ACP agent starts a \
process.

It breaks when a run that had begun before the first stop takes a step after the last pause was recorded, and nobody has \
asked the service for a run (by a call or by a message with `run=true`) since. Without the service it breaks when a run \
that had begun before the last pause was recorded takes a step after it. A step under way when the pause comes may end; a \
run that the service begins only after the stop is for `user-stop-wins`.

Source: N02 `pause-lost-before-start`, found by turnloom in openhands-agent-server 1.25.0; N14 `idle-pause-written-over`, in \
openhands-sdk 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Stop]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let pause = seen.events.iter().rposition(|event| event.kind == EventKind::Pause);
        let Some(pause) = pause else { return Vec::new() };
        let numbers = begun_before_the_stop(seen, pause);
        let late = |step: &&StepSeen| step.after > pause;
        let runs = seen.runs.iter().filter(|run| numbers.contains(&run.number));
        let runs = runs.filter_map(|run| Some((run, run.steps.iter().find(late)?)));
        let violation = |number: u32, step: &StepSeen| Violation {
            rule: self.name(),
            side: Side::Client,
            message: match &step.message {
                Some(text) => {
                    format!("run {number} took up message {text:?} after the user's pause was recorded")
                }
                None => format!("run {number} took a step after the user's pause was recorded"),
            },
            marks: vec![Mark::Event(pause)],
        };
        runs.map(|(run, step)| violation(run.number, step)).collect()
    }
}

/// The runs that were on when the user stopped the conversation, and that nobody has asked for since.
fn begun_before_the_stop(seen: &Observations, pause: usize) -> Vec<u32> {
    if seen.service.is_empty() {
        return seen.runs.iter().filter(|run| run.after <= pause).map(|run| run.number).collect();
    }
    let stop = seen.service.iter().position(ServiceEntry::is_stop);
    let Some(stop) = stop.filter(|stop| !seen.service[*stop..].iter().any(asks_for_run)) else {
        return Vec::new();
    };
    let begun = (1..).zip(began(seen)).filter(|(_, (place, _))| *place < stop);
    begun.map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::NoStepAfterPause;
    use crate::observation::{Observations, ServiceEntry};
    use crate::rules::testkit::*;
    use crate::scenario::Status;

    fn paused(service: Vec<ServiceEntry>, after: usize) -> Observations {
        let server = vec![prompt("first"), completed("first")];
        let seen = seen(vec![user("first"), pause(), finish()], server);
        let mut run = run(1, "loop", &[(Some("first"), Some(Status::Finished))]);
        run.steps[0].after = after;
        Observations { service, runs: vec![run], ..seen }
    }

    fn stopped() -> Vec<ServiceEntry> {
        vec![message("first", true), began_by_message(), ServiceEntry::Stop]
    }

    #[test]
    fn a_step_that_begins_after_the_pause_breaks_it() {
        let seen = paused(stopped(), 2);
        assert_eq!(
            breaks(&NoStepAfterPause, &seen),
            "run 1 took up message \"first\" after the user's pause was recorded"
        );
        assert_eq!(broken(&seen), ["no-step-after-pause"].into());
    }

    #[test]
    fn a_step_under_way_may_end_and_whoever_asks_again_gets_a_run() {
        holds(&NoStepAfterPause, &paused(stopped(), 1));
        holds(&NoStepAfterPause, &paused([stopped(), vec![ServiceEntry::Run]].concat(), 2));
        holds(&NoStepAfterPause, &paused([stopped(), vec![message("second", true)]].concat(), 2));
        breaks(&NoStepAfterPause, &paused([stopped(), vec![message("second", false)]].concat(), 2));
        let late = vec![message("first", true), ServiceEntry::Stop, began_by_message()];
        holds(&NoStepAfterPause, &paused(late, 2));
    }

    #[test]
    fn without_the_service_a_run_counts_from_the_event_at_which_it_began() {
        breaks(&NoStepAfterPause, &paused(Vec::new(), 2));
        holds(&NoStepAfterPause, &paused(Vec::new(), 1));
        let mut after_the_pause = paused(Vec::new(), 2);
        after_the_pause.runs[0].after = 2;
        holds(&NoStepAfterPause, &after_the_pause);
    }
}
