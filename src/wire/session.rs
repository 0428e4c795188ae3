//! Where everything that happens to a live server comes together, one thing after another: the script, the pipe's
//! state, the answers of the LLM, the transcript.

mod completions;
mod stepped;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use serde_json::value::RawValue;

use super::acp::{Pipe, Write, courtesy, writes};
use super::completion;
use super::frame;
use super::frame::{INVALID_PARAMS, INVALID_REQUEST, Id, Incoming, METHOD_NOT_FOUND, Refusal};
use super::lines::Line;
use super::replies::Replies;
use super::transcript::{By, Bytes, End, Entry, Part, ToldEvent, Transcript, TranscriptError, What};
pub(crate) use stepped::{Stepped, SteppedSession};

use crate::mock_server::{Choice, ClientMessage, Script, Step};
use crate::scenario::{
    AgentKind, EventKind, Happening, INITIALIZE, NEW_SESSION, ReplyKind, SET_MODEL, Scenario, Status,
};

/// How many bytes may wait for a client that does not read before its own frames wait too.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// What actors told of the things that the server cannot see.
#[derive(Debug, Default)]
struct Told {
    status: Option<Status>,
    /// How many events of a kind, and how many of a kind with this text.
    events: BTreeMap<(EventKind, Option<String>), u32>,
    /// What the caller has looked up itself, which goes before what was told.
    conditions: Vec<(Happening, bool)>,
}

impl Told {
    fn holds(&self, happening: &Happening) -> bool {
        if let Some((_, holds)) = self.conditions.iter().find(|(condition, _)| condition == happening) {
            return *holds;
        }
        match happening {
            Happening::Status(wanted) => self.status == Some(*wanted),
            Happening::Event(wanted) => {
                let count = self.events.get(&(wanted.kind, wanted.text.clone()));
                count.copied().unwrap_or(0) >= wanted.count
            }
            // The script knows these itself.
            Happening::Gate(_) | Happening::Frame(_) | Happening::Reply(_) => false,
        }
    }
}

/// The state of a live server.
pub(crate) struct LiveSession {
    script: Script,
    told: Told,
    /// Whether there is an agent on a pipe. Without one the script is that of the LLM.
    has_agent: bool,
    /// Whether the agent has a condenser, whose LLM is told by the model that it asks for.
    has_condenser: bool,
    pipe: Pipe,
    replies: Replies,
    /// The number of the next request.
    next_request: u64,
    transcript: Transcript,
    /// Whether what is done was done before, by an earlier process.
    replaying: bool,
    outbox: VecDeque<Write>,
    waiting: usize,
    end: Option<End>,
    /// What the last step did, in words.
    did: String,
}

/// What came of a try to do something.
type Done = Result<(), TranscriptError>;

impl LiveSession {
    /// The server of a scenario, before any process of it began.
    pub(crate) fn new(scenario: &Scenario, transcript: Transcript) -> Self {
        let script = Script::new(&scenario.server, &scenario.gates);
        let has_agent = scenario.agent.kind == AgentKind::Acp;
        Self {
            script: if has_agent { script.beside_llm(&scenario.llm) } else { script },
            told: Told::default(),
            has_agent,
            has_condenser: scenario.agent.condenser,
            pipe: Pipe::default(),
            replies: Replies::default(),
            next_request: 0,
            transcript,
            replaying: false,
            outbox: VecDeque::new(),
            waiting: 0,
            end: None,
            did: String::new(),
        }
    }

    /// The same server without the log of its script, which only those read who judge a session.
    pub(crate) fn without_log(mut self) -> Self {
        self.script = self.script.without_log();
        self
    }

