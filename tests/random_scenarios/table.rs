//! The table that random scenarios cover: every step with everything the server does, for each kind of agent and each
//! interface. What a scenario has is read off its file; which pairs cannot be, the linter says.

use std::collections::{BTreeMap, BTreeSet};

use turnloom::scenario::{
    Action, AgentKind, ClockStep, Happening, Reaction, Scenario, Step, StopReason, Through, Timer,
    ToolStatus, ToolStep, Trigger, word,
};

/// Declares an enum with all its values and a word for each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($value:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($value),* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$value),*];

            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }
        }
    };
}

words! {
    /// What an actor, the clock or the subscriber does.
    Deed {
        Send "send",
        SendAndRun "send and run",
        Run "run",
        RunSync "run_sync",
        Interrupt "interrupt",
        Pause "pause",
        Accept "accept",
        Reject "reject",
        Close "close",
        Reload "reload",
        SwitchModel "switch_model",
        BeginTool "tool begin",
        PollToken "tool poll_token",
        Open "open",
        WaitForGate "wait for gate",
        WaitForFrame "wait for frame",
        WaitForStatus "wait for status",
        WaitForEvent "wait for event",
        WaitForReply "wait for reply",
        FirePrompt "fire prompt",
        FireDrain "fire drain",
        FireInterruptWait "fire interrupt_wait",
        FireCancelSend "fire cancel_send",
        FireRetry "fire retry",
        FireCloseWait "fire close_wait",
        FirePendingDrain "fire pending_drain",
        TimersRace "timers race",
        SlowSubscriber "slow subscriber",
    }
}

words! {
    /// What the server does, and on what.
    Act {
        Say "say",
        Think "think",
        CardPending "tool pending",
        CardInProgress "tool in_progress",
        CardCompleted "tool completed",
        CardFailed "tool failed",
        WaitForGate "wait for gate",
        WaitForFrame "wait for frame",
        WaitForStatus "wait for status",
        WaitForEvent "wait for event",
        WaitForReply "wait for reply",
        Open "open",
        EndTurn "answer end_turn",
        Cancelled "answer cancelled",
        Refusal "answer refusal",
        MaxTokens "answer max_tokens",
        Fail "fail",
        Flush "flush",
        Split "split",
        StopReading "stop_reading",
        ResumeReading "resume_reading",
        AskPermission "call for a permission",
        OtherCall "another call",
        ToolCall "tool_call",
        Exit "exit",
        Frame "frame",
        Raw "raw",
        CloseOutput "close_output",
        Refuse "refuse",
        HangUp "hang_up",
        Reset "reset",
        Late "late update",
        OnPrompt "on prompt",
        OnAnyPrompt "on any_prompt",
        OnCancel "on cancel",
        OnLoad "on load",
        OnStart "on start",
        OnInitialize "on initialize",
        OnNew "on session/new",
        OnSetModel "on session/set_model",
        OnToolResult "on tool_result",
        OnConversation "on conversation",
        OfSession "of a session",
        OfProcess "of a process",
    }
}

/// A kind of agent behind an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub agent: AgentKind,
    pub through: Through,
}

impl Side {
    pub const ALL: [Self; 6] = [
        Self { agent: AgentKind::Acp, through: Through::Conversation },
        Self { agent: AgentKind::Acp, through: Through::Service },
        Self { agent: AgentKind::Llm, through: Through::Conversation },
        Self { agent: AgentKind::Llm, through: Through::Service },
        Self { agent: AgentKind::Sync, through: Through::Conversation },
        Self { agent: AgentKind::Sync, through: Through::Service },
    ];

    pub fn words(self) -> String {
        format!("{}, {}", word(&self.agent), word(&self.through))
    }

    pub fn is_acp(self) -> bool {
        self.agent == AgentKind::Acp
    }

    pub fn is_service(self) -> bool {
        self.through == Through::Service
    }
}

/// One cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub side: Side,
    pub deed: Deed,
    pub act: Act,
}

