//! `arun`: the run loop on an event loop.
//!
//! Stands for `LocalConversation.arun` of 1.25.0. For an ACP agent the state lock is free while a prompt is in flight,
//! so that messages can be persisted meanwhile; the cursor says which of them is prompted next.

use super::asyncio::{EventLoop, Exception, Result};
use crate::engine::kernel::{Flag, thread};
use crate::observation::{CallKind, Place};
use crate::terms::{EventKind, Status, ThreadRole};

use super::acp_agent::event;
use super::conversation::{Agent, LocalConversation, RunTask, newest};
use super::coverage::{Branch, reach};
use super::decision::{
    AcpStep, AfterError, AgentStart, CaughtUp, CompletedInterrupt, CompletedStep, Cursor, CursorAdvance,
    FailedMessage, FinishCheck, FirstPrompt, IdlePause, InterruptedStart, LastIteration, LateMessage,
    LatePause, PromptLock, StepMessage, TokenAtEnd,
};
use super::server_start::{ServerStart, outlast};
use super::state::{ActionId, AgentState, MessageId, unmatched_actions};

/// What an iteration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    Break,
}

/// What a run keeps between its iterations.
pub(super) struct Run {
    pub(super) number: u32,
    cursor: Option<MessageId>,
    pub(super) iteration: u32,
    /// How many events there were when the last step began (`acp_step_start_event_count`).
    events_before_step: usize,
    /// Whether the next step takes the newest message instead of the next one (decision `cursor_advance`).
    jump: bool,
    /// Whether a step that ended in error is the last one.
    pub(super) stops_after_error: bool,
}

impl Run {
    pub(super) fn new(number: u32, cursor: Option<MessageId>, stops_after_error: bool) -> Self {
        Self { number, cursor, iteration: 0, events_before_step: 0, jump: false, stops_after_error }
    }
}

impl LocalConversation {
    /// Runs the conversation as a task of `event_loop`.
    ///
    /// # Errors
    ///
    /// What a step failed with. A cancellation is none: it ends the run with status `paused`.
    pub async fn arun(&self, event_loop: &EventLoop) -> Result<()> {
        self.arun_unless(event_loop, None).await
    }

    /// As `arun`, but does nothing if this was set before the run has come to its first step.
    pub(super) async fn arun_unless(&self, event_loop: &EventLoop, stopped: Option<&Flag>) -> Result<()> {
        let _place = thread::place(Place::Call(CallKind::Run));
        if self.inner.decisions.agent_start == AgentStart::Loop {
            self.ensure_agent_ready()?;
        }
        let number = self.begin_run();
        let task = event_loop.current_task().map(|task| RunTask {
            run: number,
            event_loop: event_loop.clone(),
            task,
        });
        self.inner.arun_task.set(task);
        if self.inner.decisions.agent_start == AgentStart::Worker {
            let ready = self.start_agent(event_loop).await;
            if ready.is_err() {
                // The task is not put away, but one that has ended counts as none.
                self.inner.arun_task.set(None);
                return ready;
            }
        }
        let stops_after_error = self.inner.decisions.after_error == AfterError::Stop;
        let mut run = self.start_run(number, stopped, stops_after_error);
        let result = match &mut run {
            Some(run) => self.arun_loop(event_loop, run).await,
            None if self.is_interrupted_before_start() => Err(Exception::Cancelled),
            None => Ok(()),
        };
        let result = match result {
            Err(Exception::Cancelled) => {
                reach(Branch::RunInterrupted);
                self.after_interrupt(run.map_or(0, |run| run.events_before_step));
                Ok(())
            }
            Err(error) => {
                reach(Branch::RunFailed);
                self.forget_inflight_prompt();
                self.fail(&error);
                Err(error)
            }
            Ok(()) => Ok(()),
        };
        self.put_token_away();
        self.inner.arun_task.set(None);
        result
    }

    /// Decision `interrupted_start`: the start on a worker, and what an interrupt of it leaves in the log.
    async fn start_agent(&self, event_loop: &EventLoop) -> Result<()> {
        let this = self.clone();
        let ready = move || this.ensure_agent_ready();
        let ready = event_loop.run_in_executor(&self.inner.executor, "ensure agent ready", ready);
        if self.inner.decisions.interrupted_start == InterruptedStart::Untold {
            return ready.await;
        }
        let result = outlast(&ready, || self.with_server_start(ServerStart::give_up)).await;
        if result == Err(Exception::Cancelled) {
            self.after_interrupt(0);
            self.put_token_away();
        }
        result
    }

