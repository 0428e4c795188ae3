//! The event service of the agent server: one event loop that serves every client of a conversation.
//!
//! Stands for `EventService` (`agent_server/event_service.py`) of 1.25.0. Its flags live on the loop; only the run task
//! is also read by a worker. Leases, titles, confirmation and webhooks are left out.

use std::cell::Cell as LoopCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::asyncio::{self, EventLoop, Exception, Executor, Limit, Result, Task, shield, wait_for};
use crate::kernel::{Cell, Ordered, thread};
use crate::observation::{Event, Published};
use crate::scenario::{Limits, Status};

use super::callback_wrapper::AsyncCallbackWrapper;
use super::conversation::{Agent, LocalConversation};
use super::decision::{InterruptLimit, TokenChunks};
use super::state::AgentState;

const ALREADY_RUNNING: &str = "conversation_already_running";
const INACTIVE: &str = "inactive_service";

/// The task that runs the conversation in the background (`_run_task`).
#[derive(Clone)]
struct BackgroundRun {
    number: u32,
    task: Task<()>,
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
    run_tasks: LoopCell<u32>,
    run_lock: asyncio::Lock,
    rerun_requested: LoopCell<bool>,
    acp_internal_rerun_requested: LoopCell<bool>,
    explicit_interrupt_generation: LoopCell<u32>,
    closing: LoopCell<bool>,
    /// What a subscriber saw.
    stream: Ordered<Vec<Published>>,
}

/// What a worker found when it marked the prompt in flight as superseded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Superseded {
    did_mark: bool,
    active_prompt_has_latest_message: bool,
}

