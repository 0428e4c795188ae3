//! A transcript read from its first entry to its last: what the client asked, what the script did about it and what it
//! had waited for, and what the server's log says.

mod requests;

use std::collections::{BTreeMap, BTreeSet};

use super::asked::{Asked, Outcome};
use super::decode_actions::Burst;
use super::names::Names;
use crate::observation::{CallKind, ServerEntry};
use crate::scenario::{Action, EventKind, EventSeen, Happening, Send, Step, StopReason, Trigger};
use crate::wire::frame::Id;
use crate::wire::transcript::{By, End, Entry, Part, ToldEvent, What};

/// Something that others did, with what the server had seen before.
#[derive(Debug)]
pub(crate) enum Moment {
    /// A prompt, by its place in [`Story::asked`].
    Prompt(usize),
    /// A turn was stopped, by a cancel or without a word, and what that may have waited for.
    Stop(Happening),
    /// Somebody at the control port opened a gate, and what may have come before that.
    Open(String, Option<Happening>),
    /// Somebody told that this message was sent during a turn, which is known by its place in [`Story::asked`].
    Said(String, usize),
    /// The model of a session was switched to this one, and what may have come before that.
    Switched(String, Option<Happening>),
    /// A call of an actor returned.
    Call(String, Step),
    /// The client left in the middle of this turn, and what may have come before that.
    Left(Happening),
}

/// All that a transcript tells.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// What was asked, in order.
    pub asked: Vec<Asked>,
    /// What others did, in order.
    pub moments: Vec<Moment>,
    /// What the server read and wrote.
    pub log: Vec<ServerEntry>,
    /// Whether a prompt had a system suffix.
    pub suffix: bool,
    /// What is worth saying.
    pub notes: Vec<String>,
    /// The name of the scenario that was played.
    pub scenario: String,
    /// Which conversation a session belongs to, counted from 0. Those of one process are of different ones; the first of
    /// the next process goes on with the first.
    pub conversations: BTreeMap<String, usize>,
    /// The gates that are not of the transcript: places that others may have waited for.
    pub places: BTreeSet<String>,
    /// How many sessions this process has opened.
    opened: usize,
    names: Names,
    process: u32,
    sessions: u32,
    cancels: u32,
    events: Vec<ToldEvent>,
    /// All that a script can wait for and that has happened, in order.
    happened: Vec<Happening>,
    /// What in this process is not over, by place in `asked`.
    running: Vec<usize>,
    /// The calls to the client that are not answered: the bytes of an id, the name.
    calls: BTreeMap<String, String>,
    /// How often the client was called by each name.
    called_by: BTreeMap<String, u32>,
    /// The reaction that went on last.
    acted: Option<usize>,
    /// The gates that the scenario had.
    gates: BTreeSet<String>,
    /// How often actors say that they sent each text; none if nobody told of any call.
    sends: Option<BTreeMap<String, u32>>,
    /// How often actors have told so far that they sent each text.
    sent: BTreeMap<String, u32>,
    /// How each message that was sent was called last: the client's text, the name.
    messages: BTreeMap<String, Vec<String>>,
    ended: bool,
}

/// The story of a transcript.
pub(crate) fn read(entries: &[Entry]) -> Story {
    let mut story = Story::default();
    story.listen(entries);
    for entry in entries {
        story.take(&entry.what);
    }
    story.part();
    story
}

impl Story {
    /// What has to be known before anything else is read: the gates that there are, and what actors say that they sent,
    /// which tells a message that was sent twice from one that was prompted twice.
    fn listen(&mut self, entries: &[Entry]) {
        for entry in entries {
            match &entry.what {
                What::Call { call, .. } => {
                    let sends = self.sends.get_or_insert_default();
                    if let CallKind::Send(text) = CallKind::from(call.as_str()) {
                        *sends.entry(text).or_default() += 1;
                    }
                }
                What::Open { gate, .. } => _ = self.gates.insert(gate.clone()),
                _ => {}
            }
        }
    }

