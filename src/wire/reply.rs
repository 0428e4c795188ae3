//! The answer to one completion: how what the script does is written in the chat-completions protocol, streamed or
//! whole, down to the bytes of each write.

use serde_json::{Value, json};

use super::completion::{Asked, tokens};
use super::frame::raw;
use super::transcript::{Bytes, Head, HttpPart};
use crate::mock_server::{REQUEST, ServerMessage, Step, Update, Wire, fill};
use crate::scenario::Refusal;
use crate::terms::{StopReason, ToolCall};

/// What is said where the script answers and says nothing: an agent that gets an empty answer asks again, for ever.
const NOTHING_SAID: &str = "ok";

/// The answer to one completion, as far as it has come.
#[derive(Debug)]
pub(crate) struct Reply {
    asked: Asked,
    id: String,
    text: String,
    thoughts: String,
    calls: Vec<Call>,
    /// What the script writes as it is, if the answer is not streamed.
    body: Vec<u8>,
    /// Where the body of an answer that is not streamed is cut.
    cut: Option<u32>,
    /// Whether the script has said anything, be it nothing but an empty text.
    spoke: bool,
    /// Whether the head of a stream was written.
    begun: bool,
    /// Whether what is written now stands in chunks of HTTP.
    chunked: bool,
}

/// A tool call, as far as it has come.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

/// One thing that a connection's writer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Bytes in one write.
    Bytes(Vec<u8>),
    /// The answer is complete; the connection goes on.
    End,
    /// Closes the connection.
    HangUp,
    /// Closes the server's half of the connection.
    CloseOutput,
    /// Resets the connection.
    Reset,
    /// Ends the process.
    Exit(u8),
}

impl Reply {
    /// Nothing has been answered yet to the request with this number.
    pub(crate) fn new(request: u64, asked: Asked) -> Self {
        Self {
            asked,
            id: format!("chatcmpl-{request}"),
            text: String::new(),
            thoughts: String::new(),
            calls: Vec::new(),
            body: Vec::new(),
            cut: None,
            spoke: false,
            begun: false,
            chunked: false,
        }
    }

    /// What a step of the script writes.
    pub(crate) fn parts(&mut self, step: Step) -> Vec<HttpPart> {
        let mut parts = Vec::new();
        let mut wire = step.wire.into_iter().peekable();
        for (at, message) in step.frames.into_iter().enumerate() {
            while let Some((_, one)) = wire.next_if(|(before, _)| *before <= at) {
                self.wire(one, &mut parts);
            }
            self.message(message, &mut parts);
        }
        for (_, one) in wire {
            self.wire(one, &mut parts);
        }
        parts
    }

    fn message(&mut self, message: ServerMessage, parts: &mut Vec<HttpPart>) {
        match message {
            ServerMessage::Update { update: Update::Text(text), .. } => self.say(&text, parts),
            ServerMessage::Update { update: Update::Thought(text), .. } => {
                self.delta(json!({ "reasoning_content": text }), parts);
                self.thoughts += &text;
            }
            ServerMessage::ToolCall { call, .. } => self.call(call, parts),
            ServerMessage::PromptAnswered { reason, .. } => self.finish(reason, parts),
            ServerMessage::PromptFailed { message, .. } => self.fail(&message, parts),
            // A card is an agent's, and the rest belongs to its sessions.
            ServerMessage::Update { update: Update::Tool { .. }, .. }
            | ServerMessage::Call { .. }
            | ServerMessage::Answered { .. } => {}
        }
    }

    fn say(&mut self, text: &str, parts: &mut Vec<HttpPart>) {
        self.delta(json!({ "content": text }), parts);
        self.text += text;
    }

    fn wire(&mut self, wire: Wire, parts: &mut Vec<HttpPart>) {
        self.spoke |= matches!(wire, Wire::Frame { .. } | Wire::Bytes(_));
        match wire {
            Wire::Frame { message, .. } => {
                let event = raw(&fill(&message, REQUEST, &Value::String(self.id.clone())));
                if self.asked.stream {
                    self.begin(parts);
                    parts.push(HttpPart::Event(event));
                } else {
                    self.body.extend_from_slice(event.get().as_bytes());
                }
            }
            Wire::Bytes(bytes) if self.asked.stream => {
                self.begin(parts);
                parts.push(HttpPart::Body(Bytes::from(&*bytes)));
            }
            Wire::Bytes(bytes) => self.body.extend_from_slice(&bytes),
            Wire::Split(at) if self.asked.stream => {
                self.begin(parts);
                parts.push(HttpPart::Split(at));
            }
            Wire::Split(at) => self.cut = Some(at),
            Wire::Refuse(refusal) => refuse(&refusal, parts),
            Wire::HangUp => {
                self.all_but_the_last_byte(parts);
                parts.push(HttpPart::HangUp);
            }
            Wire::Reset => {
                self.all_but_the_last_byte(parts);
                parts.push(HttpPart::Reset);
            }
            Wire::CloseOutput => parts.push(HttpPart::CloseOutput),
            Wire::Exit(code) => parts.push(HttpPart::Exit(code)),
        }
    }

