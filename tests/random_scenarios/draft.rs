//! Random scenarios: who acts, what the server does, who fires the timers. Small ones, so that many of their
//! interleavings can be run, and of the kinds that people write: a first message and its run, then whatever comes.
//!
//! Nothing here knows what the runtime makes of a scenario. One that cannot be written is told by the linter. So that an
//! execution ends by itself, nobody waits for what need not come:
//!
//! - a gate of the server's is opened by the last actor before it does anything that can wait for the server;
//! - actors wait for nothing but the first prompt, and then all of them do, so that nobody stops the run before it;
//! - the server holds the first answer until a cancel only if somebody is sure to interrupt and nobody asks for another
//!   run, which would find the cancel of the first one;
//! - a prompt that is never answered and a pipe that is not read need a timer, so they are for the scenarios in which the
//!   timers race; in the others no timer fires.
//!
//! Left out, where the rows N11 and N12 were found, whose scenarios have these cases:
//!
//! - through the event service, a run that is asked for while a user's stop is about: a draft has either one run, or no stop,
//!   or an actor who asks for all runs before he stops;
//! - through the conversation, a second run where somebody stops.
//!
//! Left out as well: two closes at once, which the scenario `two-closes` has, and what the model of the runtime does not
//! have, a close without the event service and a limit of iterations beside the event service.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NAMES, Written, send, text};

/// A step of an actor; messages are numbered when the scenario is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Send { run: bool },
    Run,
    Interrupt,
    Pause,
    Close,
    SwitchModel,
    Tool(&'static str),
}

impl Move {
    fn stops(&self) -> bool {
        matches!(self, Self::Interrupt | Self::Pause | Self::Close)
    }

    fn without_run(&mut self) {
        if let Self::Send { run } = self {
            *run = false;
        }
    }
}

/// How the runs and the stops of the event service's users go together.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// One run, and stops at any time.
    OneRun,
    /// Runs at any time, and no stop.
    NoStop,
    /// The first actor asks for all runs, and then stops.
    RunsThenStops,
}

/// What the server does on a message.
#[derive(Debug, Clone)]
enum Act {
    Say(u8),
    Tool(u8, &'static str),
    Gate(u8),
    Cancelled,
    SecondMessage,
    StopReading,
    Answer(&'static str),
    Fail,
}

/// A scenario before it is written down.
#[derive(Debug, Clone)]
struct Draft {
    service: bool,
    order: Order,
    kind: &'static str,
    cold: bool,
    suffix: bool,
    /// Whether the timers race with everything else; otherwise none fires.
    racing: bool,
    /// Whether everybody waits for the first prompt.
    awaits_prompt: bool,
    iterations: Option<u32>,
    actors: Vec<Vec<Move>>,
    /// How many steps the last actor takes before it opens each gate, if it can take so many.
    opens_after: [usize; GATES],
    prompts: Vec<Option<Vec<Act>>>,
    /// What the server does behind its answers.
    late: Vec<Option<Vec<Act>>>,
    on_cancel: Option<Vec<Act>>,
    load_fails: bool,
}

const GATES: usize = 2;

/// The first card of those that come behind an answer.
const LATE_CARDS: u8 = 4;

/// All scenarios.
pub fn drafts() -> impl Strategy<Value = Written> {
    let kind = prop_oneof![6 => Just("acp"), 1 => Just("llm"), 1 => Just("sync")];
    let agent = (any::<bool>(), kind, prop::bool::weighted(0.1), prop::bool::weighted(0.15));
    let order = prop_oneof![Just(Order::OneRun), Just(Order::NoStop), Just(Order::RunsThenStops)];
    let head = (agent, order, prop::bool::weighted(0.3), prop::bool::weighted(0.5));
    let iterations = prop_oneof![5 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    let first = prop::collection::vec(a_move(), 0..3);
    let others = prop::collection::vec(prop::collection::vec(a_move(), 1..4), 1..3);
    let actors = (first, others, [0..3_usize, 0..3]);
    let prompts = prop::collection::vec(prop::option::weighted(0.7, reaction()), 6);
    let on_cancel = prop_oneof![3 => Just(None), 5 => on_cancel().prop_map(Some)];
    let late = prop::collection::vec(prop::option::weighted(0.2, late()), 6);
    let script = (prompts, late, on_cancel, prop::bool::weighted(0.2));
    (head, iterations, actors, script).prop_map(|(head, iterations, (first, others, opens_after), script)| {
        let ((service, kind, cold, suffix), order, racing, awaits_prompt) = head;
        let (prompts, late, on_cancel, load_fails) = script;
        let begins =
            if service { vec![Move::Send { run: true }] } else { vec![Move::Send { run: false }, Move::Run] };
        let first = begins.into_iter().chain(first).collect();
        let actors = std::iter::once(first).chain(others).collect();
        let iterations = iterations.filter(|_| !service);
        let draft = Draft {
            service,
            order,
            kind,
            cold,
            suffix,
            racing,
            awaits_prompt,
            iterations,
            actors,
            opens_after,
            prompts,
            late,
            on_cancel,
            load_fails,
        };
        let draft = draft.with_possible_moves();
        Written { text: draft.text(), racing: draft.racing }
    })
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => any::<bool>().prop_map(|run| Move::Send { run }),
        3 => Just(Move::Run),
        6 => Just(Move::Interrupt),
        3 => Just(Move::Pause),
        1 => Just(Move::Close),
        2 => Just(Move::SwitchModel),
        1 => Just(Move::Tool("begin")),
        1 => Just(Move::Tool("poll_token")),
    ]
}

fn reaction() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0..3_u8).prop_map(Act::Say),
        5 => tool(),
        3 => (0..2_u8).prop_map(Act::Gate),
        1 => Just(Act::SecondMessage),
        1 => Just(Act::StopReading),
    ];
    let end = prop_oneof![
        8 => Just(Some(Act::Answer("end_turn"))),
        1 => Just(Some(Act::Answer("refusal"))),
        2 => Just(Some(Act::Fail)),
        1 => Just(None),
    ];
    let answered = (prop::collection::vec(act.clone(), 0..4), end);
    let answered = answered.prop_map(|(acts, end)| acts.into_iter().chain(end).collect());
    // Only a cancelled prompt is answered so, whatever comes before and after the cancel.
    let cancelled = (prop::collection::vec(act.clone(), 0..2), prop::collection::vec(act, 0..2));
    let cancelled = cancelled.prop_map(|(before, after)| {
        let end = [Act::Answer("cancelled")];
        before.into_iter().chain([Act::Cancelled]).chain(after).chain(end).collect()
    });
    prop_oneof![4 => answered, 1 => cancelled]
}

