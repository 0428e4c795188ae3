//! `loop-goes-on`: reads the wait-for graph for threads that keep an event loop standing.

use super::waits::{callers_of, deadlock, standing_loops};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Stuck, Waiting, WaitsTo};

/// What a step waits for does not stop its event loop.
pub struct LoopGoesOn;

impl Rule for LoopGoesOn {
    fn name(&self) -> &'static str {
        "loop-goes-on"
    }

    fn title(&self) -> &'static str {
        "while a step waits, its event loop goes on"
    }

    fn page(&self) -> &'static str {
        "A prompt that fails with an error that may pass is sent again after 5, 15 and 30 seconds. In an asynchronous \
step that wait belongs to the step's task. If it blocks the thread instead, nothing else on the loop runs for that long: \
no other conversation, no message, and no interrupt, which is brought to the run as a cancellation of its task. The same \
goes for a step that starts the server again and waits for its answers on the loop's own thread.

It breaks when an execution cannot go on and a thread sleeps in an asynchronous step, or the service's loop waits for \
something other than its own work while a call of a user needs the loop. A synchronous step may sleep: it runs on a thread of \
its own. A loop that waits for a lock is left to the rules that know its owner.

Source: R34 `retry-blocks-loop`, #3358; N38 `restart-blocks-loop`, 1.25.0."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let violation = |stuck: &Stuck, thread: &Waiting| Violation {
            rule: self.name(),
            side: Side::Client,
            message: told(stuck, thread),
            marks: vec![Mark::Thread(thread.thread.clone())],
        };
        let of = |stuck| standing_loops(stuck).map(move |thread| violation(stuck, thread));
        deadlock(seen).into_iter().flat_map(of).collect()
    }
}

fn told(stuck: &Stuck, thread: &Waiting) -> String {
    let name = &thread.thread;
    if let WaitsTo::Sleep(_) = thread.operation {
        return format!("{name} sleeps, and with it the event loop that it runs");
    }
    let callers: Vec<String> =
        callers_of(stuck, thread).map(|caller| format!("{} in {}", caller.thread, caller.places())).collect();
    format!(
        "{name} in {} stands, and with it the event loop, which {} needs",
        thread.places(),
        callers.join(" and ")
    )
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
    fn a_loop_that_waits_for_the_server_while_a_call_needs_it_breaks_it() {
        let restart = waiting("loop", "run/astep/restart server", "result portal task", &[], &["portal"]);
        let seen =
            deadlock(vec![restart.clone(), waiting("bob", "service call", "result call", &[], &["loop"])]);
        assert_eq!(
            breaks(&LoopGoesOn, &seen),
            "loop in run › astep › restart server stands, and with it the event loop, which bob in service call needs"
        );
        assert_eq!(broken(&seen), ["loop-goes-on"].into());
        holds(&LoopGoesOn, &deadlock(vec![restart]));
    }

    #[test]
    fn a_worker_that_sleeps_and_a_task_that_waits_do_not() {
        holds(&LoopGoesOn, &deadlock(vec![waiting("worker", "run/step", "sleep retry", &["state"], &[])]));
        holds(&LoopGoesOn, &deadlock(vec![waiting("loop", "run/astep/back off", "select loop", &[], &[])]));
    }
}
