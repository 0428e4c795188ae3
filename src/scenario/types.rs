//! The scenario file, version 1, as types: what a person writes and what the JSON Schema is made from. What its server
//! does is in `reaction`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Happening, Reaction};
use crate::terms::{AgentKind, EventKind, Limits, Timer};

/// One scenario: who acts, what the scripted server does, which decisions the runtime has, what is observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Where an editor finds the JSON Schema of this file (`turnloom schema` prints it).
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of the file format: 1.
    pub version: u32,
    /// One line that says what must hold.
    pub title: String,
    /// The issue, review or report this scenario comes from.
    pub source: String,
    /// The agent of the conversation.
    pub agent: Agent,
    /// Whether the actors call the conversation itself or the agent server's event service around it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "conversation"))]
    pub through: Through,
    /// The full set of decisions to start from; `turnloom explain revisions` lists them.
    #[serde(default = "fixed", skip_serializing_if = "is_fixed")]
    #[schemars(extend("default" = "fixed"))]
    pub revision: String,
    /// The decisions that differ from the revision: name of the decision → name of the alternative.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<String, String>,
    /// Limits of the runtime. Times are virtual: they pass only when the clock fires their timer.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = Limits::default()))]
    pub limits: Limits,
    /// The gates: named points where an actor or the server waits until somebody opens them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<String>,
    /// The people who talk to the agent, each on a thread of its own, in the order of the columns of a timeline.
    pub actors: Vec<Actor>,
    /// What the clock does: the only one who fires timers. A timer nobody fires never fires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock: Vec<ClockStep>,
    /// Where the subscriber of the event service takes its time; without it, it takes in everything at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriber: Vec<Delivery>,
    /// What the scripted server does on each message; the first reaction that matches is taken, `any_prompt` only where
    /// no other one does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server: Vec<Reaction>,
    /// What an LLM does that a live server plays beside the server of an ACP agent: `server` and `llm` can wait for each
    /// other. An agent of another kind talks to its LLM itself, and `server` is that LLM. Only live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub llm: Vec<Reaction>,
    /// Which observations make up an outcome; without it, all of them.
    #[serde(default = "Channel::all", skip_serializing_if = "are_all")]
    #[schemars(extend("default" = Channel::all()))]
    pub observe: Vec<Channel>,
    /// The defects this scenario catches, each with the rules that must break when it is switched on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub catches: Vec<Catch>,
    /// Tokens of this scenario that once broke a rule. `check` replays them first, and none of them may break one again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<String>,
    /// The preemption bound of the in-house engine, for a scenario whose every interleaving takes too long. The verdict
    /// says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<u32>,
    /// How the scenario runs under the loom engine.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = LoomPlan::default()))]
    pub loom: LoomPlan,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(is: &bool) -> bool {
    !is
}

fn fixed() -> String {
    "fixed".to_owned()
}

fn is_fixed(revision: &str) -> bool {
    revision == fixed()
}

fn are_all(observed: &[Channel]) -> bool {
    observed == Channel::all()
}

/// Whether a field says only what holds without it, so that it need not be written.
fn is_default<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}

/// The agent of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What kind of agent it is.
    pub kind: AgentKind,
    /// Whether the agent's server was started by an earlier run (`ready`) or starts with the first run (`cold`).
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = "ready"))]
    pub session: Session,
    /// Whether an ACP agent has a system suffix to send along with the first prompt of a session.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suffix: bool,
    /// Whether a native agent has a condenser: an LLM of its own that sums up the conversation before each turn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub condenser: bool,
    /// Whether an agent that talks to an LLM asks before it acts (confirmation mode, `AlwaysConfirm`): a run that comes to
    /// tool calls ends there, and the next one executes them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmation: bool,
}

/// Whether the agent's server runs when the actors begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// An earlier run has started the server and opened the session.
    #[default]
    Ready,
    /// The first run starts the server.
    Cold,
}

/// Which interface the actors call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// The conversation of the SDK: `run` is an event loop on the actor's own thread.
    #[default]
    Conversation,
    /// The event service of the agent server: one event loop that serves all actors.
    Service,
}

impl Scenario {
    /// Whether the agent talks to an LLM and can have tool calls to execute asynchronously.
    pub(crate) fn executes_tools(&self) -> bool {
        let mut actions = self.server.iter().flat_map(|reaction| &reaction.actions);
        self.agent.kind == AgentKind::Llm && actions.any(|action| matches!(action, Action::ToolCall(_)))
    }

    /// Whether somebody switches the model of the agent's session.
    pub(crate) fn switches_model(&self) -> bool {
        self.actors.iter().flat_map(|actor| &actor.does).any(|step| matches!(step, Step::SwitchModel(_)))
    }

