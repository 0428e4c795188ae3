//! The words of the domain that every part of the crate shares: kinds of agents and events, statuses, reasons, timers.
//! The scenario file, the observations, the rules and each subject say them the same way.

mod duration;
mod nearest;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use duration::{Duration, DurationError};
pub use nearest::nearest;

/// What kind of agent the conversation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// Talks to an ACP server over a pipe.
    Acp,
    /// Talks to an LLM natively, with its own `astep`.
    Llm,
    /// Has only a synchronous `step`.
    Sync,
}

/// The status of a conversation.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Ready for a run.
    #[default]
    Idle,
    /// A run is in flight.
    Running,
    /// A run was paused or interrupted.
    Paused,
    /// The agent has finished.
    Finished,
    /// A run failed.
    Error,
    /// The agent repeats itself.
    Stuck,
    /// A run has ended at tool calls that a user is to accept or to reject.
    WaitingForConfirmation,
}

/// The kinds of events in the conversation's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A message of the user.
    UserMessage,
    /// The agent's turn ended: its final action and its observation.
    Finish,
    /// A message of the agent that tells of an error or a time-out.
    AgentMessage,
    /// A tool call (a card) changed.
    ToolCall,
    /// The run was interrupted.
    Interrupt,
    /// The run was paused.
    Pause,
    /// The run failed.
    Error,
    /// The system prompt, once a server start.
    SystemPrompt,
    /// The agent calls a tool of its own, on the word of its LLM.
    Action,
    /// What a tool said to such a call.
    Observation,
    /// A user rejected such a call.
    Rejection,
    /// Such a call was cut short.
    AgentError,
}

/// Why a prompt's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The agent is done.
    EndTurn,
    /// The turn was cancelled.
    Cancelled,
    /// The agent refuses.
    Refusal,
    /// Too many tokens.
    MaxTokens,
}

/// The status of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
}

impl ToolStatus {
    /// Whether nothing may follow it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// How the client answered a call of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// With a result other than `cancelled`.
    Result,
    /// To a permission request: that the turn was cancelled.
    Cancelled,
    /// With an error.
    Error,
}

/// A tool call of an LLM, or the next piece of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The id of the tool call.
    pub id: String,
    /// The function that is called. The first piece has it, and no other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The arguments, or the next piece of them, as the text that is sent. It need not be JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("default" = ""))]
    pub arguments: String,
}

impl ToolCall {
    /// Whether it calls a tool that every agent of openhands-sdk has, and that does more than to answer.
    pub(crate) fn is_sdks_own(&self) -> bool {
        self.name.as_deref().is_some_and(|name| matches!(name, "finish" | "think"))
    }
}

/// What a thread of the harness or of the runtime is for. A thread that has none of these names is an actor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreadRole {
    /// Runs the event loop of the service.
    Loop,
    /// Talks to the server.
    Portal,
    /// A worker of the default executor. There are `worker-2` and so on as well.
    Worker,
    /// A worker that only executes tool calls.
    ToolWorker,
    /// Plays the scripted server.
    Server,
    /// Fires the timers.
    Clock,
}

impl ThreadRole {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Loop, Self::Portal, Self::Worker, Self::Server, Self::Clock, Self::ToolWorker];

    /// The name of its thread, or of the first one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Portal => "portal",
            Self::Worker => "worker",
            Self::ToolWorker => "tool-worker",
            Self::Server => "server",
            Self::Clock => "clock",
        }
    }

    /// The role of the thread of this name; none if it is an actor's.
    ///
    /// ```
    /// use turnloom::terms::ThreadRole;
    /// assert_eq!(ThreadRole::of("worker-2"), Some(ThreadRole::Worker));
    /// assert_eq!(ThreadRole::of("workers"), None);
    /// ```
    #[must_use]
    pub fn of(thread: &str) -> Option<Self> {
        let number = thread.strip_prefix("worker-").unwrap_or_default();
        let is_worker = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let named = Self::ALL.into_iter().find(|role| role.name() == thread);
        named.or(is_worker.then_some(Self::Worker))
    }
}

/// The timers of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The limit of a prompt.
    Prompt,
    /// The limit of the wait for a cancelled prompt.
    Drain,
    /// The limit of the event service's wait for an interrupted run.
    InterruptWait,
    /// The limit of sending `session/cancel`.
    CancelSend,
    /// The wait before a prompt that has failed is sent again.
    Retry,
    /// The limit of the wait for the run in flight when the event service closes.
    CloseWait,
    /// The limit of the event service's wait, at the end of a run, for an event that its subscriber has not taken in.
    PendingDrain,
}

impl Timer {
    /// Its name in schedules and in the scenario file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Drain => "drain",
            Self::InterruptWait => "interrupt_wait",
            Self::CancelSend => "cancel_send",
            Self::Retry => "retry",
            Self::CloseWait => "close_wait",
            Self::PendingDrain => "pending_drain",
        }
    }
}

/// Limits of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many steps one run may take.
    #[schemars(range(min = 1))]
    pub iterations: u32,
    /// How long a prompt may take (timer `prompt`).
    pub prompt: Duration,
    /// How long a cancelled prompt may take to return (timer `drain`).
    pub drain: Duration,
    /// How long `interrupt` of the event service waits for the run to end (timer `interrupt_wait`).
    pub interrupt_wait: Duration,
    /// How long sending `session/cancel` may take (timer `cancel_send`).
    pub cancel_send: Duration,
    /// How long `close` of the event service waits for the run to end before it cancels it again (timer `close_wait`).
    pub close_wait: Duration,
    /// How long the event service waits, at the end of a run, for each event that its subscriber has not taken in (timer
    /// `pending_drain`).
    pub pending_drain: Duration,
    /// How many workers the default executor of the event loop has. Left out, there are enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub workers: Option<u32>,
    /// How often an ACP agent prompts again after an error that may pass, each time after a wait (timer `retry`).
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            iterations: 500,
            prompt: Duration::from_millis(1_800_000),
            drain: Duration::from_millis(2_000),
            interrupt_wait: Duration::from_millis(5_000),
            cancel_send: Duration::from_millis(2_000),
            close_wait: Duration::from_millis(10_000),
            pending_drain: Duration::from_millis(30_000),
            workers: None,
            retries: 3,
        }
    }
}

/// The name of a value as the scenario file writes it, so that reports and files use one vocabulary.
///
/// ```
/// use turnloom::terms::{Status, StopReason, word};
/// assert_eq!(word(&StopReason::EndTurn), "end_turn");
/// assert_eq!(word(&Status::WaitingForConfirmation), "waiting_for_confirmation");
/// ```
#[must_use]
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
