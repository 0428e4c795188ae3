//! The conversation: messages in, runs, pause, interrupt.
//!
//! Stands for `LocalConversation` (`sdk/conversation/impl/local_conversation.py`) of 1.25.0; `arun` has its own file.
//! Hooks and plugins are left out: no row of the catalogue here needs them.

use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::asyncio::{EventLoop, Exception, Executor, Result, TaskRef};
use crate::engine::kernel::{Cell, FifoLock, Flag, OrderedCell, thread};
use crate::observation::{
    CallKind, ENSURE_AGENT_READY, Event, MAX_ITERATIONS_REACHED, Place, RunSeen, StepSeen, TokenView,
};
use crate::terms::{EventKind, Status};

use super::acp_agent::{AcpAgent, Turn, error_event, event};
use super::attribute::Attribute;
use super::bridge::{OnEvent, OnToken};
use super::cancel_token::CancelToken;
use super::coverage::{Branch, reach};
use super::decision::{
    Decisions, Dispatch, FailedTurn, PendingActions, SuccessfulTurn, SyncTimeout, ToolToken,
};
use super::llm_agent::LlmAgent;
use super::state::{ConversationState, MessageId};
use super::stuck_detector::is_stuck;

/// The agent of a conversation.
#[derive(Clone)]
pub enum Agent {
    /// Talks ACP.
    Acp(AcpAgent),
    /// Talks to an LLM, with its own `astep`.
    Llm(LlmAgent),
    /// Has only a synchronous `step`.
    Sync(LlmAgent),
}

/// The task of a run in flight, which `interrupt` cancels (`_arun_task`).
#[derive(Clone)]
pub(super) struct RunTask {
    pub(super) run: u32,
    pub(super) event_loop: EventLoop,
    pub(super) task: TaskRef,
}

impl Hash for RunTask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.run.hash(state);
    }
}

impl fmt::Debug for RunTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task of run {}", self.run)
    }
}

/// A conversation.
#[derive(Clone)]
pub struct LocalConversation {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub(super) state: ConversationState,
    /// The agent; a switch of its model puts another one in its place.
    agent: RefCell<Agent>,
    /// How many agents there were; also says which one a thread sees.
    agents: Attribute<u32>,
    /// Held by whoever switches the model.
    pub(super) switching: FifoLock,
    pub(super) decisions: Decisions,
    pub(super) max_iteration_per_run: u32,
    pub(super) executor: Executor,
    /// `_agent_ready`, read without the lock on the fast path.
    pub(super) agent_ready: Cell<bool>,
    pub(super) cancel_token: Cell<Option<CancelToken>>,
    pub(super) arun_task: Cell<Option<RunTask>>,
    /// Looked at and set in one operation: of two calls that both go on, each only catches the errors of the other.
    pub(super) cleanup_initiated: Cell<bool>,
    runs: OrderedCell<u32>,
    /// What was seen of each run so far; written by the owner of the state lock.
    runs_seen: OrderedCell<Vec<RunSeen>>,
    callbacks: RefCell<Vec<OnEvent>>,
    token_callback: RefCell<Option<OnToken>>,
}

impl LocalConversation {
    /// A conversation whose jobs off the loop go to `executor`, and which somebody runs synchronously, or nobody.
    #[must_use]
    pub fn new(
        agent: Agent,
        decisions: Decisions,
        max_iteration_per_run: u32,
        executor: Executor,
        runs_synchronously: bool,
    ) -> Self {
        let runs_synchronously = runs_synchronously || decisions.dispatch == Dispatch::Worker;
        let unlocked_writers = !matches!(agent, Agent::Acp(_))
            || !decisions.frees_lock_during_step()
            || (runs_synchronously && !decisions.frees_lock_during_sync_step())
            || decisions.failed_turn == FailedTurn::Unlocked
            || decisions.successful_turn == SuccessfulTurn::Unlocked;
        let is_switched = matches!(&agent, Agent::Acp(agent) if agent.is_switched());
        let conversation = Self {
            inner: Rc::new(Inner {
                state: ConversationState::create(unlocked_writers),
                agents: Attribute::new("agent", 1, is_switched),
                agent: RefCell::new(agent),
                switching: FifoLock::new("model"),
                decisions,
                max_iteration_per_run,
                executor,
                agent_ready: Cell::new("agent_ready", false),
                cancel_token: Cell::new("cancel_token", None),
                arun_task: Cell::new("arun_task", None),
                cleanup_initiated: Cell::new("cleanup_initiated", false),
                runs: OrderedCell::new("runs", 0),
                runs_seen: OrderedCell::new("runs seen", Vec::new()),
                callbacks: RefCell::default(),
                token_callback: RefCell::default(),
            }),
        };
        if let Agent::Acp(agent) = &*conversation.inner.agent.borrow() {
            let state = conversation.inner.state.clone();
            agent.set_stats_callback(move || drop(state.lock()));
        }
        conversation
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> &ConversationState {
        &self.inner.state
    }

    /// The agent, as this thread knows it.
    pub(super) fn agent(&self) -> Agent {
        let _agents = self.inner.agents.get();
        self.inner.agent.borrow().clone()
    }

    /// The last agent, when the execution is over.
    #[must_use]
    pub fn inspect_agent(&self) -> Agent {
        self.inner.agent.borrow().clone()
    }

    pub(super) fn put_in_place(&self, agent: Agent) {
        let inner = &self.inner;
        inner.agents.set_with(inner.agents.get() + 1, || *inner.agent.borrow_mut() = agent);
    }

    /// Whether its agent talks ACP, which no switch changes.
    #[must_use]
    pub fn is_acp(&self) -> bool {
        matches!(&*self.inner.agent.borrow(), Agent::Acp(_))
    }

    /// Whether its agent has only a synchronous `step`.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        matches!(&*self.inner.agent.borrow(), Agent::Sync(_))
    }