    fn take(&mut self, what: &What) {
        match what {
            What::Begin { scenario, .. } => self.begin(scenario),
            What::Read { frame, .. } => self.read(frame),
            What::Step { reaction, did, writes } => self.step(reaction.is_some(), did, writes),
            What::Open { gate, by: By::Control } => {
                let before = self.happened.last().cloned();
                self.moments.push(Moment::Open(gate.clone(), before));
                self.happened.push(Happening::Gate(gate.clone()));
            }
            What::Open { gate, by: By::Server } => self.opened(gate),
            What::Tell { status, event } => {
                self.happened.extend(status.map(Happening::Status));
                self.told(event.as_ref());
            }
            What::Call { actor, call, .. } => self.called(actor, call),
            What::Ask { .. } => {
                let left_out = "what was asked of the LLM, and what it answered, is left out";
                if !self.notes.iter().any(|note| note == left_out) {
                    self.notes.push(left_out.to_owned());
                }
            }
            What::End { why: End::Exit(_), .. } => {
                self.part();
                self.log.push(ServerEntry::Ended { process: self.process });
                self.ended = true;
            }
            // The script knows nothing of what is no frame, and any other end of a process is the next one's beginning.
            What::Garbage { .. } | What::End { .. } | What::Reply { .. } | What::Http { .. } => {}
        }
    }

    /// The reaction that went on last opened a gate, before its answer if it has answered.
    fn opened(&mut self, gate: &str) {
        if let Some(asked) = self.acted.and_then(|at| self.asked.get_mut(at)) {
            let ends =
                |action: &Action| matches!(action, Action::Answer(_) | Action::Fail(_) | Action::Exit(_));
            let end = asked.actions.len() - usize::from(asked.actions.last().is_some_and(ends));
            asked.actions.insert(end, Action::Open(gate.to_owned()));
        }
        self.happened.push(Happening::Gate(gate.to_owned()));
    }

    fn told(&mut self, event: Option<&ToldEvent>) {
        let Some(event) = event else { return };
        if event.kind == EventKind::UserMessage
            && let Some(turn) = self.running.iter().rev().copied().find(|at| self.asked[*at].in_turn())
        {
            self.moments.push(Moment::Said(self.names.text(&event.text), turn));
        }
        self.events.push(event.clone());
        let count = number(self.events.iter().filter(|seen| *seen == event).count());
        let text = match event.kind {
            _ if event.text.is_empty() => None,
            EventKind::ToolCall => Some(self.names.tool(&event.text)),
            _ => Some(self.names.text(&event.text)),
        };
        self.happened.push(Happening::Event(EventSeen { kind: event.kind, text, count }));
    }

    fn called(&mut self, actor: &str, call: &str) {
        let step = match CallKind::from(call) {
            CallKind::Run => Step::Run,
            CallKind::RunSync => Step::RunSync,
            CallKind::Interrupt => Step::Interrupt,
            CallKind::Pause => Step::Pause,
            CallKind::Close => Step::Close,
            CallKind::Reload => Step::Reload,
            CallKind::SwitchModel(model) => Step::SwitchModel(model),
            CallKind::Send(text) => {
                let sent = self.sent.entry(text.clone()).or_default();
                *sent += 1;
                Step::Send(Send { text: nth(&self.names.text(&text), *sent), run: false })
            }
            CallKind::Accept | CallKind::Reject | CallKind::Other(_) => {
                self.notes.push(format!("no step of an actor is the call {call:?}; it is left out"));
                return;
            }
        };
        self.moments.push(Moment::Call(actor.to_owned(), step));
    }

    fn begin(&mut self, scenario: &str) {
        if self.process > 0 {
            self.part();
            if !self.ended {
                self.log.push(ServerEntry::Ended { process: self.process });
            }
        }
        scenario.clone_into(&mut self.scenario);
        self.ended = false;
        self.process += 1;
        self.opened = 0;
        self.running.clear();
        self.calls.clear();
        self.log.push(ServerEntry::Started { process: self.process });
        self.ask(Trigger::Start, String::new(), None);
    }

