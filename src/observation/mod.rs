//! What somebody outside can see of one execution: the input of every rule and of every snapshot.
//!
//! Observations are plain data made of the *contents* of what the execution left behind, so two executions that nobody
//! outside can tell apart are equal here.

mod call;
mod need;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::terms::{EventKind, Status, ThreadRole, ToolStatus};

pub use crate::engine::trace::LockEdge;
pub use crate::mock_server::ServerEntry;
pub use call::{Call, CallKind};
pub use need::{ClockOf, Need, Opener, Since};
pub use waiting::{ENSURE_AGENT_READY, Place, Stuck, Waiting, WaitsTo, Why};

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
    /// The name of the thread that recorded it.
    pub thread: String,
}

/// The code of the error that ends a run with more steps than it may take.
pub const MAX_ITERATIONS_REACHED: &str = "MaxIterationsReached";

impl Event {
    /// Whether it tells that a run took more steps than it may take.
    #[must_use]
    pub fn is_limit_of_steps(&self) -> bool {
        self.kind == EventKind::Error && self.text == MAX_ITERATIONS_REACHED
    }
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

impl RunSeen {
    /// What the thread that drove it is for; none if it is an actor's.
    #[must_use]
    pub fn driver(&self) -> Option<ThreadRole> {
        ThreadRole::of(&self.thread)
    }
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
    /// A user's pause, which lets a turn come to its end.
    Pause,
    /// A user's interrupt or close, which ends a turn.
    Stop,
    /// A user's pause or interrupt that came when the conversation had finished, so that it stopped nothing.
    VainStop,
    /// A run began, the next in number.
    Began { by: Cause },
    /// A run came to its end and did not wait any longer for what the subscriber had not taken in.
    PendingLeft,
    /// The service is being closed.
    Closing,
    /// It was started again.
    Opened,
}

impl ServiceEntry {
    /// Whether a user has stopped the conversation, in one way or the other.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Pause | Self::Stop)
    }
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

/// What a thread takes or waits for in the acquisition graph, as far as a rule asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The lock of the conversation's state.
    StateLock,
    /// The wait for the answer to a prompt, in an asynchronous run.
    Prompt,
    /// The wait for a restart of the server.
    Restart,
}

impl Resource {
    /// Its name in the acquisition graph.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StateLock => "state",
            Self::Prompt => "prompt",
            Self::Restart => "restart",
        }
    }

    /// Whether this is its name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        self.name() == name
    }
}

/// The name of the event log, for what ties a step to the entry that it appended.
pub const EVENT_LOG: &str = "events";

/// The name of the server's log.
pub const SERVER_LOG: &str = "server";
