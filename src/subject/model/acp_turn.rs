//! One turn of the ACP agent: the prompt, its limit, and what is left to do when it fails, times out or is cancelled.
//!
//! Stands for `step`, `astep` and their helpers in `sdk/agent/acp_agent.py`; `acp_final` has what a turn leaves behind.

use super::asyncio;
use super::asyncio::{Exception, Result, concurrent, shield, wait_for, wrap_future};
use crate::engine::kernel::{FifoGuard, thread};
use crate::observation::{Place, Resource};
use crate::terms::{Status, StopReason, ThreadRole};

use super::acp_agent::{AcpAgent, Turn, not_started};
use super::connection::{PromptResponse, REQUEST_ERROR, server_ended};
use super::coverage::{Branch, reach};
use super::decision::{
    CancelSend, CancelledPrompt, CardClosing, DrainResult, FailedTurn, RetryDelay, SecondCancel,
    SuccessfulTurn, SyncTimeout, TimeoutReport, TurnRestart, UndrainedSession,
};
use super::server_start::outlast;
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

/// Why a prompt is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    Interrupted,
    TimedOut,
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
        let _place = thread::place(Place::AsyncStep);
        let event_loop = turn.event_loop.as_ref().ok_or_else(not_started)?;
        self.restart_before_turn(event_loop, state, turn).await?;
        let Some(message) = prompt_message.or_else(|| state.newest_message_unlocked()) else {
            reach(Branch::NothingToStep);
            let _held = state.lock();
            state.set_status(Status::Finished);
            return Ok(());
        };
        self.reset_client_for_turn(turn.on_token.as_ref(), &turn.on_event);
        let mut prompt_future = None;
        let result = self.prompt_with_retries(event_loop, state, turn, &message, &mut prompt_future).await;
        let result = match result {
            Ok(_response) => {
                let locked = self.inner.decisions.successful_turn == SuccessfulTurn::Locked;
                let _held = locked.then(|| state.lock());
                self.finalize_successful_turn(state, turn);
                Ok(())
            }
            Err(Exception::Cancelled) => self.after_cancel(event_loop, state, turn, prompt_future).await,
            Err(Exception::Timeout) => self.after_timeout(event_loop, state, turn, prompt_future).await,
            Err(error) => {
                reach(Branch::PromptFailed);
                let _held = self.lock_for_failure(state);
                self.emit_turn_error(state, turn);
                self.restart_if_ended(&error);
                Err(error)
            }
        };
        self.clear_turn_callbacks();
        result
    }

    /// The prompt, and again after each error that may pass, with what the attempt before told of forgotten.
    async fn prompt_with_retries(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
        message: &MessageId,
        prompt_future: &mut Option<PromptFuture>,
    ) -> Result<PromptResponse> {
        let mut attempt = 0;
        loop {
            let result = self.prompt_with_timeout(event_loop, message, prompt_future).await;
            if attempt == self.inner.limits.retries || !result.as_ref().is_err_and(may_pass) {
                return result;
            }
            reach(Branch::PromptRetried);
            let delay = Self::retry_delay(attempt);
            {
                let _place = thread::place("back off");
                match self.inner.decisions.retry_delay {
                    RetryDelay::Awaited => event_loop.sleep(delay).await?,
                    RetryDelay::Slept => self.inner.timers.sleep(delay.timer, delay.millis),
                }
            }
            self.begin_attempt_anew(state, turn);
            attempt += 1;
        }
    }

    /// What the attempt before told of is closed and forgotten.
    fn begin_attempt_anew(&self, state: &ConversationState, turn: &Turn) {
        let _held = self.inner.serializes_updates().then(|| state.lock());
        self.cancel_inflight_tool_calls();
        self.reset_client_for_turn(turn.on_token.as_ref(), &turn.on_event);
    }

    /// Schedules the prompt on the portal and waits for it on the caller's loop. Whoever wants to drain it shields it
    /// from the limit and from the cancellation.
    async fn prompt_with_timeout(
        &self,
        event_loop: &asyncio::EventLoop,
        message: &MessageId,
        prompt_future: &mut Option<PromptFuture>,
    ) -> Result<PromptResponse> {
        let _place = thread::place_waiting_for(Place::Prompt(message.to_string()), ThreadRole::Server.name());
        thread::awaits(Resource::Prompt.name());
        let future = self.start_prompt(message)?;
        *prompt_future = Some(future.clone());
        let answer = wrap_future(event_loop, &future);
        let answer = match self.inner.decisions.cancelled_prompt {
            CancelledPrompt::Drained => shield(&answer),
            CancelledPrompt::Abandoned | CancelledPrompt::Forgotten => answer,
        };
        wait_for(event_loop, answer, self.prompt_limit()).await
    }

    /// `except asyncio.CancelledError`: let the prompt come to rest, close the cards, pass the cancellation on.
    async fn after_cancel(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<PromptFuture>,
    ) -> Result<()> {
        if self.gives_prompt_up() {
            self.cancel_inflight_tool_calls();
            return Err(Exception::Cancelled);
        }
        let drained = match self.cancel_and_drain(event_loop, prompt_future.as_ref()).await {
            Ok(drained) => drained,
            Err(again) => {
                reach(Branch::SecondCancelInInterrupt);
                self.handle_second_cancel(state, turn, prompt_future.as_ref());
                return Err(again);
            }
        };
        let undrained = matches!(drained, Drained::No);
        {
            let _held = state.lock();
            match drained {
                _ if self.inner.decisions.drain_result == DrainResult::Discarded => {
                    self.close_cards_after_drain();
                }
                Drained::Completed(response) if was_cancelled(response) => {
                    reach(Branch::CancelledResponse);
                    self.close_cards_after_drain();
                    self.restart_next_turn();
                }
                Drained::Completed(_) => {
                    reach(Branch::CompletedInDrain);
                    self.finalize_successful_turn(state, turn);
                }
                Drained::Nothing | Drained::No => self.close_cards_after_drain(),
                Drained::Failed => {
                    reach(Branch::FailedInDrain);
                    self.close_cards_after_drain();
                    self.restart_next_turn();
                }
            }
        }
        if undrained {
            self.quarantine_undrained(state, turn, Because::Interrupted)?;
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
        if self.gives_prompt_up() {
            let _held = self.lock_for_failure(state);
            self.emit_turn_timeout(state, turn);
            return Ok(());
        }
        if self.inner.decisions.timeout_report == TimeoutReport::BeforeDrain {
            return self.report_timeout_then_drain(event_loop, state, turn, prompt_future.as_ref()).await;
        }
        let drained = match self.cancel_and_drain(event_loop, prompt_future.as_ref()).await {
            Ok(drained) => drained,
            Err(again) => {
                reach(Branch::SecondCancelInTimeout);
                self.handle_second_cancel(state, turn, prompt_future.as_ref());
                return Err(again);
            }
        };
        let undrained = matches!(drained, Drained::No | Drained::Nothing);
        {
            let _held = self.lock_for_failure(state);
            match drained {
                _ if self.inner.decisions.drain_result == DrainResult::Discarded => {
                    self.emit_turn_timeout(state, turn);
                }
                Drained::Completed(response) if was_cancelled(response) => {
                    reach(Branch::TimeoutCancelledResponse);
                    self.emit_turn_timeout(state, turn);
                    self.restart_next_turn();
                }
                Drained::Completed(_) => {
                    reach(Branch::TimeoutCompletedInDrain);
                    self.finalize_successful_turn(state, turn);
                }
                Drained::No | Drained::Nothing => {
                    reach(Branch::TimeoutUndrained);
                    self.emit_turn_timeout(state, turn);
                }
                Drained::Failed => {
                    reach(Branch::TimeoutFailedInDrain);
                    self.emit_turn_error(state, turn);
                    self.restart_next_turn();
                }
            }
            if undrained && self.inner.decisions.undrained_session == UndrainedSession::RestartUnderLock {
                return self.restart_session_after_drain_timeout(state, &turn.on_event);
            }
        }
        if undrained {
            self.quarantine_undrained(state, turn, Because::TimedOut)?;
        }
        Ok(())
    }

    /// Decision `cancelled_prompt`: whether the turn ends without a look at its prompt.
    fn gives_prompt_up(&self) -> bool {
        match self.inner.decisions.cancelled_prompt {
            CancelledPrompt::Drained => false,
            CancelledPrompt::Abandoned => {
                let _sent = self.start_cancel();
                true
            }
            CancelledPrompt::Forgotten => true,
        }
    }

    /// Decision `timeout_report`, its alternative: the terminal events, then the drain.
    async fn report_timeout_then_drain(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<&PromptFuture>,
    ) -> Result<()> {
        self.arequest_session_cancel(event_loop).await?;
        {
            let _held = self.lock_for_failure(state);
            self.fail_open_cards();
            self.emit_turn_timeout_message(state, turn);
        }
        match self.drain_cancelled_prompt(event_loop, prompt_future).await? {
            Drained::No => self.quarantine_undrained(state, turn, Because::TimedOut),
            Drained::Completed(_) | Drained::Failed | Drained::Nothing => Ok(()),
        }
    }

    /// Decision `failed_turn`.
    fn lock_for_failure(&self, state: &ConversationState) -> Option<FifoGuard> {
        (self.inner.decisions.failed_turn == FailedTurn::Locked).then(|| state.lock())
    }

    async fn cancel_and_drain(
        &self,
        event_loop: &asyncio::EventLoop,
        prompt_future: Option<&PromptFuture>,
    ) -> Result<Drained> {
        self.arequest_session_cancel(event_loop).await?;
        if self.inner.decisions.card_closing == CardClosing::BeforeDrain {
            self.fail_open_cards();
        }
        self.drain_cancelled_prompt(event_loop, prompt_future).await
    }

    /// Decision `card_closing`.
    fn close_cards_after_drain(&self) {
        if self.inner.decisions.card_closing == CardClosing::AfterDrain {
            self.cancel_inflight_tool_calls();
        }
    }

    /// Sends `session/cancel` and waits, within a limit, until it is sent.
    async fn arequest_session_cancel(&self, event_loop: &asyncio::EventLoop) -> Result<()> {
        let Some(future) = self.start_cancel() else { return Ok(()) };
        let _place = thread::place_waiting_for("send session/cancel", ThreadRole::Server.name());
        let sent = shield(&wrap_future(event_loop, &future));
        let sent = match self.inner.decisions.cancel_send {
            CancelSend::Bounded | CancelSend::Limited => {
                wait_for(event_loop, sent, self.cancel_send_limit()).await
            }
            CancelSend::Unbounded => sent.await,
        };
        match sent {
            Err(Exception::Timeout) => {
                reach(Branch::CancelSendTimedOut);
                if self.inner.decisions.cancel_send == CancelSend::Bounded {
                    self.restart_next_turn();
                }
                Ok(())
            }
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Err(_) => {
                reach(Branch::CancelSendFailed);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Waits, within a limit, for a cancelled prompt to return.
    async fn drain_cancelled_prompt(
        &self,
        event_loop: &asyncio::EventLoop,
        future: Option<&PromptFuture>,
    ) -> Result<Drained> {
        let Some(future) = future else {
            reach(Branch::NothingToDrain);
            return Ok(Drained::Nothing);
        };
        let _place = thread::place_waiting_for("drain", ThreadRole::Server.name());
        match future.peek() {
            Some(Ok(response)) => {
                reach(Branch::AnsweredBeforeDrain);
                return Ok(Drained::Completed(response));
            }
            Some(Err(Exception::Cancelled)) => return Ok(Drained::Nothing),
            Some(Err(_)) => {
                reach(Branch::FailedBeforeDrain);
                return Ok(Drained::Failed);
            }
            None => {}
        }
        let drained = shield(&wrap_future(event_loop, future));
        match wait_for(event_loop, drained, self.drain_limit()).await {
            Ok(response) => Ok(Drained::Completed(response)),
            Err(Exception::Cancelled) if future.cancelled() => Ok(Drained::No),
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Err(Exception::Timeout) => {
                reach(Branch::DrainTimedOut);
                Ok(Drained::No)
            }
            Err(_) => Ok(Drained::Failed),
        }
    }

    /// Cancelled in the middle of the cleanup: repair what can be repaired at once.
    fn handle_second_cancel(
        &self,
        state: &ConversationState,
        turn: &Turn,
        prompt_future: Option<&PromptFuture>,
    ) {
        if self.inner.decisions.second_cancel == SecondCancel::Escapes {
            return;
        }
        let _held = state.lock();
        match prompt_future.and_then(concurrent::Future::peek) {
            Some(Ok(response)) if !was_cancelled(response) => {
                reach(Branch::SecondCancelAfterAnswer);
                self.finalize_successful_turn(state, turn);
            }
            Some(_) => {
                reach(Branch::SecondCancelAfterEnd);
                self.cancel_inflight_tool_calls();
                self.restart_next_turn();
            }
            None => {
                reach(Branch::SecondCancelInFlight);
                self.cancel_inflight_tool_calls();
                if prompt_future.is_some() {
                    self.restart_next_turn();
                }
            }
        }
    }

    /// Decision `turn_restart`.
    async fn restart_before_turn(
        &self,
        event_loop: &asyncio::EventLoop,
        state: &ConversationState,
        turn: &Turn,
    ) -> Result<()> {
        if self.inner.decisions.turn_restart == TurnRestart::Loop || !self.restart_is_due() {
            return self.restart_if_due(state, turn);
        }
        let _place = thread::place_waiting_for("restart on worker", ThreadRole::Worker.name());
        let (agent, state, of_turn) = (self.clone(), state.clone(), turn.clone());
        let restart = move || agent.restart_if_due(&state, &of_turn);
        let restart = event_loop.run_in_executor(&turn.executor, "restart", restart);
        outlast(&restart, || self.inner.start.give_up()).await
    }

    /// Restarts the server if the session cannot be trusted.
    pub(super) fn restart_if_due(&self, state: &ConversationState, turn: &Turn) -> Result<()> {
        if self.restart_is_due() {
            reach(Branch::RestartDue);
            self.restart_session_after_drain_timeout(state, &turn.on_event)?;
        }
        Ok(())
    }

    /// A server that has ended has to be started again before the next prompt.
    fn restart_if_ended(&self, error: &Exception) {
        if *error == server_ended() {
            self.restart_next_turn();
        }
    }

    /// Decision `undrained_session`; the lock is free.
    fn quarantine_undrained(&self, state: &ConversationState, turn: &Turn, because: Because) -> Result<()> {
        match self.inner.decisions.undrained_session {
            UndrainedSession::RestartAfterTimeout if because == Because::TimedOut => {
                self.restart_session_after_drain_timeout(state, &turn.on_event)
            }
            UndrainedSession::RestartNextTurn
            | UndrainedSession::RestartUnderLock
            | UndrainedSession::RestartAfterTimeout => {
                self.restart_next_turn();
                Ok(())
            }
            UndrainedSession::RestartInHandler => {
                self.restart_session_after_drain_timeout(state, &turn.on_event)
            }
            UndrainedSession::Reuse => Ok(()),
        }
    }

    /// The synchronous turn: the message that is given, or else the newest; the caller's thread blocked until the answer.
    ///
    /// # Errors
    ///
    /// What the prompt failed with.
    pub fn step(
        &self,
        state: &ConversationState,
        turn: &Turn,
        prompt_message: Option<MessageId>,
    ) -> Result<()> {
        let _place = thread::place(Place::Step);
        self.restart_if_due(state, turn)?;
        let Some(message) = prompt_message.or_else(|| state.newest_message_unlocked()) else {
            reach(Branch::NothingToStep);
            let _held = self.lock_for_sync_step(state);
            state.set_status(Status::Finished);
            return Ok(());
        };
        self.reset_client_for_turn(turn.on_token.as_ref(), &turn.on_event);
        let result = {
            let _place =
                thread::place_waiting_for(Place::Prompt(message.to_string()), ThreadRole::Server.name());
            thread::awaits("synchronous prompt");
            self.prompt_blocking_with_retries(state, turn, &message)
        };
        let result = match result {
            Ok(_response) => {
                let _held = self.lock_for_sync_step(state);
                self.finalize_successful_turn(state, turn);
                Ok(())
            }
            Err(Exception::Timeout) => {
                reach(Branch::SyncTimedOut);
                if self.inner.decisions.cancelled_prompt != CancelledPrompt::Forgotten {
                    let _sent = self.start_cancel();
                }
                let _held = self.lock_for_sync_step(state);
                self.emit_turn_timeout(state, turn);
                if self.inner.decisions.sync_timeout == SyncTimeout::Restarted {
                    self.restart_next_turn();
                }
                Ok(())
            }
            Err(error) => {
                reach(Branch::SyncFailed);
                let _held = self.lock_for_sync_step(state);
                self.emit_turn_error(state, turn);
                self.restart_if_ended(&error);
                Err(error)
            }
        };
        self.clear_turn_callbacks();
        result
    }

    /// Decision `sync_prompt_lock`: where the run does not hold the state lock, its step takes it for what it writes.
    fn lock_for_sync_step(&self, state: &ConversationState) -> Option<FifoGuard> {
        self.inner.decisions.frees_lock_during_sync_step().then(|| state.lock())
    }

    fn prompt_blocking_with_retries(
        &self,
        state: &ConversationState,
        turn: &Turn,
        message: &MessageId,
    ) -> Result<PromptResponse> {
        let mut attempt = 0;
        loop {
            let result = self.prompt_blocking(message);
            if attempt == self.inner.limits.retries || !result.as_ref().is_err_and(may_pass) {
                return result;
            }
            reach(Branch::SyncRetried);
            let delay = Self::retry_delay(attempt);
            self.inner.timers.sleep(delay.timer, delay.millis);
            self.begin_attempt_anew(state, turn);
            attempt += 1;
        }
    }

    /// `AsyncExecutor.run_async(_prompt, timeout=…)`: the limit runs on the portal.
    fn prompt_blocking(&self, message: &MessageId) -> Result<PromptResponse> {
        let (live, prompt) = self.build_acp_prompt(message)?;
        let (conn, label) = (live.conn.clone(), prompt.clone());
        let (event_loop, limit) = (live.portal.event_loop().clone(), self.prompt_limit());
        let failed = self.inner.decisions.failed_prompt;
        live.portal.call(label, move || {
            let prompted = Self::do_acp_prompt(conn, prompt, failed);
            Box::pin(async move { wait_for(&event_loop, prompted, limit).await })
        })
    }
}

/// Whether the prompt may go well a moment later: the pipe broke, or the server had an internal error (-32603, which is
/// what a scripted server answers when it fails).
fn may_pass(error: &Exception) -> bool {
    matches!(error.kind(), "ConnectionError" | "ConnectionResetError" | REQUEST_ERROR)
}

fn was_cancelled(response: PromptResponse) -> bool {
    response.stop_reason == StopReason::Cancelled
}
