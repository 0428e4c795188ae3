//! The bridge: what the ACP connection calls on the portal thread when a session update comes in.
//!
//! Stands for `_OpenHandsACPBridge` (`sdk/agent/acp_agent.py`). Its callbacks and its list of cards are written by the
//! loop and read by the portal with no lock between them, so each access is a visible operation of its own.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::engine::kernel::Cell;
use crate::mock_server::Update;
use crate::observation::Event;
use crate::terms::{EventKind, ToolStatus};

use super::coverage::{Branch, reach};
use super::state::ConversationState;

/// `on_event`: told of each event of the turn.
pub type OnEvent = Rc<dyn Fn(Event)>;
/// `on_token`: told of each chunk of text.
pub type OnToken = Rc<dyn Fn(&str)>;

/// A callback in an attribute. All that matters of it is whether it is there: every turn wires the same ones.
#[derive(Clone)]
pub struct Wired<C>(pub Option<C>);

impl<C> Hash for Wired<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.is_some().hash(state);
    }
}

impl<C> fmt::Debug for Wired<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "wired" } else { "none" })
    }
}

/// One tool call that the server has told of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Card {
    /// Its id.
    pub tool_call_id: Rc<str>,
    /// Its status.
    pub status: ToolStatus,
}

/// The bridge of one server process.
#[derive(Clone)]
pub struct Bridge {
    /// Text of the turn so far.
    pub accumulated_text: Cell<String>,
    /// The tool calls of the turn so far.
    pub accumulated_tool_calls: Cell<Vec<Card>>,
    /// Where events go; none between turns.
    pub on_event: Cell<Wired<OnEvent>>,
    /// Where chunks go; none between turns.
    pub on_token: Cell<Wired<OnToken>>,
    /// Whose lock a tool update takes before it looks whether the turn is still on (decision `live_update`).
    serialized_by: Option<ConversationState>,
}

impl Bridge {
    /// A bridge with nothing wired.
    #[must_use]
    pub fn new(serialized_by: Option<ConversationState>) -> Self {
        Self {
            serialized_by,
            accumulated_text: Cell::new("text", String::new()),
            accumulated_tool_calls: Cell::new("cards", Vec::new()),
            on_event: Cell::new("on_event", Wired(None)),
            on_token: Cell::new("on_token", Wired(None)),
        }
    }

    /// Forgets the turn before.
    pub fn reset(&self) {
        self.accumulated_text.update("clear", String::clear);
        self.accumulated_tool_calls.update("clear", Vec::clear);
        self.on_token.set(Wired(None));
        self.on_event.set(Wired(None));
    }

    /// A session update, on the portal thread.
    pub fn session_update(&self, update: Update) {
        match update {
            Update::Text(text) => {
                self.accumulated_text.update("append", |all| all.push_str(&text));
                if let Wired(Some(on_token)) = self.on_token.get() {
                    on_token(&text);
                }
            }
            // Thoughts go to the finish event's reasoning, which no observation shows.
            Update::Thought(_) => {}
            Update::Tool { id, status, first } => {
                let _held = self.serialized_by.as_ref().map(ConversationState::lock);
                if self.serialized_by.is_some() && self.on_event.get().0.is_none() {
                    return reach(Branch::LateToolUpdate);
                }
                let id = id.as_str().into();
                if first { self.tool_call_start(id, status) } else { self.tool_call_progress(id, status) }
            }
        }
    }

    fn tool_call_start(&self, tool_call_id: Rc<str>, status: ToolStatus) {
        let card = Card { tool_call_id, status };
        let entry = card.clone();
        self.accumulated_tool_calls.update("append", |cards| cards.push(entry));
        self.emit_tool_call_event(&card);
    }

    /// Merges an update into its card, if there is one; only the first terminal status makes an event.
    fn tool_call_progress(&self, tool_call_id: Rc<str>, status: ToolStatus) {
        let became_terminal = self.accumulated_tool_calls.update("merge", |cards| {
            let Some(card) = cards.iter_mut().find(|card| card.tool_call_id == tool_call_id) else {
                reach(Branch::UnknownCard);
                return false;
            };
            let before = std::mem::replace(&mut card.status, status);
            if before.is_terminal() {
                reach(Branch::CardClosedTwice);
            }
            status.is_terminal() && !before.is_terminal()
        });
        if became_terminal {
            self.emit_tool_call_event(&Card { tool_call_id, status });
        }
    }

    /// The cards that are not closed.
    pub fn open_cards(&self) -> Vec<Card> {
        let cards = self.accumulated_tool_calls.get();
        cards.into_iter().filter(|card| !card.status.is_terminal()).collect()
    }

    /// Emits the event of a card, if events are wired.
    pub fn emit_tool_call_event(&self, card: &Card) {
        if let Wired(Some(on_event)) = self.on_event.get() {
            on_event(tool_call_event(card));
        }
    }
}

/// The event that shows a card.
pub fn tool_call_event(card: &Card) -> Event {
    Event {
        kind: EventKind::ToolCall,
        text: card.tool_call_id.to_string(),
        tool: Some(card.status),
        thread: String::new(),
    }
}
