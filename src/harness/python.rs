//! A scenario acted on a real Python program: the scripted server that the program speaks to, the scenario as an adapter reads it,
//! and what was observed in the words of the rules.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::conditions::outside_conditions;
use crate::engine::trace::Unfinished;
use crate::observation::{Observations, Place, Stuck, Waiting, WaitsTo, Why};
use crate::scenario::{Action, ClockStep, FrameSeen, Happening, Scenario, Step};
pub use crate::subject::python::{Adapter, Executor, Ready, Refused, StartError};
use crate::subject::python::{Answer, Call, Did, Ended, Host, Load, Program};
use crate::wire::acp::Write;
use crate::wire::session::{Stepped, SteppedSession};

/// The adapter of `openhands-sdk` and `openhands-agent-server`, which is taken if none is named.
pub(crate) const OPENHANDS: &str = "openhands";

/// What a scenario is acted on: a Python, an adapter, and what its threads run on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonSubject {
    /// The folder of a virtual environment, or the file of an interpreter.
    pub python: std::path::PathBuf,
    /// Who translates between the scenario and the program.
    pub adapter: Adapter,
    /// The executor that is wanted; none for the best there is.
    pub executor: Option<Executor>,
}

impl PythonSubject {
    /// The options of a command that name it, each behind a space.
    pub(crate) fn options(&self) -> String {
        let mut options = format!(" --subject {}", self.python.display());
        match &self.adapter {
            Adapter::Named(name) if name == OPENHANDS => {}
            Adapter::Named(name) | Adapter::File { file: name, .. } => {
                options += &format!(" --adapter {name}")
            }
        }
        options
    }
}

/// The operation with which an actor waits for what the scenario says.
const WAIT: &str = "wait";

/// A scenario on a program, as a system for the searches.
pub(crate) type PythonStage = Program<ScriptedServer>;

/// Starts the program for a scenario. What it says of itself comes with it.
///
/// # Errors
///
/// If there is no Python, or the adapter cannot act the scenario on what is installed.
pub(crate) fn stage(
    scenario: &Scenario,
    subject: &PythonSubject,
) -> Result<(PythonStage, Ready), StartError> {
    if let Some(refused) = beyond_memory(scenario) {
        return Err(StartError::Refused(refused));
    }
    let server = ScriptedServer::new(scenario);
    let load = Load {
        adapter: subject.adapter.clone(),
        scenario: as_read_by_adapters(scenario, &server),
        visible: Vec::new(),
        executor: subject.executor,
    };
    Program::start(Path::new(&subject.python), load, server)
}

/// What the server does that only a real pipe can carry; none if it does nothing of the kind.
fn beyond_memory(scenario: &Scenario) -> Option<Refused> {
    let mut actions = scenario.server.iter().chain(&scenario.llm).flat_map(|reaction| &reaction.actions);
    let word = actions.find_map(|action| match action {
        Action::Raw(_) => Some("raw"),
        Action::CloseOutput => Some("close_output"),
        _ => None,
    })?;
    Some(Refused {
        why: format!("the server does `{word}`, which needs a real pipe"),
        help: "leave it out, or play the scenario live with `turnloom serve`".to_owned(),
    })
}

/// The scenario with what the rig has to know of it besides: the conditions that the server's script waits for, and the frames that
/// an actor or the clock waits for.
fn as_read_by_adapters(scenario: &Scenario, server: &ScriptedServer) -> Value {
    let mut value = serde_json::to_value(scenario).unwrap_or_default();
    value["conditions"] = json!(server.conditions);
    value["frames"] = json!(server.frames);
    value
}

/// The scripted server of an execution.
pub(crate) struct ScriptedServer {
    scenario: Scenario,
    session: SteppedSession,
    /// The statuses and events that the script waits for.
    conditions: Vec<Happening>,
    /// The frames that an actor or the clock waits for.
    frames: Vec<FrameSeen>,
}

impl ScriptedServer {
    fn new(scenario: &Scenario) -> Self {
        Self {
            session: SteppedSession::new(scenario),
            conditions: outside_conditions(scenario),
            frames: awaited_frames(scenario),
            scenario: scenario.clone(),
        }
    }

