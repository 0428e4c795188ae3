//! What can have happened once certain steps were taken, and why a happening can not. Errs on the side of "it can":
//! whatever some revision of the runtime, right or wrong, may do counts as possible.

use std::collections::{BTreeMap, BTreeSet};

use super::sequence::What;
use crate::scenario::nearest::{nearest, quoted};
use crate::scenario::{
    AgentKind, EventKind, EventSeen, FrameSeen, Happening, Method, ReplySeen, SET_MODEL, Scenario, Session,
    Status, Through, Timer, Trigger,
};

/// What is known to have happened, at most.
#[derive(Default)]
pub(super) struct Facts<'a> {
    sent: BTreeMap<&'a str, u32>,
    gates: BTreeSet<&'a str>,
    cards: BTreeSet<&'a str>,
    runs: bool,
    interrupts: bool,
    pauses: bool,
    closes: bool,
    supersedes: bool,
    prompt_times_out: bool,
    fails: bool,
    exits: bool,
    tools: bool,
    calls: BTreeSet<&'a str>,
    /// The tool calls of an LLM.
    actions: BTreeSet<&'a str>,
    rejects: bool,
    switches: bool,
}

/// Why something cannot happen.
pub(super) struct Missing {
    /// The pointer of what rules it out, below the wait.
    pub place: &'static str,
    pub message: String,
    pub help: String,
}

impl Missing {
    fn new(place: &'static str, message: impl Into<String>, help: impl Into<String>) -> Option<Self> {
        Some(Self { place, message: message.into(), help: help.into() })
    }
}

const CANCEL: &str =
    "an `interrupt`, a `close`, the timer `prompt` or a message with \"run\": true through the service";
const CALL_A_TOOL: &str =
    "let a reaction {\"tool_call\": {\"id\": \"t1\", \"name\": \"look\", \"arguments\": \"{}\"}}";
const NOBODY_RUNS: &str = "let an actor \"run\" the conversation";

impl<'a> Facts<'a> {
    /// Adds what a step does.
    pub fn learn(&mut self, what: What<'a>, through: Through) {
        match what {
            What::Send(send) => {
                *self.sent.entry(&send.text).or_default() += 1;
                self.runs |= send.run;
                self.supersedes |= send.run && through == Through::Service;
            }
            What::Run | What::Accept => self.runs = true,
            What::Interrupt => self.interrupts = true,
            What::Pause => self.pauses = true,
            What::Reject => self.rejects = true,
            What::ToolCall(call) => _ = self.actions.insert(&call.id),
            What::Close | What::Reload => self.closes = true,
            What::SwitchModel => self.switches = true,
            What::Fire(timer) => self.prompt_times_out |= timer == Timer::Prompt,
            What::Open(gate) => _ = self.gates.insert(gate),
            What::Card(id) => _ = self.cards.insert(id),
            What::Tool(_) => self.tools = true,
            What::Fail => self.fails = true,
            What::Exit => self.exits = true,
            What::Call(call) => _ = self.calls.insert(&call.name),
            What::Wait(_)
            | What::Held(_)
            | What::Talk
            | What::Answer
            | What::Raw(_)
            | What::Frame(_)
            | What::Pipe
            | What::Refuse
            | What::Leave(_) => {}
        }
    }

    pub fn opens(&self, gate: &str) -> bool {
        self.gates.contains(gate)
    }

    /// Whether anybody runs the conversation.
    pub fn runs(&self) -> bool {
        self.runs
    }