    /// The head of a stream and its first chunk, which says who speaks.
    fn begin(&mut self, parts: &mut Vec<HttpPart>) {
        if !std::mem::replace(&mut self.begun, true) {
            parts.push(HttpPart::Head(Head { status: 200, length: None, retry_after: None }));
            parts.push(self.chunk(json!({ "role": "assistant", "content": "" }), Value::Null));
        }
    }

    fn delta(&mut self, delta: Value, parts: &mut Vec<HttpPart>) {
        self.spoke = true;
        if self.asked.stream {
            self.begin(parts);
            parts.push(self.chunk(delta, Value::Null));
        }
    }

    fn call(&mut self, piece: ToolCall, parts: &mut Vec<HttpPart>) {
        let known = self.calls.iter().position(|call| call.id == piece.id);
        let index = known.unwrap_or(self.calls.len());
        let delta = match &piece.name {
            Some(name) => json!({
                "index": index, "id": piece.id, "type": "function",
                "function": { "name": name, "arguments": piece.arguments },
            }),
            None => json!({ "index": index, "function": { "arguments": piece.arguments } }),
        };
        self.delta(json!({ "tool_calls": [delta] }), parts);
        match known {
            Some(index) => self.calls[index].arguments += &piece.arguments,
            None => self.calls.push(Call {
                id: piece.id,
                name: piece.name.unwrap_or_default(),
                arguments: piece.arguments,
            }),
        }
    }

    fn chunk(&self, delta: Value, finish: Value) -> HttpPart {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        HttpPart::Event(raw(&self.object("chat.completion.chunk", &json!([choice]))))
    }

    fn object(&self, kind: &str, choices: &Value) -> Value {
        // No clock is read: an answer is the same every time.
        json!({ "id": self.id, "object": kind, "created": 0, "model": self.asked.model, "choices": choices })
    }

    fn usage(&self) -> Value {
        let arguments = self.calls.iter().map(|call| tokens(&call.arguments)).sum::<usize>();
        let prompt = tokens(&self.asked.conversation);
        let completion = tokens(&self.text) + tokens(&self.thoughts) + arguments;
        json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
    }

    fn finish(&mut self, reason: StopReason, parts: &mut Vec<HttpPart>) {
        if !self.spoke && reason == StopReason::EndTurn {
            self.say(NOTHING_SAID, parts);
        }
        if !self.asked.stream {
            let body = if self.body.is_empty() { self.whole(reason) } else { std::mem::take(&mut self.body) };
            let length = body.len();
            self.body_of(length, &body, parts);
            parts.push(HttpPart::End);
            return;
        }
        self.begin(parts);
        parts.push(self.chunk(json!({}), self.finish_reason(reason).into()));
        if self.asked.usage {
            let mut last = self.object("chat.completion.chunk", &json!([]));
            last["usage"] = self.usage();
            parts.push(HttpPart::Event(raw(&last)));
        }
        parts.extend([HttpPart::Done, HttpPart::End]);
    }

