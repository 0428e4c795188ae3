//! `no-restart-under-lock`: reads the lock edges of one execution.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Resource};
use crate::scenario::Need;

/// Nobody restarts the server while it holds the state lock.
pub struct NoRestartUnderLock;

impl Rule for NoRestartUnderLock {
    fn name(&self) -> &'static str {
        "no-restart-under-lock"
    }

    fn title(&self) -> &'static str {
        "no thread restarts the server while it holds the state lock"
    }

    fn page(&self) -> &'static str {
        "A restart ends a process, starts another and waits for its answers. Whoever holds the conversation's state \
lock meanwhile makes `send_message` wait for a process start. And if the old process still streams, its update waits \
for the lock on the portal's thread, and the restart waits for the portal: nobody can move.

It breaks when a thread begins a restart while it holds the lock `state`. The very first start of a server holds \
the lock by design, so that it happens once.

Source: R23 `restart-under-lock`, #3376 (open when captured)."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let edges = seen
            .lock_order
            .iter()
            .filter(|edge| Resource::StateLock.is(&edge.held) && Resource::Restart.is(&edge.then));
        let violation = |thread: &str| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("{thread} restarts the server while it holds the state lock"),
            marks: vec![Mark::Thread(thread.to_owned())],
        };
        edges.map(|edge| violation(&edge.thread)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::NoRestartUnderLock;
    use crate::observation::Observations;
    use crate::rules::testkit::*;

    #[test]
    fn an_edge_from_state_to_restart_breaks_it() {
        let lock_order = edges(&[edge("state", "restart", "loop")]);
        let seen = Observations { lock_order, ..Observations::default() };
        assert_eq!(
            breaks(&NoRestartUnderLock, &seen),
            "loop restarts the server while it holds the state lock"
        );
        assert_eq!(broken(&seen), ["no-restart-under-lock"].into());
    }

    #[test]
    fn other_locks_and_other_waits_do_not() {
        let lock_order = edges(&[edge("run", "restart", "loop"), edge("state", "run", "loop")]);
        holds(&NoRestartUnderLock, &Observations { lock_order, ..Observations::default() });
    }
}