fn late() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![2 => (0..3_u8).prop_map(Act::Say), 3 => tool(), 2 => (0..2_u8).prop_map(Act::Gate)];
    prop::collection::vec(act, 1..3)
}

fn tool() -> impl Strategy<Value = Act> {
    let status = prop_oneof![1 => Just("pending"), 4 => Just("in_progress"), 4 => Just("completed"), 1 => Just("failed")];
    (1..3_u8, status).prop_map(|(id, status)| Act::Tool(id, status))
}

fn on_cancel() -> impl Strategy<Value = Vec<Act>> {
    let late = prop_oneof![Just("in_progress"), Just("completed")].prop_map(|status| Act::Tool(3, status));
    let act = prop_oneof![2 => late, 1 => (0..2_u8).prop_map(Act::Gate), 1 => (0..3_u8).prop_map(Act::Say)];
    let end = prop_oneof![
        5 => Just(Act::Answer("cancelled")),
        2 => Just(Act::Answer("end_turn")),
        1 => Just(Act::Fail),
    ];
    (prop::collection::vec(act, 0..2), end).prop_map(|(acts, end)| acts.into_iter().chain([end]).collect())
}

impl Draft {
    /// Through the conversation a run blocks the thread that asks for it and only one at a time is supported. The service
    /// is closed once, by the last step of an actor.
    fn with_possible_moves(mut self) -> Self {
        let mut is_closed = false;
        let (service, is_acp) = (self.service, self.kind == "acp");
        for (actor, moves) in self.actors.iter_mut().enumerate() {
            moves.retain(|one| *one != Move::Run || service || actor == 0);
            moves.retain(|one| *one != Move::SwitchModel || is_acp);
            if let Some(place) = moves.iter().position(|one| *one == Move::Close) {
                let closes = !is_closed && service;
                moves.truncate(if closes { place + 1 } else { place });
                is_closed |= closes;
            }
        }
        match self.order {
            _ if !service => {
                let stops = self.actors.iter().flatten().any(Move::stops);
                let mut runs = 0;
                self.actors[0].retain(|one| {
                    runs += u32::from(*one == Move::Run);
                    *one != Move::Run || !stops || runs == 1
                });
            }
            Order::OneRun => self.actors.iter_mut().enumerate().for_each(|(actor, moves)| {
                let kept = if actor == 0 { 1 } else { 0 };
                let first: Vec<Move> = moves.drain(..kept).collect();
                moves.retain(|one| *one != Move::Run);
                moves.iter_mut().for_each(Move::without_run);
                moves.splice(0..0, first);
            }),
            Order::NoStop => self.actors.iter_mut().for_each(|moves| moves.retain(|one| !one.stops())),
            Order::RunsThenStops => {
                self.actors[0].sort_by_key(|one| one.stops());
                for moves in &mut self.actors[1..] {
                    moves.retain(|one| !one.stops() && *one != Move::Run);
                    moves.iter_mut().for_each(Move::without_run);
                }
            }
        }
        self
    }

