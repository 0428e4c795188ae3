//! The parts of the file format that speak of an LLM over HTTP: its tool calls and its refusals. As in `types`, nothing
//! here is read, judged or run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Message;

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
    pub(super) fn is_sdks_own(&self) -> bool {
        self.name.as_deref().is_some_and(|name| matches!(name, "finish" | "think"))
    }
}

/// An answer of HTTP that is no completion.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The status, from 400 to 599.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The body; without it, an error object as OpenAI writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Message>,
}