/// The table with how often each cell was drawn; none for what cannot be.
pub struct Table {
    drawn: Vec<Option<u64>>,
    /// Why a cell cannot be, in the words of the linter.
    refused: BTreeMap<usize, String>,
}

fn cells() -> impl Iterator<Item = Cell> {
    let rows = |side| Deed::ALL.iter().map(move |deed| (side, *deed));
    let cells = Side::ALL.into_iter().flat_map(rows);
    cells.flat_map(|(side, deed)| Act::ALL.iter().map(move |act| Cell { side, deed, act: *act }))
}

fn place(side: usize, deed: Deed, act: Act) -> usize {
    (side * Deed::ALL.len() + deed as usize) * Act::ALL.len() + act as usize
}

impl Table {
    /// The table; `refusal` says why a cell cannot be.
    pub fn new(refusal: impl Fn(Cell) -> Option<String>) -> Self {
        let refusals: Vec<Option<String>> = cells().map(refusal).collect();
        let drawn = refusals.iter().map(|why| why.is_none().then_some(0)).collect();
        let refused = refusals.into_iter().enumerate();
        Self { drawn, refused: refused.filter_map(|(at, why)| Some((at, why?))).collect() }
    }

    /// The cell that was drawn least often; of several the one that `choose` says.
    pub fn least_drawn(&self, choose: impl FnOnce(usize) -> usize) -> Cell {
        let least = self.drawn.iter().flatten().min().copied().expect("some cells can be");
        let candidates: Vec<Cell> = cells()
            .zip(&self.drawn)
            .filter(|(_, drawn)| **drawn == Some(least))
            .map(|(cell, _)| cell)
            .collect();
        candidates[choose(candidates.len())]
    }

    /// Counts the cells of a scenario that was drawn.
    pub fn count(&mut self, scenario: &Scenario, racing: bool) {
        let side = Side { agent: scenario.agent.kind, through: scenario.through };
        let side = Side::ALL.iter().position(|one| *one == side).expect("every side is in the table");
        let acts = acts_of(scenario);
        for deed in deeds_of(scenario, racing) {
            for act in &acts {
                if let Some(drawn) = &mut self.drawn[place(side, deed, *act)] {
                    *drawn += 1;
                }
            }
        }
    }

    /// The cells that can be and were never drawn.
    pub fn never_drawn(&self) -> Vec<String> {
        let never = cells().zip(&self.drawn).filter(|(_, drawn)| **drawn == Some(0));
        never.map(|(cell, _)| cell.words()).collect()
    }

    /// How many cells can be, and how often the one was drawn that was drawn least often, the middle one and the most.
    pub fn summary(&self) -> String {
        let mut drawn: Vec<u64> = self.drawn.iter().flatten().copied().collect();
        drawn.sort_unstable();
        let (least, most) = (drawn[0], drawn[drawn.len() - 1]);
        format!(
            "{} pairs can be and {} cannot; drawn between {least} and {most} times, half of them {} times or more",
            drawn.len(),
            self.refused.len(),
            drawn[drawn.len() / 2]
        )
    }