    /// The scenario file.
    fn text(&self) -> String {
        let mut sends = 0;
        let gates = self.gates();
        let last = self.actors.len() - 1;
        let actors: Vec<Value> = (0..=last).map(|place| self.actor(place, &gates, &mut sends)).collect();
        let actors: Vec<Value> = actors
            .into_iter()
            .filter(|actor| actor["does"].as_array().is_some_and(|does| !does.is_empty()))
            .collect();
        let prompts = self.prompts.iter().take(sends).enumerate().filter_map(|(place, acts)| {
            let acts = write(&self.possible(place, acts.as_ref()?));
            (!acts.is_empty()).then(|| json!({"on": {"prompt": text(place)}, "do": acts}))
        });
        let is_acp = self.kind == "acp";
        let on_cancel = self.on_cancel.as_ref().filter(|_| is_acp);
        let on_cancel = on_cancel.map(|acts| json!({"on": "cancel", "do": write(acts)}));
        let on_load =
            (self.load_fails && is_acp).then(|| json!({"on": "load", "do": [{"fail": "no such session"}]}));
        let server: Vec<Value> = prompts.chain(on_cancel).chain(on_load).collect();
        let mut agent = json!({"kind": self.kind});
        if is_acp {
            agent["session"] = json!(if self.cold { "cold" } else { "ready" });
            agent["suffix"] = json!(self.suffix);
        }
        let mut limits = json!({"retries": 0});
        if let Some(iterations) = self.iterations {
            limits["iterations"] = json!(iterations);
        }
        json!({
            "version": 1, "title": "a random scenario breaks no rule", "source": "random",
            "agent": agent, "gates": gates.iter().map(|number| gate(*number)).collect::<Vec<_>>(),
            "through": if self.service { "service" } else { "conversation" },
            "actors": actors, "server": server, "limits": limits,
        })
        .to_string()
    }

    fn actor(&self, place: usize, gates: &[u8], sends: &mut usize) -> Value {
        let moves = &self.actors[place];
        let begins = match (self.service, place) {
            (true, 0) => 1,
            (false, 0) => 2,
            _ => 0,
        };
        let mut does: Vec<Value> = moves.iter().map(|one| self.step(*one, sends)).collect();
        if place == self.actors.len() - 1 {
            for number in gates {
                let after = self.opens_after[usize::from(*number)].min(self.at_once(moves));
                does.insert(after, json!({"open": gate(*number)}));
            }
        }
        if self.awaits_prompt && !does.is_empty() && (place > 0 || self.service && moves.len() > begins) {
            does.insert(begins, json!({"wait": {"frame": {"method": "session/prompt", "text": text(0)}}}));
        }
        json!({"name": NAMES[place], "does": does})
    }

    fn step(&self, one: Move, sends: &mut usize) -> Value {
        match one {
            Move::Send { run } => send(sends, run && self.service),
            Move::Run => json!("run"),
            Move::Interrupt => json!("interrupt"),
            Move::Pause => json!("pause"),
            Move::Close => json!("close"),
            Move::SwitchModel => json!({"switch_model": "m2"}),
            Move::Tool(step) => json!({"tool": step}),
        }
    }

    /// How many steps come before the first that can wait for the server.
    fn at_once(&self, moves: &[Move]) -> usize {
        let is_acp = self.kind == "acp";
        let waits = |one: &Move| match one {
            Move::Tool(_) => false,
            Move::Pause => !is_acp,
            Move::Send { run } => !is_acp || (*run && self.service),
            Move::Run | Move::Interrupt | Move::Close | Move::SwitchModel => true,
        };
        moves.iter().position(waits).unwrap_or(moves.len())
    }

