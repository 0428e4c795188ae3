//! What the client asked, and what the script did about it.

use crate::scenario::{Action, Trigger};
use crate::terms::StopReason;
use crate::wire::frame::Id;

/// What came of something that the client asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing yet, or ever.
    Open,
    /// It was answered.
    Answered(StopReason),
    /// It was answered with an error.
    Failed,
    /// A frame of the script's own has answered it; what the script does about it may go on.
    Settled,
}

/// Something that the client asked, or the start of a process, with what the script did about it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The message, in the words of a reaction.
    pub on: Trigger,
    /// The session; empty where there is none.
    pub session: String,
    /// The process of the server that was asked.
    pub process: u32,
    /// What the script did, in order.
    pub actions: Vec<Action>,
    /// What came of it.
    pub outcome: Outcome,
    /// For a prompt: how many with this text there were, with it.
    pub count: u32,
    /// For a prompt: the place among the cancels, from 1, of the one that it got.
    pub cancel: Option<u32>,
    /// For a prompt: whether the client prompted again in its session, without a cancel and before there was an answer.
    pub given_up: bool,
    /// For a prompt: whether the client prompted again in its session after a cancel and before there was an answer.
    pub undrained: bool,
    /// The id of the request.
    pub id: Option<Id>,
    /// The tool calls that the client knows of.
    pub cards: Vec<String>,
    /// The entry of the log that says whether a load went well.
    pub load: Option<usize>,
    /// The last thing that had happened when the script last did something about it.
    pub known: usize,
}

impl Asked {
    /// For a prompt: its text.
    pub fn text(&self) -> Option<&str> {
        match &self.on {
            Trigger::Prompt(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the turn ended as turns end when nobody interferes.
    pub fn is_complete(&self) -> bool {
        !self.given_up && matches!(self.outcome, Outcome::Answered(reason) if reason != StopReason::Cancelled)
    }

    /// Whether the client stopped the turn.
    pub fn is_stopped(&self) -> bool {
        self.cancel.is_some() || self.given_up
    }

    /// Whether a turn is in flight.
    pub fn in_turn(&self) -> bool {
        self.text().is_some() && self.outcome == Outcome::Open
    }
}
