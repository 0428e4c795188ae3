//! Agents that talk to an LLM: one with a native `astep`, and one that has only a synchronous `step`.
//!
//! They stand for `Agent` (`sdk/agent/agent.py`) and for a custom `AgentBase` without `astep`. A turn is one completion;
//! both hold the state lock throughout, on purpose: their caller does. A condenser has an LLM of its own, which sums up
//! the conversation before each turn. What becomes of the tool calls in an answer is said in `tool_calls`. `UsageCount` stands
//! for `ConversationStats` (`sdk/conversation/conversation_stats.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::asyncio::{EventLoop, Exception, Future, Result, concurrent};
use crate::engine::kernel::{Local, OrderedCell, thread};
use crate::mock_server::{ClientMessage, Completion, LLM, ServerMessage, Update};
use crate::observation::Place;
use crate::terms::{EventKind, Status, ThreadRole, ToolCall};

use super::acp_agent::{Turn, event, not_started, system_prompt_event};
use super::bridge::OnEvent;
use super::connection::Sink;
use super::conversation::LocalConversation;
use super::decision::CondenserUsage;
use super::state::{ActionId, ConversationState, Found};

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
    requests: OrderedCell<u64>,
    /// The condenser, if there is one: what its LLM registers as.
    condenser: Option<CondenserUsage>,
    /// Whether it asks before it acts (`confirmation_policy` of the state).
    pub(super) confirmation: bool,
    usage: OrderedCell<UsageCount>,
    /// The tool calls that switch the LLM.
    pub(super) switches: OrderedCell<BTreeSet<ActionId>>,
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

/// What a completion says: its text, and the tool calls that it asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Answer {
    text: String,
    calls: Vec<AskedFor>,
}

impl Answer {
    /// Adds a tool call, or the next piece of one.
    fn add(&mut self, piece: ToolCall) {
        let known = self.calls.iter_mut().find(|call| *call.id == *piece.id);
        match known {
            Some(call) => call.arguments += &piece.arguments,
            None => {
                self.calls.push(AskedFor {
                    id: piece.id.as_str().into(),
                    name: piece.name.as_deref().unwrap_or_default().into(),
                    arguments: piece.arguments,
                });
            }
        }
    }
}

/// A tool call that a completion asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AskedFor {
    pub(super) id: ActionId,
    pub(super) name: Rc<str>,
    pub(super) arguments: String,
}

/// The end of a completion, or what went wrong.
type Completed = std::result::Result<Answer, String>;

impl LlmAgent {
    /// An agent that talks to this LLM, whose condenser, if it has one, registers so, and that asks before it acts, or
    /// does not.
    #[must_use]
    pub fn new(llm: Rc<dyn Llm>, condenser: Option<CondenserUsage>, confirmation: bool) -> Self {
        let (requests, usage) =
            (OrderedCell::new("llm requests", 0), OrderedCell::new("usage", UsageCount::new()));
        let switches = OrderedCell::new("switches", BTreeSet::new());
        Self { llm, requests, condenser, confirmation, usage, switches }
    }

