//! One request of the OpenAI chat-completions protocol: what a client asks, as far as the script has to do with it.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A completion that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The model, which is repeated in the answer.
    pub(crate) model: String,
    /// Whether the answer is to be streamed.
    pub(crate) stream: bool,
    /// Whether a stream ends with a chunk that tells the usage.
    pub(crate) usage: bool,
    /// What the user said last.
    pub(crate) text: String,
    /// The tool call whose result is the newest message.
    pub(crate) tool_result: Option<String>,
    /// Everything that was said, a line for each message.
    pub(crate) conversation: String,
}

/// The JSON of a body on one line, otherwise byte for byte.
pub(crate) fn json(body: &[u8]) -> Result<Box<RawValue>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
    let wrong = |error| format!("the body is no JSON: {error}");
    // The end of a line is never part of a string.
    let line: String = text.trim().replace(['\n', '\r'], " ");
    let _: &RawValue = serde_json::from_str(text).map_err(wrong)?;
    serde_json::from_str(&line).map_err(wrong)
}

/// What a body asks for, or what is wrong with it.
pub(crate) fn read(body: &RawValue) -> Result<Asked, String> {
    let Ok(Value::Object(body)) = serde_json::from_str(body.get()) else {
        return Err("the body must be an object".to_owned());
    };
    let flag = |members: &Map<String, Value>, name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` must be true or false")),
    };
    let Some(Value::String(model)) = body.get("model") else {
        return Err("`model` must be a string".to_owned());
    };
    if body.get("n").is_some_and(|n| !n.is_null() && *n != 1) {
        return Err("`n` must be 1: a script has one answer".to_owned());
    }
    let messages = match body.get("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        _ => return Err("`messages` must be a list with at least one message".to_owned()),
    };
    let messages: Vec<Message> = messages.iter().enumerate().map(message).collect::<Result<_, _>>()?;
    let options = body.get("stream_options").and_then(Value::as_object);
    Ok(Asked {
        model: model.clone(),
        stream: flag(&body, "stream")?,
        usage: options.map_or(Ok(false), |options| flag(options, "include_usage"))?,
        text: messages.iter().rev().find(|one| one.role == "user").map(Message::first).unwrap_or_default(),
        tool_result: messages.last().filter(|one| one.role == "tool").and_then(|one| one.call.clone()),
        conversation: messages.iter().map(|one| one.texts.join("\n")).collect::<Vec<_>>().join("\n"),
    })
}

struct Message {
    role: String,
    texts: Vec<String>,
    call: Option<String>,
}

impl Message {
    /// The first text; what follows it in a part of its own was not said by the user.
    fn first(&self) -> String {
        self.texts.first().cloned().unwrap_or_default()
    }
}

fn message((at, message): (usize, &Value)) -> Result<Message, String> {
    let Some(role) = message["role"].as_str() else {
        return Err(format!("`messages[{at}].role` must be a string"));
    };
    let texts = match &message["content"] {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).map(str::to_owned).collect()
        }
        _ => return Err(format!("`messages[{at}].content` must be a string or a list of parts")),
    };
    let call = message["tool_call_id"].as_str().map(str::to_owned);
    Ok(Message { role: role.to_owned(), texts, call })
}

/// How many tokens a text has: as many as words, so that anybody can count them.
pub(crate) fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Result<Asked, String> {
        read(&json(body.as_bytes())?)
    }

    #[test]
    fn the_newest_message_of_the_user_is_its_text() {
        let asked = asked(
            r#"{"model": "m", "stream": true, "stream_options": {"include_usage": true},
                "messages": [{"role": "system", "content": "be kind"},
                             {"role": "user", "content": "old"},
                             {"role": "assistant", "content": null, "tool_calls": []},
                             {"role": "user", "content": [{"type": "text", "text": "new"}, {"type": "text", "text": "suffix"}]}]}"#,
        );
        let expected = Asked {
            model: "m".into(),
            stream: true,
            usage: true,
            text: "new".into(),
            tool_result: None,
            conversation: "be kind\nold\n\nnew\nsuffix".into(),
        };
        assert_eq!(asked, Ok(expected));
    }

    #[test]
    fn the_result_of_a_tool_is_told_from_what_the_user_said() {
        let body = r#"{"model": "m", "messages": [{"role": "user", "content": "look"},
            {"role": "tool", "tool_call_id": "t1", "content": "seen"}]}"#;
        let asked = asked(body).unwrap();
        assert_eq!((asked.text.as_str(), asked.tool_result.as_deref()), ("look", Some("t1")));
    }

    #[test]
    fn a_body_stays_as_it_is_but_on_one_line() {
        assert_eq!(
            json(b"{\"a\":\r\n 1e400, \"b\": \"\\n\"}\n").unwrap().get(),
            "{\"a\":   1e400, \"b\": \"\\n\"}"
        );
    }

    #[test]
    fn what_is_no_request_for_a_completion() {
        for (body, why) in [
            ("{", "the body is no JSON: EOF while parsing an object at line 1 column 1"),
            ("[]", "the body must be an object"),
            ("{}", "`model` must be a string"),
            (r#"{"model": "m"}"#, "`messages` must be a list with at least one message"),
            (r#"{"model": "m", "messages": []}"#, "`messages` must be a list with at least one message"),
            (r#"{"model": "m", "messages": [7]}"#, "`messages[0].role` must be a string"),
            (
                r#"{"model": "m", "messages": [{"role": "user", "content": 7}]}"#,
                "`messages[0].content` must be a string or a list of parts",
            ),
            (
                r#"{"model": "m", "n": 2, "messages": [{"role": "user"}]}"#,
                "`n` must be 1: a script has one answer",
            ),
            (
                r#"{"model": "m", "stream": "yes", "messages": [{"role": "user"}]}"#,
                "`stream` must be true or false",
            ),
        ] {
            assert_eq!(asked(body), Err(why.to_owned()), "{body}");
        }
        assert_eq!(json(b"\xff").unwrap_err(), "the body is not UTF-8");
    }
}
