//! The server's script, as types: on which message it does what, one action after another. A part of the format (`types`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::nearest::quoted;
use super::{CallClient, Cut, Happening, Message, Raw, Refusal};
use crate::terms::{StopReason, ToolCall, ToolStatus};

/// What the server does on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reaction {
    /// The message this reaction is for.
    pub on: Trigger,
    /// Only for messages of this session, `s1` say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Only in this process of the server, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub process: Option<u32>,
    /// The rules of ACP that this reaction breaks on purpose, as `turnloom verify` calls them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<String>,
    /// What the server does, in order. On a prompt it goes on beside whatever else the server does.
    #[serde(rename = "do")]
    pub actions: Vec<Action>,
}

/// The message a reaction is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// A prompt with this text.
    Prompt(String),
    /// Any prompt that no other reaction is for.
    AnyPrompt,
    /// `session/cancel`. Its actions belong to the prompt in flight.
    Cancel,
    /// `session/load`.
    Load,
    /// A server process begins. Only live.
    Start,
    /// Any other request, by its method. Without an answer of its own it is answered as always when the actions have run out.
    /// Only live, but for `initialize`, `session/new` and `session/set_model`.
    Request(String),
    /// A completion whose newest message is the result of the tool call with this id. For an LLM beside an ACP agent only
    /// live.
    ToolResult(String),
    /// A completion that has this text anywhere in its conversation. Only live.
    Conversation(String),
}

impl Trigger {
    /// The message in words, as in "the reaction to `session/cancel`".
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Prompt(text) => format!("prompt {}", quoted(text)),
            Self::AnyPrompt => "any prompt".to_owned(),
            Self::Cancel => "`session/cancel`".to_owned(),
            Self::Load => "`session/load`".to_owned(),
            Self::Start => "a start".to_owned(),
            Self::Request(method) => quoted(method),
            Self::ToolResult(id) => format!("the result of {}", quoted(id)),
            Self::Conversation(text) => format!("a conversation with {}", quoted(text)),
        }
    }
}

/// One thing the server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Streams a chunk of the agent's text.
    Say(String),
    /// Streams a chunk of the agent's thoughts.
    Think(String),
    /// Streams a tool call or an update of one.
    Tool(ToolUpdate),
    /// Waits for a happening before it goes on.
    Wait(Happening),
    /// Opens a gate.
    Open(String),
    /// Answers the prompt with this stop reason. The prompt is over; what an ACP server does behind its answer is late.
    Answer(StopReason),
    /// Answers the message with an error. What an ACP server does behind its answer to a prompt is late.
    Fail(String),
    /// Ends the write: what the server did so far leaves in one, what follows in another.
    Flush,
    /// Cuts the next frame behind so many bytes: what comes before the cut leaves in a write of its own.
    Split(Cut),
    /// Reads no further message until `resume_reading`. The pipe fills up.
    StopReading,
    /// Reads on.
    ResumeReading,
    /// Writes this message as it is, on one line. Of its values `"$request"` becomes the id of the request that is
    /// reacted to, and `"$session"` its session. Only live.
    Frame(Message),
    /// Writes these bytes as they are. Only live.
    Raw(Raw),
    /// Calls the client: a permission request, say. Any other call only live.
    Call(CallClient),
    /// Closes the server's output; the process goes on. Only live.
    CloseOutput,
    /// Ends the process with this exit code, when all that was written has left. For an agent without a server only
    /// live.
    Exit(u8),
    /// Streams a tool call of an LLM, or the next piece of one. For an LLM beside an ACP agent, and for the tools `finish`
    /// and `think` of openhands-sdk, only live.
    ToolCall(ToolCall),
    /// Answers a completion with this status of HTTP. Only live.
    Refuse(Refusal),
    /// Closes the connection in the middle of a completion. Only live.
    HangUp,
    /// Resets the connection in the middle of a completion. Only live.
    Reset,
}

/// The state of one tool call (a card).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolUpdate {
    /// The id of the tool call.
    pub id: String,
    /// Its status.
    pub status: ToolStatus,
}
