//! The ACP agent: starts the server, opens and restarts sessions, and takes one turn at a time.
//!
//! Stands for `ACPAgent` (`sdk/agent/acp_agent.py`) of 1.25.0, method by method; `acp_turn` has the turn itself. The
//! system suffix, usage figures, models and permissions are left out: no row of the catalogue here needs them.

use std::cell::RefCell;
use std::rc::Rc;

use crate::asyncio::{EventLoop, Exception, Limit, Portal, PortalThread, Result, concurrent};
use crate::kernel::{Ordered, thread};
use crate::observation::{Event, SessionInUse};
use crate::scenario::{EventKind, Limits, Status, ToolStatus};

use super::bridge::{Bridge, Card, OnEvent, OnToken, Wired, tool_call_event};
use super::connection::{Connection, Peer, PromptResponse};
use super::decision::Decisions;
use super::state::ConversationState;

/// What runs while the agent's server runs.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) portal: Portal,
    pub(super) conn: Connection,
    pub(super) client: Bridge,
}

/// The ACP agent.
#[derive(Clone)]
pub struct AcpAgent {
    pub(super) inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub(super) decisions: Decisions,
    pub(super) limits: Limits,
    peer: Rc<dyn Peer>,
    portal_thread: PortalThread,
    /// The server process, counted from 1; 0 before the first. Also says which `live` a thread sees.
    process: Ordered<u32>,
    live: RefCell<Option<Live>>,
    pub(super) session_id: Ordered<Option<Rc<str>>>,
    pub(super) restart_session_on_next_turn: Ordered<bool>,
    /// Told when usage was recorded (`stats_callback`).
    pub(super) stats_callback: RefCell<Option<Rc<dyn Fn()>>>,
}

impl AcpAgent {
    /// An agent that has not started its server.
    #[must_use]
    pub fn new(
        decisions: Decisions,
        limits: Limits,
        peer: Rc<dyn Peer>,
        portal_thread: PortalThread,
    ) -> Self {
        Self {
            inner: Rc::new(Inner {
                decisions,
                limits,
                peer,
                portal_thread,
                process: Ordered::new("process", 0),
                live: RefCell::default(),
                session_id: Ordered::new("session_id", None),
                restart_session_on_next_turn: Ordered::new("restart_session_on_next_turn", false),
                stats_callback: RefCell::default(),
            }),
        }
    }

    /// Sets what is told when usage was recorded.
    pub fn set_stats_callback(&self, callback: impl Fn() + 'static) {
        *self.inner.stats_callback.borrow_mut() = Some(Rc::new(callback));
    }

    /// Starts the server and opens a session: the persisted one if there is one, else a new one.
    ///
    /// # Errors
    ///
    /// If the server does not answer as it should; the status is then `error`.
    pub fn init_state(&self, state: &ConversationState, on_event: &OnEvent) -> Result<()> {
        let _place = thread::place("start server");
        let prior_session_id = state.agent_state.get().session_id;
        let session_id = match self.start_acp_server(prior_session_id) {
            Ok(session_id) => session_id,
            Err(error) => {
                self.cleanup();
                let _held = state.lock();
                state.set_status(Status::Error);
                on_event(error_event("ACPInitError"));
                return Err(error);
            }
        };
        let mut agent_state = state.agent_state.get();
        agent_state.session_id = Some(session_id);
        state.agent_state.set(agent_state);
        on_event(system_prompt_event());
        Ok(())
    }

    fn start_acp_server(&self, prior_session_id: Option<Rc<str>>) -> Result<Rc<str>> {
        let inner = &self.inner;
        let client = Bridge::new();
        let portal = Portal::on_thread(&inner.portal_thread);
        let (peer, bridge, event_loop) = (inner.peer.clone(), client.clone(), portal.event_loop().clone());
        let made: Rc<RefCell<Option<Connection>>> = Rc::default();
        let slot = made.clone();
        let label = ("init", prior_session_id.clone());
        let session_id = portal.call(label, move || {
            Box::pin(async move {
                let conn = Connection::spawn(&event_loop, &peer, &bridge);
                *slot.borrow_mut() = Some(conn.clone());
                conn.initialize().await?;
                if let Some(prior) = prior_session_id
                    && conn.load_session(&prior).await?
                {
                    return Ok(prior);
                }
                conn.new_session().await
            })
        })?;
        let conn = made.borrow_mut().take().expect("the call above made the connection");
        *inner.live.borrow_mut() = Some(Live { portal, conn, client });
        inner.process.set(inner.process.get() + 1);
        inner.session_id.set(Some(session_id.clone()));
        Ok(session_id)
    }

    /// What runs, as this thread knows it.
    pub(super) fn live(&self) -> Option<Live> {
        let _process = self.inner.process.get();
        self.inner.live.borrow().clone()
    }

    /// Forgets the last turn and wires the callbacks of this one.
    pub(super) fn reset_client_for_turn(&self, on_token: Option<&OnToken>, on_event: &OnEvent) {
        if let Some(live) = self.live() {
            live.client.reset();
            live.client.on_token.set(Wired(on_token.cloned()));
            live.client.on_event.set(Wired(Some(on_event.clone())));
        }
    }

