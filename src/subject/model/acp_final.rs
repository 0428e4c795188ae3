//! The end of a turn of the ACP agent: its books, its final events, its open cards.
//!
//! Stands for `_finalize_successful_turn`, `_emit_turn_timeout`, `_emit_turn_error` and the closing of tool calls in
//! `sdk/agent/acp_agent.py`.

use crate::engine::kernel::thread;
use crate::terms::{EventKind, Status, ToolStatus};

use super::acp_agent::{AcpAgent, Turn, error_event, event};
use super::bridge::{Bridge, Card, OnEvent, Wired, tool_call_event};
use super::coverage::{Branch, reach};
use super::decision::{FinishedCallbacks, TurnCallbacks, UnfinishedCards};
use super::state::ConversationState;

impl AcpAgent {
    /// The books and the final events of a turn, as the owner of the state lock.
    pub(super) fn finalize_successful_turn(&self, state: &ConversationState, turn: &Turn) {
        let _place = thread::place("finalize");
        self.commit_suffix_installation(state);
        self.record_usage();
        if self.inner.decisions.unfinished_cards == UnfinishedCards::Completed {
            self.flush_inflight_tool_calls_as_completed();
        }
        if self.inner.decisions.finished_callbacks == FinishedCallbacks::BeforeFinish {
            self.clear_turn_callbacks();
        }
        let text = self.client().map(|client| client.accumulated_text.get()).unwrap_or_default();
        (turn.on_event)(event(EventKind::Finish, &text));
        state.set_status(Status::Finished);
    }

    fn record_usage(&self) {
        let callback = self.inner.stats_callback.borrow().clone();
        if let Some(callback) = callback {
            let _place = thread::place("stats callback");
            callback();
        }
    }

    /// The final events of a turn whose prompt took too long.
    pub(super) fn emit_turn_timeout(&self, state: &ConversationState, turn: &Turn) {
        self.cancel_inflight_tool_calls();
        self.emit_turn_timeout_message(state, turn);
    }

    /// The last of them, and the status.
    pub(super) fn emit_turn_timeout_message(&self, state: &ConversationState, turn: &Turn) {
        (turn.on_event)(event(EventKind::AgentMessage, "timed out"));
        state.set_status(Status::Error);
    }

    /// The final events of a turn whose prompt failed.
    pub(super) fn emit_turn_error(&self, state: &ConversationState, turn: &Turn) {
        self.cancel_inflight_tool_calls();
        (turn.on_event)(event(EventKind::AgentMessage, "failed"));
        (turn.on_event)(error_event("ACPPromptError"));
        state.set_status(Status::Error);
    }

    /// Closes every open card as `failed`, after unwiring the bridge (decision `turn_callbacks`).
    pub(super) fn cancel_inflight_tool_calls(&self) {
        let Some(client) = self.client() else { return };
        let on_event = client.on_event.get();
        if self.inner.decisions.turn_callbacks == TurnCallbacks::BeforeFinalEvents {
            self.clear_turn_callbacks();
        }
        fail_cards(&client, on_event);
    }

    /// Closes every open card as `failed`, though more may be heard of it.
    pub(super) fn fail_open_cards(&self) {
        let Some(client) = self.client() else { return };
        fail_cards(&client, client.on_event.get());
    }

    /// Closes every open card as `completed`: the prompt has returned well.
    fn flush_inflight_tool_calls_as_completed(&self) {
        let Some(client) = self.client() else { return };
        for card in client.open_cards() {
            reach(Branch::CardFlushed);
            client.emit_tool_call_event(&Card { status: ToolStatus::Completed, ..card });
        }
    }
}

fn fail_cards(client: &Bridge, on_event: Wired<OnEvent>) {
    let Wired(Some(on_event)) = on_event else { return };
    for card in client.open_cards() {
        reach(Branch::CardFailed);
        on_event(tool_call_event(&Card { status: ToolStatus::Failed, ..card }));
    }
}
