//! The ACP agent: starts the server, opens and restarts sessions, and takes one turn at a time.
//!
//! Stands for `ACPAgent` (`sdk/agent/acp_agent.py`) of 1.25.0, method by method; `acp_turn` and `acp_final` have the
//! turn itself, and `acp_model` what becomes of it where its model is switched. Usage figures are left out.

use std::cell::RefCell;
use std::rc::Rc;

use super::asyncio::{EventLoop, Exception, Executor, Limit, Portal, PortalThread, Result, concurrent};
use crate::engine::kernel::{Timers, thread};
use crate::observation::{Event, Resource, SessionInUse};
use crate::terms::{EventKind, Limits, Status};

use super::attribute::Attribute;
use super::bridge::{Bridge, OnEvent, OnToken, Wired};
use super::connection::{Connection, Peer, PromptResponse};
use super::coverage::{Branch, reach};
use super::decision::{
    Decisions, FailedPrompt, FailedStart, LiveUpdate, LoadedHistory, RestartSession, SessionRecord,
    SuffixMarker, TurnCallbacks,
};
use super::server_start::{ServerStart, given_up};
use super::state::{AgentState, ConversationState};

/// What runs while the agent's server runs.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) portal: Portal,
    pub(super) conn: Connection,
}

/// The ACP agent.
#[derive(Clone)]
pub struct AcpAgent {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub(super) decisions: Decisions,
    pub(super) limits: Limits,
    /// Whether there is a system suffix.
    suffix: bool,
    peer: Rc<dyn Peer>,
    portal_thread: PortalThread,
    pub(super) timers: Timers,
    pub(super) session: Rc<AgentSession>,
    pub(super) start: ServerStart,
    /// Whether there is a system suffix that the session does not have yet (`_suffix_install_state`).
    pub(super) suffix_pending: Attribute<bool>,
    /// Told when usage was recorded (`stats_callback`).
    pub(super) stats_callback: RefCell<Option<Rc<dyn Fn()>>>,
}

/// How an agent stands to its server and its session.
pub(super) struct AgentSession {
    /// The server process, counted from 1; 0 before the first. Also says which `live` and `client` a thread sees.
    process: Attribute<u32>,
    live: RefCell<Option<Live>>,
    /// The bridge of the last server process; it outlives it.
    client: RefCell<Option<Bridge>>,
    session_id: Attribute<Option<Rc<str>>>,
    restart_on_next_turn: Attribute<bool>,
    /// The model that was switched to (`acp_model`); none as long as it is the server's own.
    pub(super) model: Attribute<Option<Rc<str>>>,
}

impl AgentSession {
    /// Before the server is started.
    fn new(is_switched: bool) -> Self {
        Self {
            process: Attribute::new("process", 0, is_switched),
            live: RefCell::default(),
            client: RefCell::default(),
            session_id: Attribute::new("session_id", None, is_switched),
            restart_on_next_turn: Attribute::new("restart_session_on_next_turn", false, is_switched),
            model: Attribute::new("acp_model", None, is_switched),
        }
    }

    /// The same, one attribute after another, of which nobody knows that they are the same.
    pub(super) fn copied(&self) -> Rc<Self> {
        let process = self.process.copied("process");
        let (live, client) = (self.live.borrow().clone(), self.client.borrow().clone());
        Rc::new(Self {
            process,
            live: RefCell::new(live),
            client: RefCell::new(client),
            session_id: self.session_id.copied("session_id"),
            restart_on_next_turn: self.restart_on_next_turn.copied("restart_session_on_next_turn"),
            model: self.model.copied("acp_model"),
        })
    }
}

impl Inner {
    /// Decision `live_update`: whether a tool update takes the state lock.
    pub(super) fn serializes_updates(&self) -> bool {
        self.decisions.live_update == LiveUpdate::Serialized && self.decisions.frees_lock_during_step()
    }
}

impl AcpAgent {
    /// An agent that has not started its server, and whose model somebody switches, or nobody.
    #[must_use]
    pub fn new(
        decisions: Decisions,
        limits: Limits,
        (suffix, is_switched): (bool, bool),
        peer: Rc<dyn Peer>,
        portal_thread: PortalThread,
        timers: Timers,
    ) -> Self {
        Self {
            inner: Rc::new(Inner {
                decisions,
                limits,
                suffix,
                peer,
                portal_thread,
                timers,
                session: Rc::new(AgentSession::new(is_switched)),
                start: ServerStart::new(),
                suffix_pending: Attribute::new("suffix_pending", false, is_switched),
                stats_callback: RefCell::default(),
            }),
        }
    }

