//! The scripted server on its thread: messages in, frames out, gates.
//!
//! The script itself is pure; this is what gives it a place in a schedule. Without a thread of its own it is moved by
//! whoever makes its next step possible, under the name of its role.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use crate::engine::kernel::{Object, Op, anchor, thread, words};
use crate::engine::trace::Anchor;
use crate::harness::conditions::{event_seen, openers};
use crate::mock_server as script;
use crate::mock_server::{ClientMessage, Script, ServerMessage, Wire};
use crate::observation::{Need, Opener, Place, SERVER_LOG, ServerEntry};
use crate::scenario::{Action, FrameSeen, Happening, Scenario};
use crate::subject::model::asyncio::{EventLoop, Future};
use crate::subject::model::{ConversationState, Llm, Output, Peer, Pipe, Sink};
use crate::terms::{ThreadRole, word};

/// The name of the server's thread, and of the object that is its script.
const SERVER: &str = ThreadRole::Server.name();

/// The server of an execution.
#[derive(Clone)]
pub(crate) struct ServerHost {
    script: Object<Script>,
    sinks: Rc<RefCell<BTreeMap<String, Sink>>>,
    /// Who opens each gate, for the report of a deadlock.
    openers: Rc<BTreeMap<String, Vec<Opener>>>,
    happened: Rc<RefCell<Option<Happened>>>,
    /// Names what the script waits for outside the server.
    watching: Rc<RefCell<Option<Watching>>>,
    /// Who waits on an event loop for which gate; none but of gates that a subscriber waits for.
    held: Object<Held>,
    held_by: Rc<BTreeSet<String>>,
    inline: bool,
    /// Whether some thread moves the inline server right now.
    moving: Rc<Cell<bool>>,
}

/// Who waits for which gate on a loop.
#[derive(Default)]
struct Held(Vec<(String, EventLoop, Future<()>)>);

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|(gate, _, opened)| (gate, opened).hash(state));
    }
}

type Happened = Rc<dyn Fn(&Happening) -> bool>;

type Watching = Rc<dyn Fn(Op<Moved>) -> Op<Moved>>;

/// One step of the script with all that its thread learns from it.
struct Moved {
    step: script::Step,
    process: u32,
    entries: (usize, usize),
}

impl Hash for Moved {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.step.hash(state);
        self.process.hash(state);
    }
}

impl ServerHost {
    pub(crate) fn new(scenario: &Scenario, inline: bool) -> Self {
        let script = Object::new(SERVER, Script::new(&scenario.server, &scenario.gates));
        Self {
            script,
            sinks: Rc::default(),
            openers: Rc::new(openers(scenario)),
            held: Object::new("held", Held::default()),
            held_by: Rc::new(scenario.subscriber.iter().map(|delivery| delivery.gate.clone()).collect()),
            happened: Rc::default(),
            watching: Rc::default(),
            inline,
            moving: Rc::default(),
        }
    }

    /// Begins to serve.
    pub(crate) fn begin(&self, scenario: &Scenario, state: &ConversationState) {
        self.watch(scenario, state);
        let (status, events) = (state.execution_status.clone(), state.events.clone());
        let happened: Happened = Rc::new(move |happening| match happening {
            Happening::Status(wanted) => status.inspect(|status| status == wanted),
            Happening::Event(wanted) => events.inspect(|events| event_seen(events, wanted)),
            // The script knows these itself.
            Happening::Gate(_) | Happening::Frame(_) | Happening::Reply(_) => false,
        });
        *self.happened.borrow_mut() = Some(happened.clone());
        let openers = self.openers.clone();
        self.script.set_waits_for(move |script| {
            if &*thread::name() != SERVER {
                return Vec::new();
            }
            let waits = script.waits(&*happened);
            let gates = waits.iter().filter_map(|wait| match wait {
                Happening::Gate(gate) => openers.get(gate),
                _ => None,
            });
            let openers = gates.flatten().map(|opener| opener.thread.clone());
            openers.filter(|opener| opener != SERVER).collect()
        });
        if !self.inline {
            let server = self.clone();
            thread::spawn_daemon(SERVER, move || while server.step_when_possible() {});
        }
    }

    /// A script that waits for a status or an event depends on more than the server.
    fn watch(&self, scenario: &Scenario, state: &ConversationState) {
        let waits = || {
            let actions = scenario.server.iter().flat_map(|reaction| &reaction.actions);
            actions.filter_map(|action| match action {
                Action::Wait(happening) => Some(happening),
                _ => None,
            })
        };
        let status = waits().any(|happening| matches!(happening, Happening::Status(_)));
        let events = waits().any(|happening| matches!(happening, Happening::Event(_)));
        let status = status.then(|| state.execution_status.clone());
        let events = events.then(|| state.events.clone());
        *self.watching.borrow_mut() = Some(Rc::new(move |op: Op<Moved>| {
            let op = status.iter().fold(op, |op, status| op.watches(status.object()));
            events.iter().fold(op, |op, events| op.watches(events.object()))
        }));
    }

