//! `dispatch-by-agent`: reads which thread drove each run.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, RunSeen};
use crate::terms::{AgentKind, ThreadRole};

/// Each agent is driven in the way it was made for.
pub struct DispatchByAgent;

impl Rule for DispatchByAgent {
    fn name(&self) -> &'static str {
        "dispatch-by-agent"
    }

    fn title(&self) -> &'static str {
        "the service runs a sync-only agent on a worker, and any other on its loop"
    }

    fn page(&self) -> &'static str {
        "An agent that has only a synchronous step blocks the thread that drives it, so its runs belong on a worker, \
and with them the state lock: driven by the loop, its step goes to a worker of its own while the loop holds the lock, and \
its callbacks run on a thread that does not. An agent with a native asynchronous step belongs on the loop: on a worker \
an interrupt cannot cancel its call and has to wait for its end.

It breaks when the service's loop drives a run of a sync-only agent, or a worker one of any other. Runs that an actor \
drives himself do not count.

Source: R37 `sync-agent-on-async-path` and R38 `async-agent-on-sync-path`, #3404."
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let sync = context.agent == AgentKind::Sync;
        let misplaced = |run: &&RunSeen| match sync {
            true => run.driver() == Some(ThreadRole::Loop),
            false => run.driver() == Some(ThreadRole::Worker),
        };
        let violation = |run: &RunSeen| Violation {
            rule: self.name(),
            side: Side::Client,
            message: if sync {
                format!("run {} of a sync-only agent was driven by the loop", run.number)
            } else {
                format!("run {} of an agent with a native step was driven by {}", run.number, run.thread)
            },
            marks: vec![Mark::Thread(run.thread.clone())],
        };
        seen.runs.iter().filter(misplaced).map(violation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::DispatchByAgent;
    use crate::observation::Observations;
    use crate::rules::Context;
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::AgentKind;

    fn driven_by(thread: &str) -> Observations {
        Observations { runs: vec![run(1, thread, &[(Some("first"), None)])], ..Observations::default() }
    }

    fn sync() -> Context {
        Context { agent: AgentKind::Sync, ..native() }
    }

    #[test]
    fn a_sync_agent_on_the_loop_breaks_it() {
        let violations = DispatchByAgent.judge(&driven_by("loop"), &sync());
        assert_eq!(violations[0].message, "run 1 of a sync-only agent was driven by the loop");
        assert_eq!(violations.len(), 1);
        assert_eq!(DispatchByAgent.judge(&driven_by("worker-2"), &sync()), []);
    }

    #[test]
    fn an_agent_with_a_native_step_on_a_worker_breaks_it() {
        assert_eq!(
            breaks(&DispatchByAgent, &driven_by("worker")),
            "run 1 of an agent with a native step was driven by worker"
        );
        assert_eq!(broken(&driven_by("worker")), ["dispatch-by-agent"].into());
        holds(&DispatchByAgent, &driven_by("loop"));
    }

    #[test]
    fn an_actor_may_drive_any_agent() {
        holds(&DispatchByAgent, &driven_by("alice"));
        assert_eq!(DispatchByAgent.judge(&driven_by("alice"), &sync()), []);
    }
}
