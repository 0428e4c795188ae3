//! What several rules read out of the logs: the turns of the server's log, the messages and the cards of the event log.

use crate::observation::{CallKind, Observations, ServerEntry};
use crate::scenario::{EventKind, Status, StopReason, ToolStatus};

/// One prompt that the server read, and what became of it. Places count the server's log from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn<'a> {
    pub process: u32,
    pub session: &'a str,
    pub text: &'a str,
    /// Where it was read.
    pub read: usize,
    /// Where it was answered, and how.
    pub answer: Option<(usize, Answer)>,
    /// Where its process was ended.
    pub ended: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Reason(StopReason),
    Error,
}

impl Turn<'_> {
    /// Whether it was under way at this place of the server's log.
    pub fn is_under_way(&self, place: usize) -> bool {
        let end = self.answer.map(|(place, _)| place).or(self.ended);
        self.read < place && end.is_none_or(|end| place < end)
    }

    /// Where it was answered other than with an error or `cancelled`, if it was: the agent has dealt with the message,
    /// whether it was done, refused, or had no tokens left.
    pub fn completed(&self) -> Option<usize> {
        match self.answer {
            Some((place, Answer::Reason(reason))) if reason != StopReason::Cancelled => Some(place),
            _ => None,
        }
    }

    pub fn same_session(&self, other: &Turn<'_>) -> bool {
        self.process == other.process && self.session == other.session
    }

    /// Whether this entry of the server's log is a cancel of the turn's session.
    pub fn is_cancelled_by(&self, entry: &ServerEntry) -> bool {
        matches!(entry, ServerEntry::Cancel { process, session }
            if *process == self.process && session == self.session)
    }
}

/// The turns in the order in which their prompts were read. An answer belongs to the oldest open turn of its text.
pub(super) fn turns(seen: &Observations) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (place, entry) in seen.server.iter().enumerate() {
        match entry {
            ServerEntry::Prompt { process, session, text } => {
                turns.push(Turn { process: *process, session, text, read: place, answer: None, ended: None });
            }
            ServerEntry::Answered { process, session, text, reason } => {
                answer(&mut turns, (*process, session, text), (place, Answer::Reason(*reason)));
            }
            ServerEntry::Failed { process, session, text, .. } => {
                answer(&mut turns, (*process, session, text), (place, Answer::Error));
            }
            ServerEntry::Ended { process } => {
                turns
                    .iter_mut()
                    .filter(|turn| turn.process == *process)
                    .for_each(|turn| turn.ended = Some(place));
            }
            _ => {}
        }
    }
    turns
}

fn answer(turns: &mut [Turn<'_>], asked: (u32, &str, &str), answer: (usize, Answer)) {
    let open = turns
        .iter_mut()
        .find(|turn| turn.answer.is_none() && (turn.process, turn.session, turn.text) == asked);
    if let Some(turn) = open {
        turn.answer = Some(answer);
    }
}

/// Whether the turn is under way and was not cancelled.
pub(super) fn is_left_alone(turn: &Turn<'_>, seen: &Observations) -> bool {
    turn.answer.is_none()
        && turn.ended.is_none()
        && !seen.server[turn.read..].iter().any(|entry| turn.is_cancelled_by(entry))
}

/// Whether a user has closed the conversation.
pub(super) fn has_closed(seen: &Observations) -> bool {
    seen.calls.values().flatten().any(|call| call.call == CallKind::Close)
}

/// Whether the log has a pause at this place or behind it.
pub(super) fn is_paused_since(seen: &Observations, place: usize) -> bool {
    seen.events.iter().skip(place).any(|event| event.kind == EventKind::Pause)
}

/// Whether the conversation is paused and its last turn goes on: then its run is still on.
pub(super) fn is_paused_in_turn(turns: &[Turn<'_>], seen: &Observations) -> bool {
    seen.end.status == Status::Paused && turns.last().is_some_and(|turn| is_left_alone(turn, seen))
}

/// The updates that the server sends in a session whose prompts it has all answered: nobody can say whose they are, for
/// the client may take them in during the next turn there.
pub(super) fn late_updates<'a>(seen: &'a Observations) -> Vec<&'a ServerEntry> {
    let turns = turns(seen);
    let is_late = |(place, entry): &(usize, &'a ServerEntry)| {
        let (ServerEntry::Said { process, session, .. } | ServerEntry::Tool { process, session, .. }) = entry
        else {
            return false;
        };
        let is_there =
            |turn: &&Turn<'_>| turn.read < *place && (turn.process, turn.session) == (*process, session);
        let mut before = turns.iter().filter(is_there).peekable();
        before.peek().is_some() && before.all(|turn| turn.answer.is_some_and(|(answer, _)| answer < *place))
    };
    seen.server.iter().enumerate().filter(is_late).map(|(_, entry)| entry).collect()
}

/// The user messages in the order of the event log: place, counted from 0, and text.
pub(super) fn messages(seen: &Observations) -> Vec<(usize, &str)> {
    let events = seen.events.iter().enumerate();
    events
        .filter(|(_, event)| event.kind == EventKind::UserMessage)
        .map(|(place, event)| (place, event.text.as_str()))
        .collect()
}

/// Whether every answer that ends a turn well was recorded. One may be lost: its process was given up before it was taken
/// in. A turn that was cancelled has no finish event.
pub(super) fn all_recorded(seen: &Observations, turns: &[Turn<'_>]) -> bool {
    finishes(seen).len() >= turns.iter().filter(|turn| turn.completed().is_some()).count()
}

/// The places of the finish events.
pub(super) fn finishes(seen: &Observations) -> Vec<usize> {
    let events = seen.events.iter().enumerate();
    events.filter(|(_, event)| event.kind == EventKind::Finish).map(|(place, _)| place).collect()
}

/// One event of a card. A *stretch* of the event log ends with the event that ends a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CardEvent<'a> {
    /// Its place in the event log, counted from 0.
    pub event: usize,
    /// The stretch it is in, counted from 0.
    pub stretch: usize,
    pub id: &'a str,
    pub status: ToolStatus,
}

/// Whether the event ends a turn: its result, the message of its failure, an interrupt, an error.
pub(super) fn ends_turn(kind: EventKind) -> bool {
    matches!(kind, EventKind::Finish | EventKind::AgentMessage | EventKind::Interrupt | EventKind::Error)
}

/// The events of all cards in the order of the event log.
pub(super) fn card_events(seen: &Observations) -> Vec<CardEvent<'_>> {
    let mut stretch = 0;
    let mut cards = Vec::new();
    for (event, logged) in seen.events.iter().enumerate() {
        if let Some(status) = logged.tool {
            cards.push(CardEvent { event, stretch, id: &logged.text, status });
        }
        stretch += usize::from(ends_turn(logged.kind));
    }
    cards
}
