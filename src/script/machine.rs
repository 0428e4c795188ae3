//! The state machine: queued messages, running reactions, gates and the server's log.
//!
//! Every free choice (read the next message, or go on with one of the reactions) is offered to the caller. This file
//! must not know who makes the choice, nor what the conversation behind the client looks like: happenings that the
//! server cannot see itself are asked of the caller.

use std::collections::{BTreeMap, VecDeque};

use super::plan::{Plan, describe, is_frame};
use super::{ClientMessage, ServerMessage, Update};
use crate::observation::ServerEntry;
use crate::scenario::{Action, FrameSeen, Happening, Reaction, StopReason};

/// One thing that the server can do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// Go on with this running reaction, counted from 0 in the order in which they started.
    Advance(usize),
    /// Read the oldest queued message.
    Read,
}

/// What one step of the server did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Step {
    /// The frames to be written to the client, in one write.
    pub frames: Vec<ServerMessage>,
    /// The gates it opened; they are open already.
    pub opened: Vec<String>,
    /// What it did, in words: `read session/prompt "first"`, `say "x", answer end_turn`.
    pub label: String,
}

/// The scripted server.
///
/// The callback of several methods tells whether a happening that the server cannot see itself (a status, an event of
/// the log) is the case.
///
/// ```
/// use turnloom::script::{ClientMessage, Script};
///
/// let mut script = Script::new(&[], &[]);
/// script.receive(ClientMessage::Started);
/// script.receive(ClientMessage::Prompt { request: 0, session: "s1".into(), text: "hi".into(), suffix: false });
/// assert_eq!(script.step(&|_| false).unwrap().label, "read session/prompt \"hi\"");
/// assert_eq!(script.step(&|_| false).unwrap().label, "answer end_turn");
/// assert!(!script.can_step(&|_| false));
/// ```
#[derive(Debug, Clone, Hash)]
pub struct Script {
    plan: Plan,
    life: Life,
    process: u32,
    sessions: Vec<String>,
    queue: VecDeque<ClientMessage>,
    turns: Vec<Turn>,
    begun: u32,
    running: Vec<Running>,
    gates: BTreeMap<String, bool>,
    /// Whether the process has stopped to read its pipe.
    deaf: bool,
    log: Vec<ServerEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Life {
    /// No process was ever begun: the LLM of a native agent has none.
    NeverBegun,
    Alive,
    Ended,
}

/// A request that is not answered yet.
#[derive(Debug, Clone, Hash)]
struct Turn {
    id: u32,
    session: String,
    asked: Asked,
    /// The tool calls it has told of.
    cards: Vec<String>,
}

#[derive(Debug, Clone, Hash)]
enum Asked {
    Prompt {
        request: u64,
        text: String,
        cancelled: bool,
    },
    /// The entry of the log that is to say whether it was answered well.
    Load {
        entry: usize,
    },
}

/// A list of actions in progress, for the turn with this id.
#[derive(Debug, Clone, Hash)]
struct Running {
    turn: u32,
    reaction: usize,
    at: usize,
}

impl Script {
    /// The server of a scenario, before its first process begins, with all gates shut.
    #[must_use]
    pub fn new(reactions: &[Reaction], gates: &[String]) -> Self {
        Self {
            plan: Plan::new(reactions),
            life: Life::NeverBegun,
            process: 0,
            sessions: Vec::new(),
            queue: VecDeque::new(),
            turns: Vec::new(),
            begun: 0,
            running: Vec::new(),
            gates: gates.iter().map(|gate| (gate.clone(), false)).collect(),
            deaf: false,
            log: Vec::new(),
        }
    }

    /// Takes in a message. A message waits to be read; that a process begins or ends is done to the server at once,
    /// and what an ended process had not read or not written is gone. What is sent to an ended process is lost.
    pub fn receive(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Started | ClientMessage::Ended => drop(self.perform(message)),
            _ if self.life == Life::Ended => {}
            _ => self.queue.push_back(message),
        }
    }

