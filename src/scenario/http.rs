//! A part of the file format: how an LLM refuses a request over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Message;

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