    /// Decision `interrupted_start`: whether an interrupt came behind the start and kept the run from its first step. Its
    /// cancellation finds the run only when that waits again, and so behind its end.
    fn is_interrupted_before_start(&self) -> bool {
        self.inner.decisions.interrupted_start == InterruptedStart::Recorded && self.is_interrupted()
    }

    /// Does something to the start of the agent's server, if the agent has one.
    pub(super) fn with_server_start(&self, what: impl FnOnce(&ServerStart)) {
        if let Agent::Acp(agent) = self.agent() {
            what(&agent.inner.start);
        }
    }

    /// Decision `token_at_end`.
    fn put_token_away(&self) {
        let clear = match self.inner.decisions.token_at_end {
            TokenAtEnd::KeptIfCancelled => {
                let token = self.inner.cancel_token.get();
                token.is_some_and(|token| !token.is_cancelled())
            }
            TokenAtEnd::Cleared => true,
        };
        if clear {
            self.inner.cancel_token.set(None);
        }
    }

    /// The cursor and the status at the begin of a run; none if it is not to start.
    pub(super) fn start_run(
        &self,
        number: u32,
        stopped: Option<&Flag>,
        stops_after_error: bool,
    ) -> Option<Run> {
        let state = &self.inner.state;
        let _held = state.lock();
        let mut agent_state = state.agent_state.get();
        if self.is_acp()
            && matches!(state.status(), Status::Finished | Status::Idle)
            && let Some(inflight) = agent_state.inflight_prompt.take()
        {
            reach(Branch::InflightTaken);
            agent_state.last_prompt = Some(inflight);
            state.agent_state.set(agent_state.clone());
        }
        if !self.set_running(number, stopped) {
            return None;
        }
        let cursor = match self.inner.decisions.cursor {
            Cursor::State => agent_state.last_prompt,
            Cursor::Run => None,
        };
        Some(Run::new(number, cursor, stops_after_error))
    }

    async fn arun_loop(&self, event_loop: &EventLoop, run: &mut Run) -> Result<()> {
        loop {
            let flow = if self.is_acp() && self.inner.decisions.frees_lock_during_step() {
                self.iterate(event_loop, run).await?
            } else {
                self.iterate_locked(event_loop, run).await?
            };
            if flow == Flow::Break {
                return Ok(());
            }
        }
    }

    /// One iteration that holds the state lock across the step.
    async fn iterate_locked(&self, event_loop: &EventLoop, run: &mut Run) -> Result<Flow> {
        let state = &self.inner.state;
        let _held = state.lock();
        let status = state.status();
        if matches!(status, Status::Paused | Status::Stuck | Status::Finished) {
            return Ok(Flow::Break);
        }
        if self.ends_stuck() {
            return Ok(Flow::Continue);
        }
        self.take_for_confirmed(status);
        self.note_step_with_newest(run.number);
        let asked_for = self.is_acp() && self.inner.decisions.prompt_lock == PromptLock::HeldAndAskedFor;
        let turn = self.turn(Some(event_loop), asked_for);
        match self.agent() {
            Agent::Acp(agent) if self.inner.decisions.acp_step == AcpStep::Executor => {
                let _place = thread::place_waiting_for(Place::StepInExecutor, ThreadRole::Worker.name());
                let state = state.clone();
                let step = move || agent.step(&state, &turn, None);
                event_loop.run_in_executor(&self.inner.executor, "step", step).await?;
            }
            Agent::Acp(agent) => agent.astep(state, &turn, None).await?,
            Agent::Llm(agent) => agent.astep(self, &turn).await?,
            Agent::Sync(agent) => {
                let _place = thread::place_waiting_for(Place::StepInExecutor, ThreadRole::Worker.name());
                let conversation = self.clone();
                let step = move || agent.step(&conversation, &turn);
                event_loop.run_in_executor(&self.inner.executor, "step", step).await?;
            }
        }
        run.iteration += 1;
        self.note_step_end(run.number);
        let status = state.status();
        if status == Status::WaitingForConfirmation || (run.stops_after_error && status == Status::Error) {
            return Ok(Flow::Break);
        }
        if run.iteration < self.inner.max_iteration_per_run {
            return Ok(Flow::Continue);
        }
        if state.status() != Status::Finished {
            self.reach_iteration_limit();
        }
        Ok(Flow::Break)
    }