    /// Does again what a transcript tells, so that the next process goes on where the last one stopped.
    pub(crate) fn replay(&mut self, entries: &[Entry]) -> Done {
        self.replaying = true;
        for entry in entries {
            match &entry.what {
                What::Begin { .. } => self.begin_process(),
                What::Read { frame, .. } => self.read_frame(frame)?,
                What::Ask { connection, body, .. } => {
                    if let Ok(asked) = completion::read(body) {
                        self.read_completion(*connection, body, asked)?;
                    }
                }
                What::Step { reaction: Some(index), .. } | What::Reply { reaction: Some(index), .. } => {
                    self.advance(*index)?;
                }
                What::Open { gate, by: By::Control } => self.script.open_gate(gate),
                What::Tell { status, event } => self.learn(*status, event.clone()),
                // What the script opened, it opens again; the rest changes nothing.
                What::Open { by: By::Server, .. }
                | What::Step { reaction: None, .. }
                | What::Reply { reaction: None, .. }
                | What::Http { .. }
                | What::Garbage { .. }
                | What::Call { .. }
                | What::End { .. } => {}
            }
        }
        self.outbox.clear();
        self.waiting = 0;
        self.replies.all_gone();
        self.replaying = false;
        Ok(())
    }

    /// A process begins, the first one or the next.
    pub(crate) fn begin(&mut self, scenario: &str, digest: &str, times: bool) -> Done {
        self.transcript.begin_process(times);
        self.note(What::Begin { scenario: scenario.to_owned(), digest: digest.to_owned() })?;
        self.begin_process();
        self.go_on()
    }

    fn begin_process(&mut self) {
        if !self.has_agent {
            // An LLM goes on with what it was asked, though nobody reads it any more.
            self.replies.all_gone();
            return;
        }
        self.replies.clear();
        self.script.receive(ClientMessage::Ended);
        self.script.receive(ClientMessage::Started);
        self.pipe = Pipe::default();
        self.outbox.clear();
        self.waiting = 0;
    }

