//! The tools of an agent that talks to an LLM: what becomes of the tool calls in an answer.
//!
//! Stands for `_handle_tool_calls`, `_requires_user_confirmation` and `_execute_actions` of `Agent`
//! (`sdk/agent/agent.py`, `response_dispatch.py`) and their asynchronous twins, with a `ParallelToolExecutor` of one
//! worker. Every tool is there, takes whatever is JSON, says something at once and changes nothing, but for
//! `switch_llm`, which uses the conversation; the tools `finish` and `think` are left out.

use serde::de::IgnoredAny;

use super::asyncio::{EventLoop, Executor, Result};
use crate::engine::kernel::thread;
use crate::terms::{EventKind, Status, ThreadRole};

use super::acp_agent::{Turn, event};
use super::cancel_token::CancelToken;
use super::conversation::LocalConversation;
use super::coverage::{Branch, reach};
use super::decision::{SwitchTool, ToolPool};
use super::llm_agent::{AskedFor, LlmAgent};
use super::state::{ActionId, ConversationState};

/// The tool that has the conversation go on with another LLM.
const SWITCH_LLM: &str = "switch_llm";

impl LlmAgent {
    /// `_ahandle_tool_calls`
    pub(super) async fn ahandle_tool_calls(
        &self,
        conversation: &LocalConversation,
        turn: &Turn,
        event_loop: &EventLoop,
        calls: &[AskedFor],
    ) -> Result<()> {
        let actions = self.emit_actions(turn, calls);
        if self.requires_user_confirmation(conversation.state(), &actions) {
            return Ok(());
        }
        self.aexecute_actions(conversation, turn, event_loop, actions).await
    }

    /// `_handle_tool_calls`
    pub(super) fn handle_tool_calls(
        &self,
        conversation: &LocalConversation,
        turn: &Turn,
        calls: &[AskedFor],
    ) {
        let actions = self.emit_actions(turn, calls);
        if !self.requires_user_confirmation(conversation.state(), &actions) {
            self.execute_actions(conversation, turn, &actions);
        }
    }

    /// `_requires_user_confirmation`: whether the run is to end here; its status says so then.
    fn requires_user_confirmation(&self, state: &ConversationState, actions: &[ActionId]) -> bool {
        let asks = self.confirmation && !actions.is_empty();
        if asks {
            state.set_status(Status::WaitingForConfirmation);
        }
        asks
    }

    /// `_aexecute_actions`: one tool call after the other on a worker, then what all of them came to.
    pub(super) async fn aexecute_actions(
        &self,
        conversation: &LocalConversation,
        turn: &Turn,
        event_loop: &EventLoop,
        actions: Vec<ActionId>,
    ) -> Result<()> {
        let cancel_token = conversation.inner.cancel_token.get();
        let (executor, worker) = tool_pool(conversation);
        let mut results = Vec::new();
        for action in &actions {
            let _waiting = thread::place_waiting_for(format!("tool {action:?}"), worker);
            let tool = self.tool(conversation, cancel_token.as_ref(), action);
            let tool = move || Ok(tool());
            results.push(event_loop.run_in_executor(&executor, ("tool", action.clone()), tool).await?);
        }
        emit_results(turn, actions.iter().zip(results));
        Ok(())
    }

    /// `_execute_actions`
    pub(super) fn execute_actions(
        &self,
        conversation: &LocalConversation,
        turn: &Turn,
        actions: &[ActionId],
    ) {
        let cancel_token = conversation.inner.cancel_token.get();
        let run = |action| self.tool(conversation, cancel_token.as_ref(), action)();
        let results: Vec<EventKind> = actions.iter().map(run).collect();
        emit_results(turn, actions.iter().zip(results));
    }

    /// `_get_action_event` of each tool call: those that can be executed. Arguments that are no JSON are an error at once.
    fn emit_actions(&self, turn: &Turn, calls: &[AskedFor]) -> Vec<ActionId> {
        let mut actions = Vec::new();
        for call in calls {
            (turn.on_event)(event(EventKind::Action, &call.id));
            if is_json(&call.arguments) {
                actions.push(call.id.clone());
                self.note_switch(call);
            } else {
                reach(Branch::ArgumentsRefused);
                (turn.on_event)(event(EventKind::AgentError, &call.id));
            }
        }
        actions
    }

    fn note_switch(&self, call: &AskedFor) {
        if &*call.name == SWITCH_LLM {
            let mut switches = self.switches.get();
            switches.insert(call.id.clone());
            self.switches.set(switches);
        }
    }

    /// `ParallelToolExecutor._run_safe`: a call whose run was cancelled before it begins is skipped.
    fn tool(
        &self,
        conversation: &LocalConversation,
        cancel_token: Option<&CancelToken>,
        action: &ActionId,
    ) -> impl FnOnce() -> EventKind + 'static {
        let cancel_token = cancel_token.cloned();
        let switches = self.switches.get().contains(action).then(|| conversation.clone());
        move || {
            if cancel_token.as_ref().is_some_and(CancelToken::is_cancelled) {
                reach(Branch::ToolSkipped);
                return EventKind::AgentError;
            }
            if let Some(conversation) = switches {
                conversation.switch_llm();
            }
            EventKind::Observation
        }
    }
}

impl LocalConversation {
    /// `switch_llm`, as the tool of this name calls it in the middle of a step: decision `switch_tool`. What it changes is not
    /// modelled.
    fn switch_llm(&self) {
        let _place = thread::place(SWITCH_LLM);
        reach(Branch::LlmSwitched);
        if self.inner.decisions.switch_tool == SwitchTool::TakesLock {
            drop(self.inner.state.lock());
        }
    }
}

/// Decision `tool_pool`: where tool calls are executed, and the name of a worker there. No two steps execute any at a time, so
/// that one pool of their own is enough for all.
fn tool_pool(conversation: &LocalConversation) -> (Executor, &'static str) {
    let inner = &conversation.inner;
    let own = ThreadRole::ToolWorker.name();
    match inner.decisions.tool_pool {
        ToolPool::Own => (inner.executor.apart(own), own),
        ToolPool::Shared => (inner.executor.clone(), ThreadRole::Worker.name()),
    }
}

/// `parse_tool_call_arguments`: what is no JSON is tried again with every control character escaped.
fn is_json(arguments: &str) -> bool {
    let escaped = |char: char| match char {
        '\0'..='\u{1f}' => format!("\\u{:04x}", u32::from(char)),
        _ => char.to_string(),
    };
    let parses = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    parses(arguments) || parses(&arguments.chars().map(escaped).collect::<String>())
}

/// `_ActionBatch.emit`
fn emit_results<'a>(turn: &Turn, results: impl Iterator<Item = (&'a ActionId, EventKind)>) {
    results.for_each(|(action, result)| (turn.on_event)(event(result, action)));
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn arguments_are_json_with_control_characters_in_strings_or_without() {
        for arguments in ["{}", "{\"a\":\n1}", "{\"a\": \"b\nc\"}", "7"] {
            assert!(is_json(arguments), "{arguments:?}");
        }
        for arguments in ["", "{", "{\"a\":\n\"b\nc\"}"] {
            assert!(!is_json(arguments), "{arguments:?}");
        }
    }
}
