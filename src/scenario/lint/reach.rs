//! Checks for what is never reached, or does nothing when it is: reactions whose message never comes, steps whose
//! effect is there already.

use std::collections::BTreeSet;

use super::Desk;
use super::facts::Facts;
use super::sequence::{Sequence, What};
use crate::scenario::nearest::quoted;
use crate::scenario::{Action, AgentKind, Diagnostic, Happening, Reaction, SET_MODEL, Scenario, Trigger};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let all = super::waits::everything(desk.scenario, sequences);
    // A real client may do what no actor is said to do.
    if !desk.scenario.is_only_live() {
        reactions(desk, sequences, &all);
    }
    for sequence in sequences {
        gates(desk, sequence);
    }
    resumed(desk);
}

/// Why a reaction is never taken, with the key in it that says so.
struct Unreached {
    key: &'static str,
    label: String,
    help: String,
}

impl Unreached {
    fn new(key: &'static str, label: impl Into<String>, help: impl Into<String>) -> Option<Self> {
        Some(Self { key, label: label.into(), help: help.into() })
    }
}

fn reactions(desk: &mut Desk<'_>, sequences: &[Sequence<'_>], all: &Facts<'_>) {
    let scenario = desk.scenario;
    let reactions = sequences.iter().filter_map(|sequence| Some((sequence, sequence.reaction?)));
    for (i, (sequence, reaction)) in reactions.enumerate() {
        let unreached = unprompted(reaction, scenario, all)
            .or_else(|| of_another_agent(reaction, scenario.agent.kind))
            .or_else(|| of_another_life(reaction, all));
        if let Some(Unreached { key, label, help }) = unreached {
            desk.warn(|spans| {
                Diagnostic::warning("reaction-never-taken", format!("{} is never taken", sequence.who))
                    .at(spans.value(&format!("/server/{i}/{key}")), label)
                    .help(help)
            });
        }
    }
}

const NOBODY_RUNS: &str = "nobody runs the conversation";
const RUN_IT: &str = "let an actor \"run\" the conversation, or send with \"run\": true through the service";

/// A reaction that no prompt reaches. One for a text that nobody sends is the concern of `server`.
fn unprompted(reaction: &Reaction, scenario: &Scenario, all: &Facts<'_>) -> Option<Unreached> {
    if super::server::is_prompt(&reaction.on) && !all.runs() {
        return Unreached::new("on", NOBODY_RUNS, RUN_IT);
    }
    let own = |text: &str| {
        scenario.server.iter().any(|other| {
            other.session.is_none()
                && other.process.is_none()
                && matches!(&other.on, Trigger::Prompt(wanted) if wanted == text)
        })
    };
    if let Trigger::Request(method) = &reaction.on
        && !all.triggers(&reaction.on, scenario)
    {
        let (label, help) = match method.as_str() {
            SET_MODEL => (
                "nobody switches the model",
                "let an actor {\"switch_model\": \"m2\"}, or leave the reaction out",
            ),
            _ => (NOBODY_RUNS, RUN_IT),
        };
        return Unreached::new("on", label, help);
    }
    if reaction.on == Trigger::AnyPrompt && all.texts().all(own) {
        let help = "leave the reaction out, or one of those for a single prompt";
        return Unreached::new("on", "every message has a reaction of its own", help);
    }
    None
}

/// A reaction to a frame that only an ACP agent sends.
fn of_another_agent(reaction: &Reaction, agent: AgentKind) -> Option<Unreached> {
    let is_frame =
        matches!(reaction.on, Trigger::Cancel | Trigger::Load) || reaction.on.is_request_of_agent();
    let only_acp = is_frame || reaction.session.is_some();
    if agent == AgentKind::Acp || !only_acp {
        return None;
    }
    let key = if reaction.session.is_some() { "session" } else { "on" };
    Unreached::new(
        key,
        "this agent has no ACP server",
        "only an agent of kind `acp` has sessions and cancels",
    )
}

/// A reaction in a process or a session that never begins.
fn of_another_life(reaction: &Reaction, all: &Facts<'_>) -> Option<Unreached> {
    if let Some(session) = reaction.session.as_deref().filter(|session| !is_session(session)) {
        let label = format!("no session is called {}", quoted(session));
        return Unreached::new("session", label, "sessions are called `s1`, `s2` and so on, as they begin");
    }
    if all.loads() {
        return None;
    }
    let help = "a restart needs a run, and something that ends a turn: an `interrupt`, say";
    if reaction.process.is_some_and(|process| process > 1) {
        return Unreached::new("process", "nothing restarts the server", help);
    }
    if reaction.session.as_deref().is_some_and(|session| session != "s1") {
        return Unreached::new("session", "nothing makes the server begin another session", help);
    }
    None
}

/// Whether the script gives a session this name.
fn is_session(name: &str) -> bool {
    let number = name.strip_prefix('s').unwrap_or_default();
    !number.starts_with('0') && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Gates that a sequence opens when it has opened them before, and that it waits for when it has.
fn gates(desk: &mut Desk<'_>, sequence: &Sequence<'_>) {
    let mut opened: Vec<(&str, &str)> = Vec::new();
    for deed in &sequence.deeds {
        let earlier = |gate: &str| opened.iter().find(|(open, _)| *open == gate).map(|(_, at)| *at);
        match deed.what {
            What::Open(gate) => match earlier(gate) {
                Some(first) => desk.warn(|spans| {
                    Diagnostic::warning("gate-open-already", format!("gate {} is opened again", quoted(gate)))
                        .at(spans.value(&format!("{}/open", deed.at)), "does nothing")
                        .at(spans.value(&format!("{first}/open")), "opened here")
                        .help("a gate stays open: leave the step out, or use another gate")
                }),
                None => opened.push((gate, &deed.at)),
            },
            What::Wait(Happening::Gate(gate)) => {
                if let Some(first) = earlier(gate) {
                    desk.warn(|spans| {
                        let message =
                            format!("{} waits for gate {}, which it has opened", sequence.who, quoted(gate));
                        Diagnostic::warning("gate-open-already", message)
                            .at(spans.value(&format!("{}/wait/gate", deed.at)), "waits for nothing")
                            .at(spans.value(&format!("{first}/open")), "opened here")
                            .help("let somebody else open the gate, or leave the step out")
                    });
                }
            }
            _ => {}
        }
    }
}

/// A server that reads on though nothing makes it stop.
fn resumed(desk: &mut Desk<'_>) {
    let actions = || {
        let server = desk.scenario.server.iter().enumerate();
        server.flat_map(|(i, reaction)| {
            reaction
                .actions
                .iter()
                .enumerate()
                .map(move |(j, action)| (format!("/server/{i}/do/{j}"), action))
        })
    };
    if actions().any(|(_, action)| *action == Action::StopReading) {
        return;
    }
    let resumes: BTreeSet<String> =
        actions().filter(|(_, action)| **action == Action::ResumeReading).map(|(at, _)| at).collect();
    for at in resumes {
        desk.warn(|spans| {
            Diagnostic::warning("never-stopped-reading", "the server reads on, but it never stopped reading")
                .at(spans.value(&at), "does nothing")
                .help("put \"stop_reading\" before it, or leave it out")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::is_session;

    #[test]
    fn names_of_sessions() {
        assert!(["s1", "s2", "s10"].into_iter().all(is_session));
        assert!(!["", "s", "s0", "s01", "1", "S1", "s-1", "llm"].into_iter().any(is_session));
    }
}
