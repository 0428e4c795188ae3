//! One turn of the ACP agent: the prompt, its limit, and what is left to do when it fails, times out or is cancelled.
//!
//! Stands for `step`, `astep` and their helpers in `sdk/agent/acp_agent.py`.

use crate::asyncio::{self, Exception, Result, concurrent, shield, wait_for, wrap_future};
use crate::kernel::thread;
use crate::scenario::{EventKind, Status, StopReason};

use super::acp_agent::{AcpAgent, Turn, error_event, event, not_started};
use super::connection::PromptResponse;
use super::decision::{DrainResult, UndrainedSession};
use super::state::{ConversationState, MessageId};

type PromptFuture = concurrent::Future<PromptResponse>;

/// What came of the wait for a cancelled prompt (`_PromptDrainResult`).
enum Drained {
    /// It returned.
    Completed(PromptResponse),
    /// It failed.
    Failed,
    /// It did not return within the limit, or was cancelled itself.
    No,
    /// There was none, or it was cancelled before it began.
    Nothing,
}

impl AcpAgent {
    /// Sends a message to the server and records the answer, on the caller's loop.
    ///
    /// # Errors
    ///
    /// `Cancelled` if the caller was, once the prompt was told to end; otherwise what the prompt failed with.
    pub async fn astep(
        &self,
        state: &ConversationState,
        turn: &Turn,
        prompt_message: Option<MessageId>,
    ) -> Result<()> {
        let _place = thread::place("astep");
        let event_loop = turn.event_loop.as_ref().ok_or_else(not_started)?;
        if self.inner.restart_session_on_next_turn.get() {
            self.restart_session_after_drain_timeout(state, &turn.on_event)?;
        }
        let Some(message) = prompt_message.or_else(|| state.newest_message_unlocked()) else {
            let _held = state.lock();
            state.set_status(Status::Finished);
            return Ok(());
        };
        self.reset_client_for_turn(turn.on_token.as_ref(), &turn.on_event);
        let mut prompt_future = None;
        let result = self.prompt_with_timeout(event_loop, &message, &mut prompt_future).await;
        let result = match result {
            Ok(_response) => {
                let _held = state.lock();
                self.finalize_successful_turn(state, turn);
                Ok(())
            }
            Err(Exception::Cancelled) => self.after_cancel(event_loop, state, turn, prompt_future).await,
            Err(Exception::Timeout) => self.after_timeout(event_loop, state, turn, prompt_future).await,
            Err(error) => {
                let _held = state.lock();
                self.emit_turn_error(state, turn);
                Err(error)
            }
        };
        self.clear_turn_callbacks();
        result
    }

    /// Schedules the prompt on the portal and waits for it on the caller's loop, shielded from the limit.
    async fn prompt_with_timeout(
        &self,
        event_loop: &asyncio::EventLoop,
        message: &MessageId,
        prompt_future: &mut Option<PromptFuture>,
    ) -> Result<PromptResponse> {
        let _place = thread::place_waiting_for(format!("prompt {message:?}"), "server");
        thread::awaits("prompt");
        let future = self.start_prompt(message)?;
        *prompt_future = Some(future.clone());
        wait_for(event_loop, shield(&wrap_future(event_loop, &future)), self.prompt_limit()).await
    }

    /// `except asyncio.CancelledError`: let the prompt come to rest, close the cards, pass the cancellation on.
    async fn after_cancel(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<PromptFuture>,
    ) -> Result<()> {
        let drained = match self.cancel_and_drain(event_loop, prompt_future.as_ref()).await {
            Ok(drained) => drained,
            Err(again) => {
                let _held = state.lock();
                self.handle_cancelled_cleanup_interruption(state, turn, prompt_future.as_ref());
                return Err(again);
            }
        };
        let _held = state.lock();
        match drained {
            Drained::Completed(response) if was_cancelled(response) => {
                self.cancel_inflight_tool_calls();
                self.restart_next_turn();
            }
            Drained::Completed(_) if self.inner.decisions.drain_result == DrainResult::Finalized => {
                self.finalize_successful_turn(state, turn);
            }
            Drained::Completed(_) | Drained::Nothing => self.cancel_inflight_tool_calls(),
            Drained::Failed => {
                self.cancel_inflight_tool_calls();
                self.restart_next_turn();
            }
            Drained::No => {
                self.cancel_inflight_tool_calls();
                self.quarantine_undrained();
            }
        }
        Err(Exception::Cancelled)
    }

    /// `except TimeoutError`: as above, then the terminal events.
    async fn after_timeout(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<PromptFuture>,
    ) -> Result<()> {
        let drained = match self.cancel_and_drain(event_loop, prompt_future.as_ref()).await {
            Ok(drained) => drained,
            Err(again) => {
                let _held = state.lock();
                self.handle_cancelled_cleanup_interruption(state, turn, prompt_future.as_ref());
                return Err(again);
            }
        };
        let _held = state.lock();
        match drained {
            Drained::Completed(response) if was_cancelled(response) => {
                self.emit_turn_timeout(state, turn);
                self.restart_next_turn();
            }
            Drained::Completed(_) if self.inner.decisions.drain_result == DrainResult::Finalized => {
                self.finalize_successful_turn(state, turn);
            }
            Drained::Completed(_) => self.emit_turn_timeout(state, turn),
            Drained::Failed => {
                self.emit_turn_error(state, turn);
                self.restart_next_turn();
            }
            Drained::No | Drained::Nothing => {
                self.emit_turn_timeout(state, turn);
                self.quarantine_undrained();
            }
        }
        Ok(())
    }

