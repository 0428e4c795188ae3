//! `no-deadlock`: what is left of the deadlocks when the rules that know a cause have spoken.

use super::blame::is_of_scenario;
use super::waits::{deadlock, describe, is_explained};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Stuck};

/// Every execution comes to its end.
pub struct NoDeadlock;

impl Rule for NoDeadlock {
    fn name(&self) -> &'static str {
        "no-deadlock"
    }

    fn title(&self) -> &'static str {
        "every execution comes to its end"
    }

    fn page(&self) -> &'static str {
        "An execution ends when every actor, the runtime's threads, the server and the clock are done. If some of them \
are not done and none can move, each waiting for a lock, a gate, an answer or a timer that nobody will give, the \
conversation stands still for ever.

It breaks on every such execution for which no rule knows the cause (`no-lock-across-prompt`, \
`callback-on-lock-owner` and `loop-goes-on` do for theirs). The cause may be the scenario: a gate that nobody opens, a timer that the \
clock does not fire, a prompt that the server never answers. It is said to be the scenario's doing if everybody who is stuck in the \
runtime would go on as soon as the scenario did what it alone can do. While a turn is being stopped a silent server is no excuse: \
only a timer that would end the wait is, or a subscriber that takes nothing in.

Source: R14 `unbounded-cancel-send`, #3376 round 4; R30 `hung-worker`, #3376 (a hang is a verdict with the place of every thread); N07 \
`close-waits-for-turn`, N08 `server-death-unnoticed` and N23 `tool-starved-by-waiters`, 1.25.0; P03 `start-blocks-loop`, #3510."
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let unexplained = deadlock(seen).filter(|stuck| !is_explained(stuck, context));
        let violation = |stuck: &Stuck| Violation {
            rule: self.name(),
            side: if is_of_scenario(stuck, seen) { Side::Scenario } else { Side::Client },
            message: format!("nobody can move: {}", describe(stuck)),
            marks: stuck.threads.iter().map(|thread| Mark::Thread(thread.thread.clone())).collect(),
        };
        unexplained.map(violation).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::NoDeadlock;
    use crate::observation::{Observations, Why};
    use crate::rules::testkit::*;

    #[test]
    fn a_gate_that_nobody_opens_is_a_deadlock() {
        let seen = deadlock(vec![
            waiting("bob", "", "wait gate", &[], &["server"]),
            waiting("loop", "run/close", "lock state", &["run"], &[]),
        ]);
        assert_eq!(
            breaks(&NoDeadlock, &seen),
            "nobody can move: bob is at `wait gate`, needs server; loop in run › close is at `lock state`, holds run"
        );
    }

    #[test]
    fn a_deadlock_with_a_known_cause_is_left_to_the_rule_that_knows_it() {
        holds(&NoDeadlock, &deadlock(lock_across_prompt()));
        holds(&NoDeadlock, &deadlock(step_in_executor()));
    }

    #[test]
    fn neither_an_end_nor_a_hang_is_a_deadlock() {
        holds(&NoDeadlock, &Observations::default());
        holds(&NoDeadlock, &stuck(Why::Hang, lock_across_prompt()));
    }
}
