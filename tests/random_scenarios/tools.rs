//! Random scenarios of agents whose LLM calls tools, most of which ask before they act: who accepts, rejects, sends, stops
//! while a run asks, and what the LLM makes of it. Small ones, as those of `draft`, and like there nobody waits for what need
//! not come: whoever waits, waits for the first tool call, which comes with the first run.
//!
//! Through the service everybody does everything at any time. Without it only the first actor runs the conversation, and once
//! only where somebody stops it. A service is closed once. Nothing here knows what the runtime makes of a scenario.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NAMES, Written, send, text};

/// A step of an actor; messages are numbered when the scenario is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Send { run: bool },
    Run,
    Accept,
    Reject,
    Interrupt,
    Pause,
    Close,
}

/// What the LLM does when it is asked.
#[derive(Debug, Clone, Copy)]
struct Answer {
    says: bool,
    /// How many tools it calls.
    calls: u8,
}

/// A scenario before it is written down.
#[derive(Debug, Clone)]
struct Draft {
    service: bool,
    kind: &'static str,
    confirmation: bool,
    stops: bool,
    first: Vec<Move>,
    others: Vec<Vec<Move>>,
    /// To each message, and to each result of a tool.
    answers: [Answer; 4],
    results: [Answer; 2],
}

/// All scenarios.
pub fn drafts() -> impl Strategy<Value = Written> {
    let agent = (any::<bool>(), prop_oneof![2 => Just("llm"), 1 => Just("sync")], prop::bool::weighted(0.8));
    let first = prop::collection::vec(a_move(), 0..3);
    let others = prop::collection::vec(prop::collection::vec(a_move(), 1..3), 0..3);
    let answers = ([answer(), answer(), answer(), answer()], [answer(), answer()]);
    (agent, any::<bool>(), first, others, answers).prop_map(
        |(agent, stops, first, others, (answers, results))| {
            let (service, kind, confirmation) = agent;
            let draft = Draft { service, kind, confirmation, stops, first, others, answers, results };
            Written { text: draft.with_possible_moves().text(), racing: false }
        },
    )
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => any::<bool>().prop_map(|run| Move::Send { run }),
        3 => Just(Move::Run),
        4 => Just(Move::Accept),
        4 => Just(Move::Reject),
        2 => Just(Move::Interrupt),
        1 => Just(Move::Pause),
        1 => Just(Move::Close),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    (any::<bool>(), prop_oneof![2 => Just(0), 3 => Just(1), 1 => Just(2)])
        .prop_map(|(says, calls)| Answer { says, calls })
}

impl Draft {
    /// Without the moves that are left out.
    fn with_possible_moves(mut self) -> Self {
        // The first answer calls a tool, which is what others wait for.
        self.answers[0].calls = self.answers[0].calls.max(1);
        let (service, stops, confirmation) = (self.service, self.stops, self.confirmation);
        let mut is_closed = false;
        let actors = std::iter::once(&mut self.first).chain(&mut self.others);
        for (actor, moves) in actors.enumerate() {
            moves.retain(|one| match one {
                Move::Accept | Move::Reject if !confirmation => false,
                Move::Run | Move::Accept => service || (actor == 0 && !stops),
                Move::Interrupt | Move::Pause => stops,
                Move::Close => stops && service,
                _ => true,
            });
            if let Some(place) = moves.iter().position(|one| *one == Move::Close) {
                moves.truncate(if is_closed { place } else { place + 1 });
                is_closed = true;
            }
        }
        self.others.retain(|moves| !moves.is_empty());
        self
    }

    /// The scenario file.
    fn text(&self) -> String {
        let mut sends = 0;
        let begins: &[Move] =
            if self.service { &[Move::Send { run: true }] } else { &[Move::Send { run: false }, Move::Run] };
        let first = begins.iter().chain(&self.first).map(|one| self.step(*one, &mut sends)).collect();
        let mut actors: Vec<Vec<Value>> = vec![first];
        for moves in &self.others {
            let waits = json!({"wait": {"event": {"kind": "action"}}});
            let moves = moves.iter().map(|one| self.step(*one, &mut sends));
            actors.push(std::iter::once(waits).chain(moves).collect());
        }
        let actors = NAMES.iter().zip(actors).map(|(name, does)| json!({"name": name, "does": does}));
        let mut calls = 0;
        let mut server = Vec::new();
        for (place, answer) in self.answers.iter().enumerate().take(sends) {
            server.push(json!({"on": {"prompt": text(place)}, "do": answer.acts(&mut calls)}));
        }
        // The results of two calls; a third one ends the turn.
        for (place, answer) in self.results.iter().enumerate().take(calls) {
            server.push(json!({"on": {"tool_result": call(place)}, "do": answer.acts(&mut calls)}));
        }
        json!({
            "version": 1, "title": "a random scenario breaks no rule", "source": "random",
            "agent": {"kind": self.kind, "confirmation": self.confirmation},
            "through": if self.service { "service" } else { "conversation" },
            "actors": actors.collect::<Vec<_>>(), "server": server,
        })
        .to_string()
    }

    fn step(&self, one: Move, sends: &mut usize) -> Value {
        match one {
            Move::Send { run } => send(sends, run && self.service),
            Move::Run => json!("run"),
            Move::Accept => json!("accept"),
            Move::Reject => json!("reject"),
            Move::Interrupt => json!("interrupt"),
            Move::Pause => json!("pause"),
            Move::Close => json!("close"),
        }
    }
}

impl Answer {
    fn acts(self, calls: &mut usize) -> Vec<Value> {
        let says = self.says.then(|| json!({"say": "well"}));
        let begun = *calls;
        *calls += usize::from(self.calls);
        let tools = (begun..*calls)
            .map(|place| json!({"tool_call": {"id": call(place), "name": "look", "arguments": "{}"}}));
        says.into_iter().chain(tools).chain([json!({"answer": "end_turn"})]).collect()
    }
}

fn call(place: usize) -> String {
    format!("t{}", place + 1)
}
