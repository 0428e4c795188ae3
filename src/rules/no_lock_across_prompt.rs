//! `no-lock-across-prompt`: reads the wait-for graph and the lock edges of one execution.

use super::waits::{across_prompt, deadlock, prompt};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Place, Resource};

/// With an ACP agent, nobody holds the state lock while it awaits a prompt.
pub struct NoLockAcrossPrompt;

impl Rule for NoLockAcrossPrompt {
    fn name(&self) -> &'static str {
        "no-lock-across-prompt"
    }

    fn title(&self) -> &'static str {
        "with an ACP agent, no thread holds the state lock while it awaits a prompt"
    }

    fn page(&self) -> &'static str {
        "A prompt lasts as long as the server likes. Whoever holds the conversation's state lock meanwhile makes every \
other caller wait for the whole turn: `send_message` took 2.8 s where it should have taken a moment, and with a \
server that hangs it would have taken the prompt's limit of half an hour.

It breaks when a thread takes up the wait for a prompt while it holds the lock `state`, or when an execution cannot go \
on because a thread waits for `state` and the owner of `state` awaits a prompt. It does not apply to native and \
sync-only agents, nor to a synchronous run, which hold the lock on purpose; nor to a deadlock in which the owner waits for a callback that \
needs the lock (see `callback-on-lock-owner`).

Source: R01 `lock-held-across-prompt`, #3376 (behaviour before it); R32, whose portal waits for the lock that is held across it."
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp {
            return Vec::new();
        }
        let waiting = deadlock(seen).map(|stuck| across_prompt(stuck, context)).unwrap_or_default();
        let waiting = waiting.into_iter().map(|found| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "{} waits for the state lock, which {} holds while it awaits {}",
                found.waiter.thread,
                found.owner.thread,
                prompt(found.owner).map_or("a prompt".to_owned(), Place::to_string),
            ),
            marks: vec![Mark::Thread(found.waiter.thread.clone()), Mark::Thread(found.owner.thread.clone())],
        });
        let edges = seen
            .lock_order
            .iter()
            .filter(|edge| Resource::StateLock.is(&edge.held) && Resource::Prompt.is(&edge.then));
        let taken = edges.map(|edge| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("{} holds the state lock while it awaits a prompt", edge.thread),
            marks: vec![Mark::Thread(edge.thread.clone())],
        });
        waiting.chain(taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::NoLockAcrossPrompt;
    use crate::observation::Observations;
    use crate::rules::testkit::*;
    use crate::rules::{Rule, judge};

    #[test]
    fn a_sender_that_waits_for_a_turn_breaks_this_rule_and_no_other() {
        let seen = deadlock(lock_across_prompt());
        assert_eq!(
            breaks(&NoLockAcrossPrompt, &seen),
            "bob waits for the state lock, which alice holds while it awaits prompt \"first\""
        );
        assert_eq!(broken(&seen), ["no-lock-across-prompt"].into());
    }

    #[test]
    fn so_does_one_whose_send_runs_on_a_worker() {
        let mut threads = lock_across_prompt();
        threads[1] = waiting("bob", "send \"second\"", "wait reply", &[], &["worker-1"]);
        threads.push(waiting("worker-1", "send \"second\"", "lock state", &[], &["alice"]));
        threads[0].waits_for.push("worker-1".into());
        assert_eq!(broken(&deadlock(threads)), ["no-lock-across-prompt"].into());
    }

    #[test]
    fn an_edge_from_state_to_prompt_is_enough() {
        let lock_order = edges(&[edge("state", "prompt", "loop")]);
        let seen = Observations { lock_order, ..Observations::default() };
        assert_eq!(breaks(&NoLockAcrossPrompt, &seen), "loop holds the state lock while it awaits a prompt");
    }

    #[test]
    fn other_edges_and_other_deadlocks_do_not_break_it() {
        let lock_order = edges(&[edge("state", "run", "loop"), edge("run", "prompt", "loop")]);
        holds(&NoLockAcrossPrompt, &Observations { lock_order, ..Observations::default() });
        holds(&NoLockAcrossPrompt, &deadlock(step_in_executor()));
    }

    #[test]
    fn a_synchronous_step_holds_the_lock_on_purpose() {
        let seen = deadlock(vec![
            waiting("alice", "run/step/prompt \"first\"", "result portal task", &["state"], &["portal"]),
            waiting("bob", "send \"second\"", "lock state", &[], &["alice"]),
        ]);
        holds(&NoLockAcrossPrompt, &seen);
        assert_eq!(broken(&seen), ["no-deadlock"].into());
    }

    #[test]
    fn a_native_agent_holds_the_lock_on_purpose() {
        let lock_order = edges(&[edge("state", "prompt", "loop")]);
        let seen = Observations { lock_order, ..deadlock(lock_across_prompt()) };
        assert_eq!(NoLockAcrossPrompt.judge(&seen, &native()), []);
        assert!(judge(&seen, &native()).iter().all(|violation| violation.rule == "no-deadlock"));
    }
}
