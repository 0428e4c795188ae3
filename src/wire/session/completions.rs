//! The LLM's half of a live session: completions that are asked for, and the deeds of the writers that answer them.

use serde_json::value::RawValue;

use super::{Done, LiveSession, MOST_WAITING};
use crate::mock_server::{CONDENSER, ClientMessage, Completion, LLM, Step};
use crate::wire::completion::Asked;
use crate::wire::reply::Deed;
use crate::wire::transcript::{Bytes, End, TranscriptError, What};

impl LiveSession {
    /// Takes in a request for a completion; its number. None if the process has ended.
    pub(crate) fn ask(
        &mut self,
        connection: u64,
        body: &RawValue,
        asked: Asked,
    ) -> Result<Option<u64>, TranscriptError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let request = self.read_completion(connection, body, asked)?;
        self.go_on()?;
        Ok(Some(request))
    }

    /// Lets the script read a request for a completion.
    pub(crate) fn read_completion(
        &mut self,
        connection: u64,
        body: &RawValue,
        asked: Asked,
    ) -> Result<u64, TranscriptError> {
        let request = self.number();
        self.note(What::Ask { connection, request, body: body.to_owned() })?;
        let Asked { model, text, tool_result, conversation, .. } = asked.clone();
        let session = if self.has_condenser && model == CONDENSER { CONDENSER } else { LLM };
        self.replies.begin(request, connection, asked);
        let completion = Completion { request, session, text, tool_result, conversation };
        self.perform(ClientMessage::Completion(completion), Some(request))?;
        Ok(request)
    }

    /// Takes down something on a connection of HTTP that is no completion.
    pub(crate) fn note_http(&mut self, connection: u64, note: String, bytes: Option<Bytes>) -> Done {
        self.note(What::Http { connection, note, bytes })
    }

    /// The client of a request sends nothing more.
    pub(crate) fn hung_up(&mut self, request: u64) -> Done {
        match self.replies.hung_up(request) {
            Some(connection) => self.note_http(connection, "the client hung up".to_owned(), None),
            None => Ok(()),
        }
    }

    /// Nobody reads the answer to a request any more.
    pub(crate) fn gone(&mut self, request: u64) -> Done {
        match self.replies.gone(request) {
            Some(code) => self.end(End::Exit(code)),
            None => Ok(()),
        }
    }

    /// Writes what a step of the script answers to a completion.
    pub(crate) fn reply(&mut self, request: u64, reaction: Option<usize>, did: String, step: Step) -> Done {
        let parts = self.replies.parts(request, step);
        let deeds = self.replies.deeds(request, &parts);
        if reaction.is_some() || !parts.is_empty() {
            self.note(What::Reply { request, reaction, did, writes: parts })?;
        }
        match self.replies.write(request, deeds) {
            Some(code) => self.end(End::Exit(code)),
            None => Ok(()),
        }
    }

    /// Whether a request for a completion may be taken in now.
    pub(crate) fn wants_completion(&self) -> bool {
        let reading = self.has_agent || self.script.is_reading();
        self.end.is_none() && reading && self.replies.waiting() < MOST_WAITING
    }

    /// What the writer of this request does next.
    pub(crate) fn next_deed(&mut self, request: u64) -> Option<Deed> {
        self.replies.next(request)
    }

    /// What a writer did is done, well or not.
    pub(crate) fn deed_done(&mut self) {
        self.replies.done();
    }

    /// Whether the writer of this request has something to do.
    pub(crate) fn has_deeds(&self, request: u64) -> bool {
        self.replies.has_deeds(request)
    }

    /// Whether the writer of this request will have nothing more to do: the process has ended, or the script has no more
    /// to say and the client does not wait for it.
    pub(crate) fn is_idle(&self, request: u64) -> bool {
        self.end.is_some() || (self.replies.has_hung_up(request) && !self.script.works_on(request))
    }

    /// Whether the answer to some completion still has to leave.
    pub(crate) fn has_replies(&self) -> bool {
        self.replies.has_output()
    }
}
