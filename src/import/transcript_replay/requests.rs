//! What the client wrote: requests, prompts, cancels, answers to calls.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Moment, Story, nth, number};
use crate::import::asked::Asked;
use crate::observation::ServerEntry;
use crate::scenario::{
    Action, FrameSeen, Happening, INITIALIZE, Method, NEW_SESSION, ReplyKind, ReplySeen, SET_MODEL, Trigger,
};
use crate::wire::frame;
use crate::wire::frame::{Id, Incoming};
use crate::wire::session::texts;

impl Story {
    pub(crate) fn read(&mut self, json: &RawValue) {
        match frame::read(json) {
            Ok(Incoming::Request { id, method, params }) => self.request(id, &method, &params),
            Ok(Incoming::Notification { method, params }) => {
                if let ("session/cancel", Some(session)) = (&*method, params["sessionId"].as_str()) {
                    self.cancel(session);
                }
            }
            Ok(Incoming::Response { id, kind }) => self.reply(&id, kind),
            // It was refused, as it would be again.
            Err(_) => {}
        }
    }

    fn request(&mut self, id: Id, method: &str, params: &Value) {
        let session = params["sessionId"].as_str().unwrap_or_default().to_owned();
        let process = self.process;
        if let Some(folder) = params["cwd"].as_str() {
            self.names.folder(folder);
        }
        let session = match method {
            "session/prompt" if params["prompt"].is_array() && self.has_session(&session) => {
                return self.prompt(id, session, params);
            }
            "session/prompt" => return,
            "session/load" if params["sessionId"].is_string() => {
                self.log.push(ServerEntry::Load { process, session: session.clone(), loaded: false });
                self.saw(Method::Load, None);
                if self.has_session(&session) {
                    let at = self.ask(Trigger::Load, session, Some(id));
                    self.asked[at].load = Some(self.log.len() - 1);
                }
                return;
            }
            INITIALIZE => {
                self.log.push(ServerEntry::Initialize { process });
                self.saw(Method::Initialize, None);
                session
            }
            NEW_SESSION => {
                self.sessions += 1;
                let session = format!("s{}", self.sessions);
                self.conversations.insert(session.clone(), self.opened);
                self.opened += 1;
                self.log.push(ServerEntry::New { process, session: session.clone() });
                self.saw(Method::New, None);
                session
            }
            SET_MODEL => {
                self.set_model(&session, params["modelId"].as_str().unwrap_or_default());
                session
            }
            _ => session,
        };
        self.ask(Trigger::Request(method.to_owned()), session, Some(id));
    }

    fn has_session(&self, session: &str) -> bool {
        (1..=self.sessions).any(|number| format!("s{number}") == session)
    }

    fn prompt(&mut self, id: Id, session: String, params: &Value) {
        let texts = texts(&params["prompt"]);
        let text = self.message(texts.first().copied().unwrap_or_default());
        let process = self.process;
        self.give_up(&session);
        self.drain_ran_out(&session);
        self.log.push(ServerEntry::Prompt { process, session: session.clone(), text: text.clone() });
        if texts.len() > 1 {
            self.suffix = true;
            self.log.push(ServerEntry::Suffix { process, session: session.clone() });
        }
        let count = self.saw(Method::Prompt, Some(&text));
        let at = self.ask(Trigger::Prompt(text), session, Some(id));
        self.asked[at].count = count;
        self.moments.push(Moment::Prompt(at));
    }

    /// Somebody switched the model, unless the client gives a session that it has just loaded the model that it had.
    fn set_model(&mut self, session: &str, model: &str) {
        let before = match self.in_flight(session) {
            Some(turn) => Some(self.place_in(turn)),
            None => self.happened.last().cloned(),
        };
        let is_loaded = matches!(self.log.last(), Some(ServerEntry::Load { .. }));
        let model = model.to_owned();
        self.log.push(ServerEntry::SetModel {
            process: self.process,
            session: session.to_owned(),
            model: model.clone(),
        });
        self.saw(Method::SetModel, None);
        if !is_loaded {
            self.moments.push(Moment::Switched(model, before));
        }
    }

    /// Whoever prompts again while a cancelled prompt has no answer has waited for it in vain.
    fn drain_ran_out(&mut self, session: &str) {
        for at in &self.running {
            let asked = &mut self.asked[*at];
            asked.undrained |= asked.session == session && asked.in_turn() && asked.cancel.is_some();
        }
    }

