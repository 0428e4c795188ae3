//! The ACP connection: requests out, frames in, on the portal's event loop.
//!
//! Stands for `Connection` of `agent-client-protocol` 0.8.1 (`acp/connection.py`, `acp/task/`): a receive loop that
//! resolves responses at once and hands notifications and requests to a dispatcher, which makes a task of each. So the
//! response of a prompt is seen before the updates that came in the same read were handled; the usage update in front
//! of it is what makes `_do_acp_prompt` wait for them.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::rc::Rc;

use super::asyncio::{EventLoop, Exception, Future, Result, TaskRef};
use crate::engine::kernel::{Local, Mark, learns_only};
use crate::mock_server::{ClientMessage, ServerMessage};
use crate::terms::{ReplyKind, StopReason};

use super::bridge::Bridge;
use super::coverage::{Branch, reach};
use super::decision::{Decisions, PermissionAnswer, ServerDeath};

/// One write of a server process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Output {
    /// What it wrote.
    pub frames: Vec<ServerMessage>,
    /// Whether that was the last of it: the process has ended.
    pub ended: bool,
}

/// Where the frames of a server process go, one write at a time.
pub type Sink = Rc<dyn Fn(Output)>;

/// What becomes of a write to a server process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pipe {
    /// The process reads.
    Read,
    /// It does not read at present: the write waits.
    Full,
    /// It has ended: the write fails.
    Broken,
}

/// The other end of the pipe.
pub trait Peer {
    /// Begins a server process whose frames go to `sink`.
    fn start(&self, sink: Sink);
    /// Writes a message to the process.
    fn send(&self, message: ClientMessage) -> Pipe;
    /// Ends the process.
    fn kill(&self);
}

/// The answer to a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PromptResponse {
    /// Why the turn ended.
    pub stop_reason: StopReason,
}

/// An unbounded queue inside one event loop: `asyncio.Queue`, and `StreamReader` by whole lines.
struct Mailbox<T> {
    event_loop: EventLoop,
    items: Local<VecDeque<T>>,
    getter: Local<Option<Future<()>>>,
}

impl<T: Hash> Mailbox<T> {
    fn new(event_loop: &EventLoop) -> Self {
        Self { event_loop: event_loop.clone(), items: Local::new(VecDeque::new()), getter: Local::new(None) }
    }

    fn put(&self, item: T) {
        learns_only(|| {
            self.items.update(|items| items.push_back(item));
            if let Some(getter) = self.getter.take() {
                getter.set_result(());
            }
        });
    }

    /// The next item; whether it was there at once is soon forgotten.
    async fn get(&self) -> Result<T> {
        let asked = Mark::here();
        loop {
            if let Some(item) = self.items.update(VecDeque::pop_front) {
                asked.keep(&item);
                return Ok(item);
            }
            let getter = self.event_loop.future();
            self.getter.set(Some(getter.clone()));
            getter.await?;
        }
    }
}

#[derive(Hash)]
enum Notification {
    Update(crate::mock_server::Update),
    Usage(String),
    /// A request of the server's, by the name that its answer goes back with.
    Request(String),
    /// Nothing of the server's: whoever put it waits until all before it were handled.
    Settled(Future<()>),
}

/// A connection to one server process.
#[derive(Clone)]
pub struct Connection {
    inner: Rc<Inner>,
}

struct Inner {
    event_loop: EventLoop,
    peer: Rc<dyn Peer>,
    bridge: Bridge,
    server_death: ServerDeath,
    permission_answer: PermissionAnswer,
    /// Whether the turn in flight was told to end.
    turn_cancelled: Local<bool>,
    /// What was read; none at the end of the file.
    frames: Mailbox<Option<ServerMessage>>,
    notifications: Mailbox<Notification>,
    next_request: Local<u64>,
    prompts: Local<BTreeMap<u64, Future<PromptResponse>>>,
    /// Other requests that wait for their answer: the session that it is about.
    requests: Local<BTreeMap<u64, Future<Rc<str>>>>,
    usage: Local<BTreeMap<String, Future<()>>>,
    /// What waits for a pipe that is not read.
    writes: Local<Vec<Future<()>>>,
    /// Whether a write has failed: the loop of the sender has ended with it, and takes nothing more (`MessageSender`).
    sender_failed: Local<bool>,
    /// Whether the end of the file was read, where that is noticed.
    ended: Local<bool>,
    /// What waits until the updates before it were handled.
    settling: Local<Vec<Future<()>>>,
    tasks: Local<Vec<TaskRef>>,
    closed: Local<bool>,
}

