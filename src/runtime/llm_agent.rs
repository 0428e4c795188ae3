//! Agents that talk to an LLM: one with a native `astep`, and one that has only a synchronous `step`.
//!
//! They stand for `Agent` (`sdk/agent/agent.py`) and for a custom `AgentBase` without `astep`. A turn is one completion;
//! both hold the state lock throughout, on purpose: their caller does. A condenser has an LLM of its own, which sums up
//! the conversation before each turn. `UsageCount` stands for `ConversationStats` (`sdk/conversation/conversation_stats.py`).

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::asyncio::{EventLoop, Exception, Future, Result, concurrent};
use crate::kernel::{Local, Ordered, thread};
use crate::scenario::{EventKind, Status};
use crate::script::{ClientMessage, ServerMessage, Update};

use super::acp_agent::{Turn, event, not_started, system_prompt_event};
use super::bridge::OnEvent;
use super::connection::Sink;
use super::decision::CondenserUsage;
use super::state::ConversationState;

/// The LLM's end of the line.
pub trait Llm {
    /// Asks for a completion whose chunks and end go to `sink`.
    fn complete(&self, request: ClientMessage, sink: Sink);
}

/// How many completions were counted under each usage id.
pub type UsageCount = BTreeMap<String, u32>;

/// An agent that talks to an LLM.
#[derive(Clone)]
pub struct LlmAgent {
    llm: Rc<dyn Llm>,
    /// The number of the next request.
    requests: Ordered<u64>,
    /// The condenser, if there is one: what its LLM registers as.
    condenser: Option<CondenserUsage>,
    usage: Ordered<UsageCount>,
}

/// One of the LLMs of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Agents,
    Condensers,
}

impl Which {
    /// The line on which it is asked.
    fn line(self) -> &'static str {
        match self {
            Self::Agents => "llm",
            Self::Condensers => "condenser",
        }
    }
}

/// What a condenser asks its LLM for.
const CONDENSE: &str = "condense";

/// The end of a completion: its text, or what went wrong.
type Completion = std::result::Result<String, String>;

impl LlmAgent {
    /// An agent that talks to this LLM, and whose condenser, if it has one, registers so.
    #[must_use]
    pub fn new(llm: Rc<dyn Llm>, condenser: Option<CondenserUsage>) -> Self {
        let (requests, usage) = (Ordered::new("llm requests", 0), Ordered::new("usage", UsageCount::new()));
        Self { llm, requests, condenser, usage }
    }

    /// Begins the conversation, with the system prompt.
    pub fn init_state(on_event: &OnEvent) {
        let _place = thread::place("init state");
        on_event(system_prompt_event());
    }

    /// What was counted, when the execution is over.
    #[must_use]
    pub fn inspect_usage(&self) -> UsageCount {
        self.usage.inspect(Clone::clone)
    }

    /// A completion has come back.
    fn count(&self, which: Which) {
        let usage_id = match (which, self.condenser) {
            (Which::Condensers, Some(CondenserUsage::Own)) => "condenser",
            _ => "default",
        };
        let mut usage = self.usage.get();
        *usage.entry(usage_id.to_owned()).or_default() += 1;
        self.usage.set(usage);
    }

    /// A turn on the caller's loop, which goes on meanwhile.
    ///
    /// # Errors
    ///
    /// `Cancelled` if the caller was; an error of the LLM.
    pub async fn astep(&self, state: &ConversationState, turn: &Turn) -> Result<()> {
        let _place = thread::place("astep");
        let event_loop = turn.event_loop.as_ref().ok_or_else(not_started)?;
        let Some(message) = state.prompt_messages().pop() else { return finish_without_message(state) };
        if self.condenser.is_some() {
            let _waiting = thread::place_waiting_for("condense", "server");
            self.acompletion(event_loop, Which::Condensers, CONDENSE).await?.map_err(llm_error)?;
            self.count(Which::Condensers);
        }
        let _waiting = thread::place_waiting_for(format!("completion {message:?}"), "server");
        let answer = self.acompletion(event_loop, Which::Agents, &message).await?;
        self.finish(state, turn, answer)
    }

    fn acompletion(&self, event_loop: &EventLoop, which: Which, message: &str) -> Future<Completion> {
        let answer = event_loop.future();
        let (resolved, on_loop) = (answer.clone(), event_loop.clone());
        let text = Local::new(String::new());
        self.request(which, message, move |frames| {
            let label = frames.clone();
            let (resolved, text) = (resolved.clone(), text.clone());
            on_loop.feed(label, move || {
                if let Some(end) = take_in(&text, frames)
                    && !resolved.done()
                {
                    resolved.set_result(end);
                }
            });
        });
        answer
    }

    /// A turn that blocks the caller's thread.
    ///
    /// # Errors
    ///
    /// An error of the LLM.
    pub fn step(&self, state: &ConversationState, turn: &Turn) -> Result<()> {
        let _place = thread::place("step");
        let Some(message) = state.prompt_messages().pop() else { return finish_without_message(state) };
        let answer: concurrent::Future<Completion> = concurrent::Future::new("completion");
        let (resolved, text) = (answer.clone(), Local::new(String::new()));
        let _waiting = thread::place_waiting_for(format!("completion {message:?}"), "server");
        self.request(Which::Agents, &message, move |frames| {
            if let Some(end) = take_in(&text, frames) {
                resolved.set_result(end);
            }
        });
        let answer = answer.result_blocking()?;
        self.finish(state, turn, answer)
    }

    fn finish(&self, state: &ConversationState, turn: &Turn, answer: Completion) -> Result<()> {
        let text = answer.map_err(llm_error)?;
        self.count(Which::Agents);
        (turn.on_event)(event(EventKind::Finish, &text));
        state.set_status(Status::Finished);
        Ok(())
    }

    fn request(&self, which: Which, message: &str, sink: impl Fn(Vec<ServerMessage>) + 'static) {
        let request = self.requests.get();
        self.requests.set(request + 1);
        let (session, text) = (which.line().to_owned(), message.to_owned());
        let prompt = ClientMessage::Prompt { request, session, text, suffix: false };
        self.llm.complete(prompt, Rc::new(move |output| sink(output.frames)));
    }
}

/// Adds up the chunks of a completion; its end, if it is there.
fn take_in(text: &Local<String>, frames: Vec<ServerMessage>) -> Option<Completion> {
    let mut end = None;
    for frame in frames {
        match frame {
            ServerMessage::Update { update: Update::Text(chunk), .. } => {
                text.update(|text| text.push_str(&chunk));
            }
            ServerMessage::PromptAnswered { .. } => end = Some(Ok(text.get())),
            ServerMessage::PromptFailed { message, .. } => end = Some(Err(message)),
            _ => {}
        }
    }
    end
}

fn llm_error(message: String) -> Exception {
    Exception::Error { kind: "LLMError".to_owned(), message }
}

fn finish_without_message(state: &ConversationState) -> Result<()> {
    state.set_status(Status::Finished);
    Ok(())
}