    /// The same agent with another session and another mark of the suffix.
    pub(super) fn copied(&self, session: Rc<AgentSession>, suffix_pending: Attribute<bool>) -> Self {
        let Inner { decisions, limits, suffix, peer, portal_thread, timers, start, stats_callback, .. } =
            &*self.inner;
        let inner = Inner {
            decisions: *decisions,
            limits: limits.clone(),
            suffix: *suffix,
            peer: peer.clone(),
            portal_thread: portal_thread.clone(),
            timers: timers.clone(),
            session,
            start: start.clone(),
            suffix_pending,
            stats_callback: stats_callback.clone(),
        };
        Self { inner: Rc::new(inner) }
    }

    /// Whether somebody switches its model.
    pub(super) fn is_switched(&self) -> bool {
        matches!(self.inner.suffix_pending, Attribute::Contested(_))
    }

    /// Sets what is told when usage was recorded.
    pub fn set_stats_callback(&self, callback: impl Fn() + 'static) {
        *self.inner.stats_callback.borrow_mut() = Some(Rc::new(callback));
    }

    /// Starts the server and opens a session: the persisted one if there is one, else a new one.
    ///
    /// # Errors
    ///
    /// If the server does not answer as it should.
    pub fn init_state(&self, state: &ConversationState, on_event: &OnEvent) -> Result<()> {
        let _place = thread::place("start server");
        let prior_session_id = state.agent_state.get().session_id;
        let session_id = match self.start_acp_server(state, prior_session_id.clone()) {
            Ok(session_id) => session_id,
            Err(error) => {
                reach(Branch::StartFailed);
                if self.inner.decisions.failed_start == FailedStart::Told && error != given_up() {
                    let _held = state.lock();
                    state.set_status(Status::Error);
                    on_event(error_event("ACPInitError"));
                }
                return Err(error);
            }
        };
        let resumed = prior_session_id.as_ref() == Some(&session_id);
        let marker_holds = resumed || self.inner.decisions.suffix_marker == SuffixMarker::Conversation;
        let held = (self.inner.decisions.session_record == SessionRecord::UnderLock).then(|| state.lock());
        let mut agent_state = state.agent_state.get();
        agent_state.session_id = Some(session_id);
        agent_state.suffix_installed &= marker_holds;
        if self.inner.suffix {
            self.inner.suffix_pending.set(!agent_state.suffix_installed);
        }
        state.agent_state.set(agent_state);
        drop(held);
        on_event(system_prompt_event());
        Ok(())
    }

    /// Notes that the session has the suffix, once a prompt has come back (`_commit_suffix_installation`).
    pub(super) fn commit_suffix_installation(&self, state: &ConversationState) {
        if self.inner.suffix && self.inner.suffix_pending.get() {
            reach(Branch::SuffixCommitted);
            self.inner.suffix_pending.set(false);
            let agent_state = state.agent_state.get();
            state.agent_state.set(AgentState { suffix_installed: true, ..agent_state });
        }
    }

    fn start_acp_server(
        &self,
        state: &ConversationState,
        prior_session_id: Option<Rc<str>>,
    ) -> Result<Rc<str>> {
        let inner = &self.inner;
        inner.start.begin()?;
        let client = Bridge::new(inner.serializes_updates().then(|| state.clone()));
        let portal = Portal::on_thread(&inner.portal_thread);
        let (peer, bridge, event_loop) = (inner.peer.clone(), client.clone(), portal.event_loop().clone());
        let made: Rc<RefCell<Option<Connection>>> = Rc::default();
        let slot = made.clone();
        let label = ("init", prior_session_id.clone());
        let (decisions, model) = (inner.decisions, inner.session.model.get());
        let start = inner.start.clone();
        let started = portal.call(label, move || {
            Box::pin(async move {
                let conn = Connection::spawn(&event_loop, &peer, &bridge, &decisions);
                *slot.borrow_mut() = Some(conn.clone());
                start.spawned(&conn)?;
                conn.initialize().await?;
                if let Some(prior) = prior_session_id {
                    if conn.load_session(&prior).await? {
                        if decisions.loaded_history == LoadedHistory::Settled {
                            conn.settle().await?;
                        }
                        Self::reapply_session_model(&conn, &prior, model).await?;
                        return Ok(prior);
                    }
                    reach(Branch::LoadRefused);
                }
                conn.new_session().await
            })
        });
        let conn = made.borrow_mut().take().expect("the call above made the connection");
        let live = Live { portal, conn };
        let session_id = match inner.start.end().and(started) {
            Ok(session_id) => session_id,
            Err(error) => {
                self.end(&live);
                inner.session.process.set(inner.session.process.get() + 1);
                return Err(error);
            }
        };
        let session = &inner.session;
        let process = session.process.get() + 1;
        session.process.set_with(process, || {
            *session.live.borrow_mut() = Some(live);
            *session.client.borrow_mut() = Some(client);
        });
        session.session_id.set(Some(session_id.clone()));
        Ok(session_id)
    }