    /// The pipe is gone. Whoever leaves a turn that nobody stopped has closed the conversation.
    fn part(&mut self) {
        let left = self.running.iter().copied().filter(|at| self.asked[*at].in_turn());
        let left: Vec<usize> = left.filter(|at| !self.asked[*at].is_stopped()).collect();
        // A script that ends its process, or its output, has left the client.
        let gone = |action: &Action| matches!(action, Action::Exit(_) | Action::CloseOutput);
        let by_script = self.running.iter().any(|at| self.asked[*at].actions.iter().any(gone));
        if let Some(turn) = left.first().filter(|_| !self.ended && !by_script) {
            let before = self.place_in(*turn);
            self.moments.push(Moment::Left(before));
            self.log.push(ServerEntry::Ended { process: self.process });
            self.ended = true;
        }
    }

    fn ask(&mut self, on: Trigger, session: String, id: Option<Id>) -> usize {
        let at = self.asked.len();
        self.running.push(at);
        self.asked.push(Asked {
            on,
            session,
            process: self.process,
            actions: Vec::new(),
            outcome: Outcome::Open,
            count: 0,
            cancel: None,
            given_up: false,
            undrained: false,
            id,
            cards: Vec::new(),
            load: None,
            known: self.happened.len(),
        });
        at
    }

    fn step(&mut self, is_reaction: bool, did: &str, writes: &[Part]) {
        let burst = Burst::read(writes);
        self.acted = None;
        if !is_reaction {
            // An answer at once, as it would be again.
            for id in burst.answers() {
                if let Some(at) = self.running.iter().copied().find(|at| self.is_id(*at, &id)) {
                    self.answered(at, Outcome::Answered(StopReason::EndTurn));
                }
            }
            return;
        }
        let Some(at) = self.whose(&burst) else { return };
        self.waited(at);
        self.acted = Some(at);
        let asked = &mut self.asked[at];
        asked.actions.extend(super::decode_actions::reading(did));
        let (outcome, calls) = burst.put(asked, &mut self.names, &mut self.log, &mut self.called_by);
        self.calls.extend(calls);
        if let Some(outcome) = outcome {
            self.answered(at, outcome);
        }
    }

    fn is_id(&self, at: usize, id: &str) -> bool {
        self.asked[at].id.as_ref().is_some_and(|own| own.get() == id)
    }

    /// Whose reaction has done this: that of the request which is answered, of the turn in whose session something is said,
    /// of the last one there if it is over, of what was asked last, of the start.
    fn whose(&self, burst: &Burst) -> Option<usize> {
        let mut running = self.running.iter().rev().copied();
        let answers = burst.answers();
        let answered = running.clone().find(|at| answers.iter().any(|id| self.is_id(*at, id)));
        let session = burst.session();
        let is_there = |asked: &Asked| session.as_ref().is_some_and(|session| *session == asked.session);
        let speaks = running.clone().find(|at| {
            let asked = &self.asked[*at];
            matches!(asked.on, Trigger::Prompt(_) | Trigger::Load) && is_there(asked)
        });
        let late = || {
            let is_over = |asked: &Asked| asked.process == self.process && asked.text().is_some();
            self.asked.iter().rposition(|asked| is_over(asked) && is_there(asked))
        };
        answered.or(speaks).or_else(late).or_else(|| running.next())
    }

    /// What a reaction waited for before it went on: the last thing that has happened, if it is news to it. Without news
    /// it only ended a write.
    fn waited(&mut self, at: usize) {
        let asked = &mut self.asked[at];
        match self.happened.last() {
            Some(last) if self.happened.len() > asked.known => asked.actions.push(Action::Wait(last.clone())),
            // An answer ends its write by itself.
            _ if matches!(asked.actions.last(), Some(Action::Answer(_) | Action::Fail(_))) => {}
            _ if !asked.actions.is_empty() => asked.actions.push(Action::Flush),
            _ => {}
        }
        asked.known = self.happened.len();
    }

    fn answered(&mut self, at: usize, outcome: Outcome) {
        let asked = &mut self.asked[at];
        asked.outcome = outcome;
        if let (Some(entry), Outcome::Answered(_)) = (asked.load, outcome)
            && let ServerEntry::Load { loaded, .. } = &mut self.log[entry]
        {
            *loaded = true;
        }
        if outcome != Outcome::Settled {
            self.running.retain(|running| *running != at);
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The name of a message that was sent for this time.
fn nth(name: &str, time: u32) -> String {
    if time == 1 { name.to_owned() } else { format!("{name} #{time}") }
}
