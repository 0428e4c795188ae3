//! What the scenario says the server does: which reaction a message has, and its actions one by one.
//!
//! Never changes while a scenario runs.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::message::Completion;
use crate::scenario::{Action, Reaction, Trigger};
use crate::terms::{StopReason, word};

/// The reactions of a scenario and, after them, the one for prompts that have none.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    reactions: Arc<[Reaction]>,
    /// Where the reactions of an LLM beside an agent begin; without one, `server` is the LLM if anybody asks it.
    llm: Option<usize>,
}

/// The plan is the same in all states of one exploration, so a state's digest can do without.
impl Hash for Plan {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Plan {
    pub(super) fn new(reactions: &[Reaction]) -> Self {
        let default = Reaction {
            on: Trigger::AnyPrompt,
            session: None,
            process: None,
            breaks: Vec::new(),
            actions: vec![Action::Answer(StopReason::EndTurn)],
        };
        Self { reactions: reactions.iter().cloned().chain([default]).collect(), llm: None }
    }

    /// The same plan with an LLM beside the agent.
    pub(super) fn beside_llm(&self, llm: &[Reaction]) -> Self {
        let (own, default) = self.reactions.split_at(self.reactions.len() - 1);
        let reactions = own.iter().chain(llm).chain(default).cloned().collect();
        Self { reactions, llm: Some(own.len()) }
    }

    /// Whether there is an LLM beside the agent.
    pub(super) fn has_llm(&self) -> bool {
        self.llm.is_some()
    }

    /// The reaction to a completion; one for any prompt only where no other one fits. What is said in answer to the
    /// result of a tool is no second answer to the user's message before it.
    pub(super) fn on_completion(&self, completion: &Completion, process: u32) -> usize {
        let fits = |on: &Trigger| match (on, &completion.tool_result) {
            (Trigger::Prompt(wanted), None) => *wanted == completion.text,
            (Trigger::ToolResult(wanted), Some(id)) => wanted == id,
            (Trigger::Conversation(part), _) => completion.conversation.contains(part.as_str()),
            _ => false,
        };
        let of_llm = |wanted: &dyn Fn(&Trigger) -> bool| {
            let reactions = self.reactions.iter().enumerate().skip(self.llm.unwrap_or_default());
            let mut reactions =
                reactions.filter(|(_, reaction)| is_for(reaction, completion.session, process));
            reactions.find(|(_, reaction)| wanted(&reaction.on)).map(|(at, _)| at)
        };
        let any = || of_llm(&|on| *on == Trigger::AnyPrompt);
        of_llm(&fits).or_else(any).unwrap_or(self.reactions.len() - 1)
    }

    /// The reaction to a prompt: one for its text goes before one for any prompt, wherever they stand.
    pub(super) fn on_prompt(&self, text: &str, session: &str, process: u32) -> usize {
        let own =
            self.position(session, process, |on| matches!(on, Trigger::Prompt(wanted) if wanted == text));
        let any = || self.position(session, process, |on| *on == Trigger::AnyPrompt);
        own.or_else(any).unwrap_or(self.reactions.len() - 1)
    }

    pub(super) fn on_cancel(&self, session: &str, process: u32) -> Option<usize> {
        self.position(session, process, |on| *on == Trigger::Cancel)
    }

    pub(super) fn on_load(&self, session: &str, process: u32) -> Option<usize> {
        self.position(session, process, |on| *on == Trigger::Load)
    }

    pub(super) fn on_start(&self, process: u32) -> Option<usize> {
        self.position("", process, |on| *on == Trigger::Start)
    }

    pub(super) fn on_request(&self, method: &str, session: &str, process: u32) -> Option<usize> {
        self.position(session, process, |on| matches!(on, Trigger::Request(wanted) if wanted == method))
    }

    /// An action of a reaction; none after its last.
    pub(super) fn action(&self, reaction: usize, at: usize) -> Option<&Action> {
        self.reactions[reaction].actions.get(at)
    }

    /// The first reaction for such a message of this session in this process.
    fn position(&self, session: &str, process: u32, wanted: impl Fn(&Trigger) -> bool) -> Option<usize> {
        let own = &self.reactions[..self.llm.unwrap_or(self.reactions.len())];
        own.iter().position(|reaction| wanted(&reaction.on) && is_for(reaction, session, process))
    }
}

/// Whether a reaction is for messages of this session in this process.
fn is_for(reaction: &Reaction, session: &str, process: u32) -> bool {
    reaction.session.as_ref().is_none_or(|own| own == session)
        && reaction.process.is_none_or(|own| own == process)
}

/// An action in words; none for a wait or the end of a write, which is nothing that the server does.
pub(super) fn describe(action: &Action) -> Option<String> {
    match action {
        Action::Say(text) => Some(format!("say {text:?}")),
        Action::Think(text) => Some(format!("think {text:?}")),
        Action::Tool(tool) => Some(format!("tool {:?} {}", tool.id, word(&tool.status))),
        Action::Wait(_) | Action::Flush => None,
        Action::Open(gate) => Some(format!("open {gate:?}")),
        Action::Answer(reason) => Some(format!("answer {}", word(reason))),
        Action::Fail(message) => Some(format!("fail {message:?}")),
        Action::Split(cut) => Some(format!("split at {}", cut.at)),
        Action::StopReading => Some("stop reading".to_owned()),
        Action::ResumeReading => Some("resume reading".to_owned()),
        Action::Frame(_) => Some("write a frame".to_owned()),
        Action::Raw(_) => Some("write raw bytes".to_owned()),
        Action::Call(call) => Some(format!("call {} {:?}", call.method, call.name)),
        Action::CloseOutput => Some("close the output".to_owned()),
        Action::Exit(code) => Some(format!("exit {code}")),
        Action::ToolCall(call) => Some(format!("tool call {:?}", call.id)),
        Action::Refuse(refusal) => Some(format!("refuse {}", refusal.status)),
        Action::HangUp => Some("hang up".to_owned()),
        Action::Reset => Some("reset the connection".to_owned()),
    }
}
