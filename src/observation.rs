//! What somebody outside can see of one execution: the input of every rule and of every snapshot.
//!
//! Observations are plain data made of the *contents* of kernel objects when the execution ended, so two executions
//! that nobody can tell apart are equal here. This file must not know the runtime, the engines or the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::engine::trace::LockEdge;
use crate::scenario::{AgentKind, EventKind, Limits, ReplyKind, Status, StopReason, ToolStatus};

/// All observations of one execution in canonical form: an *outcome*.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Observations {
    /// The conversation's event log, in order.
    pub events: Vec<Event>,
    /// What the server read and wrote, in the server's order.
    pub server: Vec<ServerEntry>,
    /// What each actor's calls returned, by actor, in the actor's order.
    pub calls: BTreeMap<String, Vec<Call>>,
    /// What a subscriber of the event service saw, in order.
    pub stream: Vec<Published>,
    /// What each tool saw of its cancel token, by actor, in order.
    pub tokens: BTreeMap<String, Vec<TokenView>>,
    /// What each run of the conversation did, in the order in which they began; for rules only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunSeen>,
    /// What the event service was asked and what it began, in its loop's order; for rules only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<ServiceEntry>,
    /// How many completions were counted under each usage id; for rules only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub usage: BTreeMap<String, u32>,
    /// How the conversation stood at the end.
    pub end: End,
    /// Who waits for whom, if the execution could not go on before everybody was done.
    pub stuck: Option<Stuck>,
    /// Which lock was taken while which was held, by whom.
    pub lock_order: BTreeSet<LockEdge>,
}

/// One event of the conversation's log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Event {
    /// The kind of the event.
    pub kind: EventKind,
    /// Text of a message, id of a tool card, code of an error; empty where there is none.
    pub text: String,
    /// The status of a tool card.
    pub tool: Option<ToolStatus>,
    /// The role of the thread that recorded it.
    pub thread: String,
}

/// One entry of the server's log. A *process* is one life of the server, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServerEntry {
    /// A process starts.
    Started { process: u32 },
    /// A process was ended by the client.
    Ended { process: u32 },
    /// `initialize` was read.
    Initialize { process: u32 },
    /// `session/new` was read; the session it was answered with.
    New { process: u32, session: String },
    /// `session/load` was read; whether it was answered well.
    Load { process: u32, session: String, loaded: bool },
    /// `session/prompt` was read.
    Prompt { process: u32, session: String, text: String },
    /// The system suffix came with the prompt that was just read.
    Suffix { process: u32, session: String },
    /// `session/cancel` was read.
    Cancel { process: u32, session: String },
    /// `session/set_model` was read.
    SetModel { process: u32, session: String, model: String },
    /// A chunk of text was written.
    Said { process: u32, session: String, text: String },
    /// A chunk of thoughts was written.
    Thought { process: u32, session: String, text: String },
    /// A tool card was written.
    Tool { process: u32, session: String, id: String, status: ToolStatus },
    /// A request to the client was written: its name in the script, and its method.
    Called { process: u32, session: String, name: String, method: String },
    /// The client's answer to a request was read.
    Replied { process: u32, name: String, kind: ReplyKind },
    /// A prompt was answered.
    Answered { process: u32, session: String, text: String, reason: StopReason },
    /// A prompt was answered with an error.
    Failed { process: u32, session: String, text: String, message: String },
}

/// One call of an actor that returned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// The call, `send "first"` say.
    pub call: String,
    /// What it returned: `ok`, or the name of the error.
    pub returned: String,
}

/// One thing a subscriber of the event service saw.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Published {
    /// An event of the log.
    Event(Event),
    /// A chunk of text while it streams; not in the log.
    Delta(String),
    /// A state update.
    State(Status),
}

/// What a tool saw of its cancel token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenView {
    /// The run the tool call belongs to, counted from 1; 0 outside a run.
    pub own_run: u32,
    /// Whether the token of that run was cancelled just before it looked.
    pub own_cancelled: bool,
    /// The run whose token it saw; none if there was no token.
    pub seen_run: Option<u32>,
    /// Whether the token it saw was cancelled.
    pub cancelled: bool,
}

