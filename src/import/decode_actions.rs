//! What a step of the script wrote, turned back into the actions of a reaction. What one of the actions would write
//! byte for byte is that action; anything else is a frame as it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::asked::{Asked, Outcome};
use super::names::Names;
use crate::mock_server::{REQUEST, Update};
use crate::observation::ServerEntry;
use crate::scenario::{Action, CallClient, Cut, Message, Raw, StopReason, Trigger, word};
use crate::wire::acp::{always, code, update, usage};
use crate::wire::frame;
use crate::wire::frame::Id;
use crate::wire::transcript::{Bytes, Part};

const REASONS: [StopReason; 4] =
    [StopReason::EndTurn, StopReason::Cancelled, StopReason::Refusal, StopReason::MaxTokens];

/// What one step wrote.
pub(crate) struct Burst<'a> {
    parts: &'a [Part],
}

/// A frame as far as it says whose it is.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

fn head(frame: &RawValue) -> Option<Head> {
    serde_json::from_str(frame.get()).ok()
}

fn is_frame(part: Option<&Part>, frame: &RawValue) -> bool {
    matches!(part, Some(Part::Frame(own)) if own.get() == frame.get())
}

impl<'a> Burst<'a> {
    pub fn read(parts: &'a [Part]) -> Self {
        Self { parts }
    }

    fn heads(&self) -> impl Iterator<Item = Head> {
        self.parts.iter().filter_map(|part| match part {
            Part::Frame(frame) => head(frame),
            _ => None,
        })
    }

    /// The ids of the requests that it answers, as bytes.
    pub fn answers(&self) -> Vec<String> {
        let answers = self.heads().filter(|head| head.method.is_none());
        answers.filter_map(|head| Some(head.id?.get().to_owned())).collect()
    }

    /// The session that it speaks in.
    pub fn session(&self) -> Option<String> {
        self.heads().find_map(|head| Some(head.params["sessionId"].as_str()?.to_owned()))
    }

    /// Adds what was written to a reaction and to the server's log. Whether it answered what was asked, and the calls to
    /// the client by the bytes of their ids.
    pub fn put(
        &self,
        asked: &mut Asked,
        names: &mut Names,
        log: &mut Vec<ServerEntry>,
        called: &mut BTreeMap<String, u32>,
    ) -> (Option<Outcome>, Vec<(String, String)>) {
        let mut outcome = None;
        let mut calls = Vec::new();
        let mut parts = self.parts.iter();
        while let Some(part) = parts.next() {
            let action = match part {
                Part::Frame(frame) if is_frame(Some(part), &usage_of(asked)) => {
                    match reason(asked, parts.as_slice().first()) {
                        Some(reason) => {
                            parts.next();
                            outcome = Some(Outcome::Answered(reason));
                            Action::Answer(reason)
                        }
                        None => as_it_is(asked, names, frame, &mut outcome),
                    }
                }
                Part::Frame(frame) => {
                    if let Some(update) = plain_update(asked, frame) {
                        said(asked, names, log, update)
                    } else if let Some(answer) = plain_answer(asked, names, frame) {
                        outcome = Some(answer.1);
                        match answer.0 {
                            Some(action) => action,
                            None => continue,
                        }
                    } else if let Some((id, call)) = plain_call(asked, names, called, frame) {
                        calls.push((id, call.name.clone()));
                        log.push(called_entry(asked, &call));
                        Action::Call(call)
                    } else {
                        as_it_is(asked, names, frame, &mut outcome)
                    }
                }
                Part::Raw(Bytes::Text(text)) => Action::Raw(Raw::Text(names.text(text))),
                Part::Raw(Bytes::Hex(hex)) => Action::Raw(Raw::Hex(hex.clone())),
                Part::Split(at) => Action::Split(Cut { at: *at }),
                Part::CloseOutput => Action::CloseOutput,
                Part::Exit(code) => Action::Exit(*code),
            };
            log.extend(ended(asked, &action));
            asked.actions.push(action);
        }
        (outcome, calls)
    }
}

fn usage_of(asked: &Asked) -> Box<RawValue> {
    match usage(&asked.session) {
        Part::Frame(frame) => frame,
        _ => RawValue::NULL.to_owned(),
    }
}

/// Why a prompt ended, if this is how an `answer` says it.
fn reason(asked: &Asked, part: Option<&Part>) -> Option<StopReason> {
    let id = asked.id.as_ref().filter(|_| asked.in_turn())?;
    let says =
        |reason: &StopReason| is_frame(part, &frame::result(id, json!({ "stopReason": word(reason) })));
    REASONS.into_iter().find(says)
}

/// What an action of its own says, if the frame is what it writes.
fn plain_update(asked: &Asked, frame: &RawValue) -> Option<Update> {
    let params = head(frame)?.params;
    let told = &params["update"];
    let text = || Some(told["content"]["text"].as_str()?.to_owned());
    let says = match told["sessionUpdate"].as_str()? {
        "agent_message_chunk" => Update::Text(text()?),
        "agent_thought_chunk" => Update::Thought(text()?),
        "tool_call" | "tool_call_update" => {
            let id = told["toolCallId"].as_str()?.to_owned();
            let first = !asked.cards.contains(&id);
            let status = serde_json::from_value(told["status"].clone()).ok()?;
            Update::Tool { id, status, first }
        }
        _ => return None,
    };
    matches!(update(&asked.session, says.clone()), Part::Frame(own) if own.get() == frame.get())
        .then_some(says)
}