    /// By side, how often each step and each act was drawn with whatever else.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for (at, side) in Side::ALL.into_iter().enumerate() {
            let row = |deed: Deed| Act::ALL.iter().filter_map(move |act| self.drawn[place(at, deed, *act)]);
            let column =
                |act: Act| Deed::ALL.iter().filter_map(move |deed| self.drawn[place(at, *deed, act)]);
            let mut told = |name: &'static str, drawn: Vec<u64>| {
                if let (Some(least), Some(most)) = (drawn.iter().min(), drawn.iter().max()) {
                    text += &format!(
                        "{}: {name} with {} others, {least} to {most} times\n",
                        side.words(),
                        drawn.len()
                    );
                }
            };
            Deed::ALL.iter().for_each(|deed| told(deed.word(), row(*deed).collect()));
            Act::ALL.iter().for_each(|act| told(act.word(), column(*act).collect()));
        }
        text
    }

    /// What cannot be, and why: by side and reason the steps that go with nothing the server does, what the server does that
    /// goes with no step, and the pairs that are left.
    pub fn refusals(&self) -> String {
        let mut text = String::new();
        for (at, side) in Side::ALL.into_iter().enumerate() {
            let why = |deed: Deed, act: Act| self.refused.get(&place(at, deed, act)).map(String::as_str);
            let mut by_reason: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
            let no_act = |deed: &&Deed| Act::ALL.iter().all(|act| why(**deed, *act).is_some());
            let no_deed = |act: &&Act| Deed::ALL.iter().all(|deed| why(*deed, **act).is_some());
            let deeds: BTreeSet<Deed> = Deed::ALL.iter().filter(no_act).copied().collect();
            let acts: BTreeSet<Act> = Act::ALL.iter().filter(no_deed).copied().collect();
            for deed in &deeds {
                let reason =
                    Act::ALL.iter().filter(|act| !acts.contains(act)).find_map(|act| why(*deed, *act));
                by_reason.entry(reason.unwrap_or_default()).or_default().insert(deed.word().to_owned());
            }
            for act in &acts {
                let reason =
                    Deed::ALL.iter().filter(|deed| !deeds.contains(deed)).find_map(|deed| why(*deed, *act));
                by_reason.entry(reason.unwrap_or_default()).or_default().insert(act.word().to_owned());
            }
            for deed in Deed::ALL.iter().filter(|deed| !deeds.contains(deed)) {
                for act in Act::ALL.iter().filter(|act| !acts.contains(act)) {
                    if let Some(reason) = why(*deed, *act) {
                        let pair = format!("{} with {}", deed.word(), act.word());
                        by_reason.entry(reason).or_default().insert(pair);
                    }
                }
            }
            for (reason, what) in by_reason {
                let what: Vec<String> = what.into_iter().collect();
                text += &format!("{}: {reason}: {}\n", side.words(), what.join(", "));
            }
        }
        text
    }
}

impl Cell {
    fn words(self) -> String {
        format!("{}: {} with {}", self.side.words(), self.deed.word(), self.act.word())
    }
}

/// What the actors, the clock and the subscriber of a scenario do.
pub fn deeds_of(scenario: &Scenario, racing: bool) -> BTreeSet<Deed> {
    let actors = scenario.actors.iter().flat_map(|actor| &actor.does).map(deed_of);
    let clock = scenario.clock.iter().filter_map(|step| match step {
        ClockStep::Fire(timer) => Some(fired(*timer)),
        ClockStep::Wait(_) => None,
    });
    let clock = clock.filter(|_| !racing);
    let subscriber = scenario.subscriber.iter().map(|_| Deed::SlowSubscriber);
    actors.chain(clock).chain(subscriber).chain(racing.then_some(Deed::TimersRace)).collect()
}

pub fn deed_of(step: &Step) -> Deed {
    match step {
        Step::Send(send) if send.run => Deed::SendAndRun,
        Step::Send(_) => Deed::Send,
        Step::Run => Deed::Run,
        Step::RunSync => Deed::RunSync,
        Step::Interrupt => Deed::Interrupt,
        Step::Pause => Deed::Pause,
        Step::Accept => Deed::Accept,
        Step::Reject => Deed::Reject,
        Step::Close => Deed::Close,
        Step::Reload => Deed::Reload,
        Step::SwitchModel(_) => Deed::SwitchModel,
        Step::Tool(ToolStep::Begin) => Deed::BeginTool,
        Step::Tool(ToolStep::PollToken) => Deed::PollToken,
        Step::Open(_) => Deed::Open,
        Step::Wait(Happening::Gate(_)) => Deed::WaitForGate,
        Step::Wait(Happening::Frame(_)) => Deed::WaitForFrame,
        Step::Wait(Happening::Status(_)) => Deed::WaitForStatus,
        Step::Wait(Happening::Event(_)) => Deed::WaitForEvent,
        Step::Wait(Happening::Reply(_)) => Deed::WaitForReply,
    }
}