impl Connection {
    /// Starts a server process and listens to it. On the portal's event loop.
    pub fn spawn(
        event_loop: &EventLoop,
        peer: &Rc<dyn Peer>,
        bridge: &Bridge,
        decisions: &Decisions,
    ) -> Self {
        let inner = Rc::new(Inner {
            event_loop: event_loop.clone(),
            peer: peer.clone(),
            bridge: bridge.clone(),
            server_death: decisions.server_death,
            permission_answer: decisions.permission_answer,
            turn_cancelled: Local::new(false),
            frames: Mailbox::new(event_loop),
            notifications: Mailbox::new(event_loop),
            next_request: Local::new(0),
            prompts: Local::new(BTreeMap::new()),
            requests: Local::new(BTreeMap::new()),
            usage: Local::new(BTreeMap::new()),
            writes: Local::new(Vec::new()),
            sender_failed: Local::new(false),
            ended: Local::new(false),
            settling: Local::new(Vec::new()),
            tasks: Local::new(Vec::new()),
            closed: Local::new(false),
        });
        let connection = Self { inner };
        let (receiver, dispatcher) = (connection.clone(), connection.clone());
        let receive = event_loop.create_task("receive", async move { receiver.receive_loop().await });
        let dispatch = event_loop.create_task("dispatch", async move { dispatcher.dispatch_loop().await });
        connection.inner.tasks.set(vec![receive.handle(), dispatch.handle()]);
        let reader = Rc::downgrade(&connection.inner);
        peer.start(Rc::new(move |output| {
            let Some(inner) = reader.upgrade() else { return };
            let label = output.clone();
            let event_loop = inner.event_loop.clone();
            event_loop.feed(label, move || {
                output.frames.into_iter().for_each(|frame| inner.frames.put(Some(frame)));
                if output.ended {
                    inner.frames.put(None);
                }
            });
        }));
        connection
    }

    async fn receive_loop(&self) -> Result<()> {
        let head = Mark::here();
        loop {
            head.again();
            let Some(frame) = self.inner.frames.get().await? else { break };
            self.process_message(frame);
        }
        if self.inner.server_death == ServerDeath::Noticed {
            self.inner.ended.set(true);
            self.reject_all_outgoing(&server_ended());
        }
        Ok(())
    }

    fn process_message(&self, frame: ServerMessage) {
        let inner = &self.inner;
        match frame {
            ServerMessage::Update { update, .. } => inner.notifications.put(Notification::Update(update)),
            ServerMessage::Call { name, .. } => inner.notifications.put(Notification::Request(name)),
            // An LLM's, on a line of its own.
            ServerMessage::ToolCall { .. } => {}
            ServerMessage::PromptAnswered { request, session, reason } => {
                inner.notifications.put(Notification::Usage(session));
                let prompt = inner.prompts.update(|prompts| prompts.remove(&request));
                match prompt {
                    Some(prompt) => prompt.set_result(PromptResponse { stop_reason: reason }),
                    None => reach(Branch::PromptAbandoned),
                }
            }
            ServerMessage::PromptFailed { request, message, .. } => {
                let prompt = inner.prompts.update(|prompts| prompts.remove(&request));
                if let Some(prompt) = prompt {
                    prompt.set_exception(request_error(message));
                }
            }
            ServerMessage::Answered { request, ok } => {
                let asked = inner.requests.update(|requests| requests.remove(&request));
                if let Some(asked) = asked {
                    match ok {
                        Ok(session) => asked.set_result(session.into()),
                        Err(message) => asked.set_exception(request_error(message)),
                    }
                }
            }
        }
    }

