//! What only a real server can do: bytes that are no message, calls to the client but for permission requests, HTTP.
//! The model of the runtime has no word for it, so no engine runs a scenario that has it.

use super::{
    Action, Agent, AgentKind, ClockStep, FrameSeen, Happening, Method, Reaction, Scenario, Session, Step,
    Trigger,
};

/// The request that switches the model.
pub(crate) const SET_MODEL: &str = "session/set_model";

/// The first request to every process of an ACP server.
pub(crate) const INITIALIZE: &str = "initialize";

/// The request that opens a session.
pub(crate) const NEW_SESSION: &str = "session/new";

impl Trigger {
    /// What it is, if only a live server can react to it.
    pub(super) fn only_live(&self, agent: AgentKind) -> Option<&'static str> {
        match self {
            Self::Start => Some("a reaction to a start"),
            Self::Request(_) if agent == AgentKind::Acp && self.is_request_of_agent() => None,
            Self::Request(_) => Some("a reaction to this request"),
            Self::ToolResult(_) if agent != AgentKind::Acp => None,
            Self::ToolResult(_) => Some("a reaction to the result of a tool"),
            Self::Conversation(_) => Some("a reaction to a whole conversation"),
            Self::Prompt(_) | Self::AnyPrompt | Self::Cancel | Self::Load => None,
        }
    }

    /// Whether it is for one of the first two requests to a server that starts.
    pub(crate) fn is_to_start(&self) -> bool {
        matches!(self, Self::Request(method) if method == INITIALIZE || method == NEW_SESSION)
    }

    /// Whether it is for a request that an ACP agent of the model sends, apart from prompts and loads.
    pub(super) fn is_request_of_agent(&self) -> bool {
        self.is_to_start() || matches!(self, Self::Request(method) if method == SET_MODEL)
    }
}

impl Reaction {
    /// Whether it is to the start of the first process.
    pub(crate) fn is_to_first_start(&self) -> bool {
        self.on.is_to_start() && self.process.is_none_or(|process| process == 1)
    }

    /// Whether it is to the start of a process that has started before the actors begin.
    pub(super) fn is_to_start_before(&self, agent: &Agent) -> bool {
        agent.session == Session::Ready && self.is_to_first_start()
    }
}

impl Action {
    /// What it is, if only a live server can do it.
    pub(super) fn only_live(&self, agent: AgentKind) -> Option<&'static str> {
        match self {
            Self::Exit(_) if agent != AgentKind::Acp => Some("the end of an LLM"),
            // The script knows its replies; whoever is not the script would have to be told.
            Self::Wait(Happening::Reply(_)) => None,
            Self::Wait(happening) => happening.only_live(),
            Self::Frame(_) => Some("a frame written as it is"),
            Self::Raw(_) => Some("raw bytes"),
            Self::Call(call) if call.is_permission_request() && agent == AgentKind::Acp => None,
            Self::Call(_) => Some("a call to the client"),
            Self::CloseOutput => Some("a closed output"),
            Self::ToolCall(_) if agent == AgentKind::Acp => Some("a tool call of an LLM"),
            Self::ToolCall(call) if call.is_sdks_own() => Some("a tool of the SDK's own"),
            Self::Refuse(_) => Some("a status of HTTP"),
            Self::HangUp => Some("the end of a connection"),
            Self::Reset => Some("the reset of a connection"),
            Self::Say(_)
            | Self::Think(_)
            | Self::Tool(_)
            | Self::Open(_)
            | Self::Answer(_)
            | Self::Fail(_)
            | Self::Flush
            | Self::Split(_)
            | Self::StopReading
            | Self::Exit(_)
            | Self::ToolCall(_)
            | Self::ResumeReading => None,
        }
    }
}

impl Happening {
    /// What it is, if it happens only live.
    pub(super) fn only_live(&self) -> Option<&'static str> {
        match self {
            Self::Reply(_) => Some("a reply of the client"),
            Self::Frame(FrameSeen { method: Method::Completion, .. }) => Some("an LLM beside the agent"),
            Self::Gate(_) | Self::Frame(_) | Self::Status(_) | Self::Event(_) => None,
        }
    }
}

impl Scenario {
    /// Whether it has what no engine can run; [`Loaded::only_live`](super::Loaded::only_live) says what, with places.
    #[must_use]
    pub fn is_only_live(&self) -> bool {
        let server = self.server.iter();
        let server = server.flat_map(|reaction| {
            let actions = reaction.actions.iter().map(|action| action.only_live(self.agent.kind));
            let start = reaction.is_to_start_before(&self.agent).then_some("a start");
            actions.chain([reaction.on.only_live(self.agent.kind), start])
        });
        let actors = self.actors.iter().flat_map(|actor| &actor.does).map(|step| match step {
            Step::Wait(happening) => happening.only_live(),
            _ => None,
        });
        let clock = self.clock.iter().map(|step| match step {
            ClockStep::Wait(happening) => happening.only_live(),
            ClockStep::Fire(_) => None,
        });
        !self.llm.is_empty() || server.chain(actors).chain(clock).flatten().next().is_some()
    }
}
