//! The parts of the file format that speak of a pipe: cuts, bytes, messages as they are, calls to the client and their
//! answers. As in `types`, nothing here is read, judged or run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::terms::ReplyKind;

/// The client's answer to a call of the server's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplySeen {
    /// The name of the call.
    pub to: String,
    /// How it was answered; without it, in any way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<ReplyKind>,
}

/// Where a frame is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// How many bytes come before the cut. A frame that is no longer than that stays whole.
    #[schemars(range(min = 1))]
    pub at: u32,
}

/// Bytes that need be no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Raw {
    /// The text, with a line's end only where it has one.
    Text(String),
    /// Bytes as pairs of hexadecimal digits; spaces are allowed.
    Hex(String),
}

impl Raw {
    /// The bytes.
    ///
    /// # Errors
    ///
    /// What is no pair of hexadecimal digits.
    ///
    /// ```
    /// use turnloom::scenario::Raw;
    /// assert_eq!(Raw::Hex("7b ff0a".into()).bytes().unwrap(), [0x7b, 0xff, 0x0a]);
    /// assert_eq!(Raw::Hex("7b f".into()).bytes().unwrap_err(), "f");
    /// ```
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        let hex = match self {
            Self::Text(text) => return Ok(text.clone().into_bytes()),
            Self::Hex(hex) => hex.chars().filter(|char| !char.is_whitespace()).collect::<Vec<_>>(),
        };
        let pair = |pair: &[char]| match pair {
            [high, low] => high.to_digit(16).zip(low.to_digit(16)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        let byte = |digits: &[char]| {
            let byte = pair(digits).and_then(|byte| u8::try_from(byte).ok());
            byte.ok_or_else(|| digits.iter().collect())
        };
        hex.chunks(2).map(byte).collect()
    }
}

/// A request of the server to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallClient {
    /// The name by which the script waits for its answer.
    pub name: String,
    /// The JSON-RPC method, `session/request_permission` say.
    pub method: String,
    /// Its parameters, with `"$session"` as in a frame.
    #[serde(default)]
    pub params: Message,
}

impl CallClient {
    /// Whether it asks for a permission.
    ///
    /// ```
    /// use turnloom::scenario::CallClient;
    /// let call = |method: &str| CallClient { name: "p".into(), method: method.into(), params: Default::default() };
    /// assert!(call("session/request_permission").is_permission_request());
    /// assert!(!call("fs/read_text_file").is_permission_request());
    /// ```
    #[must_use]
    pub fn is_permission_request(&self) -> bool {
        self.method == REQUEST_PERMISSION
    }
}

/// The method of a permission request.
pub const REQUEST_PERMISSION: &str = "session/request_permission";

/// An object of JSON that is written as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(pub serde_json::Map<String, serde_json::Value>);

impl Message {
    /// Whether the id of the request that is reacted to has a place in it.
    #[must_use]
    pub fn names_request(&self) -> bool {
        use serde_json::Value;
        fn names(value: &Value) -> bool {
            match value {
                Value::String(text) => text == "$request",
                Value::Array(items) => items.iter().any(names),
                Value::Object(members) => members.values().any(names),
                _ => false,
            }
        }
        self.0.values().any(names)
    }

    /// Whether it answers the request that is reacted to.
    #[must_use]
    pub fn answers_request(&self) -> bool {
        let of_request = self.0.get("id").is_some_and(|id| id == "$request");
        of_request && (self.0.contains_key("result") || self.0.contains_key("error"))
    }
}

impl JsonSchema for Message {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Message".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "An object of JSON.", "type": "object" })
    }
}
