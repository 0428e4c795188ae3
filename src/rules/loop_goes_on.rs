//! `loop-goes-on`: reads the wait-for graph for threads that sleep though they run an event loop.

use super::waits::{asleep, deadlock};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;

/// A step that waits for time does not stop its event loop.
pub struct LoopGoesOn;

impl Rule for LoopGoesOn {
    fn name(&self) -> &'static str {
        "loop-goes-on"
    }

    fn title(&self) -> &'static str {
        "while a step waits before it prompts again, its event loop goes on"
    }

    fn page(&self) -> &'static str {
        "A prompt that fails with an error that may pass is sent again after 5, 15 and 30 seconds. In an asynchronous \
step that wait belongs to the step's task. If it blocks the thread instead, nothing else on the loop runs for that long: \
no other conversation, no message, and no interrupt, which is brought to the run as a cancellation of its task.

It breaks when an execution cannot go on and a thread sleeps in an asynchronous step. A synchronous step may sleep: it \
runs on a thread of its own.

Source: R34 `retry-blocks-loop`, #3358."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let sleepers = deadlock(seen).into_iter().flat_map(asleep);
        let violation = |thread: &str| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("{thread} sleeps, and with it the event loop that it runs"),
            marks: vec![Mark::Thread(thread.to_owned())],
        };
        sleepers.map(|sleeper| violation(&sleeper.thread)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::LoopGoesOn;
    use crate::rules::testkit::*;

    #[test]
    fn a_loop_that_sleeps_while_others_need_it_breaks_it() {
        let seen = deadlock(vec![waiting("loop", "run/astep/back off", "sleep retry", &[], &[])]);
        assert_eq!(breaks(&LoopGoesOn, &seen), "loop sleeps, and with it the event loop that it runs");
        assert_eq!(broken(&seen), ["loop-goes-on"].into());
    }

    #[test]
    fn a_worker_that_sleeps_and_a_task_that_waits_do_not() {
        holds(&LoopGoesOn, &deadlock(vec![waiting("worker", "run/step", "sleep retry", &["state"], &[])]));
        holds(&LoopGoesOn, &deadlock(vec![waiting("loop", "run/astep/back off", "select loop", &[], &[])]));
    }
}
