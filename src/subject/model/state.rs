//! The conversation's state: event log, status and the agent's own notes, under one reentrant FIFO lock.
//!
//! Stands for `ConversationState` (`sdk/conversation/state.py`). `agent_state` is replaced as a whole, as there, and
//! is touched by `init_state` without the lock, so its reads and writes are visible operations.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::engine::kernel::{Cell, FifoGuard, FifoLock, GuardedCell, anchor, words};
use crate::engine::trace::Anchor;
use crate::observation::{EVENT_LOG, Event, Resource};
use crate::terms::{EventKind, Status};

/// The id of a user message: its text, which is unique in a scenario.
pub type MessageId = Rc<str>;

/// The id of a tool call that an LLM has asked for.
pub type ActionId = Rc<str>;

/// What a step of an agent that talks to an LLM finds in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Found {
    /// The tool calls that have no answer yet, which go first.
    pub(super) pending: Vec<ActionId>,
    /// What the user said last.
    pub(super) message: Option<MessageId>,
    /// The tool call whose answer is the newest of what the LLM is shown.
    pub(super) tool_result: Option<ActionId>,
}

/// What the ACP agent keeps in the state between runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AgentState {
    /// The session to load after a restart (`acp_session_id`).
    pub session_id: Option<Rc<str>>,
    /// Whether that session has the system suffix (`acp_suffix_installed`).
    pub suffix_installed: bool,
    /// The cursor: the last message whose prompt was completed (`ACP_LAST_PROMPT_USER_MESSAGE_ID`).
    pub last_prompt: Option<MessageId>,
    /// The message whose prompt is in flight (`ACP_INFLIGHT_PROMPT_USER_MESSAGE_ID`).
    pub inflight_prompt: Option<MessageId>,
    /// Whether the prompt in flight is to be replaced (`ACP_SUPERSEDE_INFLIGHT_PROMPT`).
    pub supersede_inflight: bool,
}

/// The state of a conversation.
#[derive(Clone)]
pub struct ConversationState {
    lock: FifoLock,
    /// The status.
    pub execution_status: GuardedCell<Status>,
    /// The event log.
    pub events: GuardedCell<Vec<Event>>,
    /// The agent's own notes.
    pub agent_state: Cell<AgentState>,
    /// Told of each change of the status (`set_on_state_change`).
    on_state_change: Rc<RefCell<Option<StatusCallback>>>,
}

type StatusCallback = Rc<dyn Fn(Status)>;

impl ConversationState {
    /// An empty conversation. `unlocked_writers` says that somebody writes the log or the status without the lock
    /// while its owner waits, as the portal and the workers do when the loop holds the lock across a step.
    #[must_use]
    pub fn create(unlocked_writers: bool) -> Self {
        let lock = FifoLock::new(Resource::StateLock.name());
        Self {
            execution_status: GuardedCell::new("status", &lock, Status::Idle, unlocked_writers),
            events: GuardedCell::new("events", &lock, Vec::new(), unlocked_writers),
            agent_state: Cell::new("agent_state", AgentState::default()),
            lock,
            on_state_change: Rc::default(),
        }
    }

    /// Sets what is told of each change of the status.
    pub fn set_on_state_change(&self, callback: impl Fn(Status) + 'static) {
        *self.on_state_change.borrow_mut() = Some(Rc::new(callback));
    }

    /// Whether somebody is told of each change, and the log with him.
    pub(super) fn tells_of_changes(&self) -> bool {
        self.on_state_change.borrow().is_some()
    }

    /// `with state:`
    pub fn lock(&self) -> FifoGuard {
        self.lock.lock()
    }

