//! What goes to and comes from the scripted server, stripped of JSON-RPC.

use std::fmt;

use crate::scenario::Message;
use crate::terms::{ReplyKind, StopReason, ToolCall, ToolStatus, word};

/// The session of completions in the server's log.
pub const LLM: &str = "llm";
/// The session of those that a condenser asks for.
pub const CONDENSER: &str = "condenser";

/// What an LLM is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Completion {
    /// The number of the request, repeated in its answer.
    pub request: u64,
    /// The session in the server's log.
    pub session: &'static str,
    /// What the user said last.
    pub text: String,
    /// The tool call whose result is the newest message; none if the newest message is another one.
    pub tool_result: Option<String>,
    /// Everything that was said so far, a line for each message.
    pub conversation: String,
}

/// What the client does to the server: begins or ends its process, or sends it a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientMessage {
    /// A new server process begins. Not read by the server but done to it.
    Started,
    /// The server process was killed. Not read by the server but done to it.
    Ended,
    /// `initialize`.
    Initialize {
        /// The id of the request, repeated in its answer.
        request: u64,
    },
    /// `session/new`.
    NewSession {
        /// The id of the request, repeated in its answer.
        request: u64,
    },
    /// `session/load`.
    LoadSession {
        /// The id of the request, repeated in its answer.
        request: u64,
        /// The session to be loaded.
        session: String,
    },
    /// `session/prompt`.
    Prompt {
        /// The id of the request, repeated in its answer.
        request: u64,
        /// The session.
        session: String,
        /// What the user said.
        text: String,
        /// Whether the system suffix goes with it.
        suffix: bool,
    },
    /// `session/cancel`.
    Cancel {
        /// The session whose turn is to end.
        session: String,
    },
    /// `session/set_model`.
    SetModel {
        /// The id of the request, repeated in its answer.
        request: u64,
        /// The session.
        session: String,
        /// The model that it is to go on with.
        model: String,
    },
    /// Any other request that the script has a reaction to. Only live.
    Request {
        /// The id of the request, repeated in its answer.
        request: u64,
        /// The method.
        method: String,
        /// The session that it names; empty if it names none.
        session: String,
    },
    /// A completion that an LLM is asked for. In the simulator only one that goes on behind the result of a tool call: any
    /// other one is a prompt there.
    Completion(Completion),
    /// The answer to a call of the server's.
    Reply {
        /// The name of the call.
        call: String,
        /// How it was answered.
        kind: ReplyKind,
    },
}

impl fmt::Display for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("start"),
            Self::Ended => f.write_str("end"),
            Self::Initialize { .. } => f.write_str("initialize"),
            Self::NewSession { .. } => f.write_str("session/new"),
            Self::LoadSession { session, .. } => write!(f, "session/load {session}"),
            Self::Prompt { text, suffix: false, .. } => write!(f, "session/prompt {text:?}"),
            Self::Prompt { text, .. } => write!(f, "session/prompt {text:?} with suffix"),
            Self::Cancel { session } => write!(f, "session/cancel {session}"),
            Self::SetModel { model, .. } => write!(f, "session/set_model {model:?}"),
            Self::Request { method, .. } => f.write_str(method),
            Self::Completion(Completion { tool_result: Some(id), .. }) => {
                write!(f, "completion with the result of {id:?}")
            }
            Self::Completion(completion) => write!(f, "completion {:?}", completion.text),
            Self::Reply { call, kind } => write!(f, "reply to {call:?}: {}", word(kind)),
        }
    }
}

/// One frame from the server to the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerMessage {
    /// `session/update`.
    Update {
        /// The session.
        session: String,
        /// What is new.
        update: Update,
    },
    /// A request to the client.
    Call {
        /// The name by which the script waits for the answer.
        name: String,
        /// The method.
        method: String,
        /// The parameters, with the session filled in.
        params: Message,
    },
    /// A tool call of an LLM, or the next piece of one.
    ToolCall {
        /// The session.
        session: String,
        /// The piece.
        call: ToolCall,
    },
    /// The answer to a prompt.
    PromptAnswered {
        /// The id of the prompt's request.
        request: u64,
        /// The session.
        session: String,
        /// Why the turn ended.
        reason: StopReason,
    },
    /// A prompt was answered with an error.
    PromptFailed {
        /// The id of the prompt's request.
        request: u64,
        /// The session.
        session: String,
        /// The error's message.
        message: String,
    },
    /// The answer to any other request: well, in the way its method always is, or with an error.
    Answered {
        /// The id of the request.
        request: u64,
        /// The session that it has opened or that it names, empty if there is none; the error's message if it has failed.
        ok: Result<String, String>,
    },
}

/// What a `session/update` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Update {
    /// A chunk of the agent's text.
    Text(String),
    /// A chunk of the agent's thoughts.
    Thought(String),
    /// A tool call (`tool_call`) or an update of one (`tool_call_update`).
    Tool {
        /// The id of the tool call.
        id: String,
        /// Its status.
        status: ToolStatus,
        /// Whether the turn has not told of this tool call before.
        first: bool,
    },
}