    /// What was decided.
    #[must_use]
    pub fn decisions(&self) -> &Decisions {
        &self.inner.decisions
    }

    /// Adds a callback that is told of each event before it is appended to the log.
    pub fn add_callback(&self, callback: OnEvent) {
        self.inner.callbacks.borrow_mut().push(callback);
    }

    /// Sets what is told of each chunk of text.
    pub fn set_token_callback(&self, callback: OnToken) {
        *self.inner.token_callback.borrow_mut() = Some(callback);
    }

    /// `_on_event`: the callbacks, then the log.
    pub(super) fn on_event(&self, mut event: Event) {
        event.thread = thread::name().to_string();
        let callbacks = self.inner.callbacks.borrow().clone();
        callbacks.iter().for_each(|callback| callback(event.clone()));
        self.inner.state.append(event);
    }

    /// `_on_event_with_state_lock`.
    fn on_event_with_state_lock(&self, event: Event) {
        let _held = self.inner.state.lock();
        self.on_event(event);
    }

    /// The callbacks of a turn; `locked` if each event is to take the state lock for itself.
    pub(super) fn turn(&self, event_loop: Option<&EventLoop>, locked: bool) -> Turn {
        let this = Rc::downgrade(&self.inner);
        let on_event: OnEvent = Rc::new(move |event| {
            let Some(inner) = this.upgrade() else { return };
            let conversation = Self { inner };
            if locked { conversation.on_event_with_state_lock(event) } else { conversation.on_event(event) }
        });
        let on_token = self.inner.token_callback.borrow().clone();
        Turn { event_loop: event_loop.cloned(), on_event, on_token, executor: self.inner.executor.clone() }
    }

    /// Starts the agent, once.
    ///
    /// # Errors
    ///
    /// If its server does not start.
    pub fn ensure_agent_ready(&self) -> Result<()> {
        let _place = thread::place(ENSURE_AGENT_READY);
        if self.inner.agent_ready.get() {
            return Ok(());
        }
        let _held = self.inner.state.lock();
        if self.inner.agent_ready.get() {
            reach(Branch::AlreadyReady);
            return Ok(());
        }
        let on_event = self.turn(None, false).on_event;
        match self.agent() {
            Agent::Acp(agent) => agent.init_state(&self.inner.state, &on_event)?,
            Agent::Llm(_) | Agent::Sync(_) => LlmAgent::init_state(&self.inner.state, &on_event),
        }
        self.inner.agent_ready.set(true);
        Ok(())
    }

    /// Persists a user message.
    ///
    /// # Errors
    ///
    /// If the agent has to be started first and does not start.
    pub fn send_message(&self, text: &str) -> Result<()> {
        let _place = thread::place(Place::Call(CallKind::Send(text.to_owned())));
        if !self.is_acp() {
            self.ensure_agent_ready()?;
        }
        let state = &self.inner.state;
        let _held = state.lock();
        if matches!(state.status(), Status::Finished | Status::Stuck) {
            state.set_status(Status::Idle);
        }
        self.on_event(event(EventKind::UserMessage, text));
        Ok(())
    }

    /// Begins a run: its number and its cancel token.
    pub(super) fn begin_run(&self) -> u32 {
        let run = self.inner.runs.get() + 1;
        self.inner.runs.set(run);
        self.inner.cancel_token.set(Some(CancelToken::new(run)));
        run
    }

    /// Runs the conversation on this thread, synchronously. The agent's `step` is under the state lock, but for an ACP agent's
    /// prompt (decision `sync_prompt_lock`).
    ///
    /// # Errors
    ///
    /// What the step failed with.
    pub fn run(&self) -> Result<()> {
        self.run_unless(None)
    }