    /// Whether the server can do anything.
    #[must_use]
    pub fn can_step(&self, happened: &dyn Fn(&Happening) -> bool) -> bool {
        self.can_read() || (0..self.running.len()).any(|index| self.can_advance(index, happened))
    }

    /// All that the server can do next, the default first: reactions in the order of their start, then reading.
    #[must_use]
    pub fn choices(&self, happened: &dyn Fn(&Happening) -> bool) -> Vec<Choice> {
        let advances = (0..self.running.len()).filter(|&index| self.can_advance(index, happened));
        let read = self.can_read().then_some(Choice::Read);
        advances.map(Choice::Advance).chain(read).collect()
    }

    /// Does the first of the [`choices`](Self::choices); none if there is none.
    pub fn step(&mut self, happened: &dyn Fn(&Happening) -> bool) -> Option<Step> {
        let choice = *self.choices(happened).first()?;
        self.take(choice, happened)
    }

    /// Does what was chosen; none, and nothing done, if that is not possible now.
    ///
    /// A reaction that goes on does so in one burst: up to and including an answer, or up to the next wait that is
    /// not fulfilled. An author who wants others to move in between puts a wait there.
    pub fn take(&mut self, choice: Choice, happened: &dyn Fn(&Happening) -> bool) -> Option<Step> {
        match choice {
            Choice::Read if !self.can_read() => None,
            Choice::Read => {
                let message = self.queue.pop_front()?;
                let label = format!("read {message}");
                Some(Step { frames: self.perform(message), opened: Vec::new(), label })
            }
            Choice::Advance(index) if self.can_advance(index, happened) => Some(self.burst(index, happened)),
            Choice::Advance(_) => None,
        }
    }

    /// Whether the process reads its pipe; if not, what is written to it stays there.
    #[must_use]
    pub fn reads(&self) -> bool {
        !self.deaf
    }

    fn can_read(&self) -> bool {
        self.reads() && !self.queue.is_empty()
    }

    /// What the running reactions wait for and what is not the case, in the order of their start.
    #[must_use]
    pub fn waits(&self, happened: &dyn Fn(&Happening) -> bool) -> Vec<&Happening> {
        let next = self.running.iter().filter_map(|running| self.plan.action(running.reaction, running.at));
        next.filter_map(|action| match action {
            Action::Wait(happening) if !self.is_the_case(happening, happened) => Some(happening),
            _ => None,
        })
        .collect()
    }

    /// What the server read and wrote so far.
    #[must_use]
    pub fn log(&self) -> &[ServerEntry] {
        &self.log
    }

    /// The process that lives or lived last, counted from 1; 0 if none was begun.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Opens a gate for good.
    pub fn open_gate(&mut self, name: &str) {
        self.gates.insert(name.to_owned(), true);
    }

    /// Whether the gate is open.
    #[must_use]
    pub fn gate_is_open(&self, name: &str) -> bool {
        self.gates.get(name).copied().unwrap_or(false)
    }

    /// Whether the server has read such a frame, as often as asked, in any of its processes.
    #[must_use]
    pub fn frame_seen(&self, frame: &FrameSeen) -> bool {
        let count = self.log.iter().filter(|entry| is_frame(entry, frame)).count();
        u32::try_from(count).is_ok_and(|count| count >= frame.count)
    }

