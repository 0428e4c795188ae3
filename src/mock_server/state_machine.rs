//! The state machine: queued messages, running reactions, gates and the server's log.
//!
//! Every free choice (read the next message, or go on with one of the reactions) is offered to the caller.
//! The caller also answers for the conditions that the server cannot see itself.

use std::collections::{BTreeMap, VecDeque};

use super::ServerEntry;
use super::plan::Plan;
use super::server_log::ServerLog;
use super::wire::is_kind;
use super::{ClientMessage, ServerMessage, Wire};
use crate::scenario::{Action, FrameSeen, Happening, Reaction, ReplySeen};
use crate::terms::ReplyKind;

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
    /// What only a real pipe can carry, each with the number of frames that come before it.
    pub wire: Vec<(usize, Wire)>,
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
/// use turnloom::mock_server::{ClientMessage, Script};
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
    pub(super) plan: Plan,
    pub(super) life: Life,
    pub(super) process: u32,
    pub(super) sessions: Vec<String>,
    pub(super) queue: VecDeque<ClientMessage>,
    pub(super) turns: Vec<Turn>,
    pub(super) begun: u32,
    pub(super) running: Vec<Running>,
    pub(super) gates: BTreeMap<String, bool>,
    /// Whether messages are read.
    pub(super) reading: bool,
    /// How the client answered the calls of the live process, by name.
    pub(super) replies: BTreeMap<String, Vec<ReplyKind>>,
    pub(super) log: ServerLog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Life {
    /// No process was ever begun: the LLM of a native agent has none.
    NeverBegun,
    Alive,
    Ended,
}

/// A request that is not answered yet.
#[derive(Debug, Clone, Hash)]
pub(super) struct Turn {
    pub(super) id: u32,
    pub(super) session: String,
    pub(super) asked: Asked,
    /// The tool calls it has told of.
    pub(super) cards: Vec<String>,
}

#[derive(Debug, Clone, Hash)]
pub(super) enum Asked {
    Prompt {
        request: u64,
        text: String,
        cancelled: bool,
    },
    Load {
        request: u64,
        /// The entry of the log that is to say whether it was answered well.
        entry: usize,
    },
    /// Any other request; none at the start of a process, where nobody asks, and behind an answer.
    Other {
        request: Option<u64>,
    },
}

impl Asked {
    /// The request that a frame of the script can answer.
    pub(super) fn request(&self) -> Option<u64> {
        match self {
            Self::Prompt { request, .. } => Some(*request),
            Self::Other { request } => *request,
            Self::Load { .. } => None,
        }
    }

    /// A frame of the script has answered it, so neither a cancel nor the end of the list is for it.
    pub(super) fn settle(&mut self) {
        match self {
            Self::Prompt { cancelled, .. } => *cancelled = true,
            Self::Other { request } => *request = None,
            Self::Load { .. } => {}
        }
    }
}

/// A list of actions in progress, for the turn with this id.
#[derive(Debug, Clone, Hash)]
pub(super) struct Running {
    pub(super) turn: u32,
    pub(super) reaction: usize,
    pub(super) at: usize,
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
            reading: true,
            replies: BTreeMap::new(),
            log: ServerLog::default(),
        }
    }

    /// The same server with an LLM beside it: completions get the reactions of `llm` and no others.
    #[must_use]
    pub fn beside_llm(mut self, llm: &[Reaction]) -> Self {
        self.plan = self.plan.beside_llm(llm);
        self
    }

    /// The same server without a log, for one that may go on for long: of what it read it keeps how often it was read.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.log = ServerLog::Counted(BTreeMap::new());
        self
    }

    /// Takes in a message. A message waits to be read; that a process begins or ends is done to the server at once,
    /// and what an ended process had not read or not written is gone. What is sent to an ended process is lost.
    pub fn receive(&mut self, message: ClientMessage) {
        match message {
            ClientMessage::Started | ClientMessage::Ended => drop(self.perform(message)),
            // The LLM beside an agent has connections of its own, whatever becomes of the agent's pipe.
            ClientMessage::Completion(_) if self.plan.has_llm() => drop(self.perform(message)),
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
                Some(Step { frames: self.perform(message), label, ..Step::default() })
            }
            Choice::Advance(index) if self.can_advance(index, happened) => Some(self.burst(index, happened)),
            Choice::Advance(_) => None,
        }
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
        self.log.entries()
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
        u32::try_from(self.log.count(frame)).is_ok_and(|count| count >= frame.count)
    }

    /// Whether the server reads its messages; while it does not, they stay where they are.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reading
    }

    /// Whether the last process that was begun has ended, killed or by itself: nobody reads what is sent to it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.life == Life::Ended
    }

    /// Whether there is such a session.
    #[must_use]
    pub fn has_session(&self, session: &str) -> bool {
        self.sessions.iter().any(|known| known == session)
    }

    /// Whether a prompt of this session is in flight.
    #[must_use]
    pub fn in_turn(&self, session: &str) -> bool {
        self.turns.iter().any(|turn| turn.session == session && matches!(turn.asked, Asked::Prompt { .. }))
    }

    /// The request that a running reaction, by its place, works on; none if it is for no request that can be answered.
    #[must_use]
    pub fn request_of(&self, running: usize) -> Option<u64> {
        let turn = self.running.get(running)?.turn;
        self.turns.iter().find(|one| one.id == turn)?.asked.request()
    }

    /// Whether a reaction works on this request.
    #[must_use]
    pub fn works_on(&self, request: u64) -> bool {
        (0..self.running.len()).any(|running| self.request_of(running) == Some(request))
    }

    /// Whether there is a reaction to this request, of those that have no message of their own.
    #[must_use]
    pub fn reacts_to(&self, method: &str, session: &str) -> bool {
        self.plan.on_request(method, session, self.process).is_some()
    }

    /// The session that the next `session/new` opens.
    pub(super) fn next_session(&self) -> String {
        format!("s{}", self.sessions.len() + 1)
    }

    /// Every gate with whether it is open.
    pub fn gates(&self) -> impl Iterator<Item = (&str, bool)> {
        self.gates.iter().map(|(name, open)| (name.as_str(), *open))
    }

    fn can_read(&self) -> bool {
        self.reading && !self.queue.is_empty()
    }

    fn reply_seen(&self, reply: &ReplySeen) -> bool {
        let replies = self.replies.get(&reply.to);
        replies.is_some_and(|replies| replies.iter().any(|seen| is_kind(*seen, reply.with)))
    }

    pub(super) fn can_advance(&self, index: usize, happened: &dyn Fn(&Happening) -> bool) -> bool {
        self.running.get(index).is_some_and(|running| match self.plan.action(running.reaction, running.at) {
            Some(Action::Wait(happening)) => self.is_the_case(happening, happened),
            _ => true,
        })
    }

    /// Whether a happening is the case.
    #[must_use]
    pub fn is_the_case(&self, happening: &Happening, happened: &dyn Fn(&Happening) -> bool) -> bool {
        match happening {
            Happening::Gate(name) => self.gate_is_open(name),
            Happening::Frame(frame) => self.frame_seen(frame),
            Happening::Reply(reply) => self.reply_seen(reply),
            Happening::Status(_) | Happening::Event(_) => happened(happening),
        }
    }
}
