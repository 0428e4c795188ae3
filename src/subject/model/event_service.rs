//! The event service of the agent server: one event loop that serves every client of a conversation.
//!
//! Stands for `EventService` (`agent_server/event_service.py`) of 1.25.0. Its flags live on the loop; only the run task
//! is also read by a worker. Leases, titles and webhooks are left out.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::asyncio;
use super::asyncio::{EventLoop, Exception, Executor, Limit, Result, Task, wait_for};
use crate::engine::kernel::{Cell, Flag, Local, OrderedCell, thread};
use crate::observation::{CallKind, Cause, Event, Place, Published, ServiceEntry};
use crate::terms::{Limits, Status};

use super::callback_wrapper::AsyncCallbackWrapper;
use super::conversation::LocalConversation;
use super::coverage::{Branch, reach};
use super::decision::{
    CloseInFlight, Closing, Decisions, Dispatch, FinalState, RunningStatus, StateUpdate, StopBeforeStart,
    Supersede, TokenChunks,
};

use super::server_start::ServerStart;

mod confirmation;
mod rerun;
mod stop;

use rerun::{RefusedRequest, Superseded};

const ALREADY_RUNNING: &str = "conversation_already_running";
const INACTIVE: &str = "inactive_service";
/// A rerun whose place another run has taken; the service keeps that to itself.
const OVERTAKEN: &str = "overtaken";

/// The task that runs the conversation in the background (`_run_task`).
#[derive(Clone)]
struct BackgroundRun {
    number: u32,
    task: Task<()>,
    /// Set when a user stops the conversation.
    stopped: Flag,
}

impl Hash for BackgroundRun {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl fmt::Debug for BackgroundRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run task {}", self.number)
    }
}

/// Who wants a run. What was asked before a user stopped the conversation the last time is not wanted any more; the user's stops
/// are counted by a *generation*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A call that asks for a run.
    ByCall,
    /// A user who accepts tool calls.
    ByAccept,
    /// A message that was sent with a run.
    ByMessage { generation: u32 },
    /// What was refused while this run was on: without a generation if that does not matter any more.
    Rerun { generation: Option<u32>, run: u32 },
}

impl Wanted {
    fn cause(self) -> Cause {
        match self {
            Self::ByCall => Cause::Run,
            Self::ByAccept => Cause::Accept,
            Self::ByMessage { .. } => Cause::Message,
            Self::Rerun { .. } => Cause::Rerun,
        }
    }

    fn generation(self) -> Option<u32> {
        match self {
            Self::ByCall | Self::ByAccept => None,
            Self::ByMessage { generation } => Some(generation),
            Self::Rerun { generation, .. } => generation,
        }
    }
}

/// Who is told of everything.
pub trait Subscriber {
    /// On the loop, before it takes something in: a future that it has to wait for, if it does.
    fn takes_in(&self, published: &Published) -> Option<asyncio::Future<()>>;
}

/// The event service of one conversation.
#[derive(Clone)]
pub struct EventService {
    inner: Rc<Inner>,
}

struct Inner {
    conversation: LocalConversation,
    event_loop: EventLoop,
    executor: Executor,
    limits: Limits,
    callback_wrapper: AsyncCallbackWrapper,
    run_task: Cell<Option<BackgroundRun>>,
    run_tasks: Local<u32>,
    run_lock: asyncio::Lock,
    /// The runs that were refused and are still wanted (`_rerun_requested`).
    rerun_requested: Local<Option<RefusedRequest>>,
    acp_internal_rerun_requested: Local<bool>,
    /// The run that is still coming to its end, if the tool calls that it asked about were accepted meanwhile.
    accepted: Local<Option<u32>>,
    explicit_interrupt_generation: Local<u32>,
    /// Held while a user's stop finds out whether there is anything to stop.
    stopping: asyncio::Lock,
    /// The stops, by number, that have stopped nothing.
    vain_stops: Local<BTreeSet<u32>>,
    closing: Local<bool>,
    /// Whether there is a conversation still (`_conversation`).
    is_open: Local<bool>,
    /// Whether the subscriber is told; `PubSub.close` takes it off the list.
    is_subscribed: Local<bool>,
    subscriber: Rc<dyn Subscriber>,
    /// What the subscriber saw.
    stream: OrderedCell<Vec<Published>>,
    /// What was asked and begun, for whoever observes.
    journal: OrderedCell<Vec<ServiceEntry>>,
}