    /// The next step of the script as an operation: a process that could read on or go on with a reaction may do either.
    fn stepping(&self) -> Op<Moved> {
        let happened = self.happened();
        let op = Op::new("step").among(&self.script, move |script| script.choices(&*happened).len());
        let op = op.says(|moved: &Moved| moved.step.label.clone());
        match &*self.watching.borrow() {
            Some(watching) => watching(op),
            None => op,
        }
    }

    /// Waits for the next step and takes it; false when there will be none.
    fn step_when_possible(&self) -> bool {
        let happened = self.happened();
        let asked = happened.clone();
        let op = self.stepping();
        let ready = move |script: &Script| script.can_step(&*asked);
        let take = |script: &mut Script, which| take_step(script, which, &*happened);
        let moved = self.script.idle_until_one_of(op, ready, take);
        moved.is_some_and(|moved| {
            self.write(moved);
            true
        })
    }

    /// Moves the script as far as it goes, on this thread.
    fn step_inline(&self) {
        // Whoever moves the server goes on until it can move no further, so a second one has nothing to do.
        if !self.inline || self.moving.replace(true) {
            return;
        }
        let happened = self.happened();
        while self.script.inspect(|script| script.can_step(&*happened)) {
            thread::as_role(SERVER, || {
                let take = |script: &mut Script, which| take_step(script, which, &*happened);
                let moved = self.script.perform_one_of(self.stepping(), take);
                self.write(moved);
            });
        }
        self.moving.set(false);
    }

    fn happened(&self) -> Happened {
        self.happened.borrow().clone().unwrap_or_else(|| Rc::new(|_| false))
    }

    fn write(&self, moved: Moved) {
        (moved.entries.0..moved.entries.1).for_each(|entry| anchor(Anchor { log: SERVER_LOG, entry }));
        moved.step.opened.iter().for_each(|gate| self.let_in(gate));
        let exits = moved.step.wire.iter().any(|(_, wire)| matches!(wire, Wire::Exit(_)));
        let sinks = self.sinks.borrow();
        let process = || sinks.get(&process_line(moved.process));
        let sink = match moved.step.frames.first() {
            Some(first) => sinks.get(&llm_line(first)).or_else(process).cloned(),
            None if exits => process().cloned(),
            None => None,
        };
        drop(sinks);
        if let Some(sink) = sink {
            sink(Output { frames: moved.step.frames, ended: exits });
        }
    }

    /// How the process took it.
    fn tell(&self, operation: &'static str, message: ClientMessage) -> Pipe {
        let words = words(|| message.to_string());
        let op = Op::new(operation).says(move |_: &(Pipe, usize, usize)| words.clone());
        let (pipe, before, after) = self.script.perform(op, |script| {
            let before = script.log().len();
            script.receive(message);
            (pipe_of(script), before, script.log().len())
        });
        (before..after).for_each(|entry| anchor(Anchor { log: SERVER_LOG, entry }));
        self.step_inline();
        pipe
    }

    pub(crate) fn open_gate(&self, gate: &str) {
        let (name, words) = (gate.to_owned(), gate.to_owned());
        self.script.perform(Op::new("open").says(move |()| words.clone()), |script| script.open_gate(&name));
        self.let_in(gate);
        self.step_inline();
    }

    /// A future of this loop that is done when the gate is open.
    pub(crate) fn gate_opened(&self, gate: &str, event_loop: &EventLoop) -> Future<()> {
        let opened = event_loop.future();
        let entry = (gate.to_owned(), event_loop.clone(), opened.clone());
        self.held.perform(Op::new("wait"), |held| held.0.push(entry));
        let name = gate.to_owned();
        if self.script.perform(Op::new("read").reads(), move |script| script.gate_is_open(&name)) {
            opened.set_result(());
        }
        opened
    }

    /// The gate was opened: whoever waits for it on a loop goes on.
    fn let_in(&self, gate: &str) {
        if !self.held_by.contains(gate) {
            return;
        }
        let name = gate.to_owned();
        let freed =
            self.held.perform(Op::new("let in").says(|freed: &Held| freed.0.len().to_string()), |held| {
                let (freed, kept) =
                    std::mem::take(&mut held.0).into_iter().partition(|(gate, ..)| *gate == name);
                held.0 = kept;
                Held(freed)
            });
        for (gate, event_loop, opened) in freed.0 {
            event_loop.feed(("gate", gate, opened.clone()), move || opened.set_result(()));
        }
    }