    /// The gates that the server waits for.
    fn gates(&self) -> Vec<u8> {
        let is_acp = self.kind == "acp";
        let on_cancel = self.on_cancel.iter().filter(|_| is_acp).flatten();
        let sends = self.actors.iter().flatten().filter(|one| matches!(one, Move::Send { .. })).count();
        let prompts = self.prompts.iter().take(sends).enumerate();
        let prompts = prompts.filter_map(|(place, acts)| Some(self.possible(place, acts.as_ref()?)));
        let acts: Vec<Act> = prompts.flatten().chain(on_cancel.cloned()).collect();
        let waits = |number: &u8| acts.iter().any(|act| matches!(act, Act::Gate(one) if one == number));
        (0..2).filter(waits).collect()
    }

    /// What the server can do on a message without a wait for what need not come.
    fn possible(&self, place: usize, acts: &[Act]) -> Vec<Act> {
        let is_acp = self.kind == "acp";
        let has_second = is_acp && self.others_begin_with(|one| matches!(one, Move::Send { .. }));
        let is_held = acts.iter().any(|act| matches!(act, Act::Cancelled));
        let may_hold = is_acp && place == 0 && self.awaits_prompt && self.runs() == 1 && self.interrupts();
        let can = |act: &&Act| match act {
            Act::SecondMessage => has_second,
            Act::StopReading => self.racing && is_acp,
            Act::Cancelled => may_hold,
            _ => true,
        };
        let mut acts: Vec<Act> = acts.iter().filter(can).cloned().collect();
        let ends = matches!(acts.last(), Some(Act::Answer(_) | Act::Fail));
        let may_stay_open = self.racing && is_acp;
        let lies = is_held && !may_hold;
        if lies {
            acts.pop();
        }
        if lies || !(ends || may_stay_open) {
            acts.push(Act::Answer("end_turn"));
        }
        let is_answered = matches!(acts.last(), Some(Act::Answer(_) | Act::Fail));
        let late = self.late[place].iter().flatten().filter(|_| is_acp && is_answered);
        acts.extend(late.map(|act| match act {
            // A card of its own: nobody could tell it from one of the next turn.
            Act::Tool(_, status) => Act::Tool(LATE_CARDS + u8::try_from(place).unwrap_or_default(), status),
            act => act.clone(),
        }));
        acts
    }

    /// Whether another actor than the first takes such a step before any that can wait for the server.
    fn others_begin_with(&self, wanted: impl Fn(&Move) -> bool) -> bool {
        self.actors[1..].iter().any(|moves| moves[..self.at_once(moves)].iter().any(&wanted))
    }

    /// Whether somebody else than the first actor is sure to interrupt.
    fn interrupts(&self) -> bool {
        self.actors[1..].iter().any(|moves| moves.get(self.at_once(moves)) == Some(&Move::Interrupt))
    }

    /// How many runs are asked for.
    fn runs(&self) -> usize {
        let asks = |one: &&Move| {
            matches!(one, Move::Run) || (self.service && matches!(one, Move::Send { run: true }))
        };
        self.actors.iter().flatten().filter(asks).count()
    }
}

fn write(acts: &[Act]) -> Vec<Value> {
    let mut closed = Vec::new();
    acts.iter()
        .filter_map(|act| {
            Some(match act {
                Act::Say(word) => json!({"say": format!("w{word}")}),
                // A server that goes on with a card that it has closed is wrong itself.
                Act::Tool(id, _) if closed.contains(id) => return None,
                Act::Tool(id, status) if matches!(*status, "completed" | "failed") => {
                    closed.push(*id);
                    json!({"tool": {"id": format!("t{id}"), "status": status}})
                }
                Act::Tool(id, status) => json!({"tool": {"id": format!("t{id}"), "status": status}}),
                Act::Gate(one) => json!({"wait": {"gate": gate(*one)}}),
                Act::Cancelled => json!({"wait": {"frame": {"method": "session/cancel"}}}),
                Act::SecondMessage => json!({"wait": {"event": {"kind": "user_message", "count": 2}}}),
                Act::StopReading => json!("stop_reading"),
                Act::Answer(reason) => json!({"answer": reason}),
                Act::Fail => json!({"fail": "boom"}),
            })
        })
        .collect()
}

fn gate(number: u8) -> String {
    format!("g{}", number + 1)
}
