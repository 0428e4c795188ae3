//! Agents that talk to an LLM: one with a native `astep`, and one that has only a synchronous `step`.
//!
//! They stand for `Agent` (`sdk/agent/agent.py`) and for a custom `AgentBase` without `astep`. A turn is one completion;
//! both hold the state lock throughout, on purpose: their caller does.

use std::rc::Rc;

use crate::asyncio::{EventLoop, Exception, Future, Result, concurrent};
use crate::kernel::{Local, Ordered, thread};
use crate::scenario::{EventKind, Status};
use crate::script::{ClientMessage, ServerMessage, Update};

use super::acp_agent::{Turn, event, not_started};
use super::connection::Sink;
use super::state::{ConversationState, MessageId};

/// The LLM's end of the line.
pub trait Llm {
    /// Asks for a completion whose chunks and end go to `sink`.
    fn complete(&self, request: ClientMessage, sink: Sink);
}

/// An agent that talks to an LLM.
#[derive(Clone)]
pub struct LlmAgent {
    llm: Rc<dyn Llm>,
    /// The number of the next request.
    requests: Ordered<u64>,
}

/// The end of a completion: its text, or what went wrong.
type Completion = std::result::Result<String, String>;

impl LlmAgent {
    /// An agent that talks to this LLM.
    #[must_use]
    pub fn new(llm: Rc<dyn Llm>) -> Self {
        Self { llm, requests: Ordered::new("llm requests", 0) }
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
        let _waiting = thread::place_waiting_for(format!("completion {message:?}"), "server");
        let answer = self.acompletion(event_loop, &message).await?;
        finish(state, turn, answer)
    }

    fn acompletion(&self, event_loop: &EventLoop, message: &MessageId) -> Future<Completion> {
        let answer = event_loop.future();
        let (resolved, on_loop) = (answer.clone(), event_loop.clone());
        let text = Local::new(String::new());
        self.request(message, move |frames| {
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
        self.request(&message, move |frames| {
            if let Some(end) = take_in(&text, frames) {
                resolved.set_result(end);
            }
        });
        let answer = answer.result_blocking()?;
        finish(state, turn, answer)
    }

    fn request(&self, message: &MessageId, sink: impl Fn(Vec<ServerMessage>) + 'static) {
        let request = self.requests.get();
        self.requests.set(request + 1);
        let (session, text) = ("llm".to_owned(), message.to_string());
        let prompt = ClientMessage::Prompt { request, session, text, suffix: false };
        self.llm.complete(prompt, Rc::new(sink));
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

fn finish(state: &ConversationState, turn: &Turn, answer: Completion) -> Result<()> {
    match answer {
        Ok(text) => {
            (turn.on_event)(event(EventKind::Finish, &text));
            state.set_status(Status::Finished);
            Ok(())
        }
        Err(message) => Err(Exception::Error { kind: "LLMError".to_owned(), message }),
    }
}

fn finish_without_message(state: &ConversationState) -> Result<()> {
    state.set_status(Status::Finished);
    Ok(())
}