    /// Whoever prompts again while there is no answer has given the turn up: nobody told the server, but somebody stopped it.
    fn give_up(&mut self, session: &str) {
        let Some(turn) = self.in_flight(session) else { return };
        let before = self.place_in(turn);
        let text = self.asked[turn].text().unwrap_or_default();
        self.notes.push(format!(
            "the prompt {text:?} was given up without a cancel; the file has a stop there, which `fixed` tells the server"
        ));
        self.asked[turn].given_up = true;
        self.moments.push(Moment::Stop(before));
    }

    /// The name of the message with this text. A text whose turn came to its end was sent again, unless actors told
    /// that it was not.
    fn message(&mut self, text: &str) -> String {
        let name = self.names.text(text);
        let known = self.messages.entry(text.to_owned()).or_default();
        let told = self.sends.as_ref().map(|sends| sends.get(text).copied().unwrap_or(1));
        let again = match known.last() {
            None => true,
            Some(last) => {
                let mut turns = self.asked.iter().rev().filter(|asked| asked.text() == Some(last));
                let complete = turns.next().is_some_and(Asked::is_complete);
                complete && told.is_none_or(|told| known.len() < told as usize)
            }
        };
        if again {
            let number = number(known.len() + 1);
            let name = nth(&name, number);
            if number > 1 {
                self.notes.push(format!("the message {text:?} was sent again; it is called {name:?}"));
            }
            known.push(name);
        }
        known.last().cloned().unwrap_or_default()
    }

    /// Takes note of a frame; how many of them there were, with it.
    fn saw(&mut self, method: Method, text: Option<&str>) -> u32 {
        let same = |happening: &&Happening| match happening {
            Happening::Frame(frame) => frame.method == method && frame.text.as_deref() == text,
            _ => false,
        };
        let count = number(self.happened.iter().filter(same).count() + 1);
        let frame = FrameSeen { method, text: text.map(str::to_owned), count };
        self.happened.push(Happening::Frame(frame));
        count
    }

    fn cancel(&mut self, session: &str) {
        let turn = self.in_flight(session);
        let before = match turn {
            Some(turn) => self.place_in(turn),
            None => self.happened.last().cloned().unwrap_or(Happening::Frame(initialize())),
        };
        self.moments.push(Moment::Stop(before));
        self.log.push(ServerEntry::Cancel { process: self.process, session: session.to_owned() });
        self.cancels = self.saw(Method::Cancel, None);
        if let Some(turn) = turn {
            self.asked[turn].cancel = Some(self.cancels);
        }
    }

    /// The first turn in a session that has no answer and that the client has not stopped.
    fn in_flight(&self, session: &str) -> Option<usize> {
        self.running.iter().copied().find(|at| {
            let asked = &self.asked[*at];
            asked.in_turn() && asked.session == session && !asked.is_stopped()
        })
    }

    /// The point that a turn has come to, as something that others can wait for: its prompt, or a gate behind what the
    /// script has done.
    pub(crate) fn place_in(&mut self, turn: usize) -> Happening {
        let number = turn + 1;
        let (earlier, later) = self.asked.split_at_mut(turn);
        let asked = &mut later[0];
        // A reaction that plays for an earlier prompt as well has no gates for this one.
        let is_played_again = earlier.iter().any(|other| {
            (&other.on, &other.session, other.process) == (&asked.on, &asked.session, asked.process)
        });
        match (asked.text(), asked.actions.last().filter(|_| !is_played_again)) {
            (Some(text), None) => Happening::Frame(FrameSeen {
                method: Method::Prompt,
                text: Some(text.to_owned()),
                count: asked.count,
            }),
            (_, Some(Action::Open(gate))) => Happening::Gate(gate.clone()),
            (_, _) => {
                let begun = asked.actions.iter().filter(|action| matches!(action, Action::Open(_))).count();
                let mut gate = format!("turn-{number}-{}", begun + 1);
                while self.gates.contains(&gate) {
                    gate.push('x');
                }
                asked.actions.push(Action::Open(gate.clone()));
                self.places.insert(gate.clone());
                Happening::Gate(gate)
            }
        }
    }

    fn reply(&mut self, id: &Id, kind: ReplyKind) {
        if let Some(to) = self.calls.remove(id.get()) {
            self.log.push(ServerEntry::Replied { process: self.process, name: to.clone(), kind });
            self.happened.push(Happening::Reply(ReplySeen { to, with: Some(kind) }));
        }
    }
}

fn initialize() -> FrameSeen {
    FrameSeen { method: Method::Initialize, text: None, count: 1 }
}
