//! The answers of the LLM that are not complete, and what of them still has to leave.

use std::collections::{BTreeMap, VecDeque};

use super::completion::Asked;
use super::reply::{Deed, Reply};
use super::transcript::HttpPart;
use crate::mock_server::Step;

/// All answers that are not complete.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    open: BTreeMap<u64, Open>,
    /// How many bytes wait to be written.
    waiting: usize,
    /// How many deeds are being done.
    doing: usize,
}

#[derive(Debug)]
struct Open {
    reply: Reply,
    connection: u64,
    deeds: VecDeque<Deed>,
    /// Whether nobody reads the answer any more.
    gone: bool,
    /// Whether the client said that it sends nothing more.
    hung_up: bool,
}

impl Replies {
    /// A request came in on a connection.
    pub(crate) fn begin(&mut self, request: u64, connection: u64, asked: Asked) {
        let reply = Reply::new(request, asked);
        let open = Open { reply, connection, deeds: VecDeque::new(), gone: false, hung_up: false };
        self.open.insert(request, open);
    }

    /// Whether the answer to this request is not complete.
    pub(crate) fn is_open(&self, request: u64) -> bool {
        self.open.contains_key(&request)
    }

    /// What a step of the script writes in answer to a request.
    pub(crate) fn parts(&mut self, request: u64, step: Step) -> Vec<HttpPart> {
        self.open.get_mut(&request).map(|open| open.reply.parts(step)).unwrap_or_default()
    }

    /// What is done for these parts.
    pub(crate) fn deeds(&mut self, request: u64, parts: &[HttpPart]) -> Vec<Deed> {
        self.open.get_mut(&request).map(|open| open.reply.deeds(parts)).unwrap_or_default()
    }

    /// Lets a writer do this. For whom nobody reads nothing is done, but the process ends all the same: with this exit
    /// code.
    pub(crate) fn write(&mut self, request: u64, deeds: Vec<Deed>) -> Option<u8> {
        let open = self.open.get_mut(&request)?;
        if !open.gone {
            self.waiting += deeds.iter().map(size).sum::<usize>();
            open.deeds.extend(deeds);
            return None;
        }
        if deeds.iter().any(is_last) {
            self.open.remove(&request);
        }
        exit(&deeds)
    }

    /// The next deed of the writer of this request.
    pub(crate) fn next(&mut self, request: u64) -> Option<Deed> {
        let deed = self.open.get_mut(&request)?.deeds.pop_front()?;
        self.waiting -= size(&deed);
        self.doing += 1;
        if is_last(&deed) {
            self.open.remove(&request);
        }
        Some(deed)
    }

    /// A deed is done, well or not.
    pub(crate) fn done(&mut self) {
        self.doing -= 1;
    }

    /// The client sends nothing more on the connection of a request; the connection, if that was not known.
    pub(crate) fn hung_up(&mut self, request: u64) -> Option<u64> {
        let open = self.open.get_mut(&request)?;
        (!std::mem::replace(&mut open.hung_up, true)).then_some(open.connection)
    }

    /// Nobody reads the answer to a request any more. What the script goes on to do is for nobody.
    pub(crate) fn gone(&mut self, request: u64) -> Option<u8> {
        let open = self.open.get_mut(&request)?;
        open.gone = true;
        let deeds: Vec<Deed> = open.deeds.drain(..).collect();
        self.waiting -= deeds.iter().map(size).sum::<usize>();
        if deeds.iter().any(is_last) {
            self.open.remove(&request);
        }
        exit(&deeds)
    }

    /// Nobody reads any of the answers any more.
    pub(crate) fn all_gone(&mut self) {
        for open in self.open.values_mut() {
            open.gone = true;
            open.deeds.clear();
        }
        self.waiting = 0;
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        *self = Self { doing: self.doing, ..Self::default() };
    }

    /// Whether there is a deed to be done for this request.
    pub(crate) fn has_deeds(&self, request: u64) -> bool {
        self.open.get(&request).is_some_and(|open| !open.deeds.is_empty())
    }

    /// Whether the client of this request has said that it sends nothing more.
    pub(crate) fn has_hung_up(&self, request: u64) -> bool {
        self.open.get(&request).is_some_and(|open| open.hung_up)
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether anything is still to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.doing > 0 || self.open.values().any(|open| !open.deeds.is_empty())
    }
}

fn size(deed: &Deed) -> usize {
    match deed {
        Deed::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Whether nothing is written for a request behind this.
fn is_last(deed: &Deed) -> bool {
    matches!(deed, Deed::End | Deed::HangUp | Deed::Reset)
}

fn exit(deeds: &[Deed]) -> Option<u8> {
    deeds.iter().find_map(|deed| match deed {
        Deed::Exit(code) => Some(*code),
        _ => None,
    })
}