    /// What runs, as this thread knows it.
    pub(super) fn live(&self) -> Option<Live> {
        let _process = self.inner.session.process.get();
        self.inner.session.live.borrow().clone()
    }

    /// The bridge, as this thread knows it.
    pub(super) fn client(&self) -> Option<Bridge> {
        let _process = self.inner.session.process.get();
        self.inner.session.client.borrow().clone()
    }

    pub(super) fn session_id(&self) -> Option<Rc<str>> {
        self.inner.session.session_id.get()
    }

    pub(super) fn restart_is_due(&self) -> bool {
        self.inner.session.restart_on_next_turn.get()
    }

    pub(super) fn restart_next_turn(&self) {
        self.inner.session.restart_on_next_turn.set(true);
    }

    /// Forgets the last turn and wires the callbacks of this one.
    pub(super) fn reset_client_for_turn(&self, on_token: Option<&OnToken>, on_event: &OnEvent) {
        if let Some(client) = self.client() {
            client.reset();
            client.on_token.set(Wired(on_token.cloned()));
            client.on_event.set(Wired(Some(on_event.clone())));
        }
    }

    /// Unwires the callbacks, so that late updates go nowhere.
    pub(super) fn clear_turn_callbacks(&self) {
        if let Some(client) = self.client() {
            client.on_event.set(Wired(None));
            client.on_token.set(Wired(None));
        }
    }

    /// Restarts the server after a prompt that did not return when it was cancelled. The session's id is kept, so
    /// that the new process can load it.
    pub(super) fn restart_session_after_drain_timeout(
        &self,
        state: &ConversationState,
        on_event: &OnEvent,
    ) -> Result<()> {
        let _place = thread::place("restart server");
        thread::awaits(Resource::Restart.name());
        if self.inner.decisions.turn_callbacks == TurnCallbacks::BeforeFinalEvents {
            self.clear_turn_callbacks();
        }
        self.cleanup();
        if self.inner.decisions.restart_session == RestartSession::New {
            let agent_state = state.agent_state.get();
            state.agent_state.set(AgentState { session_id: None, ..agent_state });
        }
        self.init_state(state, on_event)?;
        self.inner.session.restart_on_next_turn.set(false);
        Ok(())
    }

    /// One round trip of a prompt. On the portal.
    pub(super) async fn do_acp_prompt(
        conn: Connection,
        prompt: AcpPrompt,
        failed: FailedPrompt,
    ) -> Result<PromptResponse> {
        let usage_sync = conn.prepare_usage_sync(&prompt.session);
        let response = conn.prompt(&prompt.session, &prompt.text, prompt.suffix).await;
        let has_failed = matches!(&response, Err(error) if *error != Exception::Cancelled);
        if has_failed && failed == FailedPrompt::Settled {
            conn.settle().await?;
        }
        let response = response?;
        usage_sync.await?;
        Ok(response)
    }

    /// The connection, and what goes over it with a message.
    pub(super) fn build_acp_prompt(&self, text: &Rc<str>) -> Result<(Live, AcpPrompt)> {
        let (live, session) = (self.live(), self.session_id());
        let (Some(live), Some(session)) = (live, session) else {
            reach(Branch::NotStarted);
            return Err(not_started());
        };
        let suffix = self.inner.suffix && self.inner.suffix_pending.get();
        Ok((live, AcpPrompt { session, text: text.clone(), suffix }))
    }