    async fn dispatch_loop(&self) -> Result<()> {
        let head = Mark::here();
        loop {
            head.again();
            let notification = self.inner.notifications.get().await?;
            let connection = self.clone();
            self.inner.event_loop.create_task("notification", async move {
                match notification {
                    Notification::Update(update) => connection.inner.bridge.session_update(update),
                    Notification::Usage(session) => connection.usage_received(&session),
                    Notification::Request(name) => return connection.request_permission(name).await,
                    Notification::Settled(settled) => settled.set_result(()),
                }
                Ok(())
            });
        }
    }

    /// `request_permission` of the bridge, and its answer: decision `permission_answer`.
    async fn request_permission(&self, call: String) -> Result<()> {
        let cancelled = self.inner.turn_cancelled.get();
        if cancelled {
            reach(Branch::PermissionAfterCancel);
        }
        let kind = match self.inner.permission_answer {
            PermissionAnswer::Cancelled if cancelled => ReplyKind::Cancelled,
            PermissionAnswer::Cancelled | PermissionAnswer::Selected => ReplyKind::Result,
        };
        self.send(ClientMessage::Reply { call, kind }).await.map(drop)
    }

    fn usage_received(&self, session: &str) {
        let waiting = self.inner.usage.read(|usage| usage.get(session).cloned());
        if let Some(waiting) = waiting {
            waiting.set_result(());
        }
    }

    /// Sends a request that is no prompt and waits for the answer: the session that it is about.
    async fn request(&self, message: impl FnOnce(u64) -> ClientMessage) -> Result<Rc<str>> {
        self.check_open()?;
        let request = self.next_request();
        let answer = self.inner.event_loop.future();
        self.inner.requests.update(|requests| requests.insert(request, answer.clone()));
        self.send(message(request)).await?;
        answer.await
    }

    /// `initialize`.
    ///
    /// # Errors
    ///
    /// If the server answers with an error, or the connection closes.
    pub async fn initialize(&self) -> Result<()> {
        self.request(|request| ClientMessage::Initialize { request }).await.map(drop)
    }

    /// `session/new`: the id of the session.
    ///
    /// # Errors
    ///
    /// If the server answers with an error, or the connection closes.
    pub async fn new_session(&self) -> Result<Rc<str>> {
        self.request(|request| ClientMessage::NewSession { request }).await
    }

