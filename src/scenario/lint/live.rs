//! Finds what keeps an engine from running a scenario with which nothing else is wrong.

use super::Desk;
use super::sequence::{Sequence, What};
use crate::scenario::{Action, AgentKind, Diagnostic, Reaction, StopReason};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    if !desk.scenario.llm.is_empty() {
        report(desk, Some("an LLM beside the agent"), "/llm");
    }
    for (i, reaction) in desk.scenario.server.iter().enumerate() {
        let on = format!("/server/{i}/on");
        match reaction.on.only_live(desk.scenario.agent.kind) {
            None if reaction.is_to_start_before(&desk.scenario.agent) => started_before(desk, &on),
            what => report(desk, what, &on),
        }
        for (j, action) in reaction.actions.iter().enumerate() {
            report(desk, action.only_live(desk.scenario.agent.kind), &format!("/server/{i}/do/{j}"));
        }
        if desk.scenario.agent.kind != AgentKind::Acp
            && let Some(j) = empty_answer(reaction)
        {
            asked_for_ever(desk, &format!("/server/{i}/do/{j}"));
        }
    }
    for deed in
        sequences.iter().filter(|sequence| sequence.reaction.is_none()).flat_map(|sequence| &sequence.deeds)
    {
        if let What::Wait(happening) = deed.what {
            report(desk, happening.only_live(), &deed.at);
        }
    }
}

/// The place of the answer of a completion that has no text and no tool call in it, though something is streamed: where
/// nothing is, the server says something of its own.
fn empty_answer(reaction: &Reaction) -> Option<usize> {
    let streams = |action: &Action| matches!(action, Action::Say(_) | Action::Think(_));
    let says = |action: &Action| match action {
        Action::Say(text) => !text.is_empty(),
        action => matches!(action, Action::ToolCall(_) | Action::Frame(_) | Action::Raw(_)),
    };
    let is_empty = reaction.actions.iter().any(streams) && !reaction.actions.iter().any(says);
    let answers = |action: &Action| matches!(action, Action::Answer(StopReason::EndTurn));
    reaction.actions.iter().position(answers).filter(|_| is_empty)
}

fn asked_for_ever(desk: &mut Desk<'_>, pointer: &str) {
    desk.add(|spans| {
        Diagnostic::error("empty-answer", "the model of the runtime takes an empty completion for a turn")
            .at(spans.value(pointer), "has no text and no tool call")
            .help(
                "an agent of openhands-sdk asks again when a completion is empty, for ever: let it say something, or play it with `turnloom serve`",
            )
    });
}

fn started_before(desk: &mut Desk<'_>, pointer: &str) {
    desk.add(|spans| {
        Diagnostic::error("only-live", "the server has started before the scenario begins")
            .at(spans.value(pointer), "only a live server does this")
            .help(
                "write \"session\": \"cold\" in \"agent\", so that the first run starts it, or name a later \"process\"; or play it with `turnloom serve`",
            )
    });
}

fn report(desk: &mut Desk<'_>, what: Option<&str>, pointer: &str) {
    let Some(what) = what else { return };
    desk.add(|spans| {
        Diagnostic::error("only-live", format!("the model of the runtime does not know {what}"))
            .at(spans.value(pointer), "only a live server does this")
            .help("play it with `turnloom serve`, or leave it out to run every interleaving")
    });
}