    /// As `run`, but does nothing if this was set before the run has come to its first step.
    pub(super) fn run_unless(&self, stopped: Option<&Flag>) -> Result<()> {
        let _place = thread::place(Place::Call(CallKind::Run));
        self.ensure_agent_ready()?;
        let number = self.begin_run();
        let result = match self.start_sync_run(number, stopped) {
            Some(mut run) => self.run_loop(&mut run),
            None => Ok(()),
        };
        if let Err(error) = &result {
            reach(Branch::SyncRunFailed);
            self.fail_sync_run(error);
        }
        self.inner.cancel_token.set(None);
        result
    }

    /// A run of a conversation that waits for a confirmation is one, as the owner of the state lock.
    pub(super) fn take_for_confirmed(&self, status: Status) {
        if status == Status::WaitingForConfirmation {
            self.inner.state.set_status(Status::Running);
        }
    }

    /// Decision `sync_timeout`: a restart that is due comes before the step takes the state lock.
    pub(super) fn restart_between_steps(&self) -> Result<()> {
        match self.agent() {
            Agent::Acp(agent) if self.inner.decisions.sync_timeout == SyncTimeout::Restarted => {
                agent.restart_if_due(&self.inner.state, &self.turn(None, true))
            }
            _ => Ok(()),
        }
    }

    /// The status at the begin of a run; false if the run is not to start, since `stopped` is set.
    pub(super) fn set_running(&self, run: u32, stopped: Option<&Flag>) -> bool {
        let state = &self.inner.state;
        let _held = state.lock();
        if stopped.is_some_and(Flag::is_set) {
            reach(Branch::RunStoppedAtBegin);
            self.tell_of_held_run();
            return false;
        }
        let mut seen = self.inner.runs_seen.get();
        let after = state.events.read(Vec::len);
        seen.push(RunSeen { number: run, thread: thread::name().to_string(), after, steps: Vec::new() });
        self.inner.runs_seen.set(seen);
        if matches!(state.status(), Status::Idle | Status::Paused | Status::Error | Status::Stuck) {
            state.set_status(Status::Running);
        }
        true
    }

    /// A stop has kept a run from its begin, and nothing says so yet: a pause leaves a conversation that waits for a confirmation as
    /// it is, and a user may have answered since. An interrupt of the run tells of itself. As the owner of the state lock.
    fn tell_of_held_run(&self) {
        let state = &self.inner.state;
        match state.status() {
            Status::Idle if !self.is_interrupted() => state.set_status(Status::Paused),
            Status::WaitingForConfirmation => {}
            _ => return,
        }
        self.on_event(event(EventKind::Pause, ""));
    }