    /// One iteration that leaves the state lock free during the prompt.
    async fn iterate(&self, event_loop: &EventLoop, run: &mut Run) -> Result<Flow> {
        let state = &self.inner.state;
        let message = {
            let _held = state.lock();
            if matches!(state.status(), Status::Paused | Status::Stuck | Status::Finished) {
                return Ok(Flow::Break);
            }
            if self.ends_stuck() {
                return Ok(Flow::Continue);
            }
            self.choose_message(run)
        };
        let given = self.inner.decisions.step_message == StepMessage::Given;
        if given && message.is_none() && self.inner.decisions.caught_up == CaughtUp::Finish {
            return Ok(self.finish_without_message(run));
        }
        if self.begin_step(run, message.as_ref()) == Flow::Break {
            return Ok(Flow::Break);
        }
        let turn = self.turn(Some(event_loop), true);
        let prompt_message = if given { message.clone() } else { None };
        let Agent::Acp(agent) = self.agent() else { return Ok(Flow::Break) };
        agent.astep(state, &turn, prompt_message).await?;
        Ok(self.after_step(run, message))
    }

    /// The message of the next step, as the owner of the state lock.
    pub(super) fn choose_message(&self, run: &mut Run) -> Option<MessageId> {
        let messages = self.inner.state.prompt_messages();
        let jump = std::mem::take(&mut run.jump);
        let decisions = &self.inner.decisions;
        let no_cursor = decisions.cursor_advance == CursorAdvance::NoCursor;
        if jump || no_cursor || decisions.step_message == StepMessage::Newest {
            return newest(&messages);
        }
        if run.cursor.is_none() && self.inner.decisions.first_prompt == FirstPrompt::Newest {
            return newest(&messages);
        }
        let after =
            run.cursor.as_ref().and_then(|cursor| messages.iter().position(|message| message == cursor));
        messages.get(after.map_or(0, |index| index + 1)).cloned()
    }

    /// Nothing to prompt: the run is finished, unless a message has come in the meantime.
    pub(super) fn finish_without_message(&self, run: &Run) -> Flow {
        let state = &self.inner.state;
        let held = state.lock();
        if self.inner.decisions.idle_pause == IdlePause::Honoured
            && matches!(state.status(), Status::Paused | Status::Stuck)
        {
            return Flow::Break;
        }
        let newest = newest(&state.prompt_messages());
        if newest.is_some() && newest != run.cursor {
            if run.iteration >= self.inner.max_iteration_per_run {
                reach(Branch::MessageAtFinishAndLimit);
                state.set_status(Status::Idle);
                return Flow::Break;
            }
            reach(Branch::MessageAtFinish);
            state.set_status(Status::Running);
            return Flow::Continue;
        }
        let _held = self.between_check_and_finish(held);
        state.set_status(Status::Finished);
        Flow::Break
    }

    /// Decision `finish_check`: whether the lock is let go between the last look and the write.
    fn between_check_and_finish(
        &self,
        held: crate::engine::kernel::FifoGuard,
    ) -> crate::engine::kernel::FifoGuard {
        match self.inner.decisions.finish_check {
            FinishCheck::Atomic => held,
            FinishCheck::Split => {
                drop(held);
                self.inner.state.lock()
            }
        }
    }

    /// Notes the prompt in flight, unless the run is to stop.
    pub(super) fn begin_step(&self, run: &mut Run, message: Option<&MessageId>) -> Flow {
        let state = &self.inner.state;
        let _held = state.lock();
        let looks_again = self.inner.decisions.late_pause == LatePause::Honoured;
        if looks_again && matches!(state.status(), Status::Paused | Status::Stuck) {
            reach(Branch::PausedBeforeStep);
            return Flow::Break;
        }
        run.events_before_step = state.events.read(Vec::len);
        self.note_step(run.number, run.events_before_step, message);
        if let Some(message) = message {
            let agent_state = state.agent_state.get();
            state.agent_state.set(AgentState { inflight_prompt: Some(message.clone()), ..agent_state });
        }
        Flow::Continue
    }