impl EventService {
    /// A service on `event_loop`, with one subscriber.
    #[must_use]
    pub fn start(
        conversation: LocalConversation,
        event_loop: &EventLoop,
        executor: &Executor,
        limits: Limits,
        subscriber: Rc<dyn Subscriber>,
    ) -> Self {
        let service = Self {
            inner: Rc::new(Inner {
                callback_wrapper: AsyncCallbackWrapper::new(event_loop),
                run_task: Cell::new("run_task", None),
                run_tasks: Local::new(0),
                run_lock: asyncio::Lock::new(event_loop),
                rerun_requested: Local::new(None),
                acp_internal_rerun_requested: Local::new(false),
                accepted: Local::new(None),
                explicit_interrupt_generation: Local::new(0),
                stopping: asyncio::Lock::new(event_loop),
                vain_stops: Local::new(BTreeSet::new()),
                closing: Local::new(false),
                is_open: Local::new(true),
                is_subscribed: Local::new(true),
                subscriber,
                stream: OrderedCell::new("stream", Vec::new()),
                journal: OrderedCell::new("journal", Vec::new()),
                conversation,
                event_loop: event_loop.clone(),
                executor: executor.clone(),
                limits,
            }),
        };
        service.wire();
        service
    }

    /// Events, state changes and chunks go to the subscriber through the loop.
    fn wire(&self) {
        let conversation = &self.inner.conversation;
        let this = Rc::downgrade(&self.inner);
        let publish = move |published: Published| {
            let Some(inner) = this.upgrade() else { return };
            Self { inner }.publish_soon(published);
        };
        let publish = Rc::new(publish);
        let (events, states) = (publish.clone(), publish);
        conversation.add_callback(Rc::new(move |event: Event| events(Published::Event(event))));
        conversation.state().set_on_state_change(move |status| states(Published::State(status)));
        let this = Rc::downgrade(&self.inner);
        conversation.set_token_callback(Rc::new(move |chunk| {
            let Some(inner) = this.upgrade() else { return };
            let is_plain = inner.conversation.is_acp();
            if is_plain && inner.conversation.decisions().token_chunks == TokenChunks::LlmOnly {
                return;
            }
            let delta = Published::Delta(chunk.to_owned());
            let (service, label) = (Self { inner: inner.clone() }, ("publish", delta.clone()));
            let make = move || Box::pin(async move { service.pub_sub(delta).await }) as _;
            let _published = asyncio::run_coroutine_threadsafe(&inner.event_loop, label, make);
        }));
    }

    /// `PubSub.__call__`: on the loop. A subscriber that waits holds up nothing but what it waits for.
    async fn pub_sub(&self, published: Published) -> Result<()> {
        if !self.inner.is_subscribed.get() {
            return Ok(());
        }
        if let Some(ready) = self.inner.subscriber.takes_in(&published) {
            reach(Branch::SubscriberSlow);
            ready.await?;
        }
        let mut stream = self.inner.stream.get();
        stream.push(published);
        self.inner.stream.set(stream);
        Ok(())
    }

    /// What the subscriber saw, when the execution is over.
    #[must_use]
    pub fn inspect_stream(&self) -> Vec<Published> {
        self.inner.stream.inspect(Clone::clone)
    }

    fn note(&self, entry: ServiceEntry) {
        let mut journal = self.inner.journal.get();
        journal.push(entry);
        self.inner.journal.set(journal);
    }

    /// What was asked and begun, when the execution is over.
    #[must_use]
    pub fn inspect_journal(&self) -> Vec<ServiceEntry> {
        self.inner.journal.inspect(Clone::clone)
    }

    fn decisions(&self) -> &Decisions {
        self.inner.conversation.decisions()
    }