    /// Takes in a line from the client.
    pub(crate) fn read(&mut self, line: Line) -> Done {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong(length) => {
                let why = format!("the line has {length} bytes, and {} are the most", super::lines::LONGEST);
                return self.refuse(b"", Refusal { code: INVALID_REQUEST, why, id: None });
            }
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            return self.note(What::Garbage { bytes: Bytes::from(&*line), why: "an empty line".to_owned() });
        }
        match frame::json(&line) {
            Ok(json) => {
                self.read_frame(json)?;
                self.go_on()
            }
            Err(refusal) => self.refuse(&line, refusal),
        }
    }

    /// The client closed its end of the server's input, maybe in the middle of a line.
    pub(crate) fn input_ended(&mut self, rest: Option<Line>) -> Done {
        match rest {
            Some(Line::Whole(rest)) => {
                let why = "the input ended before the line did".to_owned();
                self.note(What::Garbage { bytes: Bytes::from(&*rest), why })?;
            }
            Some(Line::TooLong(_)) => {
                let why = "the input ended in a line that is too long".to_owned();
                self.note(What::Garbage { bytes: Bytes::Text(String::new()), why })?;
            }
            None => {}
        }
        self.end(End::InputEnded)
    }

    fn refuse(&mut self, line: &[u8], refusal: Refusal) -> Done {
        self.note(What::Garbage { bytes: Bytes::from(line), why: refusal.why.clone() })?;
        self.answer_error(&refusal)
    }

    fn answer_error(&mut self, refusal: &Refusal) -> Done {
        let id = refusal.id.as_deref().and_then(|id| serde_json::from_str::<Id>(id).ok());
        let answer = frame::error(id.as_deref(), refusal.code, &refusal.why);
        self.write(None, format!("refuse: {}", refusal.why), vec![Part::Frame(answer)])
    }

    fn read_frame(&mut self, json: &RawValue) -> Done {
        let incoming = match frame::read(json) {
            Ok(incoming) => incoming,
            Err(refusal) => {
                self.noted(json, None)?;
                return self.answer_error(&refusal);
            }
        };
        match incoming {
            Incoming::Request { id, method, params } => self.read_request(json, id, &method, &params),
            Incoming::Notification { method, params } => self.read_notification(json, &method, &params),
            Incoming::Response { id, kind } => match self.pipe.answered_call(&id) {
                Some(call) => {
                    self.noted(json, None)?;
                    self.perform(ClientMessage::Reply { call, kind }, None)
                }
                None if id.get() == "null" && kind == ReplyKind::Error => {
                    self.noted(json, Some("an error about what was no frame"))
                }
                None => self.noted(json, Some("an answer to nothing that was asked")),
            },
        }
    }

    fn read_request(&mut self, json: &RawValue, id: Id, method: &str, params: &Value) -> Done {
        let session = params["sessionId"].as_str().map(str::to_owned);
        let in_use = self.pipe.is_open(&id).then_some("the id of a request that is not answered yet");
        let unknown = session.as_ref().is_some_and(|session| !self.script.has_session(session));
        let wrong = match method {
            "session/prompt" if !params["prompt"].is_array() => {
                Some("`prompt` must be a list of content blocks")
            }
            "session/prompt" | "session/load" if session.is_none() => Some("`sessionId` must be a string"),
            "session/prompt" if unknown => Some("there is no such session"),
            _ => None,
        };
        if let Some(why) = wrong {
            self.noted(json, in_use)?;
            let id = Some(id.get().to_owned());
            return self.answer_error(&Refusal { code: INVALID_PARAMS, why: why.to_owned(), id });
        }
        let session = session.unwrap_or_default();
        let policy = match method {
            "session/prompt" if self.script.in_turn(&session) => Some("a second prompt in a turn"),
            _ => in_use,
        };
        self.noted(json, policy)?;
        let request = self.number();
        self.pipe.open(request, id.clone(), method);
        let message = match method {
            "session/prompt" => {
                let texts = texts(&params["prompt"]);
                // What follows the user's text in a block of its own is the system suffix.
                let (text, suffix) = (texts.first().copied().unwrap_or_default().to_owned(), texts.len() > 1);
                ClientMessage::Prompt { request, session, text, suffix }
            }
            INITIALIZE => ClientMessage::Initialize { request },
            NEW_SESSION => ClientMessage::NewSession { request },
            "session/load" => ClientMessage::LoadSession { request, session },
            SET_MODEL => {
                let model = params["modelId"].as_str().unwrap_or_default().to_owned();
                ClientMessage::SetModel { request, session, model }
            }
            _ if self.script.reacts_to(method, &session) => {
                ClientMessage::Request { request, method: method.to_owned(), session }
            }
            _ => return self.answer_courteously(id, method),
        };
        self.perform(message, Some(request))
    }

    /// The number of a new request.
    fn number(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }

    fn answer_courteously(&mut self, id: Id, method: &str) -> Done {
        match courtesy(method) {
            Some(result) => {
                let answer = Part::Frame(frame::result(&id, result));
                self.write(None, format!("answer {method}"), vec![answer])
            }
            None => {
                let why = format!("unknown method {method:?}");
                self.answer_error(&Refusal { code: METHOD_NOT_FOUND, why, id: Some(id.get().to_owned()) })
            }
        }
    }

    fn read_notification(&mut self, json: &RawValue, method: &str, params: &Value) -> Done {
        match (method, params["sessionId"].as_str()) {
            ("session/cancel", Some(session)) => {
                let idle = (!self.script.in_turn(session)).then_some("a cancel without a turn");
                self.noted(json, idle)?;
                self.perform(ClientMessage::Cancel { session: session.to_owned() }, None)
            }
            ("session/cancel", None) => self.noted(json, Some("a cancel of no session")),
            _ => self.noted(json, Some("a notification that the script knows nothing of")),
        }
    }

    /// Lets the script read a message.
    fn perform(&mut self, message: ClientMessage, request: Option<u64>) -> Done {
        self.script.receive(message);
        let told = &self.told;
        let Some(step) = self.script.take(Choice::Read, &|happening| told.holds(happening)) else {
            return Ok(());
        };
        self.carry_out(None, step, request)
    }

    /// Lets the script do all that it can do by itself.
    fn go_on(&mut self) -> Done {
        loop {
            let told = &self.told;
            let choices = self.script.choices(&|happening| told.holds(happening));
            let Some(Choice::Advance(index)) = choices.first().copied() else { return Ok(()) };
            self.advance(index)?;
        }
    }

    fn advance(&mut self, index: usize) -> Done {
        let told = &self.told;
        let completion = self.script.request_of(index).filter(|request| self.replies.is_open(*request));
        match self.script.take(Choice::Advance(index), &|happening| told.holds(happening)) {
            Some(step) => self.carry_out(Some(index), step, completion),
            None => Ok(()),
        }
    }

    fn carry_out(&mut self, reaction: Option<usize>, mut step: Step, request: Option<u64>) -> Done {
        let opened = std::mem::take(&mut step.opened);
        let did = step.label.clone();
        self.did.clone_from(&did);
        match request {
            Some(request) if self.replies.is_open(request) => self.reply(request, reaction, did, step)?,
            _ => {
                let parts = self.pipe.parts(step);
                if reaction.is_some() || !parts.is_empty() {
                    self.write(reaction, did, parts)?;
                }
            }
        }
        for gate in opened {
            self.note(What::Open { gate, by: By::Server })?;
        }
        Ok(())
    }

    fn write(&mut self, reaction: Option<usize>, did: String, parts: Vec<Part>) -> Done {
        let writes = writes(&parts);
        self.note(What::Step { reaction, did, writes: parts })?;
        for write in writes {
            if let Write::Bytes(bytes) = &write {
                self.waiting += bytes.len();
            }
            self.outbox.push_back(write);
        }
        Ok(())
    }

    /// Opens a gate from outside.
    pub(crate) fn open_gate(&mut self, gate: &str) -> Done {
        self.note(What::Open { gate: gate.to_owned(), by: By::Control })?;
        self.script.open_gate(gate);
        self.go_on()
    }

    /// Hears from an actor.
    pub(crate) fn tell(&mut self, status: Option<Status>, event: Option<ToldEvent>) -> Done {
        self.note(What::Tell { status, event: event.clone() })?;
        self.learn(status, event);
        self.go_on()
    }

    fn learn(&mut self, status: Option<Status>, event: Option<ToldEvent>) {
        self.told.status = status.or(self.told.status);
        if let Some(ToldEvent { kind, text }) = event {
            for key in [(kind, None), (kind, Some(text))] {
                *self.told.events.entry(key).or_default() += 1;
            }
        }
    }

    /// Takes down that a call of an actor returned.
    pub(crate) fn returned(&mut self, actor: String, call: String, returned: String) -> Done {
        self.note(What::Call { actor, call, returned })
    }

    /// Ends the process, unless it has ended. What the script wants is done even behind the end of the input.
    pub(crate) fn end(&mut self, why: End) -> Done {
        if self.end.is_some() && !(self.end == Some(End::InputEnded) && matches!(why, End::Exit(_))) {
            return Ok(());
        }
        self.end = Some(why);
        let told = &self.told;
        let waits = self.script.waits(&|happening| told.holds(happening));
        let waits = waits.into_iter().map(crate::terms::word).collect();
        self.note(What::End { why, waits })
    }

    fn noted(&mut self, frame: &RawValue, policy: Option<&str>) -> Done {
        self.note(What::Read { frame: frame.to_owned(), policy: policy.map(str::to_owned) })
    }

    fn note(&mut self, what: What) -> Done {
        if self.replaying { Ok(()) } else { self.transcript.write(what) }
    }

    /// Whether a line of the client's may be taken in now.
    pub(crate) fn wants_input(&self) -> bool {
        self.end.is_none() && self.script.is_reading() && self.waiting < MOST_WAITING
    }

    /// Why the process has ended; none while it goes on.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end
    }

    /// What is to be written next.
    pub(crate) fn next_write(&mut self) -> Option<Write> {
        let write = self.outbox.pop_front()?;
        if let Write::Bytes(bytes) = &write {
            self.waiting -= bytes.len();
        }
        Some(write)
    }

    /// Whether something is to be written.
    pub(crate) fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// How many entries the transcript has.
    pub(crate) fn entries(&self) -> u64 {
        self.transcript.len()
    }

    /// Whether a happening is the case.
    pub(crate) fn holds(&self, happening: &Happening) -> bool {
        self.script.is_the_case(happening, &|happening| self.told.holds(happening))
    }

    /// The script, to be looked at.
    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    /// The transcript as it is in its file; none if there is no file.
    pub(crate) fn log(&self) -> Option<std::io::Result<Vec<u8>>> {
        self.transcript.text()
    }
}

/// The texts of a prompt, block by block; the first is what the user said.
pub(crate) fn texts(prompt: &Value) -> Vec<&str> {
    let blocks = prompt.as_array().into_iter().flatten();
    blocks.filter(|block| block["type"] == "text").filter_map(|block| block["text"].as_str()).collect()
}
