//! One frame of JSON-RPC: what a line from the client is, and how the server's frames are written.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::terms::ReplyKind;

/// The id of a request, as the bytes that it came in.
pub(crate) type Id = Box<RawValue>;

/// The line is no JSON.
pub(crate) const PARSE_ERROR: i32 = -32700;
/// The JSON is no frame.
pub(crate) const INVALID_REQUEST: i32 = -32600;
/// Nobody knows the method.
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters are not those of the method.
pub(crate) const INVALID_PARAMS: i32 = -32602;
/// The script wants it so.
pub(crate) const INTERNAL_ERROR: i32 = -32603;
/// What was asked for is not there.
pub(crate) const NOT_FOUND: i32 = -32002;

/// A line from the client.
#[derive(Debug)]
pub(crate) enum Incoming {
    Request { id: Id, method: String, params: Value },
    Notification { method: String, params: Value },
    Response { id: Id, kind: ReplyKind },
}

/// Why a line is no frame, and what it is to be answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) why: String,
    /// The id, where there is one that an answer can have.
    pub(crate) id: Option<String>,
}

/// The members of a frame; what is not there is told from `null`.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The text of a line that is JSON.
pub(crate) fn json(line: &[u8]) -> Result<&RawValue, Refusal> {
    let refuse = |why: &str| Refusal { code: PARSE_ERROR, why: why.to_owned(), id: None };
    let text = std::str::from_utf8(line).map_err(|_| refuse("the line is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| refuse(&format!("the line is no JSON: {error}")))
}

/// What a line of JSON is.
pub(crate) fn read(json: &RawValue) -> Result<Incoming, Refusal> {
    let refuse = |why: &str| Refusal { code: INVALID_REQUEST, why: why.to_owned(), id: None };
    match json.get().as_bytes().first() {
        Some(b'{') => {}
        Some(b'[') => return Err(refuse("batches are no part of ACP: write one message a line")),
        _ => return Err(refuse("a message is an object")),
    }
    let envelope: Envelope<'_> = serde_json::from_str(json.get())
        .map_err(|error| refuse(&format!("the message is unclear: {error}")))?;
    envelope.judge()
}

impl Envelope<'_> {
    fn judge(self) -> Result<Incoming, Refusal> {
        let usable = self.id.filter(|id| is_id(id));
        let refuse = |code, why: &str| {
            Err(Refusal { code, why: why.to_owned(), id: usable.map(|id| id.get().to_owned()) })
        };
        if self.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
            return refuse(INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"");
        }
        if self.id.is_some() && usable.is_none() {
            return refuse(INVALID_REQUEST, "an id is a string, a number or null");
        }
        let Some(method) = self.method else { return self.response() };
        let Ok(method) = serde_json::from_str::<String>(method.get()) else {
            return refuse(INVALID_REQUEST, "a method is a string");
        };
        let params = match self.params.map(|params| serde_json::from_str::<Value>(params.get())) {
            None => Value::Null,
            Some(Ok(params @ (Value::Object(_) | Value::Array(_) | Value::Null))) => params,
            Some(Ok(_)) => return refuse(INVALID_REQUEST, "parameters are an object or a list"),
            Some(Err(error)) => return refuse(INVALID_REQUEST, &format!("unreadable parameters: {error}")),
        };
        match self.id {
            Some(id) => Ok(Incoming::Request { id: id.to_owned(), method, params }),
            None => Ok(Incoming::Notification { method, params }),
        }
    }

    fn response(self) -> Result<Incoming, Refusal> {
        let kind = match (self.result, self.error) {
            (Some(result), None) if is_cancelled(result) => ReplyKind::Cancelled,
            (Some(_), None) => ReplyKind::Result,
            (None, Some(_)) => ReplyKind::Error,
            _ => {
                let why = "a message has a method, a result or an error".to_owned();
                let id = self.id.map(|id| id.get().to_owned());
                return Err(Refusal { code: INVALID_REQUEST, why, id });
            }
        };
        match self.id {
            Some(id) => Ok(Incoming::Response { id: id.to_owned(), kind }),
            None => {
                let why = "an answer has the id of what it answers".to_owned();
                Err(Refusal { code: INVALID_REQUEST, why, id: None })
            }
        }
    }
}