    /// Whether the run that is under way was interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        self.inner.cancel_token.get().is_some_and(|token| token.is_cancelled())
    }

    /// Whether the agent repeats itself, as the owner of the state lock: the status is then `stuck`, and ends the run
    /// unless a message comes first. Through the service each change of the state is an event as well: seven or so a turn,
    /// which end every monologue and leave no room for four turns among those that are looked at.
    pub(super) fn ends_stuck(&self) -> bool {
        let state = &self.inner.state;
        let check = self.inner.decisions.stuck_check;
        let stuck = !state.tells_of_changes() && state.events.read(|events| is_stuck(events, check));
        if stuck {
            state.set_status(Status::Stuck);
        }
        stuck
    }

    /// For whoever observes: the run takes a step. As the owner of the state lock.
    pub(super) fn note_step(&self, run: u32, after: usize, message: Option<&MessageId>) {
        let message = message.map(ToString::to_string);
        self.update_seen(run, |seen| seen.steps.push(StepSeen { after, message, ended: None }));
    }

    /// As `note_step`, for a step that takes whatever message is the newest.
    pub(super) fn note_step_with_newest(&self, run: u32) {
        let (after, message) = self.inner.state.count_and_newest();
        self.note_step(run, after, message.as_ref());
    }

    /// For whoever observes: the run's last step has come to its end. As the owner of the state lock.
    pub(super) fn note_step_end(&self, run: u32) {
        let status = self.inner.state.status();
        self.update_seen(run, |seen| {
            if let Some(step) = seen.steps.last_mut() {
                step.ended = Some(status);
            }
        });
    }

    fn update_seen(&self, run: u32, change: impl FnOnce(&mut RunSeen)) {
        let mut seen = self.inner.runs_seen.get();
        if let Some(seen) = seen.iter_mut().find(|seen| seen.number == run) {
            change(seen);
        }
        self.inner.runs_seen.set(seen);
    }

    /// What was seen of each run, in the order in which they began, when the execution is over.
    #[must_use]
    pub fn inspect_runs(&self) -> Vec<RunSeen> {
        self.inner.runs_seen.inspect(Clone::clone)
    }

    /// `MaxIterationsReached`, as the owner of the state lock.
    pub(super) fn reach_iteration_limit(&self) {
        reach(Branch::IterationLimit);
        self.inner.state.set_status(Status::Error);
        self.on_event(error_event(MAX_ITERATIONS_REACHED));
    }

    /// A run failed.
    pub(super) fn fail(&self, error: &Exception) {
        let _held = self.inner.state.lock();
        self.inner.state.set_status(Status::Error);
        self.on_event(error_event(error.kind()));
    }

    /// Rejects the tool calls that wait for a confirmation.
    pub fn reject_pending_actions(&self) {
        let _place = thread::place(Place::Call(CallKind::Reject));
        let state = &self.inner.state;
        let read_before = match self.inner.decisions.pending_actions {
            PendingActions::ReadUnderLock => None,
            PendingActions::ReadBeforeLock => Some(state.unmatched_actions_unlocked()),
        };
        let _held = state.lock();
        let pending_actions = read_before.unwrap_or_else(|| state.unmatched_actions());
        if state.status() == Status::WaitingForConfirmation {
            state.set_status(Status::Idle);
        }
        if pending_actions.is_empty() {
            return reach(Branch::NothingToReject);
        }
        for action in pending_actions {
            self.on_event(event(EventKind::Rejection, &action));
        }
    }

    /// Asks the run to pause between two steps. False if it has stopped nothing, since the conversation has finished. One that is
    /// paused, has failed or waits for a user stays so when a message comes, and so the stop may be meant for the message.
    pub fn pause(&self) -> bool {
        let _place = thread::place(Place::Call(CallKind::Pause));
        let state = &self.inner.state;
        if state.execution_status.read_unlocked(|status| *status) == Status::Paused {
            reach(Branch::PausedAlready);
            return true;
        }
        let _held = state.lock();
        let status = state.status();
        if matches!(status, Status::Idle | Status::Running) {
            state.set_status(Status::Paused);
            self.on_event(event(EventKind::Pause, ""));
        } else {
            reach(Branch::PauseTooLate);
        }
        !matches!(status, Status::Finished | Status::Stuck)
    }

    /// Cancels the run in flight; without one, pauses, and says what that does.
    pub fn interrupt(&self) -> bool {
        let _place = thread::place(Place::Call(CallKind::Interrupt));
        if let Some(token) = self.inner.cancel_token.get() {
            token.cancel();
        }
        match self.inner.arun_task.get() {
            Some(running) => {
                let task = running.task.clone();
                running.event_loop.call_soon_threadsafe(("cancel run", running.run), move || {
                    task.cancel();
                });
                true
            }
            None => {
                reach(Branch::InterruptWithoutRun);
                self.pause()
            }
        }
    }

    /// A tool call begins: the run it belongs to and, by decision `tool_token`, the token it will look at.
    #[must_use]
    pub fn begin_tool_call(&self) -> ToolCall {
        let token = self.inner.cancel_token.get();
        ToolCall { run: token.as_ref().map_or(0, |token| token.run), token }
    }

    /// What a tool call sees of its cancel token.
    #[must_use]
    pub fn poll_token(&self, call: &ToolCall) -> TokenView {
        let own_cancelled = call.token.as_ref().is_some_and(CancelToken::is_cancelled);
        let token = match self.inner.decisions.tool_token {
            ToolToken::OwnRun => call.token.clone(),
            ToolToken::Current => self.inner.cancel_token.get(),
        };
        let seen_run = token.as_ref().map(|token| token.run);
        let cancelled = match token {
            Some(token) if token.run != call.run => {
                reach(Branch::ForeignToken);
                token.is_cancelled()
            }
            Some(_) => own_cancelled,
            None => {
                reach(Branch::NoToken);
                false
            }
        };
        TokenView { own_run: call.run, own_cancelled, seen_run, cancelled }
    }

    /// Ends the agent, once.
    pub fn close(&self) {
        let _place = thread::place(Place::Call(CallKind::Close));
        if self.inner.cleanup_initiated.update("test and set", |initiated| std::mem::replace(initiated, true))
        {
            return;
        }
        if let Agent::Acp(agent) = self.agent() {
            agent.close();
        }
    }
}

/// A tool call on a worker thread.
#[derive(Debug, Clone)]
pub struct ToolCall {
    run: u32,
    token: Option<CancelToken>,
}

/// The newest of the messages.
pub(super) fn newest(messages: &[MessageId]) -> Option<MessageId> {
    messages.last().cloned()
}
