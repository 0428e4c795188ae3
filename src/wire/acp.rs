//! ACP over JSON-RPC: what the client's methods are to the script, and how what the script does is written.
//!
//! Keeps what belongs to one process and its pipe: requests that are not answered yet, calls to the client, tool calls
//! that the client knows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::frame;
use super::frame::{INTERNAL_ERROR, Id, NOT_FOUND, raw};
use super::transcript::{Bytes, Part};
use crate::mock_server::{REQUEST, ServerMessage, Step, Update, Wire, fill};
use crate::scenario::Message;
use crate::terms::word;

/// The version of the protocol that the server speaks.
const VERSION: u16 = 1;

/// A request of the client's that the script knows of.
#[derive(Debug, Clone)]
struct Open {
    id: Id,
    method: String,
}

/// What belongs to one process and its pipe.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    open: BTreeMap<u64, Open>,
    /// The calls to the client that were not answered, by the bytes of their ids.
    calls: BTreeMap<String, String>,
    called: BTreeMap<String, u32>,
}

impl Pipe {
    /// Takes note of a request by its number for the script.
    pub(crate) fn open(&mut self, request: u64, id: Id, method: &str) {
        self.open.insert(request, Open { id, method: method.to_owned() });
    }

    /// Whether a request with this id waits for its answer.
    pub(crate) fn is_open(&self, id: &Id) -> bool {
        self.open.values().any(|open| open.id.get() == id.get())
    }

    /// The call that a client's answer is for; none if nobody asked, or it was answered before.
    pub(crate) fn answered_call(&mut self, id: &Id) -> Option<String> {
        self.calls.remove(id.get())
    }

    /// What a step of the script writes.
    pub(crate) fn parts(&mut self, step: Step) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut wire = step.wire.into_iter().peekable();
        for (at, message) in step.frames.into_iter().enumerate() {
            while let Some((_, one)) = wire.next_if(|(before, _)| *before <= at) {
                parts.extend(self.wire(one));
            }
            self.message(message, &mut parts);
        }
        for (_, one) in wire {
            parts.extend(self.wire(one));
        }
        parts
    }

    fn message(&mut self, message: ServerMessage, parts: &mut Vec<Part>) {
        let frame = match message {
            ServerMessage::Update { session, update: news } => Some(update(&session, news)),
            ServerMessage::Call { name, method, params } => Some(self.call(name, &method, params)),
            // It belongs to a connection of an LLM.
            ServerMessage::ToolCall { .. } => None,
            ServerMessage::PromptAnswered { request, session, reason } => {
                parts.push(usage(&session));
                self.answer(request, |_| Ok(json!({ "stopReason": word(&reason) })))
            }
            ServerMessage::PromptFailed { request, message, .. } => self.answer(request, |_| Err(message)),
            ServerMessage::Answered { request, ok } => {
                self.answer(request, |method| ok.map(|session| always(method, &session)))
            }
        };
        parts.extend(frame);
    }

    /// The answer to a request, as its method has it; none if it was answered before.
    fn answer(&mut self, request: u64, result: impl FnOnce(&str) -> Result<Value, String>) -> Option<Part> {
        let Open { id, method } = self.open.remove(&request)?;
        Some(Part::Frame(match result(&method) {
            Ok(result) => frame::result(&id, result),
            Err(why) => frame::error(Some(&id), code(&method), &why),
        }))
    }

    fn wire(&mut self, wire: Wire) -> Option<Part> {
        match wire {
            Wire::Frame { message, request } => Some(self.scripted(&message, request)),
            Wire::Bytes(bytes) => Some(Part::Raw(Bytes::from(bytes.as_slice()))),
            Wire::Split(at) => Some(Part::Split(at)),
            Wire::CloseOutput => Some(Part::CloseOutput),
            Wire::Exit(code) => Some(Part::Exit(code)),
            // They belong to the connections of an LLM.
            Wire::Refuse(_) | Wire::HangUp | Wire::Reset => None,
        }
    }

    fn scripted(&mut self, message: &Message, request: Option<u64>) -> Part {
        let id = request.and_then(|request| self.open.get(&request)).map(|open| &open.id);
        let id = id.and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or(Value::Null);
        Part::Frame(raw(&fill(message, REQUEST, &id)))
    }

    fn call(&mut self, name: String, method: &str, params: Message) -> Part {
        let times = self.called.entry(name.clone()).or_default();
        *times += 1;
        let id = if *times == 1 { name.clone() } else { format!("{name}#{times}") };
        let id = raw(&id);
        self.calls.insert(id.get().to_owned(), name);
        Part::Frame(frame::request(&id, method, Value::Object(params.0)))
    }
}

