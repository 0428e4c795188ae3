//! `callback-on-lock-owner`: reads the wait-for graph of a deadlock.

use super::waits::{Blocked, callbacks, deadlock};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::Observations;

/// Callbacks run on the thread that owns the lock.
pub struct CallbackOnLockOwner;

impl Rule for CallbackOnLockOwner {
    fn name(&self) -> &'static str {
        "callback-on-lock-owner"
    }

    fn title(&self) -> &'static str {
        "a callback that needs a lock runs on the thread that owns it"
    }

    fn page(&self) -> &'static str {
        "The state lock is reentrant for the thread that holds it. A callback that appends an event takes the lock, so \
it must run on the owner's thread. If the owner hands the step to a worker (or lets the portal deliver an update) and \
waits for it with the lock held, the callback waits for the owner and the owner for the callback: nobody can move.

It breaks when an execution cannot go on, a worker or the portal waits for a lock outside of any call of a client, and \
the waiting of the lock's owner leads back to that worker or portal with no other lock in between. A bystander who \
waits for a lock whose owner awaits a prompt is `no-lock-across-prompt` instead.

Source: R31 `step-in-executor`, #3358 (#3348, #3350); the same deadlock is R32; N25 \
`model-switch-under-lock` and N33 `sync-prompt-under-lock`, 1.25.0; P02 `switch-tool-waits-for-step`, #3485."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let found = deadlock(seen).map(callbacks).unwrap_or_default();
        let violation = |blocked: Blocked<'_>| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "{} runs a callback that needs the lock {}, which {} holds while it waits for {}",
                blocked.waiter.thread, blocked.lock, blocked.owner.thread, blocked.waiter.thread,
            ),
            marks: vec![
                Mark::Thread(blocked.waiter.thread.clone()),
                Mark::Thread(blocked.owner.thread.clone()),
            ],
        };
        found.into_iter().map(violation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::CallbackOnLockOwner;
    use crate::rules::testkit::*;

    #[test]
    fn a_step_on_a_worker_breaks_this_rule_and_no_other() {
        let seen = deadlock(step_in_executor());
        assert_eq!(
            breaks(&CallbackOnLockOwner, &seen),
            "worker-1 runs a callback that needs the lock state, which alice holds while it waits for worker-1"
        );
        assert_eq!(broken(&seen), ["callback-on-lock-owner"].into());
    }

    #[test]
    fn a_bystander_of_the_same_deadlock_adds_nothing() {
        let mut threads = step_in_executor();
        threads.push(waiting("bob", "send \"second\"", "lock state", &[], &["alice"]));
        assert_eq!(broken(&deadlock(threads)), ["callback-on-lock-owner"].into());
    }

    #[test]
    fn the_portal_that_delivers_an_update_of_the_awaited_prompt_breaks_it() {
        let seen = deadlock(vec![
            waiting("loop", "run/astep/prompt \"first\"", "select loop", &["state"], &["portal"]),
            waiting("portal", "session_update/on_event", "lock state", &[], &["loop"]),
        ]);
        breaks(&CallbackOnLockOwner, &seen);
        assert_eq!(broken(&seen), ["callback-on-lock-owner"].into());
        let answered = deadlock(vec![
            waiting("loop", "run/astep/prompt \"first\"", "select loop", &["state"], &["server"]),
            waiting("portal", "session_update/on_event", "lock state", &[], &["loop"]),
        ]);
        breaks(&CallbackOnLockOwner, &answered);
    }

    #[test]
    fn the_way_back_may_lead_over_threads_that_wait_for_no_lock() {
        let through = |operation| {
            deadlock(vec![
                waiting("loop", "run/astep", "select loop", &["state"], &["portal"]),
                waiting("portal", "call", operation, &[], &["worker-1"]),
                waiting("worker-1", "step/on_event", "lock state", &[], &["loop"]),
            ])
        };
        breaks(&CallbackOnLockOwner, &through("wait future"));
        holds(&CallbackOnLockOwner, &through("lock run"));
    }

    #[test]
    fn a_lock_across_a_prompt_and_a_cycle_of_locks_are_something_else() {
        holds(&CallbackOnLockOwner, &deadlock(lock_across_prompt()));
        let crossed = deadlock(vec![
            waiting("loop", "run", "lock run", &["state"], &["worker-1"]),
            waiting("worker-1", "step", "lock state", &["run"], &["loop"]),
        ]);
        holds(&CallbackOnLockOwner, &crossed);
        assert_eq!(broken(&crossed), ["no-deadlock"].into());
    }
}
