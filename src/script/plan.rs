//! What the scenario says the server does: which reaction a message has, and its actions one by one.
//!
//! Never changes while a scenario runs. It must not know what was done so far.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::observation::ServerEntry;
use crate::scenario::{Action, FrameSeen, Method, Reaction, StopReason, Trigger, word};

/// The reactions of a scenario and, after them, the one for prompts that have none.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    reactions: Arc<[Reaction]>,
}

/// The plan is the same in all states of one exploration, so a state's digest can do without.
impl Hash for Plan {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Plan {
    pub(super) fn new(reactions: &[Reaction]) -> Self {
        let default = Reaction { on: Trigger::AnyPrompt, actions: vec![Action::Answer(StopReason::EndTurn)] };
        Self { reactions: reactions.iter().cloned().chain([default]).collect() }
    }

    /// The reaction to a prompt: one for its text goes before one for any prompt, wherever they stand.
    pub(super) fn on_prompt(&self, text: &str) -> usize {
        let own = self.position(|on| matches!(on, Trigger::Prompt(wanted) if wanted == text));
        let any = || self.position(|on| *on == Trigger::AnyPrompt);
        own.or_else(any).unwrap_or(self.reactions.len() - 1)
    }

    pub(super) fn on_cancel(&self) -> Option<usize> {
        self.position(|on| *on == Trigger::Cancel)
    }

    pub(super) fn on_load(&self) -> Option<usize> {
        self.position(|on| *on == Trigger::Load)
    }

    /// An action of a reaction; none after its last.
    pub(super) fn action(&self, reaction: usize, at: usize) -> Option<&Action> {
        self.reactions[reaction].actions.get(at)
    }

    fn position(&self, wanted: impl Fn(&Trigger) -> bool) -> Option<usize> {
        self.reactions.iter().position(|reaction| wanted(&reaction.on))
    }
}

/// An action in words; none for a wait, which is nothing that the server does.
pub(super) fn describe(action: &Action) -> Option<String> {
    match action {
        Action::Say(text) => Some(format!("say {text:?}")),
        Action::Think(text) => Some(format!("think {text:?}")),
        Action::Tool(tool) => Some(format!("tool {:?} {}", tool.id, word(&tool.status))),
        Action::Wait(_) => None,
        Action::Open(gate) => Some(format!("open {gate:?}")),
        Action::Answer(reason) => Some(format!("answer {}", word(reason))),
        Action::Fail(message) => Some(format!("fail {message:?}")),
        Action::StopReading => Some("stop reading".to_owned()),
    }
}

/// Whether the entry is the reading of such a frame.
pub(super) fn is_frame(entry: &ServerEntry, frame: &FrameSeen) -> bool {
    match entry {
        ServerEntry::Initialize { .. } => frame.method == Method::Initialize,
        ServerEntry::New { .. } => frame.method == Method::New,
        ServerEntry::Load { .. } => frame.method == Method::Load,
        ServerEntry::Prompt { text, .. } => {
            frame.method == Method::Prompt && frame.text.as_ref().is_none_or(|wanted| wanted == text)
        }
        ServerEntry::Cancel { .. } => frame.method == Method::Cancel,
        _ => false,
    }
}