    pub(crate) fn wait_for_gate(&self, gate: &str) {
        let opener = self.openers.get(gate).and_then(|openers| openers.first());
        let place = Place::WaitFor(format!("gate {gate:?}"));
        let _place = match opener {
            Some(opener) => thread::place_waiting_for(place, &opener.thread),
            None => thread::place(place),
        };
        let (name, words) = (gate.to_owned(), format!("gate {gate}"));
        let op = Op::new("wait").reads().says(move |()| words.clone());
        self.script.perform_when(op, move |script| script.gate_is_open(&name), |_| ());
    }

    pub(crate) fn wait_for_frame(&self, frame: &FrameSeen) {
        let words = format!("frame {}", word(&frame.method));
        let _place = thread::place(Place::WaitFor(words.clone()));
        let frame = frame.clone();
        let op = Op::new("wait").reads().says(move |()| words.clone());
        self.script.perform_when(op, move |script| script.frame_seen(&frame), |_| ());
    }

    /// The steps that open a gate.
    pub(crate) fn openers(&self, gate: &str) -> Vec<Opener> {
        self.openers.get(gate).cloned().unwrap_or_default()
    }

    /// Whether a gate is open, when the execution is over.
    pub(crate) fn is_open(&self, gate: &str) -> bool {
        self.script.inspect(|script| script.gate_is_open(gate))
    }

    /// How often such a frame was read, when the execution is over.
    pub(crate) fn frames_read(&self, frame: &FrameSeen) -> usize {
        self.script.inspect(|script| script.frames_read(frame))
    }

    /// The reactions that wait, in words, and for what, when the execution is over.
    pub(crate) fn waits(&self) -> Vec<(String, Happening)> {
        let happened = self.happened();
        self.script.inspect(|script| {
            let waits = script.waiting(&*happened).into_iter();
            waits
                .map(|(on, happening)| (format!("the reaction to {}", on.in_words()), happening.clone()))
                .collect()
        })
    }

    /// The gates that the subscriber waits for, when the execution is over.
    pub(crate) fn held_gates(&self) -> BTreeSet<String> {
        let held =
            self.held.inspect(|held| held.0.iter().map(|(gate, ..)| gate.clone()).collect::<BTreeSet<_>>());
        held.into_iter().filter(|gate| !self.is_open(gate)).collect()
    }

    /// Why the server says nothing although no reaction of its waits, when the execution is over.
    pub(crate) fn silence(&self) -> Vec<Need> {
        self.script.inspect(|script| {
            if script.has_ended() {
                return vec![Need::Process];
            }
            let prompts = script.unanswered().into_iter();
            let prompts = prompts.map(|prompt| Need::Answer { prompt: prompt.to_owned() });
            let unread = script.unread();
            let reader = (!script.is_reading() && unread > 0).then_some(Need::Reader { unread });
            prompts.chain(reader).collect()
        })
    }

    /// The server's log, when the execution is over.
    pub(crate) fn log(&self) -> Vec<ServerEntry> {
        self.script.inspect(|script| script.log().to_vec())
    }
}

impl Peer for ServerHost {
    fn start(&self, sink: Sink) {
        let process = self.script.inspect(Script::process) + 1;
        self.sinks.borrow_mut().insert(process_line(process), sink);
        self.tell("start", ClientMessage::Started);
    }

    fn send(&self, message: ClientMessage) -> Pipe {
        self.tell("write", message)
    }

    fn kill(&self) {
        self.tell("kill", ClientMessage::Ended);
    }
}

impl Llm for ServerHost {
    fn complete(&self, request: ClientMessage, sink: Sink) {
        let session = match &request {
            ClientMessage::Prompt { session, .. } => Some(session.clone()),
            ClientMessage::Completion(completion) => Some(completion.session.to_owned()),
            _ => None,
        };
        self.sinks.borrow_mut().extend(session.map(|session| (session, sink)));
        self.tell("write", request);
    }
}

fn pipe_of(script: &Script) -> Pipe {
    match (script.has_ended(), script.is_reading()) {
        (true, _) => Pipe::Broken,
        (false, true) => Pipe::Read,
        (false, false) => Pipe::Full,
    }
}

fn take_step(script: &mut Script, which: usize, happened: &dyn Fn(&Happening) -> bool) -> Moved {
    let before = script.log().len();
    let choice = script.choices(happened)[which];
    let step = script.take(choice, happened).expect("the step was possible when it was chosen");
    Moved { step, process: script.process(), entries: (before, script.log().len()) }
}

fn process_line(process: u32) -> String {
    format!("process {process}")
}

/// The line of an LLM's completion; each completion is a session of its own.
fn llm_line(frame: &ServerMessage) -> String {
    match frame {
        ServerMessage::Update { session, .. }
        | ServerMessage::ToolCall { session, .. }
        | ServerMessage::PromptAnswered { session, .. }
        | ServerMessage::PromptFailed { session, .. } => session.clone(),
        ServerMessage::Call { .. } | ServerMessage::Answered { .. } => String::new(),
    }
}