/// One run of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunSeen {
    /// Its number, counted from 1.
    pub number: u32,
    /// The role of the thread that drove it.
    pub thread: String,
    /// How many events the log held when it began.
    #[serde(default)]
    pub after: usize,
    /// The steps it took.
    pub steps: Vec<StepSeen>,
}

/// One thing that the event service was asked, or began. Requests count from when their call begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceEntry {
    /// A message, and whether a run was asked for with it.
    Message { text: String, run: bool },
    /// A run.
    Run,
    /// A yes to tool calls, and whether any waited for it. It counts from when the service has looked.
    Accept { waiting: bool },
    /// A user's pause, interrupt or close.
    Stop,
    /// A user's pause or interrupt that came when the conversation had finished, so that it stopped nothing.
    VainStop,
    /// A run began, the next in number.
    Began { by: Cause },
}

/// Who asked the event service for a run that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A call that asks for a run.
    Run,
    /// A message that was sent with a run.
    Message,
    /// A user's yes to tool calls.
    Accept,
    /// The service itself, at the end of the run before.
    Rerun,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepSeen {
    /// How many events the log held when it began.
    pub after: usize,
    /// The text of the message that the run gave it; none if the run had none to give.
    pub message: Option<String>,
    /// The status when it had ended; none if it was cut short, or did not end.
    pub ended: Option<Status>,
}

/// How the conversation stood when the execution ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct End {
    /// The status.
    pub status: Status,
    /// The text of the last user message whose prompt was completed.
    pub cursor: Option<String>,
    /// The session the next prompt would go to; none if it is to be restarted first, or never began.
    pub session: Option<SessionInUse>,
}

/// A session of a server process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionInUse {
    /// The process.
    pub process: u32,
    /// The session's id.
    pub session: String,
}

/// An execution that ended before everybody was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stuck {
    /// Why it cannot go on.
    pub why: Why,
    /// Every thread that is not done: its place, what it holds, what it waits for.
    pub threads: Vec<Waiting>,
}

/// Why an execution cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// Nobody can move.
    Deadlock,
    /// Somebody moves for ever: the limit of steps of one execution was reached.
    Hang,
}

/// One thread that is not done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Waiting {
    /// The role of the thread.
    pub thread: String,
    /// Where it is, outermost first: `run`, `astep`, `prompt "first"` say.
    pub place: Vec<String>,
    /// The operation it waits to do: `lock state`, `select loop` say.
    pub operation: String,
    /// The locks it holds.
    pub holds: Vec<String>,
    /// The threads that could end its waiting, as far as that is known.
    pub waits_for: Vec<String>,
}

impl fmt::Display for Waiting {
    /// The thread in words: its place, what it waits to do, what it holds, who could free it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.thread)?;
        if !self.place.is_empty() {
            write!(f, " in {}", self.place.join(" › "))?;
        }
        write!(f, " is at `{}`", self.operation)?;
        if !self.holds.is_empty() {
            write!(f, ", holds {}", self.holds.join(", "))?;
        }
        if !self.waits_for.is_empty() {
            write!(f, ", needs {}", self.waits_for.join(" or "))?;
        }
        Ok(())
    }
}

/// The name of the event log, for what ties a step to the entry that it appended.
pub const EVENT_LOG: &str = "events";

/// The name of the server's log.
pub const SERVER_LOG: &str = "server";

/// What a rule may know of the scenario beside the observations.
#[derive(Debug, Clone)]
pub struct Context {
    /// The limits of the runtime.
    pub limits: Limits,
    /// The texts of the user messages of each actor, in the actor's order.
    pub sends: BTreeMap<String, Vec<String>>,
    /// Whether the agent talks ACP.
    pub acp: bool,
    /// Whether the agent has a system suffix.
    pub suffix: bool,
    /// What kind of agent it is.
    pub agent: AgentKind,
}
