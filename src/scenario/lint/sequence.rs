//! Everything in a scenario that does one thing after another (actors, the clock, reactions) in one form. Judges
//! nothing.

use crate::scenario::nearest::quoted;
use crate::scenario::{
    Action, CallClient, ClockStep, Happening, Message, Raw, Reaction, Scenario, Send, Step, Timer, ToolCall,
    ToolStep, Trigger,
};

/// One who acts, and what it does in order.
pub(super) struct Sequence<'a> {
    /// Who it is, in words: "actor `ann`".
    pub who: String,
    /// For a reaction: what it is for.
    pub reaction: Option<&'a Reaction>,
    /// Whether it is of the list `llm`.
    pub of_llm: bool,
    pub deeds: Vec<Deed<'a>>,
}

/// One thing that is done.
pub(super) struct Deed<'a> {
    /// The JSON pointer of the step.
    pub at: String,
    pub what: What<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Wait(&'a Happening),
    /// The subscriber waits for a gate.
    Held(&'a str),
    Open(&'a str),
    Send(&'a Send),
    Run,
    Interrupt,
    Pause,
    Accept,
    Reject,
    Close,
    Reload,
    SwitchModel,
    Tool(ToolStep),
    Fire(Timer),
    /// The server streams a card with this id.
    Card(&'a str),
    /// The server streams text, or does something else that no happening tells of.
    Talk,
    Answer,
    Fail,
    /// The server calls the client.
    Call(&'a CallClient),
    /// The server writes bytes.
    Raw(&'a Raw),
    /// The server writes a message as it is.
    Frame(&'a Message),
    /// The server's process ends.
    Exit,
    /// The server does something to its pipe.
    Pipe,
    /// An LLM streams a tool call, or the next piece of one.
    ToolCall(&'a ToolCall),
    /// An LLM answers with a status of HTTP.
    Refuse,
    /// An LLM leaves its connection, by this action.
    Leave(&'static str),
}

impl<'a> Sequence<'a> {
    /// For a reaction of `server`: the message it is for. What an LLM is asked, nobody can tell.
    pub fn trigger(&self) -> Option<&'a Trigger> {
        self.reaction.filter(|_| !self.of_llm).map(|reaction| &reaction.on)
    }
}

impl What<'_> {
    /// Whether the reaction is over with it.
    pub fn ends(self) -> bool {
        matches!(self, Self::Answer | Self::Fail | Self::Exit | Self::Refuse | Self::Leave(_))
    }
}

/// All sequences of a scenario: actors, the clock, the subscriber, reactions.
pub(super) fn sequences(scenario: &Scenario) -> Vec<Sequence<'_>> {
    let actors = scenario.actors.iter().enumerate().map(|(i, actor)| Sequence {
        who: format!("actor {}", quoted(&actor.name)),
        reaction: None,
        of_llm: false,
        deeds: deeds(&format!("/actors/{i}/does"), actor.does.iter().map(step)),
    });
    let clock = Sequence {
        who: "the clock".to_owned(),
        reaction: None,
        of_llm: false,
        deeds: deeds("/clock", scenario.clock.iter().map(clock_step)),
    };
    let server = scenario.server.iter().enumerate();
    let server = server.map(|(i, one)| reaction(&format!("/server/{i}"), one, false));
    let llm = scenario.llm.iter().enumerate().map(|(i, one)| reaction(&format!("/llm/{i}"), one, true));
    let subscriber = scenario.subscriber.iter().enumerate().map(|(i, delivery)| Sequence {
        who: "the subscriber".to_owned(),
        reaction: None,
        of_llm: false,
        deeds: vec![Deed { at: format!("/subscriber/{i}"), what: What::Held(&delivery.gate) }],
    });
    actors.chain([clock]).chain(subscriber).chain(server).chain(llm).collect()
}

fn reaction<'a>(place: &str, reaction: &'a Reaction, of_llm: bool) -> Sequence<'a> {
    Sequence {
        who: format!("the reaction to {}", reaction.on.in_words()),
        reaction: Some(reaction),
        of_llm,
        deeds: deeds(&format!("{place}/do"), reaction.actions.iter().map(action)),
    }
}

fn deeds<'a>(list: &str, steps: impl Iterator<Item = What<'a>>) -> Vec<Deed<'a>> {
    steps.enumerate().map(|(j, what)| Deed { at: format!("{list}/{j}"), what }).collect()
}

fn step(step: &Step) -> What<'_> {
    match step {
        Step::Send(send) => What::Send(send),
        Step::Run | Step::RunSync => What::Run,
        Step::Interrupt => What::Interrupt,
        Step::Pause => What::Pause,
        Step::Accept => What::Accept,
        Step::Reject => What::Reject,
        Step::Close => What::Close,
        Step::Reload => What::Reload,
        Step::SwitchModel(_) => What::SwitchModel,
        Step::Tool(tool) => What::Tool(*tool),
        Step::Open(gate) => What::Open(gate),
        Step::Wait(happening) => What::Wait(happening),
    }
}

fn clock_step(step: &ClockStep) -> What<'_> {
    match step {
        ClockStep::Wait(happening) => What::Wait(happening),
        ClockStep::Fire(timer) => What::Fire(*timer),
    }
}

fn action(action: &Action) -> What<'_> {
    match action {
        Action::Say(_) | Action::Think(_) => What::Talk,
        Action::Tool(update) => What::Card(&update.id),
        Action::Wait(happening) => What::Wait(happening),
        Action::Open(gate) => What::Open(gate),
        Action::Answer(_) => What::Answer,
        Action::Fail(_) => What::Fail,
        Action::Call(call) => What::Call(call),
        Action::Raw(raw) => What::Raw(raw),
        Action::Frame(message) => What::Frame(message),
        Action::Exit(_) => What::Exit,
        Action::ToolCall(call) => What::ToolCall(call),
        Action::Refuse(_) => What::Refuse,
        Action::HangUp => What::Leave("hang_up"),
        Action::Reset => What::Leave("reset"),
        Action::Flush
        | Action::Split(_)
        | Action::StopReading
        | Action::ResumeReading
        | Action::CloseOutput => What::Pipe,
    }
}
