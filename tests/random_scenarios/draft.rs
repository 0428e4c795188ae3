//! Draws a scenario that has a given cell of the table: a first message and its run, the step and the act of the cell with what
//! either needs, and, unless the smallest scenario is asked for, whatever else there may be.
//!
//! Nothing here knows what the runtime makes of a scenario. So that an execution ends by itself, each wait is for what is sure to
//! come:
//!
//! - a gate of the server's is opened by an actor before it does anything that can wait for the server;
//! - where an actor waits for the first prompt, all others do, so that none stops the run before;
//! - a prompt is never answered, or answered only when it is cancelled, where timers fire or an interrupt is sure to come.
//!
//! Through the conversation one actor runs it, as the interface asks for.

use fastrand::Rng;
use serde_json::json;
use turnloom::scenario::{
    AgentKind, ClockStep, Delivery, EventKind, EventSeen, FrameSeen, Happening, Method, Reaction, ReplySeen,
    Scenario, Send, Session, Status, Step, Timer, ToolStep, Trigger, broken_by,
};

use super::script;
use super::table::{Act, Cell, Deed, Side};

/// A scenario as a file has it.
#[derive(Debug, Clone)]
pub struct Written {
    pub text: String,
    /// Whether the timers race with everything else.
    pub racing: bool,
    /// Whether a message crosses the first run, and little else happens.
    pub is_crossed: bool,
}

/// Who acts; a draft has four actors at most.
const NAMES: [&str; 4] = ["ann", "bob", "cem", "dora"];

/// How many of a hundred drafts with extras are small.
const SMALL: u32 = 35;

/// How many of a hundred have no steps beside those that they need but a message that crosses the first run: it may come in any
/// part of it, the very end included.
const CROSSED: u32 = 15;

/// What is being drawn.
pub struct Draft {
    pub rng: Rng,
    pub cell: Cell,
    /// Whether anything is added that the cell does not need.
    pub has_extras: bool,
    /// Whether it is one of the small ones, with two actors at most and few acts: a larger part of their interleavings is run.
    is_small: bool,
    is_crossed: bool,
    pub racing: bool,
    pub scenario: Scenario,
    /// The steps of each actor; the first begins the conversation.
    pub actors: Vec<Vec<Step>>,
    /// What everyone but the first actor waits for, and the first once it has begun.
    barrier: Option<Happening>,
    /// The gate that is opened once the status was seen; the first prompt waits for it.
    pub go: Option<String>,
    /// How many messages are sent.
    pub sends: usize,
    /// The place of the message that is answered with the act of the cell.
    pub second: usize,
    /// How many steps the first actor begins with.
    begins: usize,
    /// Which gate, call, card and tool call is the next.
    pub numbers: [usize; 4],
}

/// Draws a scenario with this cell.
pub fn draw(cell: Cell, has_extras: bool, seed: u64) -> Written {
    let scenario = serde_json::from_value(json!({
        "version": 1, "title": "a random scenario breaks no rule", "source": "random",
        "agent": {"kind": cell.side.agent}, "through": cell.side.through, "actors": [], "limits": {"retries": 0},
    }));
    let mut rng = Rng::with_seed(seed);
    let is_small = has_extras && rng.u32(0..100) < SMALL;
    let mut draft = Draft {
        rng,
        cell,
        has_extras,
        is_small,
        is_crossed: false,
        racing: false,
        scenario: scenario.expect("the head of a scenario"),
        actors: Vec::new(),
        barrier: None,
        go: None,
        sends: 0,
        second: 0,
        begins: 0,
        numbers: [0; 4],
    };
    draft.choose_head();
    draft.choose_steps();
    script::choose(&mut draft);
    draft.choose_subscriber();
    draft.choose_clock();
    draft.wait_behind_the_barrier();
    draft.open_gates();
    draft.written()
}

impl Draft {
    pub fn side(&self) -> Side {
        self.cell.side
    }