fn is_id(id: &RawValue) -> bool {
    id.get() == "null"
        || id.get().starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// Whether this is the answer to a permission request of a turn that was cancelled.
fn is_cancelled(result: &RawValue) -> bool {
    let result = serde_json::from_str::<Value>(result.get()).unwrap_or_default();
    result["outcome"]["outcome"] == "cancelled"
}

/// Something that can be written as a frame, in the order of its members.
#[derive(Serialize)]
struct Outgoing<'a, T> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<T>,
}

impl<'a> Outgoing<'a, Value> {
    fn new(id: Option<&'a RawValue>) -> Self {
        Self { jsonrpc: "2.0", id, method: None, params: None, result: None, error: None }
    }

    fn write(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("values of JSON have keys that are strings")
    }
}

/// A request of the server's.
pub(crate) fn request(id: &RawValue, method: &str, params: Value) -> Box<RawValue> {
    Outgoing { method: Some(method), params: Some(params), ..Outgoing::new(Some(id)) }.write()
}

/// A notification.
pub(crate) fn notification(method: &str, params: Value) -> Box<RawValue> {
    Outgoing { method: Some(method), params: Some(params), ..Outgoing::new(None) }.write()
}

/// An answer.
pub(crate) fn result(id: &RawValue, result: Value) -> Box<RawValue> {
    Outgoing { result: Some(result), ..Outgoing::new(Some(id)) }.write()
}

/// An answer that is an error; without an id, for a message whose id is not known.
pub(crate) fn error(id: Option<&RawValue>, code: i32, message: &str) -> Box<RawValue> {
    let error = serde_json::json!({ "code": code, "message": message });
    let id = id.unwrap_or(RawValue::NULL);
    Outgoing { error: Some(error), ..Outgoing::new(Some(id)) }.write()
}

/// The bytes of a value.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("values of JSON have keys that are strings")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[u8]) -> Refusal {
        json(line).and_then(read).expect_err("it is no frame")
    }

    fn code(line: &str) -> (i32, Option<String>) {
        let refusal = refused(line.as_bytes());
        (refusal.code, refusal.id)
    }

    #[test]
    fn ids_of_every_type_are_kept_as_they_came() {
        for id in ["0", "-1", "1.50", "123456789012345678901234567890", "\"a\\u0041\"", "null"] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#);
            match json(line.as_bytes()).and_then(read).unwrap() {
                Incoming::Request { id: read, .. } => assert_eq!(read.get(), id),
                other => panic!("{other:?}"),
            }
        }
        for id in ["true", "[1]", "{}"] {
            assert_eq!(
                code(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"m"}}"#)),
                (INVALID_REQUEST, None)
            );
        }
    }

    #[test]
    fn what_is_no_frame_is_told_apart() {
        assert_eq!(refused(b"{\"a\xff\"}").why, "the line is not UTF-8");
        assert_eq!(code("{"), (PARSE_ERROR, None));
        assert_eq!(code("[]"), (INVALID_REQUEST, None));
        assert_eq!(code("7"), (INVALID_REQUEST, None));
        assert_eq!(code(r#"{"id":1,"method":"m"}"#), (INVALID_REQUEST, Some("1".into())));
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), (INVALID_REQUEST, Some("1".into())));
        assert_eq!(
            code(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":7}"#),
            (INVALID_REQUEST, Some("1".into()))
        );
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1}"#), (INVALID_REQUEST, Some("1".into())));
        assert_eq!(code(r#"{"jsonrpc":"2.0","result":1}"#), (INVALID_REQUEST, None));
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}1{}}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        );
        assert_eq!(code(&deep), (INVALID_REQUEST, Some("1".into())));
    }

    #[test]
    fn answers_are_told_apart() {
        for (rest, kind) in [
            (r#""result":{"outcome":{"outcome":"selected","optionId":"a"}}"#, ReplyKind::Result),
            (r#""result":{"outcome":{"outcome":"cancelled"}}"#, ReplyKind::Cancelled),
            (r#""error":{"code":1,"message":"m"}"#, ReplyKind::Error),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":"x",{rest}}}"#);
            match json(line.as_bytes()).and_then(read).unwrap() {
                Incoming::Response { kind: read, .. } => assert_eq!(read, kind),
                other => panic!("{other:?}"),
            }
        }
    }
}