    /// Has the server take its next step.
    fn take(&mut self, which: usize) -> Option<Did> {
        let Stepped { label, writes, completion } = self.session.take(which)?;
        let mut did = Did { label, to: completion, ..Did::default() };
        for write in writes {
            match write {
                Write::Bytes(bytes) => {
                    did.cut = did.cut.or_else(|| did.write.first().map(String::len));
                    did.write.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Write::Close => did.close = true,
                Write::Exit(code) => did.exit = Some(code),
            }
        }
        Some(did)
    }
}

impl Host for ScriptedServer {
    fn begin(&mut self) {
        self.session = SteppedSession::new(&self.scenario);
    }

    fn answer(&mut self, call: Call) -> Answer {
        let (mut did, mut completion) = (None, None);
        match call {
            Call::Start => self.session.start(),
            Call::Frame { line } => self.session.line(&line),
            Call::Kill => self.session.kill(),
            Call::Open { gate } => self.session.open_gate(&gate),
            Call::Take { which } => did = self.take(which),
            Call::Complete { request } => completion = self.session.complete(&request.to_string()).ok(),
            Call::Happened { is } => {
                self.session.happened(self.conditions.iter().cloned().zip(is).collect());
            }
        }
        let gates = self.scenario.gates.iter();
        Answer {
            choices: self.session.choices(),
            reads: self.session.is_reading(),
            gates: gates.map(|gate| (gate.clone(), self.session.is_open(gate))).collect(),
            frames_read: self.frames.iter().map(|frame| self.session.frames_read(frame)).collect(),
            did,
            log: self.session.log().len(),
            completion,
        }
    }

    fn seen(&self, ended: Ended<'_>) -> Result<Observations, String> {
        let what_is_wrong =
            |error: serde_json::Error| format!("the adapter's observations make no sense: {error}");
        let observed = Observed::deserialize(ended.observed).map_err(what_is_wrong)?;
        Ok(Observations {
            server: self.session.log().to_vec(),
            stuck: ended.is_stuck.then(|| stuck(&ended)),
            lock_order: ended.lock_order.clone(),
            ..observed.0
        })
    }
}

/// What an adapter observed: without what turnloom knows itself.
struct Observed(Observations);

impl<'de> Deserialize<'de> for Observed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(members) = value.as_object_mut() {
            for (name, empty) in [
                ("events", json!([])),
                ("server", json!([])),
                ("calls", json!({})),
                ("stream", json!([])),
                ("tokens", json!({})),
                ("stuck", Value::Null),
                ("lock_order", json!([])),
            ] {
                members.entry(name).or_insert(empty);
            }
        }
        serde_json::from_value(value).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Who waits for whom in an execution that could not go on.
fn stuck(ended: &Ended<'_>) -> Stuck {
    let waiting = ended.unfinished.iter().filter(|one| !one.idle).map(|one| Waiting {
        thread: one.thread.clone(),
        place: places(one),
        operation: WaitsTo::from(one.operation.to_string().as_str()),
        holds: one.holds.clone(),
        waits_for: one.waits_for.clone(),
        step: None,
        needs: Vec::new(),
    });
    Stuck { why: Why::Deadlock, threads: waiting.collect() }
}

/// Where a thread is: at a wait of the scenario, or within the program, in places that have no words of the model.
fn places(one: &Unfinished) -> Vec<Place> {
    let place = |words: &String| Place::Within(words.clone());
    let places: Vec<Place> = one.place.iter().map(place).collect();
    match (places.is_empty(), one.operation.name == WAIT) {
        (true, true) => vec![Place::WaitFor(one.operation.object.to_string())],
        (true, false) => vec![Place::Within("the program".to_owned())],
        (false, _) => places,
    }
}

/// The frames that an actor or the clock waits for, each once.
fn awaited_frames(scenario: &Scenario) -> Vec<FrameSeen> {
    let of_actors = scenario.actors.iter().flat_map(|actor| &actor.does).filter_map(|step| match step {
        Step::Wait(Happening::Frame(frame)) => Some(frame),
        _ => None,
    });
    let of_clock = scenario.clock.iter().filter_map(|step| match step {
        ClockStep::Wait(Happening::Frame(frame)) => Some(frame),
        _ => None,
    });
    let mut frames: Vec<FrameSeen> = Vec::new();
    for frame in of_actors.chain(of_clock) {
        if !frames.contains(frame) {
            frames.push(frame.clone());
        }
    }
    frames
}
