//! What only a real peer can be sent: bytes that are no message, the end of a process, HTTP. An engine
//! meets only the end of a process: it refuses scenarios with any of the rest.

use serde_json::{Map, Value};

use crate::scenario::{Message, Refusal};
use crate::terms::ReplyKind;

/// Something that goes beside the frames of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wire {
    /// A message as the script has it, on one line.
    Frame {
        /// The message, with the session filled in.
        message: Message,
        /// The request that stands behind `"$request"`; none if there is none to answer.
        request: Option<u64>,
    },
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The next frame is cut behind so many bytes.
    Split(u32),
    /// The output is closed.
    CloseOutput,
    /// The process ends with this exit code.
    Exit(u8),
    /// A completion is answered with a status of HTTP.
    Refuse(Refusal),
    /// The connection of a completion is closed.
    HangUp,
    /// The connection of a completion is reset.
    Reset,
}

/// The place where the script wants the id of the request that it reacts to.
pub const REQUEST: &str = "$request";

/// The place where the script wants the session of the message that it reacts to.
const SESSION: &str = "$session";

/// The message with the session filled in.
pub(super) fn with_session(message: &Message, session: &str) -> Message {
    fill(message, SESSION, &Value::String(session.to_owned()))
}

/// The message with every value that is this place replaced.
///
/// ```
/// use turnloom::scenario::Message;
/// use turnloom::mock_server::{REQUEST, fill};
/// let message: Message = serde_json::from_str(r#"{"id": "$request", "result": {}}"#).unwrap();
/// let filled = fill(&message, REQUEST, &7.into());
/// assert_eq!(serde_json::to_string(&filled).unwrap(), r#"{"id":7,"result":{}}"#);
/// ```
#[must_use]
pub fn fill(message: &Message, place: &str, with: &Value) -> Message {
    Message(filled_object(&message.0, place, with))
}

fn filled_object(members: &Map<String, Value>, place: &str, with: &Value) -> Map<String, Value> {
    members.iter().map(|(key, value)| (key.clone(), filled(value, place, with))).collect()
}

fn filled(value: &Value, place: &str, with: &Value) -> Value {
    match value {
        Value::String(text) if text == place => with.clone(),
        Value::Array(items) => items.iter().map(|item| filled(item, place, with)).collect(),
        Value::Object(members) => Value::Object(filled_object(members, place, with)),
        other => other.clone(),
    }
}

/// Whether a reply fits what was waited for.
pub(super) fn is_kind(seen: ReplyKind, wanted: Option<ReplyKind>) -> bool {
    wanted.is_none_or(|wanted| wanted == seen)
}