    async fn in_executor<T: Clone + fmt::Debug + Hash + 'static>(
        &self,
        label: &'static str,
        job: impl FnOnce(&LocalConversation) -> Result<T> + 'static,
    ) -> Result<T> {
        let conversation = self.inner.conversation.clone();
        let job = move || job(&conversation);
        self.inner.event_loop.run_in_executor(&self.inner.executor, label, job).await
    }

    async fn execution_status(&self) -> Result<Status> {
        let read = |conversation: &LocalConversation| {
            let _held = conversation.state().lock();
            Ok(conversation.state().status())
        };
        self.in_executor("get status", read).await
    }

    async fn publish_state_update(&self) -> Result<()> {
        if !self.inner.is_open.get() {
            return Ok(());
        }
        if self.decisions().state_update == StateUpdate::ReadAhead {
            let status = self.execution_status().await?;
            return self.pub_sub(Published::State(status)).await;
        }
        let service = self.clone();
        let hand_over = move |conversation: &LocalConversation| {
            let _held = conversation.state().lock();
            service.publish_soon(Published::State(conversation.state().status()));
            Ok(())
        };
        self.in_executor("publish state", hand_over).await
    }

    /// Hands something to the loop to be published. On any thread.
    fn publish_soon(&self, published: Published) {
        let (service, label) = (self.clone(), ("publish", published.clone()));
        let wrapper = &self.inner.callback_wrapper;
        wrapper.call(label, move || Box::pin(async move { service.pub_sub(published).await }));
    }

    /// Persists a message and, if asked, sees to it that it is run.
    ///
    /// # Errors
    ///
    /// What persisting it failed with. That a run is under way already is none.
    pub async fn send_message(&self, text: Rc<str>, run: bool) -> Result<()> {
        let _place = thread::place(Place::Service(CallKind::Send(text.to_string())));
        let inner = &self.inner;
        if !inner.is_open.get() {
            return Err(Exception::Value(INACTIVE.to_owned()));
        }
        self.note(ServiceEntry::Message { text: text.to_string(), run });
        let generation = self.stops();
        let message = text.clone();
        let conversation = inner.conversation.clone();
        let send = move || conversation.send_message(&message);
        inner.event_loop.run_in_executor(&inner.executor, ("send", text.clone()), send).await?;
        if !run {
            return Ok(());
        }
        if self.stopped_since(generation).await? {
            reach(Branch::StoppedWhileSending);
            return Ok(());
        }
        let superseded = match self.decisions().supersede {
            Supersede::Cancelled => self.mark_running_acp_prompt_superseded(&text).await?,
            Supersede::Interrupted => self.look_for_running_acp_turn().await?,
            Supersede::Left => Superseded::default(),
        };
        if superseded.did_mark {
            inner.acp_internal_rerun_requested.set(true);
            self.interrupt_run(true).await?;
            if self.stopped_since(generation).await? {
                reach(Branch::StoppedWhileSuperseding);
                return Ok(());
            }
        }
        match self.begin(Wanted::ByMessage { generation }).await {
            Ok(()) => inner.acp_internal_rerun_requested.set(false),
            Err(Exception::Value(why)) => {
                if why == ALREADY_RUNNING && !superseded.active_prompt_has_latest_message {
                    // The run that was interrupted had that one to prompt as well.
                    let messages = std::iter::once(text).chain(superseded.newest).collect();
                    let request = RefusedRequest { messages, generation, run: inner.run_tasks.get() };
                    self.request_rerun(request, superseded.did_mark);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Starts a run in the background.
    ///
    /// # Errors
    ///
    /// `ValueError` if the service is closed or a run is under way.
    pub async fn run(&self) -> Result<()> {
        self.note(ServiceEntry::Run);
        self.begin(Wanted::ByCall).await
    }

    /// Starts a run, if it is still wanted when its turn comes.
    async fn begin(&self, wanted: Wanted) -> Result<()> {
        let inner = &self.inner;
        let refuse = |why: &str| Err(Exception::Value(why.to_owned()));
        if inner.closing.get() || !inner.is_open.get() {
            reach(Branch::RefusedClosing);
            return refuse(INACTIVE);
        }
        let _held = inner.run_lock.acquire().await?;
        let status = self.status_before_begin().await?;
        if status == Status::Running {
            reach(Branch::RefusedRunning);
            return refuse(ALREADY_RUNNING);
        }
        if inner.closing.get() {
            reach(Branch::RefusedClosed);
            return refuse(INACTIVE);
        }
        if wanted == Wanted::ByAccept {
            self.note(ServiceEntry::Accept { waiting: status == Status::WaitingForConfirmation });
        }
        if let Some(asked) = wanted.generation()
            && self.stopped_since(asked).await?
        {
            reach(Branch::StoppedBeforeBegin);
            return Ok(());
        }
        if self.is_overtaken(wanted) {
            reach(Branch::RerunOvertaken);
            return refuse(OVERTAKEN);
        }
        if inner.run_task.get().is_some_and(|run| !run.task.done()) {
            reach(Branch::RefusedEnding);
            self.keep_accept(wanted, status);
            return refuse(ALREADY_RUNNING);
        }
        self.note(ServiceEntry::Began { by: wanted.cause() });
        let number = inner.run_tasks.get() + 1;
        inner.run_tasks.set(number);
        let stopped = Flag::new(&format!("stop of run {number}"));
        let (this, stop) = (self.clone(), stopped.clone());
        let task = inner
            .event_loop
            .create_task_of("run", number, async move { this.run_and_publish(number, stop).await });
        inner.run_task.set(Some(BackgroundRun { number, task, stopped }));
        Ok(())
    }

    /// Decision `running_status`. While the caller holds the lock of runs none begins, so that a second look is the last.
    async fn status_before_begin(&self) -> Result<Status> {
        let status = self.execution_status().await?;
        if status != Status::Running || self.decisions().running_status == RunningStatus::Believed {
            return Ok(status);
        }
        if self.inner.run_task.get().is_some_and(|run| !run.task.done()) {
            return Ok(status);
        }
        reach(Branch::StatusOfEndedRun);
        self.execution_status().await
    }

    async fn run_and_publish(&self, number: u32, stopped: Flag) -> Result<()> {
        let inner = &self.inner;
        let stopped = (self.decisions().stop_before_start == StopBeforeStart::Holds).then_some(stopped);
        let result = if self.has_native_arun() {
            inner.conversation.arun_unless(&inner.event_loop, stopped.as_ref()).await
        } else {
            self.in_executor("run", move |conversation| conversation.run_unless(stopped.as_ref())).await
        };
        let result = match result {
            Ok(()) => Ok(()),
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Err(_) => {
                reach(Branch::BackgroundRunFailed);
                let mark = |conversation: &LocalConversation| {
                    let _held = conversation.state().lock();
                    conversation.state().set_status(Status::Error);
                    Ok(())
                };
                self.in_executor("mark error", mark).await
            }
        };
        self.wrap_up(number).await?;
        result
    }

    /// Decision `dispatch`: whether the conversation is driven on the loop.
    fn has_native_arun(&self) -> bool {
        match self.decisions().dispatch {
            Dispatch::ByAgent => !self.inner.conversation.is_sync(),
            Dispatch::ByConversation => true,
            Dispatch::Worker => false,
        }
    }

    /// `finally` of a background run: publish what is pending, then the final state, then the run that was asked for
    /// meanwhile.
    async fn wrap_up(&self, number: u32) -> Result<()> {
        let inner = &self.inner;
        if self.decisions().final_state == FinalState::AfterPending {
            let wrapper = inner.callback_wrapper.clone();
            let limit = Limit { timer: "pending_drain", millis: inner.limits.pending_drain.as_millis() };
            let wait = move |_: &LocalConversation| Ok(wrapper.wait_for_pending(limit));
            if !self.in_executor("wait for pending", wait).await? {
                reach(Branch::PendingLeft);
                self.note(ServiceEntry::PendingLeft);
            }
        }
        inner.run_task.set(None);
        self.publish_state_update().await?;
        self.rerun_if_wanted().await?;
        self.run_if_accepted(number).await
    }

    /// Has the agent switch the model of its session.
    ///
    /// # Errors
    ///
    /// If the service is closed; what the switch fails with.
    pub async fn switch_acp_model(&self, model: Rc<str>) -> Result<()> {
        let _place = thread::place("service switch model");
        if !self.inner.is_open.get() {
            let message = "Conversation is not active".to_owned();
            return Err(Exception::Error { kind: "RuntimeError".to_owned(), message });
        }
        self.in_executor("switch model", move |conversation| conversation.switch_acp_model(&model)).await
    }

    /// Ends the service: no run starts any more, the one in flight is cancelled, the agent is closed.
    ///
    /// # Errors
    ///
    /// If the call is cancelled; by decision `close_in_flight`, if the run ends meanwhile.
    pub async fn close(&self) -> Result<()> {
        let _place = thread::place(Place::Service(CallKind::Close));
        let inner = &self.inner;
        if self.decisions().closing == Closing::Refuses {
            inner.closing.set(true);
        }
        self.note(ServiceEntry::Closing);
        self.note_explicit_stop(ServiceEntry::Stop);
        if let Some(run) = inner.run_task.get().filter(|run| !run.task.done()) {
            reach(Branch::ClosedInFlight);
            self.end_run_in_flight(&run).await?;
        }
        inner.closing.set(true);
        inner.is_subscribed.set(false);
        if inner.is_open.get() {
            self.in_executor("close", |conversation| {
                conversation.close();
                Ok(())
            })
            .await?;
            inner.is_open.set(false);
        }
        Ok(())
    }

    /// Closes the service, and starts it again on what was saved, as an agent server that is started anew does.
    ///
    /// # Errors
    ///
    /// What closing it failed with.
    pub async fn reload(&self) -> Result<()> {
        let _place = thread::place(Place::Service(CallKind::Reload));
        self.close().await?;
        self.inner.conversation.resume();
        self.inner.closing.set(false);
        self.inner.is_subscribed.set(true);
        self.inner.is_open.set(true);
        self.note(ServiceEntry::Opened);
        Ok(())
    }

    /// Decision `close_in_flight`.
    async fn end_run_in_flight(&self, run: &BackgroundRun) -> Result<()> {
        match self.decisions().close_in_flight {
            CloseInFlight::Interrupted => self.cancel_run_in_flight(run),
            CloseInFlight::PausedFirst => {
                self.pause_for_close().await?;
                run.task.cancel();
            }
            CloseInFlight::ReadAgain => {
                self.pause_for_close().await?;
                let Some(run) = self.inner.run_task.get() else {
                    reach(Branch::EndedWhileClosing);
                    return Err(Exception::Error {
                        kind: "AttributeError".to_owned(),
                        message: "'NoneType' object has no attribute 'cancel'".to_owned(),
                    });
                };
                run.task.cancel();
            }
        }
        let limit = Limit { timer: "close_wait", millis: self.inner.limits.close_wait.as_millis() };
        let _ended = wait_for(&self.inner.event_loop, run.task.clone(), limit).await;
        self.inner.run_task.set(None);
        Ok(())
    }

    /// Cancels the run at once, and gives the start of its server up. A run that is driven on a worker holds the state lock
    /// there and goes on: only the task that waits for the worker is cancelled, and nothing waits for its pause.
    fn cancel_run_in_flight(&self, run: &BackgroundRun) {
        let inner = &self.inner;
        if self.has_native_arun() {
            inner.conversation.with_server_start(ServerStart::close);
            _ = inner.conversation.interrupt();
            return;
        }
        let conversation = inner.conversation.clone();
        let pause = move || Ok(conversation.pause());
        let _asked = inner.event_loop.run_in_executor(&inner.executor, "pause", pause);
        run.task.cancel();
    }

    async fn pause_for_close(&self) -> Result<()> {
        self.in_executor("pause", |conversation| Ok(conversation.pause())).await.map(drop)
    }
}
