//! What actors, the clock and the server can wait for: a part of the file format.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReplySeen;
use crate::terms::{EventKind, Status};

/// Something that happens, and that an actor, the clock or the server can wait for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Happening {
    /// The gate is open.
    Gate(String),
    /// The server has read this frame.
    Frame(FrameSeen),
    /// The conversation has this status.
    Status(Status),
    /// The event log holds an event of this kind.
    Event(EventSeen),
    /// The client has answered a call of the server's. Only live.
    Reply(ReplySeen),
}

/// A frame that the server has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameSeen {
    /// The JSON-RPC method, `session/prompt` or `session/cancel`, say.
    pub method: Method,
    /// For a prompt or a completion: its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub count: u32,
}

/// An event in the conversation's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSeen {
    /// The kind of the event.
    pub kind: EventKind,
    /// For a message: its text. For a tool card or a tool call: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How many of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1))]
    pub count: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

/// A method that the client sends to the server. For a native agent the LLM call counts as `session/prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Method {
    /// The connection begins.
    #[serde(rename = "initialize")]
    Initialize,
    /// A new session.
    #[serde(rename = "session/new")]
    New,
    /// An old session again, after a restart.
    #[serde(rename = "session/load")]
    Load,
    /// A turn begins.
    #[serde(rename = "session/prompt")]
    Prompt,
    /// The turn in flight is to end.
    #[serde(rename = "session/cancel")]
    Cancel,
    /// The session is to go on with another model.
    #[serde(rename = "session/set_model")]
    SetModel,
    /// The LLM beside an ACP agent is asked for a completion. Only live.
    #[serde(rename = "chat/completions")]
    Completion,
}