impl EventService {
    /// A service on `event_loop`, with one subscriber.
    #[must_use]
    pub fn start(
        conversation: LocalConversation,
        event_loop: &EventLoop,
        executor: &Executor,
        limits: Limits,
    ) -> Self {
        let service = Self {
            inner: Rc::new(Inner {
                callback_wrapper: AsyncCallbackWrapper::new(event_loop),
                run_task: Cell::new("run_task", None),
                run_tasks: LoopCell::new(0),
                run_lock: asyncio::Lock::new(event_loop),
                rerun_requested: LoopCell::new(false),
                acp_internal_rerun_requested: LoopCell::new(false),
                explicit_interrupt_generation: LoopCell::new(0),
                closing: LoopCell::new(false),
                stream: Ordered::new("stream", Vec::new()),
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
            let (service, label) = (Self { inner: inner.clone() }, ("publish", published.clone()));
            inner.callback_wrapper.call(label, move || Box::pin(async move { service.pub_sub(published) }));
        };
        let publish = Rc::new(publish);
        let (events, states) = (publish.clone(), publish);
        conversation.add_callback(Rc::new(move |event: Event| events(Published::Event(event))));
        conversation.state().set_on_state_change(move |status| states(Published::State(status)));
        let this = Rc::downgrade(&self.inner);
        conversation.set_token_callback(Rc::new(move |chunk| {
            let Some(inner) = this.upgrade() else { return };
            let is_plain = matches!(inner.conversation.agent(), Agent::Acp(_));
            if is_plain && inner.conversation.decisions().token_chunks == TokenChunks::LlmOnly {
                return;
            }
            let delta = Published::Delta(chunk.to_owned());
            let (service, label) = (Self { inner: inner.clone() }, ("publish", delta.clone()));
            let make = move || Box::pin(async move { service.pub_sub(delta) }) as _;
            let _published = asyncio::run_coroutine_threadsafe(&inner.event_loop, label, make);
        }));
    }

    /// `PubSub.__call__`: on the loop.
    #[expect(clippy::unnecessary_wraps, reason = "it is the body of a coroutine")]
    fn pub_sub(&self, published: Published) -> Result<()> {
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
        let status = self.execution_status().await?;
        self.pub_sub(Published::State(status))
    }

    /// Persists a message and, if asked, sees to it that it is run.
    ///
    /// # Errors
    ///
    /// What persisting it failed with. That a run is under way already is none.
    pub async fn send_message(&self, text: Rc<str>, run: bool) -> Result<()> {
        let _place = thread::place(format!("service send {text:?}"));
        let inner = &self.inner;
        let generation = inner.explicit_interrupt_generation.get();
        let message = text.clone();
        let conversation = inner.conversation.clone();
        let send = move || conversation.send_message(&message);
        inner.event_loop.run_in_executor(&inner.executor, ("send", text), send).await?;
        if !run || inner.explicit_interrupt_generation.get() != generation {
            return Ok(());
        }
        let superseded = self.mark_running_acp_prompt_superseded().await?;
        if superseded.did_mark {
            inner.acp_internal_rerun_requested.set(true);
            self.interrupt_run(true).await?;
            if inner.explicit_interrupt_generation.get() != generation {
                return Ok(());
            }
        }
        match self.run(Some(generation)).await {
            Ok(()) => inner.acp_internal_rerun_requested.set(false),
            Err(Exception::Value(why)) => {
                if why == ALREADY_RUNNING && !superseded.active_prompt_has_latest_message {
                    inner.rerun_requested.set(true);
                    if superseded.did_mark {
                        inner.acp_internal_rerun_requested.set(true);
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn mark_running_acp_prompt_superseded(&self) -> Result<Superseded> {
        let this = self.clone();
        self.in_executor("mark superseded", move |_| Ok(this.mark_superseded_sync())).await
    }

    /// On a worker.
    fn mark_superseded_sync(&self) -> Superseded {
        let nothing = Superseded { did_mark: false, active_prompt_has_latest_message: false };
        let conversation = &self.inner.conversation;
        if self.inner.run_task.get().is_none() || !matches!(conversation.agent(), Agent::Acp(_)) {
            return nothing;
        }
        let state = conversation.state();
        let _held = state.lock();
        if state.status() != Status::Running {
            return nothing;
        }
        let agent_state = state.agent_state.get();
        let newest = state.prompt_messages().pop();
        let (Some(inflight), Some(newest)) = (&agent_state.inflight_prompt, newest) else { return nothing };
        if *inflight == newest {
            return Superseded { active_prompt_has_latest_message: true, ..nothing };
        }
        state.agent_state.set(AgentState { supersede_inflight: true, ..agent_state });
        Superseded { did_mark: true, ..nothing }
    }

    /// Starts a run in the background.
    ///
    /// # Errors
    ///
    /// `ValueError` if the service is closed or a run is under way.
    pub async fn run(&self, internal_rerun_generation: Option<u32>) -> Result<()> {
        let inner = &self.inner;
        let refuse = |why: &str| Err(Exception::Value(why.to_owned()));
        if inner.closing.get() {
            return refuse(INACTIVE);
        }
        let _held = inner.run_lock.acquire().await?;
        if self.execution_status().await? == Status::Running {
            return refuse(ALREADY_RUNNING);
        }
        if inner.closing.get() {
            return refuse(INACTIVE);
        }
        let generation = inner.explicit_interrupt_generation.get();
        if internal_rerun_generation.is_some_and(|asked| asked != generation) {
            return Ok(());
        }
        if inner.run_task.get().is_some_and(|run| !run.task.done()) {
            return refuse(ALREADY_RUNNING);
        }
        let number = inner.run_tasks.get() + 1;
        inner.run_tasks.set(number);
        let this = self.clone();
        let task = inner.event_loop.create_task("run", async move { this.run_and_publish().await });
        inner.run_task.set(Some(BackgroundRun { number, task }));
        Ok(())
    }

    async fn run_and_publish(&self) -> Result<()> {
        let inner = &self.inner;
        let result = match inner.conversation.agent() {
            Agent::Sync(_) => self.in_executor("run", LocalConversation::run).await,
            Agent::Acp(_) | Agent::Llm(_) => inner.conversation.arun(&inner.event_loop).await,
        };
        let result = match result {
            Ok(()) => Ok(()),
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            Err(_) => {
                let mark = |conversation: &LocalConversation| {
                    let _held = conversation.state().lock();
                    conversation.state().set_status(Status::Error);
                    Ok(())
                };
                self.in_executor("mark error", mark).await
            }
        };
        self.wrap_up().await?;
        result
    }

    /// `finally` of a background run: publish what is pending, then the final state, then the rerun that was asked
    /// for meanwhile.
    async fn wrap_up(&self) -> Result<()> {
        let inner = &self.inner;
        let wrapper = inner.callback_wrapper.clone();
        self.in_executor("wait for pending", move |_| {
            wrapper.wait_for_pending();
            Ok(())
        })
        .await?;
        inner.run_task.set(None);
        self.publish_state_update().await?;
        let rerun = inner.rerun_requested.replace(false);
        let internal = inner.acp_internal_rerun_requested.replace(false);
        let generation = inner.explicit_interrupt_generation.get();
        if !rerun {
            return Ok(());
        }
        let status = self.execution_status().await?;
        let still_valid = inner.explicit_interrupt_generation.get() == generation;
        let internal_valid = internal && still_valid;
        let is_acp = matches!(inner.conversation.agent(), Agent::Acp(_));
        let restart =
            still_valid && (status == Status::Idle || (internal_valid && status == Status::Paused && is_acp));
        if !restart {
            return Ok(());
        }
        let asked = internal_valid.then_some(generation);
        match Box::pin(self.run(asked)).await {
            Err(Exception::Value(why)) if why == ALREADY_RUNNING => {
                inner.rerun_requested.set(true);
                inner.acp_internal_rerun_requested.set(internal);
                Ok(())
            }
            other => other,
        }
    }

    fn note_explicit_stop(&self) {
        let inner = &self.inner;
        inner.explicit_interrupt_generation.set(inner.explicit_interrupt_generation.get() + 1);
        inner.rerun_requested.set(false);
        inner.acp_internal_rerun_requested.set(false);
    }

    /// Asks the run to pause.
    ///
    /// # Errors
    ///
    /// If the call is cancelled.
    pub async fn pause(&self) -> Result<()> {
        let _place = thread::place("service pause");
        self.note_explicit_stop();
        self.in_executor("pause", |conversation| {
            conversation.pause();
            Ok(())
        })
        .await?;
        self.publish_state_update().await
    }

    /// Interrupts the run and waits, within a limit, until it has ended.
    ///
    /// # Errors
    ///
    /// If the call is cancelled.
    pub async fn interrupt(&self) -> Result<()> {
        let _place = thread::place("service interrupt");
        self.interrupt_run(false).await
    }

    async fn interrupt_run(&self, internal_acp_rerun: bool) -> Result<()> {
        let inner = &self.inner;
        if !internal_acp_rerun {
            self.note_explicit_stop();
        }
        inner.conversation.interrupt();
        if let Some(run) = inner.run_task.get().filter(|run| !run.task.done()) {
            let limit = Limit { timer: "interrupt_wait", millis: inner.limits.interrupt_wait.as_millis() };
            let ended = match inner.conversation.decisions().interrupt_limit {
                InterruptLimit::Waiting => {
                    wait_for(&inner.event_loop, shield(&run.task.future()), limit).await
                }
                InterruptLimit::Run => wait_for(&inner.event_loop, run.task.clone(), limit).await,
            };
            let me_cancelled = ended == Err(Exception::Cancelled) && !run.task.cancelled();
            if me_cancelled {
                return Err(Exception::Cancelled);
            }
            if inner.run_task.get().is_some_and(|run| run.task.done()) {
                inner.run_task.set(None);
            }
        }
        self.publish_state_update().await
    }

    /// Ends the service: no run starts any more, the one in flight is cancelled, the agent is closed.
    ///
    /// # Errors
    ///
    /// If the call is cancelled.
    pub async fn close(&self) -> Result<()> {
        let _place = thread::place("service close");
        let inner = &self.inner;
        inner.closing.set(true);
        self.note_explicit_stop();
        if let Some(run) = inner.run_task.get().filter(|run| !run.task.done()) {
            inner.conversation.interrupt();
            let _ended = shield(&run.task.future()).await;
        }
        self.in_executor("close", |conversation| {
            conversation.close();
            Ok(())
        })
        .await
    }
}