    /// What a message does when it is read, and the frames that answer it at once.
    fn perform(&mut self, message: ClientMessage) -> Vec<ServerMessage> {
        let process = self.process;
        match message {
            ClientMessage::Started => {
                self.leave(Life::Alive);
                self.process += 1;
                self.log.push(ServerEntry::Started { process: self.process });
                Vec::new()
            }
            ClientMessage::Ended => {
                if self.life == Life::Alive {
                    self.leave(Life::Ended);
                    self.log.push(ServerEntry::Ended { process });
                }
                Vec::new()
            }
            ClientMessage::Initialize => {
                self.log.push(ServerEntry::Initialize { process });
                vec![ServerMessage::Initialized]
            }
            ClientMessage::NewSession => {
                let session = format!("s{}", self.sessions.len() + 1);
                self.sessions.push(session.clone());
                self.log.push(ServerEntry::New { process, session: session.clone() });
                vec![ServerMessage::NewSession { session }]
            }
            ClientMessage::LoadSession { session } => self.read_load(session),
            ClientMessage::Prompt { request, session, text, suffix } => {
                let logged = session.clone();
                self.read_prompt(request, session, text);
                if suffix {
                    self.log.push(ServerEntry::Suffix { process, session: logged });
                }
                Vec::new()
            }
            ClientMessage::Cancel { session } => {
                self.read_cancel(session);
                Vec::new()
            }
        }
    }

    /// Forgets all that belongs to one process; sessions, gates and the log outlive it.
    fn leave(&mut self, life: Life) {
        self.life = life;
        self.deaf = false;
        self.queue.clear();
        self.turns.clear();
        self.running.clear();
    }

    fn read_load(&mut self, session: String) -> Vec<ServerMessage> {
        let entry = self.log.len();
        self.log.push(ServerEntry::Load { process: self.process, session: session.clone(), loaded: false });
        if !self.sessions.contains(&session) {
            return vec![ServerMessage::Loaded { ok: Err(format!("unknown session {session:?}")) }];
        }
        let asked = Asked::Load { entry };
        match self.plan.on_load() {
            Some(reaction) => {
                self.begin(session, asked, reaction);
                Vec::new()
            }
            None => vec![self.answer(&session, asked, Ok(StopReason::EndTurn))],
        }
    }

    fn read_prompt(&mut self, request: u64, session: String, text: String) {
        let (process, logged) = (self.process, session.clone());
        self.log.push(ServerEntry::Prompt { process, session: logged, text: text.clone() });
        let reaction = self.plan.on_prompt(&text);
        self.begin(session, Asked::Prompt { request, text, cancelled: false }, reaction);
    }

    /// A cancel belongs to the oldest prompt in flight of its session that was not cancelled before.
    fn read_cancel(&mut self, wanted: String) {
        let turn =
            self.turns.iter_mut().filter(|turn| turn.session == wanted).find_map(|turn| {
                match &mut turn.asked {
                    Asked::Prompt { cancelled, .. } if !*cancelled => {
                        *cancelled = true;
                        Some(turn.id)
                    }
                    _ => None,
                }
            });
        if let (Some(turn), Some(reaction)) = (turn, self.plan.on_cancel()) {
            self.running.push(Running { turn, reaction, at: 0 });
        }
        self.log.push(ServerEntry::Cancel { process: self.process, session: wanted });
    }

    fn begin(&mut self, session: String, asked: Asked, reaction: usize) {
        let turn = self.begun;
        self.begun += 1;
        self.turns.push(Turn { id: turn, session, asked, cards: Vec::new() });
        self.running.push(Running { turn, reaction, at: 0 });
    }

    fn can_advance(&self, index: usize, happened: &dyn Fn(&Happening) -> bool) -> bool {
        self.running.get(index).is_some_and(|running| match self.plan.action(running.reaction, running.at) {
            Some(Action::Wait(happening)) => self.is_the_case(happening, happened),
            _ => true,
        })
    }

    fn is_the_case(&self, happening: &Happening, happened: &dyn Fn(&Happening) -> bool) -> bool {
        match happening {
            Happening::Gate(name) => self.gate_is_open(name),
            Happening::Frame(frame) => self.frame_seen(frame),
            Happening::Status(_) | Happening::Event(_) => happened(happening),
        }
    }

