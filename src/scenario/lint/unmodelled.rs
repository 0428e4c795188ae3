//! Warns where a scenario touches what the release does and the model of it leaves out: an outcome there says nothing about the
//! release.

use super::Desk;
use crate::scenario::nearest::quoted;
use crate::scenario::{Action, AgentKind, Diagnostic, Happening, Scenario, Session, Step, Through, ToolCall};
use crate::terms::EventKind;

/// The release takes so many equal tool calls in a row for a loop.
const EQUAL_CALLS: usize = 4;

pub(super) fn lint(desk: &mut Desk<'_>) {
    if desk.scenario.is_only_live() {
        return;
    }
    failing_llm(desk);
    close_beside_start(desk);
    run_beside_close(desk);
    equal_calls(desk);
}

fn warn(desk: &mut Desk<'_>, message: &str, pointer: &str, label: &str, help: &str) {
    desk.warn(|spans| {
        Diagnostic::warning("not-modelled", message).at(spans.value(pointer), label).help(help)
    });
}

/// The LLM of the release asks again, up to five times, after waits of 8 to 64 seconds.
fn failing_llm(desk: &mut Desk<'_>) {
    if desk.scenario.agent.kind == AgentKind::Acp {
        return;
    }
    for (i, reaction) in desk.scenario.server.iter().enumerate() {
        let fails = reaction.actions.iter().position(|action| matches!(action, Action::Fail(_)));
        if let Some(j) = fails {
            warn(
                desk,
                "the retries of an LLM are not modelled",
                &format!("/server/{i}/do/{j}"),
                "the run fails at once; the release asks again first",
                "take the outcome for that of an LLM with `num_retries` 0, or let the agent be of kind `acp`, whose retries \
                 are modelled",
            );
        }
    }
}

/// Where each actor that closes does so first: the places of the actor and of its step.
fn closes(scenario: &Scenario) -> impl Iterator<Item = (usize, usize)> {
    let actors = scenario.actors.iter().enumerate();
    actors.filter_map(|(i, actor)| Some((i, actor.does.iter().position(|step| *step == Step::Close)?)))
}

/// How many runs the other actors ask for.
fn runs_beside(scenario: &Scenario, actor: usize) -> usize {
    let others = scenario.actors.iter().enumerate().filter(|(other, _)| *other != actor);
    others.flat_map(|(_, other)| &other.does).filter(|step| step.is_run()).count()
}

/// Whether an actor may wait here for the end of the last run: not where it waits for a frame or for a message of a user.
fn may_wait_for_end_of_run(step: &Step) -> bool {
    match step {
        Step::Wait(Happening::Event(event)) => event.kind != EventKind::UserMessage,
        Step::Wait(on) => !matches!(on, Happening::Frame(_)),
        _ => false,
    }
}

/// A run that begins as another thread closes the conversation starts its server anew, or finds it half ended.
fn run_beside_close(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    if scenario.agent.kind != AgentKind::Acp || scenario.through == Through::Service {
        return;
    }
    for (i, j) in closes(scenario) {
        let (before, behind) = scenario.actors[i].does.split_at(j);
        let waits = before.iter().any(may_wait_for_end_of_run);
        if runs_beside(scenario, i) > 1 && !waits || behind.iter().any(Step::is_run) {
            warn(
                desk,
                "a run of a conversation that is closed is not modelled",
                &format!("/actors/{i}/does/{j}"),
                "a run may come behind this close",
                "close behind the last run, reload instead, or add \"through\": \"service\", which refuses runs once it is closed",
            );
        }
    }
}

/// `ACPAgent.close` of the release ends a server that starts in another thread.
fn close_beside_start(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    let starts_cold = scenario.agent.kind == AgentKind::Acp && scenario.agent.session == Session::Cold;
    if !starts_cold || scenario.through == Through::Service {
        return;
    }
    for (i, j) in closes(scenario) {
        if runs_beside(scenario, i) > 0 {
            warn(
                desk,
                "a close that ends a server while another thread starts it is not modelled",
                &format!("/actors/{i}/does/{j}"),
                "the start goes on in the model; in the release it fails",
                "let the actor that runs the conversation close it, or add \"through\": \"service\"",
            );
        }
    }
}

/// The stuck detector of the release also knows patterns of actions and observations.
fn equal_calls(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    if scenario.agent.kind == AgentKind::Acp || scenario.through == Through::Service {
        return;
    }
    let calls = tool_calls(scenario);
    let equal = |one: &ToolCall, other: &ToolCall| one.name == other.name && one.arguments == other.arguments;
    let repeated = calls
        .iter()
        .find(|(_, call)| calls.iter().filter(|(_, other)| equal(call, other)).count() >= EQUAL_CALLS);
    if let Some((pointer, call)) = repeated {
        let name = quoted(call.name.as_deref().unwrap_or_default());
        warn(
            desk,
            &format!("what the stuck detector says of {EQUAL_CALLS} equal calls of {name} is not modelled"),
            pointer,
            "the run goes on in the model; in the release it may end as stuck",
            "let the calls differ in their arguments",
        );
    }
}

fn tool_calls(scenario: &Scenario) -> Vec<(String, &ToolCall)> {
    let reactions = scenario.server.iter().enumerate();
    let calls = reactions.flat_map(|(i, reaction)| {
        reaction.actions.iter().enumerate().filter_map(move |(j, action)| match action {
            Action::ToolCall(call) => Some((format!("/server/{i}/do/{j}"), call)),
            _ => None,
        })
    });
    calls.collect()
}