    /// `session/load`: whether the server has the session.
    ///
    /// # Errors
    ///
    /// If the connection closes.
    pub async fn load_session(&self, session: &str) -> Result<bool> {
        let session = session.to_owned();
        match self.request(|request| ClientMessage::LoadSession { request, session }).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == REQUEST_ERROR => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Prepares to wait for the usage update of a turn (`prepare_usage_sync`).
    pub fn prepare_usage_sync(&self, session: &str) -> Future<()> {
        let usage = self.inner.event_loop.future();
        self.inner.usage.update(|waiting| waiting.insert(session.to_owned(), usage.clone()));
        usage
    }

    /// `session/prompt`: sends it and waits for the answer.
    ///
    /// # Errors
    ///
    /// If the server answers with an error, or the connection closes.
    pub async fn prompt(&self, session: &str, text: &str, suffix: bool) -> Result<PromptResponse> {
        self.check_open()?;
        let request = self.next_request();
        self.inner.turn_cancelled.set(false);
        let answer = self.inner.event_loop.future();
        self.inner.prompts.update(|prompts| prompts.insert(request, answer.clone()));
        let (session, text) = (session.to_owned(), text.to_owned());
        self.send(ClientMessage::Prompt { request, session, text, suffix }).await?;
        answer.await
    }

    /// `session/set_model`: sends it and waits for the answer.
    ///
    /// # Errors
    ///
    /// If the server answers with an error, or the connection closes.
    pub async fn set_session_model(&self, session: &str, model: &str) -> Result<()> {
        let (session, model) = (session.to_owned(), model.to_owned());
        self.request(|request| ClientMessage::SetModel { request, session, model }).await.map(drop)
    }

    fn next_request(&self) -> u64 {
        self.inner.next_request.update(|next| {
            *next += 1;
            *next - 1
        })
    }

    /// Waits until every update that has come in so far was handled, unless the connection is closed.
    ///
    /// # Errors
    ///
    /// If the caller is cancelled.
    pub async fn settle(&self) -> Result<()> {
        if self.inner.closed.get() {
            reach(Branch::SettleOnClosed);
            return Ok(());
        }
        let settled = self.inner.event_loop.future();
        self.inner.settling.update(|settling| settling.push(settled.clone()));
        self.inner.notifications.put(Notification::Settled(settled.clone()));
        settled.await
    }

    fn check_open(&self) -> Result<()> {
        if self.inner.ended.get() {
            return Err(server_ended());
        }
        if self.inner.closed.get() {
            reach(Branch::SendOnClosed);
            return Err(connection_closed());
        }
        Ok(())
    }

    /// `session/cancel`: sends it and waits until it is written.
    ///
    /// # Errors
    ///
    /// If the connection closes.
    pub async fn cancel(&self, session: &str) -> Result<()> {
        self.check_open()?;
        self.inner.turn_cancelled.set(true);
        if self.send(ClientMessage::Cancel { session: session.to_owned() }).await? == Pipe::Read {
            return Ok(());
        }
        reach(Branch::PipeNotRead);
        let written = self.inner.event_loop.future();
        self.inner.writes.update(|writes| writes.push(written.clone()));
        written.await
    }

    /// Writes a message (`MessageSender.send`); whether the server reads it. Once a write has failed the sender takes
    /// nothing more, so whoever writes then waits for ever.
    async fn send(&self, message: ClientMessage) -> Result<Pipe> {
        if self.inner.sender_failed.get() {
            self.inner.event_loop.future::<()>().await?;
        }
        match self.inner.peer.send(message) {
            pipe @ (Pipe::Read | Pipe::Full) => Ok(pipe),
            Pipe::Broken if self.inner.server_death == ServerDeath::Noticed => Err(server_ended()),
            Pipe::Broken => {
                self.inner.sender_failed.set(true);
                Err(Exception::Error {
                    kind: "ConnectionResetError".to_owned(),
                    message: "Connection lost".to_owned(),
                })
            }
        }
    }

    /// Ends the process, and fails what waits for an answer, unless the connection is closed by then. From any thread.
    pub(super) fn end_process_soon(&self) {
        let conn = self.clone();
        self.inner.event_loop.call_soon_threadsafe("end process", move || {
            if !conn.inner.closed.get() {
                conn.inner.peer.kill();
                conn.reject_all_outgoing(&server_ended());
            }
        });
    }

    fn reject_all_outgoing(&self, error: &Exception) {
        let prompts = self.inner.prompts.take();
        for prompt in prompts.into_values() {
            reach(Branch::ClosedWithPrompt);
            prompt.set_exception(error.clone());
        }
        let requests = self.inner.requests.take();
        for asked in requests.into_values() {
            reach(Branch::ClosedWithRequest);
            asked.set_exception(error.clone());
        }
    }

    /// Stops listening; whatever waits for an answer fails, and updates are waited for no more. Where the sender has
    /// failed its error ends this before anything is told, so whoever waits for an answer goes on waiting.
    pub fn close(&self) {
        self.inner.closed.set(true);
        if self.inner.sender_failed.get() {
            return;
        }
        let tasks = self.inner.tasks.take();
        for task in tasks {
            task.cancel();
        }
        self.reject_all_outgoing(&connection_closed());
        self.inner.writes.take().into_iter().for_each(|write| write.set_exception(connection_closed()));
        let usage = self.inner.usage.take();
        usage.into_values().for_each(|usage| usage.set_result(()));
        self.inner.settling.take().into_iter().for_each(|settled| settled.set_result(()));
    }
}

/// What a request fails with when the server's process has ended.
pub(super) fn server_ended() -> Exception {
    Exception::Error { kind: "ServerEnded".to_owned(), message: "the server has ended".to_owned() }
}

/// The kind of what an error of the server's is raised as.
pub(super) const REQUEST_ERROR: &str = "ACPRequestError";

fn request_error(message: String) -> Exception {
    Exception::Error { kind: REQUEST_ERROR.to_owned(), message }
}

fn connection_closed() -> Exception {
    Exception::Error { kind: "ConnectionError".to_owned(), message: "Connection closed".to_owned() }
}
