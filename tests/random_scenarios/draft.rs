//! Random scenarios: who acts, what the server does, when the clock fires. Small ones, so that many of their
//! interleavings can be run, and of the kinds that people write: a first message and its run, then whatever comes.
//!
//! Nothing here knows what the runtime makes of a scenario. One that cannot be written is told by the linter.

use proptest::prelude::*;
use serde_json::{Value, json};

/// A step of an actor; messages and gates are numbers that are given names when the scenario is written down.
#[derive(Debug, Clone)]
enum Move {
    Send { run: bool },
    Run,
    Interrupt,
    Pause,
    Close,
    Tool(&'static str),
    Open(u8),
    Gate(u8),
    Prompted(u8),
    Cancelled(u8),
    Logged(&'static str),
}

/// What the server does on a message.
#[derive(Debug, Clone)]
enum Act {
    Say(u8),
    Tool(u8, &'static str),
    Open(u8),
    Gate(u8),
    Cancelled,
    Messages(u8),
    StopReading,
    Answer(&'static str),
    Fail,
}

/// A scenario before it is written down.
#[derive(Debug, Clone)]
pub struct Draft {
    service: bool,
    kind: &'static str,
    cold: bool,
    suffix: bool,
    iterations: Option<u32>,
    actors: Vec<Vec<Move>>,
    prompts: Vec<Option<Vec<Act>>>,
    on_cancel: Option<Vec<Act>>,
    load_fails: bool,
    clock: Vec<&'static str>,
}

/// All drafts.
pub fn drafts() -> impl Strategy<Value = Draft> {
    let kind = prop_oneof![6 => Just("acp"), 1 => Just("llm"), 1 => Just("sync")];
    let head = (any::<bool>(), kind, prop::bool::weighted(0.1), prop::bool::weighted(0.15));
    let iterations = prop_oneof![5 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    let actors = (prop::collection::vec(a_move(), 0..3), prop::collection::vec(part(), 1..3));
    let prompts = prop::collection::vec(prop::option::weighted(0.7, reaction()), 6);
    let on_cancel = prop_oneof![3 => Just(None), 5 => on_cancel().prop_map(Some)];
    let script = (prompts, on_cancel, prop::bool::weighted(0.2), clock());
    (head, iterations, actors, script).prop_map(|(head, iterations, (first, others), script)| {
        let (service, kind, cold, suffix) = head;
        let (prompts, on_cancel, load_fails, clock) = script;
        let begins =
            if service { vec![Move::Send { run: true }] } else { vec![Move::Send { run: false }, Move::Run] };
        let first = begins.into_iter().chain(first).collect();
        let actors = std::iter::once(first).chain(others).collect();
        Draft { service, kind, cold, suffix, iterations, actors, prompts, on_cancel, load_fails, clock }
    })
}

fn part() -> impl Strategy<Value = Vec<Move>> {
    let begins = prop_oneof![
        2 => Just(None),
        2 => (0..2_u8).prop_map(|message| Some(Move::Prompted(message))),
        1 => Just(Some(Move::Logged("tool_call"))),
        1 => Just(Some(Move::Cancelled(1))),
    ];
    (begins, prop::collection::vec(a_move(), 1..4))
        .prop_map(|(begins, moves)| begins.into_iter().chain(moves).collect())
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => any::<bool>().prop_map(|run| Move::Send { run }),
        3 => Just(Move::Run),
        6 => Just(Move::Interrupt),
        3 => Just(Move::Pause),
        1 => Just(Move::Close),
        1 => Just(Move::Tool("begin")),
        1 => Just(Move::Tool("poll_token")),
        3 => (0..2_u8).prop_map(Move::Open),
        1 => (0..2_u8).prop_map(Move::Gate),
        2 => (0..3_u8).prop_map(Move::Prompted),
        1 => (1..3_u8).prop_map(Move::Cancelled),
        1 => prop_oneof![Just("finish"), Just("interrupt"), Just("tool_call")].prop_map(Move::Logged),
    ]
}

fn reaction() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (0..3_u8).prop_map(Act::Say),
        5 => tool(),
        3 => (0..2_u8).prop_map(Act::Gate),
        1 => (0..2_u8).prop_map(Act::Open),
        1 => (2..4_u8).prop_map(Act::Messages),
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

/// Each word is a timer to fire; most can only be armed once the first cancel was sent.
fn clock() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        4 => Just(vec![]),
        4 => Just(vec!["drain"]),
        1 => Just(vec!["prompt"]),
        1 => Just(vec!["prompt", "drain"]),
        1 => Just(vec!["interrupt_wait"]),
        1 => Just(vec!["interrupt_wait", "drain"]),
        1 => Just(vec!["cancel_send"]),
        1 => Just(vec!["cancel_send", "drain"]),
        1 => Just(vec!["drain", "drain"]),
    ]
}

impl Draft {
    /// The scenario file.
    pub fn text(&self) -> String {
        let mut sends = 0;
        let gates: Vec<u8> = (0..2).filter(|gate| self.uses(*gate)).collect();
        let names = ["ann", "bob", "cem"];
        let actors = self.actors.iter().zip(names).enumerate().map(|(place, (moves, name))| {
            let does = moves
                .iter()
                .filter(|one| self.can(place, one))
                .filter_map(|one| self.step(one, &mut sends, &gates));
            json!({"name": name, "does": does.collect::<Vec<_>>()})
        });
        let actors: Vec<Value> =
            actors.filter(|actor| actor["does"].as_array().is_some_and(|does| !does.is_empty())).collect();
        let prompts = self.prompts.iter().take(sends).enumerate().filter_map(|(place, acts)| {
            let acts = write(acts.as_ref()?, &gates);
            (!acts.is_empty()).then(|| json!({"on": {"prompt": text(place)}, "do": acts}))
        });
        let is_acp = self.kind == "acp";
        let on_cancel = self
            .on_cancel
            .as_ref()
            .filter(|_| is_acp)
            .map(|acts| json!({"on": "cancel", "do": write(acts, &gates)}));
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
            "agent": agent, "gates": gates.iter().map(gate).collect::<Vec<_>>(),
            "through": if self.service { "service" } else { "conversation" },
            "actors": actors, "server": server, "clock": self.clock(), "limits": limits,
        })
        .to_string()
    }