    /// Unwires the callbacks, so that late updates go nowhere.
    pub(super) fn clear_turn_callbacks(&self) {
        if let Some(live) = self.live() {
            live.client.on_event.set(Wired(None));
            live.client.on_token.set(Wired(None));
        }
    }

    /// Closes every open card as `failed`, after unwiring the bridge.
    pub(super) fn cancel_inflight_tool_calls(&self) {
        let Some(live) = self.live() else { return };
        let on_event = live.client.on_event.get();
        self.clear_turn_callbacks();
        let Wired(Some(on_event)) = on_event else { return };
        for card in open_cards(&live.client) {
            on_event(tool_call_event(&Card { status: ToolStatus::Failed, ..card }));
        }
    }

    /// Closes every open card as `completed`: the prompt has returned well.
    pub(super) fn flush_inflight_tool_calls_as_completed(&self) {
        let Some(live) = self.live() else { return };
        for card in open_cards(&live.client) {
            live.client.emit_tool_call_event(&Card { status: ToolStatus::Completed, ..card });
        }
    }

    /// Restarts the server after a prompt that did not return when it was cancelled. The session's id is kept, so
    /// that the new process can load it.
    pub(super) fn restart_session_after_drain_timeout(
        &self,
        state: &ConversationState,
        on_event: &OnEvent,
    ) -> Result<()> {
        self.clear_turn_callbacks();
        self.cleanup();
        self.init_state(state, on_event)?;
        self.inner.restart_session_on_next_turn.set(false);
        Ok(())
    }

    /// One round trip of a prompt. On the portal.
    pub(super) async fn do_acp_prompt(
        conn: Connection,
        session: Rc<str>,
        text: Rc<str>,
    ) -> Result<PromptResponse> {
        let usage_sync = conn.prepare_usage_sync(&session);
        let response = conn.prompt(&session, &text).await?;
        usage_sync.await?;
        Ok(response)
    }

    /// Schedules a prompt on the portal.
    pub(super) fn start_prompt(&self, text: &Rc<str>) -> Result<concurrent::Future<PromptResponse>> {
        let (live, session) = (self.live(), self.inner.session_id.get());
        let (Some(live), Some(session)) = (live, session) else { return Err(not_started()) };
        let (conn, text) = (live.conn.clone(), text.clone());
        let label = ("prompt", session.clone(), text.clone());
        Ok(live.portal.start_task_soon(label, move || Box::pin(Self::do_acp_prompt(conn, session, text))))
    }

    /// Schedules `session/cancel` on the portal.
    pub(super) fn start_cancel(&self) -> Option<concurrent::Future<()>> {
        let (live, session) = (self.live()?, self.inner.session_id.get()?);
        let conn = live.conn.clone();
        let label = ("cancel", session.clone());
        let make = move || {
            Box::pin(async move {
                conn.cancel(&session);
                Ok(())
            }) as _
        };
        Some(live.portal.start_task_soon(label, make))
    }

    /// Ends the server and the portal.
    pub fn close(&self) {
        self.cleanup();
    }

    fn cleanup(&self) {
        let Some(live) = self.live() else { return };
        let _place = thread::place("end server");
        let conn = live.conn.clone();
        let closed = live.portal.call("close", move || {
            Box::pin(async move {
                conn.close();
                Ok(())
            })
        });
        debug_assert!(closed.is_ok(), "closing a connection cannot fail");
        self.inner.peer.kill();
        live.portal.stop();
        *self.inner.live.borrow_mut() = None;
        self.inner.process.set(self.inner.process.get());
    }

    /// The session that the next prompt would go to, when the execution is over.
    #[must_use]
    pub fn inspect_session(&self) -> Option<SessionInUse> {
        let restart = self.inner.restart_session_on_next_turn.inspect(|restart| *restart);
        if restart || self.inner.live.borrow().is_none() {
            return None;
        }
        let process = self.inner.process.inspect(|process| *process);
        let session = self.inner.session_id.inspect(Clone::clone)?;
        Some(SessionInUse { process, session: session.to_string() })
    }

    pub(super) fn prompt_limit(&self) -> Limit {
        Limit { timer: "prompt", millis: self.inner.limits.prompt.as_millis() }
    }

    pub(super) fn drain_limit(&self) -> Limit {
        Limit { timer: "drain", millis: self.inner.limits.drain.as_millis() }
    }

    pub(super) fn cancel_send_limit(&self) -> Limit {
        Limit { timer: "cancel_send", millis: self.inner.limits.cancel_send.as_millis() }
    }
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
}

fn open_cards(client: &Bridge) -> Vec<Card> {
    let cards = client.accumulated_tool_calls.get();
    cards.into_iter().filter(|card| !card.status.is_terminal()).collect()
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

fn system_prompt_event() -> Event {
    event(EventKind::SystemPrompt, "")
}