    async fn cancel_and_drain(
        &self,
        event_loop: &asyncio::EventLoop,
        prompt_future: Option<&PromptFuture>,
    ) -> Result<Drained> {
        self.arequest_session_cancel(event_loop).await?;
        self.drain_cancelled_prompt(event_loop, prompt_future).await
    }

    /// Sends `session/cancel` and waits, within a limit, until it is sent.
    async fn arequest_session_cancel(&self, event_loop: &asyncio::EventLoop) -> Result<()> {
        let Some(future) = self.start_cancel() else { return Ok(()) };
        let sent = shield(&wrap_future(event_loop, &future));
        match wait_for(event_loop, sent, self.cancel_send_limit()).await {
            Err(Exception::Timeout) => {
                self.restart_next_turn();
                Ok(())
            }
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Waits, within a limit, for a cancelled prompt to return.
    async fn drain_cancelled_prompt(
        &self,
        event_loop: &asyncio::EventLoop,
        future: Option<&PromptFuture>,
    ) -> Result<Drained> {
        let Some(future) = future else { return Ok(Drained::Nothing) };
        let _place = thread::place_waiting_for("drain", "server");
        match future.peek() {
            Some(Ok(response)) => return Ok(Drained::Completed(response)),
            Some(Err(Exception::Cancelled)) => return Ok(Drained::Nothing),
            Some(Err(_)) => return Ok(Drained::Failed),
            None => {}
        }
        let drained = shield(&wrap_future(event_loop, future));
        match wait_for(event_loop, drained, self.drain_limit()).await {
            Ok(response) => Ok(Drained::Completed(response)),
            Err(Exception::Cancelled) if future.cancelled() => Ok(Drained::No),
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Err(Exception::Timeout) => Ok(Drained::No),
            Err(_) => Ok(Drained::Failed),
        }
    }

    /// Cancelled in the middle of the cleanup: repair what can be repaired at once.
    fn handle_cancelled_cleanup_interruption(
        &self,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<&PromptFuture>,
    ) {
        match prompt_future.and_then(concurrent::Future::peek) {
            Some(Ok(response)) if !was_cancelled(response) => self.finalize_successful_turn(state, turn),
            Some(_) => {
                self.cancel_inflight_tool_calls();
                self.restart_next_turn();
            }
            None => {
                self.cancel_inflight_tool_calls();
                if prompt_future.is_some() {
                    self.restart_next_turn();
                }
            }
        }
    }

    fn restart_next_turn(&self) {
        self.inner.restart_session_on_next_turn.set(true);
    }

    /// Decision `undrained_session`.
    fn quarantine_undrained(&self) {
        match self.inner.decisions.undrained_session {
            UndrainedSession::RestartNextTurn => self.restart_next_turn(),
            UndrainedSession::Reuse => {}
        }
    }

    /// The books and the final events of a turn, as the owner of the state lock.
    fn finalize_successful_turn(&self, state: &ConversationState, turn: &Turn) {
        let _place = thread::place("finalize");
        self.record_usage();
        self.flush_inflight_tool_calls_as_completed();
        let text = self.live().map(|live| live.client.accumulated_text.get()).unwrap_or_default();
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

    fn emit_turn_timeout(&self, state: &ConversationState, turn: &Turn) {
        self.cancel_inflight_tool_calls();
        (turn.on_event)(event(EventKind::AgentMessage, "timed out"));
        state.set_status(Status::Error);
    }

    fn emit_turn_error(&self, state: &ConversationState, turn: &Turn) {
        self.cancel_inflight_tool_calls();
        (turn.on_event)(event(EventKind::AgentMessage, "failed"));
        (turn.on_event)(error_event("ACPPromptError"));
        state.set_status(Status::Error);
    }

    /// The synchronous turn: the newest message, the caller's thread blocked until the answer.
    ///
    /// # Errors
    ///
    /// What the prompt failed with.
    pub fn step(&self, state: &ConversationState, turn: &Turn) -> Result<()> {
        let _place = thread::place("step");
        if self.inner.restart_session_on_next_turn.get() {
            self.restart_session_after_drain_timeout(state, &turn.on_event)?;
        }
        let Some(message) = state.newest_message_unlocked() else {
            state.set_status(Status::Finished);
            return Ok(());
        };
        self.reset_client_for_turn(turn.on_token.as_ref(), &turn.on_event);
        let result = {
            let _place = thread::place_waiting_for(format!("prompt {message:?}"), "server");
            thread::awaits("prompt");
            self.prompt_blocking(&message)
        };
        let result = match result {
            Ok(_response) => {
                self.finalize_successful_turn(state, turn);
                Ok(())
            }
            Err(Exception::Timeout) => {
                let _sent = self.start_cancel();
                self.emit_turn_timeout(state, turn);
                Ok(())
            }
            Err(error) => {
                self.emit_turn_error(state, turn);
                Err(error)
            }
        };
        self.clear_turn_callbacks();
        result
    }

    /// `AsyncExecutor.run_async(_prompt, timeout=…)`: the limit runs on the portal.
    fn prompt_blocking(&self, message: &MessageId) -> Result<PromptResponse> {
        let (live, session) = (self.live(), self.inner.session_id.get());
        let (Some(live), Some(session)) = (live, session) else { return Err(not_started()) };
        let (conn, text) = (live.conn.clone(), message.clone());
        let (event_loop, limit) = (live.portal.event_loop().clone(), self.prompt_limit());
        let label = ("prompt", session.clone(), text.clone());
        live.portal.call(label, move || {
            Box::pin(
                async move { wait_for(&event_loop, Self::do_acp_prompt(conn, session, text), limit).await },
            )
        })
    }
}

fn was_cancelled(response: PromptResponse) -> bool {
    response.stop_reason == StopReason::Cancelled
}