    /// Through the conversation a run blocks the thread that asks for it, only one at a time is supported, and whoever
    /// runs it closes it.
    fn can(&self, actor: usize, one: &Move) -> bool {
        match one {
            Move::Close => self.service || actor == 0,
            Move::Run => self.service || actor == 0,
            Move::Cancelled(_) => self.cancels(),
            _ => true,
        }
    }

    /// Whether somebody interrupts, or replaces a prompt: whoever waits for a cancel then may get one.
    fn cancels(&self) -> bool {
        let moves = || self.actors.iter().flatten();
        let replaces = moves().filter(|one| matches!(one, Move::Send { run: true })).count() > 1;
        self.kind == "acp"
            && (moves().any(|one| matches!(one, Move::Interrupt)) || (self.service && replaces))
    }

    /// A gate counts if somebody opens it and somebody waits for it.
    fn uses(&self, gate: u8) -> bool {
        let moves = || self.actors.iter().flatten();
        let acts = || self.prompts.iter().flatten().flatten().chain(self.on_cancel.iter().flatten());
        let opened = moves().any(|one| matches!(one, Move::Open(one) if *one == gate));
        let waited = moves().any(|one| matches!(one, Move::Gate(one) if *one == gate))
            || acts().any(|act| matches!(act, Act::Gate(one) if *one == gate));
        opened && waited
    }

    fn step(&self, one: &Move, sends: &mut usize, gates: &[u8]) -> Option<Value> {
        Some(match one {
            Move::Send { run } => {
                *sends += 1;
                let text = text(*sends - 1);
                if *run && self.service {
                    json!({"send": {"text": text, "run": true}})
                } else {
                    json!({"send": {"text": text}})
                }
            }
            Move::Run => json!("run"),
            Move::Interrupt => json!("interrupt"),
            Move::Pause => json!("pause"),
            Move::Close => json!("close"),
            Move::Tool(step) => json!({"tool": step}),
            Move::Open(one) if gates.contains(one) => json!({"open": gate(one)}),
            Move::Gate(one) if gates.contains(one) => json!({"wait": {"gate": gate(one)}}),
            Move::Open(_) | Move::Gate(_) => return None,
            Move::Prompted(message) => {
                json!({"wait": {"frame": {"method": "session/prompt", "text": text((*message).into())}}})
            }
            Move::Cancelled(count) => {
                json!({"wait": {"frame": {"method": "session/cancel", "count": count}}})
            }
            Move::Logged(kind) => json!({"wait": {"event": {"kind": kind}}}),
        })
    }

    fn clock(&self) -> Vec<Value> {
        let mut steps = Vec::new();
        let by_cancel = self.clock.first().is_some_and(|timer| *timer != "prompt");
        if self.kind != "acp" || (by_cancel && !self.cancels()) {
            return steps;
        }
        if by_cancel {
            steps.push(json!({"wait": {"frame": {"method": "session/cancel"}}}));
        }
        steps.extend(self.clock.iter().map(|timer| json!({"fire": timer})));
        steps
    }
}

fn write(acts: &[Act], gates: &[u8]) -> Vec<Value> {
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
                Act::Open(one) if gates.contains(one) => json!({"open": gate(one)}),
                Act::Gate(one) if gates.contains(one) => json!({"wait": {"gate": gate(one)}}),
                Act::Open(_) | Act::Gate(_) => return None,
                Act::Cancelled => json!({"wait": {"frame": {"method": "session/cancel"}}}),
                Act::Messages(count) => json!({"wait": {"event": {"kind": "user_message", "count": count}}}),
                Act::StopReading => json!("stop_reading"),
                Act::Answer(reason) => json!({"answer": reason}),
                Act::Fail => json!({"fail": "boom"}),
            })
        })
        .collect()
}

fn text(place: usize) -> String {
    format!("m{}", place + 1)
}

fn gate(number: &u8) -> String {
    format!("g{}", number + 1)
}
