//! A live session that takes a step when it is told to: for a searcher, to which each step of the server is a choice.
//!
//! Lines wait to be read, and nothing is done by itself. What the script needs of the conversation (statuses, events) the other side
//! tells as truth values.

use std::collections::VecDeque;

use super::LiveSession;
use crate::mock_server::{Choice, ClientMessage, ServerEntry};
use crate::scenario::{FrameSeen, Happening, Scenario};
use crate::wire::acp::Write;
use crate::wire::completion;
use crate::wire::frame;
use crate::wire::lines::Line;
use crate::wire::reply::Deed;
use crate::wire::transcript::Transcript;

/// What a step of the server did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stepped {
    /// What was done, in words.
    pub(crate) label: String,
    /// What leaves the process, one write after another; of a completion, what its connection gets.
    pub(crate) writes: Vec<Write>,
    /// The completion that the writes are for; none if they are the agent's.
    pub(crate) completion: Option<u64>,
}

/// A live session, step by step.
pub(crate) struct SteppedSession {
    session: LiveSession,
    /// Lines of the client that the server has not read.
    unread: VecDeque<Vec<u8>>,
    /// Completions whose answers are not complete.
    open: Vec<u64>,
}

impl SteppedSession {
    /// The server of a scenario, before any process of it began.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let session = LiveSession::new(scenario, Transcript::nowhere());
        Self { session, unread: VecDeque::new(), open: Vec::new() }
    }

    /// A process begins.
    pub(crate) fn start(&mut self) {
        self.unread.clear();
        self.session.begin_process();
    }

    /// The process is ended from outside: what it has not read is lost.
    pub(crate) fn kill(&mut self) {
        self.unread.clear();
        self.session.script.receive(ClientMessage::Ended);
    }

    /// The client has written this line.
    pub(crate) fn line(&mut self, line: &str) {
        if !self.session.script.has_ended() {
            self.unread.push_back(line.trim_end_matches(['\r', '\n']).as_bytes().to_vec());
        }
    }

    /// The client asks the LLM for a completion: its number, or why the body is none.
    pub(crate) fn complete(&mut self, body: &str) -> Result<u64, String> {
        let json = completion::json(body.as_bytes())?;
        let asked = completion::read(&json)?;
        let request = self.session.read_completion(0, &json, asked).map_err(|error| error.to_string())?;
        self.open.push(request);
        Ok(request)
    }

    /// An actor opens a gate.
    pub(crate) fn open_gate(&mut self, gate: &str) {
        self.session.script.open_gate(gate);
    }

    /// Which of these conditions hold from now on.
    pub(crate) fn happened(&mut self, conditions: Vec<(Happening, bool)>) {
        self.session.told.conditions = conditions;
    }

    /// In how many ways the server can go on.
    pub(crate) fn choices(&self) -> usize {
        self.possible().len()
    }

    fn possible(&self) -> Vec<Choice> {
        let told = &self.session.told;
        let mut choices = self.session.script.choices(&|happening| told.holds(happening));
        choices.retain(|choice| *choice != Choice::Read);
        let can_read = !self.unread.is_empty() && self.session.script.is_reading();
        choices.into_iter().chain(can_read.then_some(Choice::Read)).collect()
    }

    /// Takes the step of this number; none if there is no such choice.
    pub(crate) fn take(&mut self, which: usize) -> Option<Stepped> {
        let choice = *self.possible().get(which)?;
        self.session.did.clear();
        // A transcript that is written nowhere cannot fail.
        let done = match choice {
            Choice::Advance(index) => self.session.advance(index),
            Choice::Read => self.read(),
        };
        done.ok()?;
        let mut stepped = Stepped { label: std::mem::take(&mut self.session.did), ..Stepped::default() };
        stepped.writes.extend(std::iter::from_fn(|| self.session.next_write()));
        self.take_deeds(&mut stepped);
        Some(stepped)
    }

    fn read(&mut self) -> super::Done {
        let line = self.unread.pop_front().unwrap_or_default();
        match frame::json(&line) {
            Ok(json) => self.session.read_frame(json),
            Err(_) => self.session.read(Line::Whole(line)),
        }
    }

    /// What the step has answered to a completion.
    fn take_deeds(&mut self, stepped: &mut Stepped) {
        let Some(at) = self.open.iter().position(|request| self.session.has_deeds(*request)) else { return };
        let request = self.open[at];
        stepped.completion = Some(request);
        while let Some(deed) = self.session.next_deed(request) {
            let is_last = !matches!(deed, Deed::Bytes(_) | Deed::CloseOutput);
            stepped.writes.push(match deed {
                Deed::Bytes(bytes) => Write::Bytes(bytes),
                Deed::CloseOutput | Deed::End | Deed::HangUp | Deed::Reset => Write::Close,
                Deed::Exit(code) => Write::Exit(code),
            });
            self.session.deed_done();
            if is_last {
                self.open.remove(at);
                return;
            }
        }
    }

    /// The gates that are open, of these.
    pub(crate) fn is_open(&self, gate: &str) -> bool {
        self.session.script.gate_is_open(gate)
    }

    /// How many such frames were read, whatever count is asked for.
    pub(crate) fn frames_read(&self, frame: &FrameSeen) -> usize {
        self.session.script.frames_read(frame)
    }

    /// What the server read and wrote.
    pub(crate) fn log(&self) -> &[ServerEntry] {
        self.session.script.log()
    }

    /// Whether the server reads what is written to it.
    pub(crate) fn is_reading(&self) -> bool {
        self.session.script.is_reading()
    }
}