    /// Begins the conversation, with the system prompt; one that is taken up again has it already.
    pub fn init_state(state: &ConversationState, on_event: &OnEvent) {
        let _place = thread::place("init state");
        if !state.has_system_prompt() {
            on_event(system_prompt_event());
        }
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
    pub async fn astep(&self, conversation: &LocalConversation, turn: &Turn) -> Result<()> {
        let _place = thread::place(Place::AsyncStep);
        let state = conversation.state();
        let event_loop = turn.event_loop.as_ref().ok_or_else(not_started)?;
        let Found { pending, message, tool_result } = state.found_by_step();
        if !pending.is_empty() {
            return self.aexecute_actions(conversation, turn, event_loop, pending).await;
        }
        let Some(message) = message else { return finish_without_message(state) };
        if self.condenser.is_some() {
            let _waiting = thread::place_waiting_for("condense", ThreadRole::Server.name());
            self.acompletion(event_loop, Which::Condensers, CONDENSE, None).await?.map_err(llm_error)?;
            self.count(Which::Condensers);
        }
        let waiting = thread::place_waiting_for(format!("completion {message:?}"), ThreadRole::Server.name());
        let answer = self.acompletion(event_loop, Which::Agents, &message, tool_result).await?;
        let answer = self.take(answer)?;
        if answer.calls.is_empty() {
            finish(state, turn, &answer.text);
            return Ok(());
        }
        drop(waiting);
        self.ahandle_tool_calls(conversation, turn, event_loop, &answer.calls).await
    }

    fn acompletion(
        &self,
        event_loop: &EventLoop,
        which: Which,
        message: &str,
        tool_result: Option<ActionId>,
    ) -> Future<Completed> {
        let answer = event_loop.future();
        let (resolved, on_loop) = (answer.clone(), event_loop.clone());
        let said = Local::new(Answer::default());
        self.request(which, message, tool_result, move |frames| {
            let label = frames.clone();
            let (resolved, said) = (resolved.clone(), said.clone());
            on_loop.feed(label, move || {
                if let Some(end) = take_in(&said, frames)
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
    pub fn step(&self, conversation: &LocalConversation, turn: &Turn) -> Result<()> {
        let _place = thread::place(Place::Step);
        let state = conversation.state();
        let Found { pending, message, tool_result } = state.found_by_step();
        if !pending.is_empty() {
            self.execute_actions(conversation, turn, &pending);
            return Ok(());
        }
        let Some(message) = message else { return finish_without_message(state) };
        let answer: concurrent::Future<Completed> = concurrent::Future::new("completion");
        let (resolved, said) = (answer.clone(), Local::new(Answer::default()));
        let _waiting =
            thread::place_waiting_for(format!("completion {message:?}"), ThreadRole::Server.name());
        self.request(Which::Agents, &message, tool_result, move |frames| {
            if let Some(end) = take_in(&said, frames) {
                resolved.set_result(end);
            }
        });
        let answer = answer.result_blocking()?;
        let answer = self.take(answer)?;
        if answer.calls.is_empty() {
            finish(state, turn, &answer.text);
        } else {
            self.handle_tool_calls(conversation, turn, &answer.calls);
        }
        Ok(())
    }

    /// An answer has come, or an error.
    fn take(&self, answer: Completed) -> Result<Answer> {
        let answer = answer.map_err(llm_error)?;
        self.count(Which::Agents);
        Ok(answer)
    }

    fn request(
        &self,
        which: Which,
        message: &str,
        tool_result: Option<ActionId>,
        sink: impl Fn(Vec<ServerMessage>) + 'static,
    ) {
        let request = self.requests.get();
        self.requests.set(request + 1);
        let text = message.to_owned();
        let asked = match tool_result {
            Some(id) => ClientMessage::Completion(Completion {
                request,
                session: LLM,
                text,
                tool_result: Some(id.to_string()),
                conversation: String::new(),
            }),
            None => {
                let session = which.line().to_owned();
                ClientMessage::Prompt { request, session, text, suffix: false }
            }
        };
        self.llm.complete(asked, Rc::new(move |output| sink(output.frames)));
    }
}

/// `_handle_content_response`: an answer without tool calls ends the turn.
fn finish(state: &ConversationState, turn: &Turn, text: &str) {
    (turn.on_event)(event(EventKind::Finish, text));
    state.set_status(Status::Finished);
}

/// Adds up the chunks of a completion; its end, if it is there.
fn take_in(said: &Local<Answer>, frames: Vec<ServerMessage>) -> Option<Completed> {
    let mut end = None;
    for frame in frames {
        match frame {
            ServerMessage::Update { update: Update::Text(chunk), .. } => {
                said.update(|said| said.text.push_str(&chunk));
            }
            ServerMessage::ToolCall { call, .. } => said.update(|said| said.add(call)),
            ServerMessage::PromptAnswered { .. } => end = Some(Ok(said.get())),
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