fn said(asked: &mut Asked, names: &mut Names, log: &mut Vec<ServerEntry>, update: Update) -> Action {
    let (process, session) = (asked.process, asked.session.clone());
    let (entry, action) = match update {
        Update::Text(text) => {
            let text = names.text(&text);
            (ServerEntry::Said { process, session, text: text.clone() }, Action::Say(text))
        }
        Update::Thought(text) => {
            let text = names.text(&text);
            (ServerEntry::Thought { process, session, text: text.clone() }, Action::Think(text))
        }
        Update::Tool { id, status, .. } => {
            let tool = crate::scenario::ToolUpdate { id: names.tool(&id), status };
            if !asked.cards.contains(&id) {
                asked.cards.push(id);
            }
            (ServerEntry::Tool { process, session, id: tool.id.clone(), status }, Action::Tool(tool))
        }
    };
    log.push(entry);
    action
}

/// The entry that the end of a turn has in the log.
fn ended(asked: &Asked, action: &Action) -> Option<ServerEntry> {
    let (process, session, text) = (asked.process, asked.session.clone(), asked.text()?.to_owned());
    match action {
        Action::Answer(reason) => Some(ServerEntry::Answered { process, session, text, reason: *reason }),
        Action::Fail(message) => {
            Some(ServerEntry::Failed { process, session, text, message: message.clone() })
        }
        _ => None,
    }
}

/// An error as `fail` writes it, or what a request is always answered with, for which there is no action.
fn plain_answer(asked: &Asked, names: &mut Names, frame: &RawValue) -> Option<(Option<Action>, Outcome)> {
    let id = asked.id.as_ref().filter(|_| asked.outcome == Outcome::Open)?;
    let value: Value = serde_json::from_str(frame.get()).ok()?;
    let method = match &asked.on {
        Trigger::Load => Some("session/load"),
        Trigger::Request(method) => Some(method.as_str()),
        _ => None,
    };
    let result = method.map(|method| always(method, &asked.session));
    if result.is_some_and(|result| frame::result(id, result).get() == frame.get()) {
        return Some((None, Outcome::Answered(StopReason::EndTurn)));
    }
    let message = value["error"]["message"].as_str()?;
    let fails =
        frame::error(Some(id), code(method.unwrap_or("session/prompt")), message).get() == frame.get();
    fails.then(|| (Some(Action::Fail(names.text(message))), Outcome::Failed))
}

fn called_entry(asked: &Asked, call: &CallClient) -> ServerEntry {
    let (name, method) = (call.name.clone(), call.method.clone());
    ServerEntry::Called { process: asked.process, session: asked.session.clone(), name, method }
}

/// A call to the client, with the bytes of its id. No two of a scenario have one name.
fn plain_call(
    asked: &Asked,
    names: &mut Names,
    called: &mut BTreeMap<String, u32>,
    frame: &RawValue,
) -> Option<(String, CallClient)> {
    let Head { id, method, params } = head(frame)?;
    let (id, method) = (id?, method?);
    let own: String = serde_json::from_str(id.get()).ok()?;
    let Value::Object(members) = &params else { return None };
    if frame::request(&id, &method, params.clone()).get() != frame.get() {
        return None;
    }
    let base = own.split_once('#').map_or(&*own, |(base, _)| base);
    let times = called.entry(base.to_owned()).or_default();
    *times += 1;
    let name = if *times == 1 { base.to_owned() } else { format!("{base}-{times}") };
    Some((id.get().to_owned(), CallClient { name, method, params: names.message(members, &asked.session) }))
}

/// A frame that no other action writes.
fn as_it_is(asked: &Asked, names: &mut Names, frame: &RawValue, outcome: &mut Option<Outcome>) -> Action {
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(frame.get()) else {
        return Action::Raw(Raw::Text(format!("{}\n", frame.get())));
    };
    let Message(mut message) = names.message(&members, &asked.session);
    let id = head(frame).filter(|head| head.method.is_none()).and_then(|head| head.id);
    let is_own = asked.id.as_ref().zip(id).is_some_and(|(own, id)| own.get() == id.get());
    if is_own && asked.outcome == Outcome::Open {
        message.insert("id".to_owned(), REQUEST.into());
    }
    let message = Message(message);
    if message.answers_request() {
        *outcome = Some(Outcome::Settled);
    }
    Action::Frame(message)
}

/// What a step did to the reading of messages, which writes nothing, from what it did in words.
pub(crate) fn reading(did: &str) -> Vec<Action> {
    let mut in_text = false;
    let mut escaped = false;
    let outside = |char: &char| {
        let inside = in_text;
        match (*char, escaped) {
            (_, true) => escaped = false,
            ('\\', false) if in_text => escaped = true,
            ('"', false) => in_text = !in_text,
            _ => {}
        }
        !inside
    };
    let words: String = did.chars().filter(outside).collect();
    let action = |word: &str| match word {
        "stop reading" => Some(Action::StopReading),
        "resume reading" => Some(Action::ResumeReading),
        _ => None,
    };
    words.split(", ").filter_map(action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_not_what_is_done() {
        assert_eq!(reading("say \"a, stop reading, \\\", stop reading\", answer end_turn"), []);
        assert_eq!(
            reading("stop reading, say \"x\", resume reading"),
            [Action::StopReading, Action::ResumeReading]
        );
    }
}