    /// Whether somebody closes it.
    fn closes(&self) -> bool {
        self.actors
            .iter()
            .flat_map(|actor| &actor.does)
            .any(|step| matches!(step, Step::Close | Step::Reload))
    }

    /// Whether somebody runs the conversation on a thread of his own.
    pub(crate) fn runs_synchronously(&self) -> bool {
        self.actors.iter().flat_map(|actor| &actor.does).any(|step| matches!(step, Step::RunSync))
    }

    /// How many workers the default executor has: as many as `limits` says, or else so many that nothing has to wait for one.
    /// Each call of an actor takes one, the end of a run another, a tool call of an LLM's a third, and so does the pause of a
    /// synchronous run whose service closes.
    pub(crate) fn workers(&self) -> usize {
        match (self.limits.workers, self.through) {
            (Some(workers), _) => workers as usize,
            (None, Through::Service) => {
                let pauses_beside = self.agent.kind == AgentKind::Sync && self.closes();
                self.actors.len() + 1 + usize::from(self.executes_tools()) + usize::from(pauses_beside)
            }
            (None, Through::Conversation) => 1,
        }
    }
}

/// One actor: a client thread with a list of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The name of its thread in schedules and pictures.
    pub name: String,
    /// What it does, in order.
    pub does: Vec<Step>,
}

/// One step of an actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Sends a user message.
    Send(Send),
    /// Runs the conversation on this thread until the run ends (through the service: asks for a run).
    Run,
    /// Runs the conversation on this thread with the agent's synchronous steps, as a command line does. Not through the
    /// service.
    RunSync,
    /// Interrupts the run in flight.
    Interrupt,
    /// Asks the run to pause between two steps.
    Pause,
    /// Accepts the tool calls that wait for a confirmation: runs the conversation, which executes them (through the service:
    /// asks for a run, and that one is under way is no error).
    Accept,
    /// Rejects the tool calls that wait for a confirmation.
    Reject,
    /// Closes the conversation (through the service: the service).
    Close,
    /// Closes it, and takes it up again from what was saved, as a program that is started anew does. Only one actor acts in
    /// such a scenario.
    Reload,
    /// Has the ACP agent switch the model of its session, which goes on.
    SwitchModel(String),
    /// As a tool on a worker thread would: looks at the cancel token and notes what it sees.
    Tool(ToolStep),
    /// Opens a gate.
    Open(String),
    /// Waits for a happening. Never for time.
    Wait(Happening),
}

impl Step {
    /// Whether it runs the conversation, on the actor's own thread unless there is a service.
    pub(crate) fn is_run(&self) -> bool {
        matches!(self, Self::Run | Self::RunSync | Self::Accept)
    }
}

/// A user message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// What the user says. Texts are how prompts are told apart, so each is used once in a scenario.
    pub text: String,
    /// Whether a run is asked for with the message (only through the service).
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(extend("default" = false))]
    pub run: bool,
}

/// What a tool call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolStep {
    /// A tool call begins: from now on this thread is a tool of the run in flight.
    Begin,
    /// The tool looks at its cancel token.
    PollToken,
}

/// One step of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClockStep {
    /// Waits for a happening.
    Wait(Happening),
    /// Waits until this timer is armed, then fires it; the firing races with all that may still happen.
    Fire(Timer),
}

/// What the subscriber of the event service is slow to take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The kind of the event.
    pub on: EventKind,
    /// The gate that must be open before an event of this kind is taken in. What comes after it does not wait.
    pub gate: String,
}

/// One part of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The conversation's event log.
    Events,
    /// What the server read and wrote.
    Server,
    /// What each actor's calls returned.
    Calls,
    /// What a subscriber of the event service saw.
    Stream,
    /// What each tool saw of its cancel token.
    Tokens,
    /// The status, the cursor and the session at the end.
    Status,
}

impl Channel {
    /// Every channel.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![Self::Events, Self::Server, Self::Calls, Self::Stream, Self::Tokens, Self::Status]
    }
}

/// A defect that a scenario catches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catch {
    /// The row of the race catalogue, `R08` say.
    pub row: String,
    /// The defect that is switched on.
    pub defect: String,
    /// Exactly the rules that break then.
    pub rules: Vec<String>,
}

/// How a scenario runs under the loom engine, which has at most five threads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoomPlan {
    /// The preemption bound; without it, 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<u32>,
    /// Roles without a thread of their own: their steps run on the thread that makes them possible (a reduction).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inline: Vec<Role>,
}

/// A role of the harness that loom can run without a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The scripted server.
    Server,
    /// The worker threads of the default executor.
    Worker,
    /// The clock.
    Clock,
}