    fn burst(&mut self, index: usize, happened: &dyn Fn(&Happening) -> bool) -> Step {
        let mut step = Step::default();
        let mut words = Vec::new();
        while self.can_advance(index, happened) {
            let running = &mut self.running[index];
            let action = self.plan.action(running.reaction, running.at).cloned();
            running.at += 1;
            let over = match action {
                Some(action) => {
                    words.extend(describe(&action));
                    self.act(index, action, &mut step)
                }
                None => {
                    self.run_out(index, &mut step);
                    true
                }
            };
            if over {
                break;
            }
        }
        step.label = if words.is_empty() { "end of a reaction".to_owned() } else { words.join(", ") };
        step
    }

    /// Does one action; whether the reaction is over with it.
    fn act(&mut self, index: usize, action: Action, step: &mut Step) -> bool {
        let id = self.running[index].turn;
        let process = self.process;
        let Some(place) = self.turns.iter().position(|turn| turn.id == id) else { return true };
        let session = self.turns[place].session.clone();
        let (entry, update) = match action {
            Action::Say(text) => {
                let entry = ServerEntry::Said { process, session: session.clone(), text: text.clone() };
                (entry, Update::Text(text))
            }
            Action::Think(text) => {
                let entry = ServerEntry::Thought { process, session: session.clone(), text: text.clone() };
                (entry, Update::Thought(text))
            }
            Action::Tool(tool) => {
                let (id, status) = (tool.id, tool.status);
                let entry = ServerEntry::Tool { process, session: session.clone(), id: id.clone(), status };
                let cards = &mut self.turns[place].cards;
                let first = !cards.contains(&id);
                if first {
                    cards.push(id.clone());
                }
                (entry, Update::Tool { id, status, first })
            }
            Action::Wait(_) => return false,
            Action::Open(gate) => {
                self.open_gate(&gate);
                step.opened.push(gate);
                return false;
            }
            Action::StopReading => {
                self.deaf = true;
                return false;
            }
            Action::Answer(reason) => {
                step.frames.push(self.close(place, Ok(reason)));
                return true;
            }
            Action::Fail(message) => {
                step.frames.push(self.close(place, Err(message)));
                return true;
            }
        };
        self.log.push(entry);
        step.frames.push(ServerMessage::Update { session, update });
        false
    }

    /// A list without an answer has run out: a prompt stays unanswered, a load was answered well all the same, for
    /// its list has no way to say so.
    fn run_out(&mut self, index: usize, step: &mut Step) {
        let id = self.running.remove(index).turn;
        let load = |turn: &Turn| turn.id == id && matches!(turn.asked, Asked::Load { .. });
        if let Some(place) = self.turns.iter().position(load) {
            step.frames.push(self.close(place, Ok(StopReason::EndTurn)));
        }
    }

    /// Ends a turn and every reaction that works on it.
    fn close(&mut self, place: usize, result: Result<StopReason, String>) -> ServerMessage {
        let turn = self.turns.remove(place);
        self.running.retain(|running| running.turn != turn.id);
        self.answer(&turn.session, turn.asked, result)
    }

    fn answer(&mut self, session: &str, asked: Asked, result: Result<StopReason, String>) -> ServerMessage {
        let (process, session) = (self.process, session.to_owned());
        match (asked, result) {
            (Asked::Load { entry }, result) => {
                self.log[entry] = ServerEntry::Load { process, session, loaded: result.is_ok() };
                ServerMessage::Loaded { ok: result.map(|_| ()) }
            }
            (Asked::Prompt { request, text, .. }, Ok(reason)) => {
                self.log.push(ServerEntry::Answered { process, session: session.clone(), text, reason });
                ServerMessage::PromptAnswered { request, session, reason }
            }
            (Asked::Prompt { request, text, .. }, Err(message)) => {
                let (logged, why) = (session.clone(), message.clone());
                self.log.push(ServerEntry::Failed { process, session: logged, text, message: why });
                ServerMessage::PromptFailed { request, session, message }
            }
        }
    }
}