/// The code of the error that a request fails with.
pub(crate) fn code(method: &str) -> i32 {
    if method == "session/load" { NOT_FOUND } else { INTERNAL_ERROR }
}

/// What a request is answered with where the script has no answer of its own.
pub(crate) fn always(method: &str, session: &str) -> Value {
    match method {
        "session/new" => json!({ "sessionId": session }),
        _ => courtesy(method).unwrap_or_else(|| json!({})),
    }
}

/// What a method is answered with that no script has to care for; none for an unknown one.
pub(crate) fn courtesy(method: &str) -> Option<Value> {
    match method {
        "initialize" => Some(initialized()),
        "authenticate" | "session/set_mode" | "session/set_model" => Some(json!({})),
        "session/set_config_option" => Some(json!({ "configOptions": [] })),
        _ => None,
    }
}

fn initialized() -> Value {
    json!({
        "protocolVersion": VERSION,
        "agentCapabilities": { "loadSession": true },
        "authMethods": [],
        "agentInfo": { "name": "turnloom", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// How an update is written.
pub(crate) fn update(session: &str, update: Update) -> Part {
    let content = |text: String| json!({ "type": "text", "text": text });
    let update = match update {
        Update::Text(text) => json!({ "sessionUpdate": "agent_message_chunk", "content": content(text) }),
        Update::Thought(text) => {
            json!({ "sessionUpdate": "agent_thought_chunk", "content": content(text) })
        }
        Update::Tool { id, status, first } => {
            let status = word(&status);
            if first {
                json!({ "sessionUpdate": "tool_call", "toolCallId": id, "title": id, "status": status })
            } else {
                json!({ "sessionUpdate": "tool_call_update", "toolCallId": id, "status": status })
            }
        }
    };
    session_update(session, update)
}

/// The update that goes before each answer to a prompt, because clients wait for it.
pub(crate) fn usage(session: &str) -> Part {
    session_update(session, json!({ "sessionUpdate": "usage_update", "used": 1, "size": 1_000_000 }))
}

fn session_update(session: &str, update: Value) -> Part {
    Part::Frame(frame::notification("session/update", json!({ "sessionId": session, "update": update })))
}

/// One thing that the pipe's writer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// Bytes in one write.
    Bytes(Vec<u8>),
    /// Closes the output.
    Close,
    /// Ends the process.
    Exit(u8),
}

/// What is written for these parts: one write, but for cuts.
pub(crate) fn writes(parts: &[Part]) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut bytes = Vec::new();
    let mut cut = None;
    let mut leave = |bytes: &mut Vec<u8>, then: Option<Write>| {
        let bytes = std::mem::take(bytes);
        let whole = (!bytes.is_empty()).then_some(Write::Bytes(bytes));
        writes.extend(whole.into_iter().chain(then));
    };
    for part in parts {
        match part {
            Part::Frame(frame) => {
                let line = [frame.get().as_bytes(), b"\n"].concat();
                let at = cut.take().unwrap_or(line.len()).min(line.len());
                bytes.extend_from_slice(&line[..at]);
                if at < line.len() {
                    leave(&mut bytes, None);
                    bytes.extend_from_slice(&line[at..]);
                }
            }
            Part::Raw(raw) => bytes.extend(raw.bytes()),
            Part::Split(at) => cut = Some(*at as usize),
            Part::CloseOutput => leave(&mut bytes, Some(Write::Close)),
            Part::Exit(code) => leave(&mut bytes, Some(Write::Exit(*code))),
        }
    }
    leave(&mut bytes, None);
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Part {
        Part::Frame(serde_json::from_str(text).unwrap())
    }

    fn bytes(text: &str) -> Write {
        Write::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn frames_of_a_step_leave_in_one_write() {
        assert_eq!(writes(&[frame("{}"), frame("[1]")]), [bytes("{}\n[1]\n")]);
        assert_eq!(writes(&[]), []);
    }

    #[test]
    fn a_cut_divides_the_next_frame_only() {
        let parts = [frame("{}"), Part::Split(2), frame("[1]"), frame("[2]")];
        assert_eq!(writes(&parts), [bytes("{}\n[1"), bytes("]\n[2]\n")]);
        assert_eq!(writes(&[Part::Split(4), frame("[1]")]), [bytes("[1]\n")], "nothing is behind the cut");
    }

    #[test]
    fn a_crash_in_the_middle_of_a_frame() {
        let parts = [frame("{}"), Part::Raw(Bytes::Hex("7b ff".into())), Part::Exit(9)];
        assert_eq!(writes(&parts), [Write::Bytes(b"{}\n{\xff".to_vec()), Write::Exit(9)]);
    }
}
