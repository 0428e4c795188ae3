//! What can be seen of an execution when it is over, collected from the contents of its objects.

use crate::engine::kernel::Record;
use crate::observation::{End, Observations, Stuck, Why};
use crate::subject::model::{Agent, UsageCount};

use super::world::World;

impl World {
    /// Everything there is to see. `stuck` says why the execution could not go on, if it could not.
    pub(crate) fn observe(&self, stuck: Option<Why>, record: Record<'_>) -> Observations {
        let state = self.conversation.state();
        Observations {
            events: state.events.inspect(Clone::clone),
            server: self.server.log(),
            calls: self
                .players
                .iter()
                .map(|player| (player.name.clone(), player.calls.inspect(Clone::clone)))
                .collect(),
            stream: self.service.as_ref().map(|(service, _)| service.inspect_stream()).unwrap_or_default(),
            tokens: self
                .players
                .iter()
                .map(|player| (player.name.clone(), player.tokens.inspect(Clone::clone)))
                .collect(),
            runs: self.conversation.inspect_runs(),
            service: self.service.as_ref().map(|(service, _)| service.inspect_journal()).unwrap_or_default(),
            usage: match self.conversation.inspect_agent() {
                Agent::Acp(_) => UsageCount::new(),
                Agent::Llm(agent) | Agent::Sync(agent) => agent.inspect_usage(),
            },
            end: self.end(),
            stuck: stuck.map(|why| Stuck { why, threads: self.waiting(record) }),
            lock_order: record.lock_order(),
        }
    }

    fn end(&self) -> End {
        let state = self.conversation.state();
        let session = match self.conversation.inspect_agent() {
            Agent::Acp(agent) => agent.inspect_session(),
            Agent::Llm(_) | Agent::Sync(_) => None,
        };
        End {
            status: state.execution_status.inspect(|status| *status),
            cursor: state.agent_state.inspect(|agent| agent.last_prompt.as_ref().map(ToString::to_string)),
            session,
        }
    }
}