    /// Moves the cursor and looks for messages that came during the step.
    pub(super) fn after_step(&self, run: &mut Run, message: Option<MessageId>) -> Flow {
        let state = &self.inner.state;
        let held = state.lock();
        run.iteration += 1;
        self.note_step_end(run.number);
        let (paused, completed) = state.events.read(|events| {
            let happened = |kind| events[run.events_before_step..].iter().any(|event| event.kind == kind);
            (happened(EventKind::Pause), happened(EventKind::Finish))
        });
        let mut agent_state = state.agent_state.get();
        if agent_state.inflight_prompt == message {
            agent_state.inflight_prompt = None;
        }
        agent_state.supersede_inflight = false;
        let status = state.status();
        let completed = match self.inner.decisions.completed_step {
            CompletedStep::FinishEvent => completed,
            CompletedStep::Status => !matches!(status, Status::Error | Status::Stuck | Status::Paused),
        };
        let moves_on = completed || self.inner.decisions.failed_message == FailedMessage::PassedOver;
        if message.is_some() && moves_on {
            run.cursor.clone_from(&message);
            if self.inner.decisions.cursor == Cursor::State {
                agent_state.last_prompt.clone_from(&message);
            }
        }
        state.agent_state.set(agent_state);
        if matches!(status, Status::Error | Status::Stuck) && run.stops_after_error {
            reach(Branch::StepEndedInError);
            return Flow::Break;
        }
        if paused && self.inner.decisions.late_pause == LatePause::Honoured {
            reach(Branch::PausedDuringStep);
            state.set_status(Status::Paused);
            return Flow::Break;
        }
        let prompted = match self.inner.decisions.caught_up {
            CaughtUp::Finish => run.cursor.clone(),
            CaughtUp::Step => message,
        };
        self.look_for_messages(run, prompted.as_ref(), held)
    }

    /// Whether there is a message beside the one that was prompted, and what follows from it.
    fn look_for_messages(
        &self,
        run: &mut Run,
        prompted: Option<&MessageId>,
        held: crate::engine::kernel::FifoGuard,
    ) -> Flow {
        let state = &self.inner.state;
        let newest = newest(&state.prompt_messages());
        let changed = newest.is_some() && newest.as_ref() != prompted;
        let ended = match state.status() {
            Status::Finished => true,
            Status::Idle => self.inner.decisions.late_message == LateMessage::Running,
            _ => false,
        };
        if changed && ended {
            reach(Branch::MessageDuringStep);
            let last = run.iteration >= self.inner.max_iteration_per_run;
            if last && self.inner.decisions.last_iteration == LastIteration::LeftIdle {
                reach(Branch::MessageAtLimit);
                state.set_status(Status::Idle);
                return Flow::Break;
            }
            state.set_status(Status::Running);
            run.jump = self.inner.decisions.cursor_advance == CursorAdvance::Newest;
        }
        let _held = if !changed && ended && self.inner.decisions.finish_check == FinishCheck::Split {
            let held = self.between_check_and_finish(held);
            state.set_status(Status::Finished);
            held
        } else {
            held
        };
        if run.iteration < self.inner.max_iteration_per_run {
            return Flow::Continue;
        }
        if state.status() != Status::Finished {
            self.reach_iteration_limit();
        }
        Flow::Break
    }

    /// `except asyncio.CancelledError`: the run ends paused.
    fn after_interrupt(&self, events_before_step: usize) {
        let state = &self.inner.state;
        let _held = state.lock();
        let mut agent_state = state.agent_state.get();
        let inflight = agent_state.inflight_prompt.take();
        let superseded = std::mem::take(&mut agent_state.supersede_inflight);
        let (finished, orphans) = state.events.read(|events| {
            let since = &events[events_before_step..];
            (since.iter().any(|event| event.kind == EventKind::Finish), unmatched_actions(events))
        });
        let completed = match self.inner.decisions.completed_interrupt {
            CompletedInterrupt::FinishEvent => finished,
            CompletedInterrupt::Status => state.status() == Status::Finished,
        };
        if (superseded || completed) && inflight.is_some() {
            reach(if superseded { Branch::SupersededInterrupt } else { Branch::CompletedInterrupt });
            agent_state.last_prompt = inflight;
        }
        state.agent_state.set(agent_state);
        self.emit_orphaned_action_errors(&orphans);
        state.set_status(Status::Paused);
        self.on_event(event(EventKind::Interrupt, ""));
    }

    /// `_emit_orphaned_action_errors`, as the owner of the state lock.
    fn emit_orphaned_action_errors(&self, orphans: &[ActionId]) {
        for action in orphans {
            reach(Branch::OrphanedAction);
            self.on_event(event(EventKind::AgentError, action));
        }
    }

    pub(super) fn forget_inflight_prompt(&self) {
        let state = &self.inner.state;
        let _held = state.lock();
        let agent_state = state.agent_state.get();
        state.agent_state.set(AgentState { inflight_prompt: None, supersede_inflight: false, ..agent_state });
    }
}