    /// The status, as the owner of the lock sees it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.execution_status.read(|status| *status)
    }

    /// Writes the status, as the owner of the lock.
    pub fn set_status(&self, status: Status) {
        let changed = self.execution_status.read(|old| *old != status);
        let said = words(|| crate::terms::word(&status));
        self.execution_status.write("write", said, |old| *old = status);
        let callback = self.on_state_change.borrow().clone();
        if let (true, Some(callback)) = (changed, callback) {
            callback(status);
        }
    }

    /// Appends an event, as the owner of the lock.
    pub fn append(&self, event: Event) {
        let said = words(|| crate::terms::word(&event.kind) + " " + &event.text);
        let index = self.events.write("append", said, |events| {
            events.push(event);
            events.len() - 1
        });
        anchor(Anchor { log: EVENT_LOG, entry: index });
    }

    /// Whether the conversation was begun before, as the owner of the lock sees it. A system prompt is among the first events.
    #[must_use]
    pub(super) fn has_system_prompt(&self) -> bool {
        self.events.read(|events| events.iter().any(|event| event.kind == EventKind::SystemPrompt))
    }

    /// The user messages in the log, oldest first, as the owner of the lock sees them.
    #[must_use]
    pub fn prompt_messages(&self) -> Vec<MessageId> {
        self.events.read(|events| user_messages(events))
    }

    /// What a step finds in the log, as the owner of the lock sees it: nobody writes it between one look and the next.
    #[must_use]
    pub(super) fn found_by_step(&self) -> Found {
        self.events.read(|events| Found {
            pending: unmatched_actions(events),
            message: user_messages(events).pop(),
            tool_result: newest_tool_result(events),
        })
    }

    /// The tool calls that have no answer, as the owner of the lock sees them (`get_unmatched_actions`).
    #[must_use]
    pub fn unmatched_actions(&self) -> Vec<ActionId> {
        self.events.read(|events| unmatched_actions(events))
    }

    /// The tool calls that have no answer, read without the lock.
    #[must_use]
    pub fn unmatched_actions_unlocked(&self) -> Vec<ActionId> {
        self.events.read_unlocked(|events| unmatched_actions(events))
    }

    /// How many events there are, and the newest user message, as the owner of the lock sees them.
    #[must_use]
    pub fn count_and_newest(&self) -> (usize, Option<MessageId>) {
        self.events.read(|events| (events.len(), user_messages(events).pop()))
    }

    /// Whether a user message waits for its turn, as the owner of the lock sees it: the cursor is not there yet, or,
    /// where there is none, no agent has answered since it was said, be it with tool calls.
    #[must_use]
    pub fn waits(&self, message: &MessageId) -> bool {
        let cursor = self.agent_state.get().last_prompt;
        self.events.read(|events| {
            let place = |wanted: &str| {
                let is = |event: &Event| event.kind == EventKind::UserMessage && event.text == wanted;
                events.iter().position(is)
            };
            let taken_to = match &cursor {
                Some(cursor) => place(cursor),
                None => {
                    let answers = |event: &Event| matches!(event.kind, EventKind::Finish | EventKind::Action);
                    events.iter().rposition(answers)
                }
            };
            place(message).is_some_and(|place| taken_to.is_none_or(|taken| taken < place))
        })
    }

    /// The newest user message, read without the lock.
    #[must_use]
    pub fn newest_message_unlocked(&self) -> Option<MessageId> {
        self.events.read_unlocked(|events| user_messages(events).pop())
    }
}

/// `ConversationState.get_unmatched_actions`
pub(super) fn unmatched_actions(events: &[Event]) -> Vec<ActionId> {
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    let mut unmatched = Vec::new();
    for event in events.iter().rev() {
        if answers(event.kind) {
            answered.insert(&event.text);
        } else if event.kind == EventKind::Action && !answered.contains(event.text.as_str()) {
            unmatched.insert(0, event.text.as_str().into());
        }
    }
    unmatched
}

/// Whether it is the answer to a tool call (`ObservationBaseEvent`).
fn answers(kind: EventKind) -> bool {
    matches!(kind, EventKind::Observation | EventKind::Rejection | EventKind::AgentError)
}

/// The tool call whose answer is the newest of the events that an LLM is shown.
fn newest_tool_result(events: &[Event]) -> Option<ActionId> {
    let is_shown = |event: &&Event| {
        answers(event.kind)
            || matches!(event.kind, EventKind::UserMessage | EventKind::Finish | EventKind::Action)
    };
    let newest = events.iter().rev().find(is_shown)?;
    answers(newest.kind).then(|| newest.text.as_str().into())
}

fn user_messages(events: &[Event]) -> Vec<MessageId> {
    let messages = events.iter().filter(|event| event.kind == EventKind::UserMessage);
    messages.map(|event| event.text.as_str().into()).collect()
}