fn fired(timer: Timer) -> Deed {
    match timer {
        Timer::Prompt => Deed::FirePrompt,
        Timer::Drain => Deed::FireDrain,
        Timer::InterruptWait => Deed::FireInterruptWait,
        Timer::CancelSend => Deed::FireCancelSend,
        Timer::Retry => Deed::FireRetry,
        Timer::CloseWait => Deed::FireCloseWait,
        Timer::PendingDrain => Deed::FirePendingDrain,
    }
}

/// What the server of a scenario does.
pub fn acts_of(scenario: &Scenario) -> BTreeSet<Act> {
    scenario.server.iter().flat_map(acts_of_reaction).collect()
}

fn acts_of_reaction(reaction: &Reaction) -> Vec<Act> {
    let mut acts: Vec<Act> = reaction.actions.iter().map(act_of).collect();
    let answers =
        |act: &Act| matches!(act, Act::EndTurn | Act::Cancelled | Act::Refusal | Act::MaxTokens | Act::Fail);
    if acts.iter().position(answers).is_some_and(|end| end + 1 < acts.len()) {
        acts.push(Act::Late);
    }
    acts.extend(reaction.session.iter().map(|_| Act::OfSession));
    acts.extend(reaction.process.iter().map(|_| Act::OfProcess));
    acts.extend(on(&reaction.on));
    acts
}

fn on(trigger: &Trigger) -> Option<Act> {
    Some(match trigger {
        Trigger::Prompt(_) => Act::OnPrompt,
        Trigger::AnyPrompt => Act::OnAnyPrompt,
        Trigger::Cancel => Act::OnCancel,
        Trigger::Load => Act::OnLoad,
        Trigger::Start => Act::OnStart,
        Trigger::Request(method) if method == "initialize" => Act::OnInitialize,
        Trigger::Request(method) if method == "session/new" => Act::OnNew,
        Trigger::Request(method) if method == "session/set_model" => Act::OnSetModel,
        Trigger::Request(_) => return None,
        Trigger::ToolResult(_) => Act::OnToolResult,
        Trigger::Conversation(_) => Act::OnConversation,
    })
}

fn act_of(action: &Action) -> Act {
    match action {
        Action::Say(_) => Act::Say,
        Action::Think(_) => Act::Think,
        Action::Tool(card) => match card.status {
            ToolStatus::Pending => Act::CardPending,
            ToolStatus::InProgress => Act::CardInProgress,
            ToolStatus::Completed => Act::CardCompleted,
            ToolStatus::Failed => Act::CardFailed,
        },
        Action::Wait(Happening::Gate(_)) => Act::WaitForGate,
        Action::Wait(Happening::Frame(_)) => Act::WaitForFrame,
        Action::Wait(Happening::Status(_)) => Act::WaitForStatus,
        Action::Wait(Happening::Event(_)) => Act::WaitForEvent,
        Action::Wait(Happening::Reply(_)) => Act::WaitForReply,
        Action::Open(_) => Act::Open,
        Action::Answer(StopReason::EndTurn) => Act::EndTurn,
        Action::Answer(StopReason::Cancelled) => Act::Cancelled,
        Action::Answer(StopReason::Refusal) => Act::Refusal,
        Action::Answer(StopReason::MaxTokens) => Act::MaxTokens,
        Action::Fail(_) => Act::Fail,
        Action::Flush => Act::Flush,
        Action::Split(_) => Act::Split,
        Action::StopReading => Act::StopReading,
        Action::ResumeReading => Act::ResumeReading,
        Action::Call(call) if call.is_permission_request() => Act::AskPermission,
        Action::Call(_) => Act::OtherCall,
        Action::ToolCall(_) => Act::ToolCall,
        Action::Exit(_) => Act::Exit,
        Action::Frame(_) => Act::Frame,
        Action::Raw(_) => Act::Raw,
        Action::CloseOutput => Act::CloseOutput,
        Action::Refuse(_) => Act::Refuse,
        Action::HangUp => Act::HangUp,
        Action::Reset => Act::Reset,
    }
}