    /// True in so many of a hundred drafts with extras.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.has_extras && self.rng.u32(0..100) < percent
    }

    /// How many acts there may be in a reaction to a prompt beside those it needs.
    pub fn most_acts(&self) -> usize {
        if self.is_small { 1 } else { 3 }
    }

    pub fn is_for(&self, deeds: &[Deed], acts: &[Act]) -> bool {
        deeds.contains(&self.cell.deed) || acts.contains(&self.cell.act)
    }

    /// Which of the timers the clock is to fire.
    fn timer(&self) -> Option<Timer> {
        Some(match self.cell.deed {
            Deed::FirePrompt => Timer::Prompt,
            Deed::FireDrain => Timer::Drain,
            Deed::FireInterruptWait => Timer::InterruptWait,
            Deed::FireCancelSend => Timer::CancelSend,
            Deed::FireRetry => Timer::Retry,
            Deed::FireCloseWait => Timer::CloseWait,
            Deed::FirePendingDrain => Timer::PendingDrain,
            _ => return None,
        })
    }

    /// Whether the first prompt is left without an answer for a timer to end it.
    pub fn hangs(&self) -> bool {
        let ends_it = |timer: Timer| !matches!(timer, Timer::Retry | Timer::PendingDrain);
        self.side().is_acp() && self.timer().is_some_and(ends_it)
    }

    /// Which prompt is answered with the act of the cell: the second, where a timer has to end the first.
    pub fn act_place(&self) -> usize {
        let ends = [
            Act::EndTurn,
            Act::Refusal,
            Act::MaxTokens,
            Act::Fail,
            Act::Exit,
            Act::Refuse,
            Act::HangUp,
            Act::Reset,
            Act::Late,
            Act::ResumeReading,
        ];
        let cards = [Act::CardPending, Act::CardInProgress, Act::CardCompleted, Act::CardFailed];
        let fails = self.cell.deed == Deed::FireRetry;
        let is_taken = self.hangs() || fails;
        usize::from(is_taken && self.is_for(&[], &ends) || fails && self.is_for(&[], &cards))
    }

    /// Whether the act is part of a start, which can fail and keeps the first message from its prompt.
    pub fn is_about_the_start(&self) -> bool {
        self.is_for(&[], &[Act::OnInitialize, Act::OnNew])
    }

    /// Whether the scenario has to cancel a turn.
    fn needs_interrupt(&self) -> bool {
        let timers = [Deed::FireDrain, Deed::FireInterruptWait, Deed::FireCancelSend];
        self.cell.deed != Deed::FirePrompt && self.is_for(&timers, &[Act::Cancelled, Act::OnCancel])
    }

    fn choose_head(&mut self) {
        let side = self.side();
        self.racing = self.cell.deed == Deed::TimersRace || self.timer().is_none() && self.chance(30);
        let agent = self.scenario.agent.kind;
        let cold = side.is_acp() && (self.is_about_the_start() || self.chance(15));
        let asks = self.is_for(&[Deed::Accept, Deed::Reject], &[]);
        let confirmation = asks || !side.is_acp() && self.chance(30);
        let (suffix, condenser) = (self.chance(15), self.chance(15));
        let head = &mut self.scenario.agent;
        head.session = if cold { Session::Cold } else { Session::Ready };
        head.confirmation = confirmation;
        head.suffix = suffix && side.is_acp();
        head.condenser = condenser && agent == AgentKind::Llm;
        if !side.is_service() && self.chance(10) {
            self.scenario.limits.iterations = self.rng.u32(1..3);
        }
        if self.cell.deed == Deed::FireRetry || self.racing && self.chance(20) {
            self.scenario.limits.retries = 1;
        }
    }

    /// The first actor begins the conversation; what others do comes at any time.
    fn choose_steps(&mut self) {
        let first = self.begin();
        self.begins = first.len();
        let is_alone = if self.cell.deed != Deed::Reload && self.chance(CROSSED) {
            self.actors = vec![first, vec![self.send(false)]];
            (self.is_small, self.is_crossed) = (true, true);
            false
        } else {
            self.add_steps(first)
        };
        self.add_the_deed();
        self.add_what_the_act_needs(is_alone);
        self.choose_barrier();
    }

    /// Adds whatever may come behind these steps of the first actor, and others who take steps. Says whether there are none.
    fn add_steps(&mut self, mut first: Vec<Step>) -> bool {
        let is_alone = self.cell.deed == Deed::Reload || self.cell.deed != Deed::Close && self.chance(8);
        let most = if self.is_small { 1 } else { 2 };
        let others = if self.has_extras && !is_alone { self.rng.usize(0..=most) } else { 0 };
        self.actors = vec![Vec::new(); others + 1];
        for actor in 0..=others {
            let most = if self.is_small { actor.min(1) } else { 3 };
            let steps = actor.min(1)..most + 1;
            let steps = if self.has_extras { self.rng.usize(steps) } else { 0 };
            for _ in 0..steps {
                let deed = self.any_deed(actor == 0, is_alone);
                let step = self.step(deed);
                self.actors[actor].extend(step);
            }
        }
        first.append(&mut self.actors[0]);
        self.actors[0] = first;
        is_alone
    }

    /// The first message and its run.
    fn begin(&mut self) -> Vec<Step> {
        if self.side().is_service() {
            let apart = self.is_for(&[Deed::Send, Deed::Run], &[]) || self.chance(30);
            return if apart { vec![self.send(false), Step::Run] } else { vec![self.send(true)] };
        }
        let in_turn = self.needs_interrupt() || self.is_for(&[Deed::Run], &[]);
        let is_sync = !in_turn && (self.cell.deed == Deed::RunSync || self.chance(25));
        vec![self.send(false), if is_sync { Step::RunSync } else { Step::Run }]
    }

    fn send(&mut self, run: bool) -> Step {
        let text = text(self.sends);
        self.sends += 1;
        Step::Send(Send { text, run })
    }

    /// A step that the actor may take; `is_alone` if no other acts.
    fn any_deed(&mut self, is_first: bool, is_alone: bool) -> Deed {
        let side = self.side();
        let runs = side.is_service() || is_first;
        let confirmation = self.scenario.agent.confirmation;
        let is_reloaded = is_alone && !(side.is_service() && side.agent == AgentKind::Sync);
        // The clock fires the timers in one order: nothing may end the first prompt before the one that it begins with.
        let (cancels, closes) = (self.cell.deed != Deed::FirePrompt, !self.hangs());
        let deeds = [
            (6, Deed::Send, true),
            (6, Deed::SendAndRun, side.is_service() && cancels),
            (4, Deed::Run, runs),
            (2, Deed::RunSync, !side.is_service() && is_first),
            (6, Deed::Interrupt, cancels),
            (4, Deed::Pause, true),
            (6, Deed::Accept, confirmation && runs),
            (6, Deed::Reject, confirmation),
            (1, Deed::Close, closes),
            (3, Deed::Reload, is_reloaded && closes),
            (3, Deed::SwitchModel, side.is_acp()),
            (1, Deed::BeginTool, true),
            (1, Deed::PollToken, true),
        ];
        let all: u32 = deeds.iter().filter(|(_, _, can)| *can).map(|(weight, ..)| weight).sum();
        let mut drawn = self.rng.u32(0..all);
        let deed = deeds.iter().filter(|(_, _, can)| *can).find(|(weight, ..)| {
            let found = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            found
        });
        deed.expect("the weights add up").1
    }

    /// A step; a tool looks at its token once it has begun.
    fn step(&mut self, deed: Deed) -> Vec<Step> {
        vec![match deed {
            Deed::Send => self.send(false),
            Deed::SendAndRun => self.send(true),
            Deed::Run => Step::Run,
            Deed::RunSync => Step::RunSync,
            Deed::Interrupt => Step::Interrupt,
            Deed::Pause => Step::Pause,
            Deed::Accept => Step::Accept,
            Deed::Reject => Step::Reject,
            Deed::Close => Step::Close,
            Deed::Reload => Step::Reload,
            Deed::SwitchModel => Step::SwitchModel("m2".to_owned()),
            Deed::BeginTool => Step::Tool(ToolStep::Begin),
            Deed::PollToken => return vec![Step::Tool(ToolStep::Begin), Step::Tool(ToolStep::PollToken)],
            Deed::WaitForReply => {
                Step::Wait(Happening::Reply(ReplySeen { to: "may I 1".to_owned(), with: None }))
            }
            _ => return Vec::new(),
        }]
    }

    /// The step of the cell, if no actor takes it yet. What others do to a conversation that one actor has reloaded, the linter
    /// refuses.
    fn add_the_deed(&mut self) {
        let deed = self.cell.deed;
        let has = self.actors.iter().flatten().any(|step| super::table::deed_of(step) == deed);
        let steps = if has { Vec::new() } else { self.step(deed) };
        if steps.is_empty() {
            return;
        }
        let of_first = matches!(deed, Deed::RunSync | Deed::Reload)
            || !self.side().is_service() && matches!(deed, Deed::Run | Deed::Accept);
        let actor = if of_first { 0 } else { self.rng.usize(0..self.actors.len()) };
        let from = if actor == 0 { self.begins } else { 0 };
        let at = self.rng.usize(from..=self.actors[actor].len());
        self.actors[actor].splice(at..at, steps);
    }

    fn add_what_the_act_needs(&mut self, is_alone: bool) {
        let has = |draft: &Self, step: &Step| draft.actors.iter().flatten().any(|one| one == step);
        if self.needs_interrupt() && !has(self, &Step::Interrupt) {
            // Through the conversation the first actor is in its run.
            if is_alone && self.side().is_service() {
                self.actors[0].insert(self.begins, Step::Interrupt);
            } else if self.cell.deed != Deed::Reload {
                self.actors.push(vec![Step::Interrupt]);
            } else {
                self.actors[0].push(Step::Interrupt);
            }
        }
        if self.cell.deed == Deed::FireCloseWait && self.side().is_service() {
            self.actors.push(vec![Step::Close]);
        }
        if self.cell.act == Act::OnSetModel
            && !self.actors.iter().flatten().any(|one| matches!(one, Step::SwitchModel(_)))
        {
            let at = self.begins;
            self.actors[0].insert(at, Step::SwitchModel("m2".to_owned()));
        }
        if self.act_place() == 1 {
            let run = if self.side().is_service() { Vec::new() } else { vec![Step::Run] };
            let send = self.send(self.side().is_service());
            self.second = self.sends - 1;
            self.actors[0].extend(std::iter::once(send).chain(run));
        }
        if self.cell.act == Act::OnLoad
            && self.actors[0].iter().filter(|step| **step == Step::Run).count() < 2
        {
            self.actors[0].push(Step::Run);
        }
    }

    /// Whether anything keeps the first message from its prompt but the steps of others.
    fn first_prompt_is_sure(&self) -> bool {
        !self.is_about_the_start()
    }

    fn choose_barrier(&mut self) {
        if self.cell.deed == Deed::WaitForStatus && self.racing {
            self.actors[0].insert(0, Step::Wait(Happening::Status(Status::Idle)));
            self.begins += 1;
        } else if self.cell.deed == Deed::WaitForStatus && self.first_prompt_is_sure() {
            let go = self.new_gate();
            self.actors.truncate(NAMES.len() - 1);
            self.go = Some(go.clone());
            self.barrier = Some(Happening::Gate(go.clone()));
        } else if self.cell.deed == Deed::WaitForStatus {
            self.actors[0].insert(0, Step::Wait(Happening::Status(Status::Idle)));
            self.begins += 1;
        }
        let prompt = FrameSeen { method: Method::Prompt, text: Some(text(0)), count: 1 };
        let message = EventSeen { kind: EventKind::UserMessage, text: Some(text(0)), count: 1 };
        let is_sure = self.first_prompt_is_sure();
        let waits = self.needs_interrupt() || self.hangs() || self.chance(40);
        let barrier = match self.cell.deed {
            Deed::WaitForGate if self.barrier.is_none() => Happening::Gate(self.new_gate()),
            Deed::WaitForFrame if is_sure => Happening::Frame(prompt),
            Deed::WaitForFrame => {
                Happening::Frame(FrameSeen { method: Method::Initialize, text: None, count: 1 })
            }
            Deed::WaitForEvent => Happening::Event(message),
            _ if self.barrier.is_none() && is_sure && waits => Happening::Frame(prompt),
            _ => return,
        };
        self.barrier = Some(barrier);
    }

    pub fn new_gate(&mut self) -> String {
        self.numbers[0] += 1;
        let gate = format!("g{}", self.numbers[0]);
        self.scenario.gates.push(gate.clone());
        gate
    }

    fn choose_subscriber(&mut self) {
        let is_needed = self.is_for(&[Deed::SlowSubscriber, Deed::FirePendingDrain], &[]);
        if !(is_needed || self.side().is_service() && self.chance(15)) {
            return;
        }
        let kinds = [
            EventKind::UserMessage,
            EventKind::Finish,
            EventKind::ToolCall,
            EventKind::Action,
            EventKind::Interrupt,
            EventKind::Pause,
            EventKind::Error,
        ];
        let gate = self.new_gate();
        self.scenario.subscriber.push(Delivery { on: kinds[self.rng.usize(0..kinds.len())], gate });
    }

    /// The clock fires what a prompt without an answer waits for, and once more for a thread that waits again. Without a
    /// server of ACP only the first is ever armed.
    fn choose_clock(&mut self) {
        let Some(timer) = self.timer() else { return };
        let fires: &[Timer] = match timer {
            Timer::Prompt => &[Timer::Prompt, Timer::Drain],
            Timer::Drain => &[Timer::Drain],
            Timer::InterruptWait => &[Timer::InterruptWait, Timer::Drain],
            // Whoever switches the model meanwhile waits for the limit of a prompt.
            Timer::CancelSend => &[Timer::CancelSend, Timer::Drain, Timer::Prompt, Timer::Prompt],
            Timer::Retry => &[Timer::Retry; 6],
            Timer::CloseWait => &[Timer::CloseWait, Timer::Drain],
            Timer::PendingDrain => &[Timer::PendingDrain],
        };
        let fires = if self.side().is_acp() { fires } else { &fires[..1] };
        self.scenario.clock = fires.iter().map(|timer| ClockStep::Fire(*timer)).collect();
    }

    /// Everyone waits before anything that could keep the first prompt from coming.
    fn wait_behind_the_barrier(&mut self) {
        let Some(barrier) = self.barrier.clone() else { return };
        let is_served = self.side().is_service();
        for actor in 0..self.actors.len() {
            let at = if actor == 0 { self.begins } else { 0 };
            let waits = self.actors[actor].len() > at && (actor > 0 || is_served);
            if waits {
                self.actors[actor].insert(at, Step::Wait(barrier.clone()));
            }
        }
        let is_waited_for = self.actors.iter().flatten().any(|step| *step == Step::Wait(barrier.clone()));
        match (&self.go, is_waited_for) {
            (Some(go), _) => {
                let running = Step::Wait(Happening::Status(Status::Running));
                let open = Step::Open(go.clone());
                self.actors.push(vec![running, open]);
            }
            (None, false) => self.actors.push(vec![Step::Wait(barrier)]),
            (None, true) => {}
        }
    }

    /// Every gate that is waited for and that nobody opens yet is opened by an actor, before it does what can wait for the server.
    fn open_gates(&mut self) {
        let (opened, awaited) = (self.opened(), self.awaited());
        let gates = std::mem::take(&mut self.scenario.gates);
        for gate in &gates {
            if !awaited.contains(gate) && opened.contains(gate) {
                self.actors.push(vec![Step::Wait(Happening::Gate(gate.clone()))]);
            } else if !opened.contains(gate) {
                self.open(gate);
            }
        }
        self.scenario.gates = gates;
        if self.cell.deed == Deed::Open
            && !self.actors.iter().flatten().any(|step| matches!(step, Step::Open(_)))
        {
            let gate = self.new_gate();
            self.actors[0].insert(0, Step::Open(gate.clone()));
            self.actors.push(vec![Step::Wait(Happening::Gate(gate))]);
        }
    }

    fn open(&mut self, gate: &str) {
        let is_of_start = script::is_of_start(&self.scenario, gate);
        let step = Step::Open(gate.to_owned());
        let waits_for_it = |step: &Step| *step == Step::Wait(Happening::Gate(gate.to_owned()));
        let free: Vec<usize> =
            (0..self.actors.len()).filter(|actor| !self.actors[*actor].iter().any(waits_for_it)).collect();
        if free.is_empty() {
            return self.actors.push(vec![step]);
        }
        let actor = free[self.rng.usize(0..free.len())];
        let is_held = self.scenario.subscriber.iter().any(|slow| slow.gate == gate);
        let anywhere = self.racing && self.side().is_acp() && !is_of_start && !is_held && self.chance(40);
        let steps = &self.actors[actor];
        let at_once = steps.iter().position(|step| self.may_wait(step, is_of_start)).filter(|_| !anywhere);
        let last = at_once.unwrap_or(steps.len());
        let at = self.rng.usize(0..=last);
        self.actors[actor].insert(at, step);
    }

    /// Whether the step can wait for the server; at a start, or in a synchronous run, also for the state lock.
    fn may_wait(&self, step: &Step, is_of_start: bool) -> bool {
        let is_sync = self.actors[0].contains(&Step::RunSync);
        let holds_lock = !self.side().is_acp() || is_sync || is_of_start;
        match step {
            Step::Tool(_) | Step::Open(_) => false,
            Step::Wait(Happening::Status(Status::Idle)) => false,
            Step::Wait(_) => is_of_start || self.go.is_some(),
            Step::Pause => holds_lock,
            Step::Send(send) => holds_lock || send.run && self.side().is_service(),
            _ => true,
        }
    }

    /// Whether another actor is sure to interrupt the first prompt, and nobody asks for a second run.
    pub fn is_sure_to_cancel(&self) -> bool {
        let is_prompt = matches!(self.barrier, Some(Happening::Frame(_)));
        let runs = self.actors.iter().flatten().filter(|step| match step {
            Step::Run | Step::RunSync | Step::Accept => true,
            Step::Send(send) => send.run,
            _ => false,
        });
        let interrupts = self.actors[1..].iter().any(|steps| steps.first() == Some(&Step::Interrupt));
        is_prompt && runs.count() == 1 && interrupts && !self.actors[0].contains(&Step::RunSync)
    }

    /// Whether the second message is sure to come while the first is in flight.
    pub fn is_sure_to_send(&self) -> bool {
        let is_free = self.side().is_acp() && !self.actors[0].contains(&Step::RunSync);
        is_free && self.actors[1..].iter().any(|steps| matches!(steps.first(), Some(Step::Send(_))))
    }

    fn opened(&self) -> Vec<String> {
        let steps = self.actors.iter().flatten().filter_map(|step| match step {
            Step::Open(gate) => Some(gate.clone()),
            _ => None,
        });
        steps.chain(script::opened(&self.scenario)).collect()
    }

    fn awaited(&self) -> Vec<String> {
        let steps = self.actors.iter().flatten().filter_map(|step| match step {
            Step::Wait(Happening::Gate(gate)) => Some(gate.clone()),
            _ => None,
        });
        let slow = self.scenario.subscriber.iter().map(|slow| slow.gate.clone());
        steps.chain(slow).chain(script::awaited(&self.scenario)).collect()
    }

    /// The scenario file.
    fn written(mut self) -> Written {
        let actors = NAMES.iter().zip(self.actors).filter(|(_, does)| !does.is_empty());
        self.scenario.actors =
            actors.map(|(name, does)| turnloom::scenario::Actor { name: (*name).to_owned(), does }).collect();
        if self.scenario.agent.kind == AgentKind::Acp {
            self.scenario.server.iter_mut().for_each(say_what_breaks);
        }
        let text = serde_json::to_string(&self.scenario).expect("a scenario is text");
        Written { text, racing: self.racing, is_crossed: self.is_crossed }
    }
}

fn say_what_breaks(reaction: &mut Reaction) {
    if matches!(reaction.on, Trigger::Prompt(_) | Trigger::AnyPrompt | Trigger::Cancel) {
        reaction.breaks = broken_by(reaction);
    }
}

/// The text of the message at this place.
pub fn text(place: usize) -> String {
    format!("m{}", place + 1)
}