    /// The texts that are sent.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.sent.keys().copied()
    }

    /// Whether an ACP server is started at some time.
    fn starts(&self, scenario: &Scenario) -> bool {
        scenario.agent.session == Session::Ready || self.runs || !self.sent.is_empty()
    }

    /// Whether anybody can end a turn that is in flight.
    fn cancels(&self) -> bool {
        self.runs && (self.interrupts || self.closes || self.supersedes || self.prompt_times_out)
    }

    /// Whether the server can get the message that a reaction is for.
    pub fn triggers(&self, trigger: &Trigger, scenario: &Scenario) -> bool {
        match trigger {
            Trigger::Prompt(text) => self.runs && self.sent.contains_key(text.as_str()),
            Trigger::AnyPrompt => self.runs,
            Trigger::Cancel => self.cancels(),
            Trigger::Load => self.loads(),
            Trigger::Request(method) if method == SET_MODEL => self.switches,
            Trigger::Request(_) if trigger.is_to_start() => self.starts(scenario),
            Trigger::Start | Trigger::Request(_) => true,
            Trigger::ToolResult(_) | Trigger::Conversation(_) => self.runs,
        }
    }

    /// Whether anything can make the client restart the server.
    pub fn loads(&self) -> bool {
        self.cancels() || (self.runs && (self.fails || self.exits || self.closes))
    }

    /// Why a happening cannot happen. Gates are not asked for here.
    pub fn rule_out(&self, happening: &Happening, scenario: &Scenario) -> Option<Missing> {
        match happening {
            Happening::Gate(_) => None,
            Happening::Frame(frame) => self.frame(frame, scenario),
            Happening::Status(status) => self.status(*status, scenario),
            Happening::Event(event) => self.event(event, scenario),
            Happening::Reply(reply) => self.reply(reply),
        }
    }

    fn reply(&self, reply: &ReplySeen) -> Option<Missing> {
        if self.calls.contains(reply.to.as_str()) {
            return None;
        }
        let help = match nearest(&reply.to, self.calls.iter().copied()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => "let a reaction \"call\" the client".to_owned(),
        };
        Missing::new("/wait/reply/to", format!("the server makes no call {}", quoted(&reply.to)), help)
    }

    fn frame(&self, frame: &FrameSeen, scenario: &Scenario) -> Option<Missing> {
        let acp = scenario.agent.kind == AgentKind::Acp;
        let method = "/wait/frame/method";
        match frame.method {
            Method::Initialize | Method::New | Method::Load | Method::SetModel if !acp => Missing::new(
                method,
                "this agent has no ACP server",
                "only an agent of kind `acp` sends this frame",
            ),
            Method::Initialize | Method::New if !self.starts(scenario) => {
                Missing::new(method, "nobody runs the conversation", NOBODY_RUNS)
            }
            Method::Prompt if !self.runs => Missing::new(method, "nobody runs the conversation", NOBODY_RUNS),
            Method::Prompt => self.text(frame.text.as_deref(), "/wait/frame/text"),
            Method::Cancel if !self.cancels() => {
                Missing::new(method, "nobody cancels a turn", format!("a cancel needs a run, and {CANCEL}"))
            }
            Method::Load if !self.loads() => Missing::new(
                method,
                "nothing restarts the server",
                format!("a restart needs a run, and {CANCEL}"),
            ),
            Method::SetModel if !self.switches => {
                Missing::new(method, "nobody switches the model", "let an actor {\"switch_model\": \"m2\"}")
            }
            Method::Completion if scenario.llm.is_empty() => Missing::new(
                method,
                "there is no LLM beside the agent",
                "write its reactions as `llm`; where the agent is of kind `llm`, a completion is a `session/prompt`",
            ),
            Method::Initialize
            | Method::New
            | Method::Cancel
            | Method::Load
            | Method::SetModel
            | Method::Completion => None,
        }
    }

    /// Why no user message has this text.
    fn text(&self, text: Option<&str>, place: &'static str) -> Option<Missing> {
        let text = text.filter(|text| !self.sent.contains_key(text))?;
        let help = match nearest(text, self.sent.keys().copied()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => "write a text that an actor sends".to_owned(),
        };
        Missing::new(place, format!("nobody sends the message {}", quoted(text)), help)
    }

    fn status(&self, status: Status, scenario: &Scenario) -> Option<Missing> {
        let place = "/wait/status";
        let possible = match status {
            Status::Idle => true,
            // The run that made the session ready has finished.
            Status::Finished => self.runs || scenario.agent.session == Session::Ready,
            Status::Running | Status::Error | Status::Stuck => self.runs,
            Status::WaitingForConfirmation if !scenario.agent.confirmation => {
                let help = match scenario.agent.kind {
                    AgentKind::Acp => "write \"agent\": {\"kind\": \"llm\", \"confirmation\": true}",
                    AgentKind::Llm | AgentKind::Sync => "add \"confirmation\": true to the agent",
                };
                return Missing::new(place, "this agent acts without asking", help);
            }
            Status::WaitingForConfirmation if self.actions.is_empty() => {
                return Missing::new(place, "the LLM calls no tool", CALL_A_TOOL);
            }
            Status::WaitingForConfirmation => self.runs,
            Status::Paused if !self.pauses && !self.cancels() && !self.interrupts => {
                return Missing::new(
                    place,
                    "nobody pauses or interrupts a run",
                    format!("a `pause`, or {CANCEL}"),
                );
            }
            Status::Paused => true,
        };
        if possible { None } else { Missing::new(place, "nobody runs the conversation", NOBODY_RUNS) }
    }

    fn event(&self, event: &EventSeen, scenario: &Scenario) -> Option<Missing> {
        let kind = "/wait/event/kind";
        // An earlier run may have left events in the log.
        let fresh = scenario.agent.session == Session::Cold;
        match event.kind {
            EventKind::UserMessage => self.user_message(event, fresh),
            EventKind::Error | EventKind::Finish | EventKind::AgentMessage
                if !self.runs && (fresh || event.kind == EventKind::Error) =>
            {
                Missing::new(kind, "nobody runs the conversation", NOBODY_RUNS)
            }
            EventKind::Interrupt | EventKind::Pause
                if !self.pauses && !self.interrupts && !self.cancels() =>
            {
                Missing::new(kind, "nobody pauses or interrupts a run", format!("a `pause`, or {CANCEL}"))
            }
            EventKind::ToolCall if !self.tools => self.card(event.text.as_deref()),
            EventKind::Rejection if !self.rejects => {
                Missing::new(kind, "nobody rejects a tool call", "let an actor \"reject\"")
            }
            EventKind::Action | EventKind::Observation | EventKind::Rejection | EventKind::AgentError => {
                self.action(event.text.as_deref())
            }
            EventKind::SystemPrompt if fresh && !self.runs && self.sent.is_empty() => {
                Missing::new(kind, "nobody starts the agent", NOBODY_RUNS)
            }
            _ => None,
        }
    }

    fn user_message(&self, event: &EventSeen, fresh: bool) -> Option<Missing> {
        let text = event.text.as_deref();
        if let Some(missing) = self.text(text, "/wait/event/text") {
            return Some(missing);
        }
        let sent = match text {
            Some(text) => self.sent.get(text).copied().unwrap_or_default(),
            None if fresh => self.sent.values().sum(),
            None => return None,
        };
        if event.count <= sent {
            return None;
        }
        let message = format!("{} such messages are waited for, {sent} sent", event.count);
        Missing::new("/wait/event/count", message, "each message is in the log once")
    }

    fn card(&self, id: Option<&str>) -> Option<Missing> {
        match id {
            None if self.cards.is_empty() => {
                let help = "let a reaction write {\"tool\": {\"id\": \"t1\", \"status\": \"pending\"}}";
                Missing::new("/wait/event/kind", "the server streams no tool call", help)
            }
            Some(id) if !self.cards.contains(id) => {
                let help = match nearest(id, self.cards.iter().copied()) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "write the id of a tool call that the server streams".to_owned(),
                };
                Missing::new(
                    "/wait/event/text",
                    format!("the server streams no tool call {}", quoted(id)),
                    help,
                )
            }
            _ => None,
        }
    }

    fn action(&self, id: Option<&str>) -> Option<Missing> {
        match id {
            None if self.actions.is_empty() => {
                Missing::new("/wait/event/kind", "the LLM calls no tool", CALL_A_TOOL)
            }
            Some(id) if !self.actions.contains(id) => {
                let help = match nearest(id, self.actions.iter().copied()) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "write the id of a tool call of the LLM".to_owned(),
                };
                let message = format!("the LLM makes no tool call {}", quoted(id));
                Missing::new("/wait/event/text", message, help)
            }
            _ => None,
        }
    }

    /// Why a timer is never armed.
    pub fn never_armed(&self, timer: Timer, through: Through) -> Option<Missing> {
        let place = "/fire";
        match timer {
            Timer::Prompt if !self.runs => Missing::new(
                place,
                "timer `prompt` is never armed: nobody runs the conversation",
                NOBODY_RUNS,
            ),
            Timer::Drain | Timer::CancelSend if !self.cancels() => {
                let name = if timer == Timer::Drain { "drain" } else { "cancel_send" };
                let message = format!("timer `{name}` is never armed: nobody cancels a turn");
                Missing::new(place, message, format!("a cancel needs a run, and {CANCEL}"))
            }
            Timer::Retry if !self.fails && !self.exits => Missing::new(
                place,
                "timer `retry` is never armed: no prompt fails",
                "let a reaction to a prompt {\"fail\": \"overloaded\"}",
            ),
            Timer::InterruptWait if through == Through::Conversation => Missing::new(
                place,
                "timer `interrupt_wait` is never armed: only the service waits for an interrupted run",
                "add \"through\": \"service\" to the scenario",
            ),
            Timer::InterruptWait if !self.interrupts && !self.supersedes && !self.closes => Missing::new(
                place,
                "timer `interrupt_wait` is never armed: nobody interrupts a run",
                "let an actor \"interrupt\"",
            ),
            Timer::CloseWait if through == Through::Conversation => Missing::new(
                place,
                "timer `close_wait` is never armed: only the service waits for the run when it closes",
                "add \"through\": \"service\" to the scenario",
            ),
            Timer::CloseWait if !self.closes || !self.runs => Missing::new(
                place,
                "timer `close_wait` is never armed: nobody closes the service during a run",
                "let an actor \"run\" the conversation and another \"close\" the service",
            ),
            Timer::PendingDrain if through == Through::Conversation => Missing::new(
                place,
                "timer `pending_drain` is never armed: only the service waits for its subscriber",
                "add \"through\": \"service\" to the scenario",
            ),
            Timer::PendingDrain if !self.runs => Missing::new(
                place,
                "timer `pending_drain` is never armed: nobody runs the conversation",
                NOBODY_RUNS,
            ),
            _ => None,
        }
    }
}