    /// Schedules a prompt on the portal.
    pub(super) fn start_prompt(&self, text: &Rc<str>) -> Result<concurrent::Future<PromptResponse>> {
        let (live, prompt) = self.build_acp_prompt(text)?;
        let (conn, label) = (live.conn.clone(), prompt.clone());
        let failed = self.inner.decisions.failed_prompt;
        Ok(live.portal.start_task_soon(label, move || Box::pin(Self::do_acp_prompt(conn, prompt, failed))))
    }

    /// Schedules `session/cancel` on the portal.
    pub(super) fn start_cancel(&self) -> Option<concurrent::Future<()>> {
        let Some(live) = self.live() else {
            reach(Branch::CancelWithoutServer);
            return None;
        };
        let session = self.session_id()?;
        let conn = live.conn.clone();
        let label = ("cancel", session.clone());
        let make = move || Box::pin(async move { conn.cancel(&session).await }) as _;
        Some(live.portal.start_task_soon(label, make))
    }

    /// Ends the server and the portal.
    pub fn close(&self) {
        self.cleanup();
    }

    /// As an agent that has not started its server: the next one takes its session from the state.
    pub(super) fn begin_anew(&self) {
        self.inner.start.reopen();
        self.inner.session.session_id.set(None);
        self.inner.session.restart_on_next_turn.set(false);
        self.inner.suffix_pending.set(false);
    }

    fn cleanup(&self) {
        let Some(live) = self.live() else { return reach(Branch::NothingToEnd) };
        self.end(&live);
        let session = &self.inner.session;
        session.process.set_with(session.process.get(), || *session.live.borrow_mut() = None);
    }

    /// Ends a server and its portal.
    fn end(&self, live: &Live) {
        let _place = thread::place("end server");
        let conn = live.conn.clone();
        // What closing fails with is logged there and nothing else: the portal may have ended by then.
        let _closed = live.portal.call("close", move || {
            Box::pin(async move {
                conn.close();
                Ok(())
            })
        });
        self.inner.peer.kill();
        live.portal.stop();
    }

    /// The session that the next prompt would go to, when the execution is over.
    #[must_use]
    pub fn inspect_session(&self) -> Option<SessionInUse> {
        let session = &self.inner.session;
        if session.restart_on_next_turn.inspect(|restart| *restart) || session.live.borrow().is_none() {
            return None;
        }
        let process = session.process.inspect(|process| *process);
        let session = session.session_id.inspect(Clone::clone)?;
        Some(SessionInUse { process, session: session.to_string() })
    }

    pub(super) fn prompt_limit(&self) -> Limit {
        Limit { timer: "prompt", millis: self.inner.limits.prompt.as_millis() }
    }

    pub(super) fn drain_limit(&self) -> Limit {
        Limit { timer: "drain", millis: self.inner.limits.drain.as_millis() }
    }

    /// How long to wait before the prompt is sent again (`_ACP_PROMPT_RETRY_DELAYS`).
    pub(super) fn retry_delay(attempt: u32) -> Limit {
        let seconds = [5, 15, 30];
        let place = usize::try_from(attempt).unwrap_or(usize::MAX).min(seconds.len() - 1);
        Limit { timer: "retry", millis: seconds[place] * 1_000 }
    }

    pub(super) fn cancel_send_limit(&self) -> Limit {
        Limit { timer: "cancel_send", millis: self.inner.limits.cancel_send.as_millis() }
    }
}

/// What a prompt is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AcpPrompt {
    session: Rc<str>,
    text: Rc<str>,
    /// Whether the system suffix goes with it.
    suffix: bool,
}

/// The loop on which a turn's caller runs, and the callbacks it wires.
#[derive(Clone)]
pub struct Turn {
    /// The caller's event loop; none for a synchronous step.
    pub event_loop: Option<EventLoop>,
    /// Where events go.
    pub on_event: OnEvent,
    /// Where chunks go.
    pub on_token: Option<OnToken>,
    /// The caller's workers.
    pub executor: Executor,
}

pub(super) fn not_started() -> Exception {
    Exception::Error { kind: "RuntimeError".to_owned(), message: "the ACP server is not started".to_owned() }
}

pub(super) fn event(kind: EventKind, text: &str) -> Event {
    Event { kind, text: text.to_owned(), tool: None, thread: String::new() }
}

pub(super) fn error_event(code: &str) -> Event {
    event(EventKind::Error, code)
}

pub(super) fn system_prompt_event() -> Event {
    event(EventKind::SystemPrompt, "")
}