    fn finish_reason(&self, reason: StopReason) -> &'static str {
        match reason {
            StopReason::EndTurn if !self.calls.is_empty() => "tool_calls",
            StopReason::EndTurn | StopReason::Cancelled => "stop",
            StopReason::Refusal => "content_filter",
            StopReason::MaxTokens => "length",
        }
    }

    /// The body of an answer that is not streamed.
    fn whole(&self, reason: StopReason) -> Vec<u8> {
        let content = if self.text.is_empty() && !self.calls.is_empty() { None } else { Some(&self.text) };
        let mut message = json!({ "role": "assistant", "content": content });
        if !self.thoughts.is_empty() {
            message["reasoning_content"] = self.thoughts.as_str().into();
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|call| {
                let function = json!({ "name": call.name, "arguments": call.arguments });
                json!({ "id": call.id, "type": "function", "function": function })
            });
            message["tool_calls"] = calls.collect();
        }
        let reason = self.finish_reason(reason);
        let choice = json!({ "index": 0, "message": message, "finish_reason": reason });
        let mut whole = self.object("chat.completion", &json!([choice]));
        whole["usage"] = self.usage();
        whole.to_string().into_bytes()
    }

    fn body_of(&mut self, length: usize, body: &[u8], parts: &mut Vec<HttpPart>) {
        parts.push(HttpPart::Head(Head { status: 200, length: Some(length), retry_after: None }));
        parts.extend(self.cut.take().map(HttpPart::Split));
        parts.push(HttpPart::Body(Bytes::from(body)));
    }

    /// A connection that ends before its time has an answer that is not streamed cut off in front of its last byte, if
    /// the script has said anything.
    fn all_but_the_last_byte(&mut self, parts: &mut Vec<HttpPart>) {
        let silent = self.text.is_empty() && self.thoughts.is_empty() && self.calls.is_empty();
        if self.asked.stream || (silent && self.body.is_empty()) {
            return;
        }
        let body = match std::mem::take(&mut self.body) {
            body if body.is_empty() => self.whole(StopReason::EndTurn),
            body => body,
        };
        self.body_of(body.len(), &body[..body.len() - 1], parts);
    }

    fn fail(&mut self, message: &str, parts: &mut Vec<HttpPart>) {
        if self.begun {
            parts.extend([HttpPart::Event(raw(&error(message, 500))), HttpPart::End]);
        } else {
            let body = error(message, 500).to_string();
            parts.push(HttpPart::Head(Head { status: 500, length: Some(body.len()), retry_after: None }));
            parts.extend([HttpPart::Body(Bytes::Text(body)), HttpPart::End]);
        }
    }

    /// What is done for these parts: bytes in one write, but for cuts.
    pub(crate) fn deeds(&mut self, parts: &[HttpPart]) -> Vec<Deed> {
        let mut writing = Writing { deeds: Vec::new(), bytes: Vec::new(), cut: None };
        for part in parts {
            match part {
                HttpPart::Head(head) => {
                    self.chunked = head.length.is_none();
                    writing.bytes.extend_from_slice(head_of(head).as_bytes());
                }
                HttpPart::Event(event) => {
                    writing.body(format!("data: {event}\n\n").as_bytes(), self.chunked);
                }
                HttpPart::Done => writing.body(b"data: [DONE]\n\n", self.chunked),
                HttpPart::Body(bytes) => writing.body(&bytes.bytes(), self.chunked),
                HttpPart::Split(at) => writing.cut = Some(*at as usize),
                HttpPart::End => {
                    writing.bytes.extend_from_slice(if self.chunked { b"0\r\n\r\n" } else { b"" });
                    writing.leave(Some(Deed::End));
                }
                HttpPart::HangUp => writing.leave(Some(Deed::HangUp)),
                HttpPart::CloseOutput => writing.leave(Some(Deed::CloseOutput)),
                HttpPart::Reset => writing.leave(Some(Deed::Reset)),
                HttpPart::Exit(code) => writing.leave(Some(Deed::Exit(*code))),
            }
        }
        writing.leave(None);
        writing.deeds
    }
}

struct Writing {
    deeds: Vec<Deed>,
    bytes: Vec<u8>,
    cut: Option<usize>,
}

impl Writing {
    /// A piece of the body. Where it is cut, two chunks leave in two writes.
    fn body(&mut self, body: &[u8], chunked: bool) {
        let (before, behind) = body.split_at(self.cut.take().unwrap_or(body.len()).min(body.len()));
        self.chunk(before, chunked);
        if !behind.is_empty() {
            self.leave(None);
            self.chunk(behind, chunked);
        }
    }

    fn chunk(&mut self, bytes: &[u8], chunked: bool) {
        if !chunked {
            self.bytes.extend_from_slice(bytes);
        } else if !bytes.is_empty() {
            // A chunk of no bytes would be the end of the body.
            self.bytes.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
            self.bytes.extend_from_slice(bytes);
            self.bytes.extend_from_slice(b"\r\n");
        }
    }

    fn leave(&mut self, then: Option<Deed>) {
        let bytes = std::mem::take(&mut self.bytes);
        let whole = (!bytes.is_empty()).then_some(Deed::Bytes(bytes));
        self.deeds.extend(whole.into_iter().chain(then));
    }
}

fn head_of(head: &Head) -> String {
    let Head { status, length, retry_after } = head;
    let phrase = reason(*status);
    let kind = if length.is_some() { "application/json" } else { "text/event-stream" };
    let body = match length {
        Some(length) => format!("Content-Length: {length}"),
        None => "Cache-Control: no-cache\r\nTransfer-Encoding: chunked".to_owned(),
    };
    let retry = retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {status} {phrase}\r\nContent-Type: {kind}\r\n{body}\r\n{retry}\r\n")
}

fn refuse(refusal: &Refusal, parts: &mut Vec<HttpPart>) {
    let Refusal { status, retry_after, body } = refusal;
    let body = match body {
        Some(body) => raw(body).get().to_owned(),
        None => error(reason(*status), *status).to_string(),
    };
    parts.push(HttpPart::Head(Head { status: *status, length: Some(body.len()), retry_after: *retry_after }));
    parts.extend([HttpPart::Body(Bytes::Text(body)), HttpPart::End]);
}

/// An error object as OpenAI writes it.
pub(crate) fn error(message: &str, status: u16) -> Value {
    let kind = match status {
        401 => "authentication_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
}

/// The words behind a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}
