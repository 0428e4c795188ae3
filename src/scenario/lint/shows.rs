//! Checks that what a scenario says it catches can be shown in it at all: that the defect changes something, and that its
//! rules can break. Which rule needs what comes with the vocabulary.

use super::Desk;
use crate::scenario::nearest::quoted;
use crate::scenario::spans::escape;
use crate::scenario::{
    Action, AgentKind, Catch, Diagnostic, Need, Scenario, Step, Through, ToolStep, Vocabulary,
};

pub(super) fn lint(desk: &mut Desk<'_>, vocabulary: &Vocabulary) {
    for (i, catch) in desk.scenario.catches.iter().enumerate() {
        changes_nothing(desk, vocabulary, catch, &format!("/catches/{i}/defect"));
        for (j, rule) in catch.rules.iter().enumerate() {
            let known = vocabulary.needs.iter().find(|(name, _)| name == rule);
            let missing = known.and_then(|(_, needs)| needs.iter().find(|need| !has(desk.scenario, **need)));
            if let Some(need) = missing {
                cannot_break(desk, rule, &catch.defect, *need, &format!("/catches/{i}/rules/{j}"));
            }
        }
    }
}

/// A defect whose alternative the scenario takes anyway.
fn changes_nothing(desk: &mut Desk<'_>, vocabulary: &Vocabulary, catch: &Catch, pointer: &str) {
    let scenario = desk.scenario;
    let Some(switch) = vocabulary.switches.iter().find(|switch| switch.defect == catch.defect) else {
        return;
    };
    let own = scenario.decisions.get(switch.decision).map(String::as_str);
    let of_revision = || {
        let changes = vocabulary.changes.iter();
        let mut changes = changes.filter(|(name, ..)| *name == scenario.revision);
        changes.find(|(_, decision, _)| *decision == switch.decision).map(|(.., alternative)| *alternative)
    };
    if own.or_else(of_revision) != Some(switch.alternative) {
        return;
    }
    let place = match own {
        Some(_) => format!("/decisions/{}", escape(switch.decision)),
        None => "/revision".to_owned(),
    };
    desk.warn(|spans| {
        let (decision, alternative) = (quoted(switch.decision), quoted(switch.alternative));
        let message = format!("defect {} changes nothing here", quoted(&catch.defect));
        Diagnostic::warning("defect-changes-nothing", message)
            .at(spans.value(pointer), format!("makes {decision} {alternative}"))
            .at(spans.value(&place), "which it is without it")
            .help("a scenario that catches a defect is clean without it: decide otherwise, or leave the catch out")
    });
}

fn cannot_break(desk: &mut Desk<'_>, rule: &str, defect: &str, need: Need, pointer: &str) {
    let (label, help) = words(need);
    desk.warn(|spans| {
        let message =
            format!("rule {} cannot break here, so it shows nothing of {}", quoted(rule), quoted(defect));
        Diagnostic::warning("rule-cannot-break", message)
            .at(spans.value(pointer), label)
            .help(format!("{help}, or name another rule; `turnloom explain {rule}` says what breaks it"))
    });
}

/// What is missing, and what to do about it.
fn words(need: Need) -> (&'static str, &'static str) {
    match need {
        Need::Service => ("it is about the event service", "add \"through\": \"service\" to the scenario"),
        Need::Acp => ("it is about an ACP agent", "write \"agent\": {\"kind\": \"acp\"}"),
        Need::Suffix => ("the agent has no system suffix", "add \"suffix\": true to the agent"),
        Need::Card => (
            "the server streams no tool call",
            "let a reaction write {\"tool\": {\"id\": \"t1\", \"status\": \"pending\"}}",
        ),
        Need::Tool => (
            "no tool looks at its token",
            "give an actor the steps {\"tool\": \"begin\"} and {\"tool\": \"poll_token\"}",
        ),
        Need::Chunk => ("the server streams no text", "let a reaction {\"say\": \"working\"}"),
        Need::Permission => (
            "the server asks for no permission",
            "let a reaction \"call\" the client with the method \"session/request_permission\"",
        ),
        Need::ToolCall => (
            "the LLM calls no tool",
            "let a reaction {\"tool_call\": {\"id\": \"t1\", \"name\": \"look\", \"arguments\": \"{}\"}}",
        ),
        Need::Stop => ("nobody presses stop", "let an actor \"pause\", \"interrupt\" or \"close\""),
        Need::TwoMessages => ("there are no two messages", "let an actor send another one"),
    }
}

fn has(scenario: &Scenario, need: Need) -> bool {
    let step = |wanted: fn(&Step) -> bool| scenario.actors.iter().flat_map(|actor| &actor.does).any(wanted);
    let action = |wanted: fn(&Action) -> bool| {
        scenario.server.iter().flat_map(|reaction| &reaction.actions).any(wanted)
    };
    match need {
        Need::Service => scenario.through == Through::Service,
        Need::Acp => scenario.agent.kind == AgentKind::Acp,
        Need::Suffix => scenario.agent.suffix,
        Need::Card => action(|action| matches!(action, Action::Tool(_))),
        Need::Tool => step(|step| *step == Step::Tool(ToolStep::PollToken)),
        Need::Chunk => action(|action| matches!(action, Action::Say(_) | Action::Think(_))),
        Need::Permission => {
            action(|action| matches!(action, Action::Call(call) if call.is_permission_request()))
        }
        Need::ToolCall => action(|action| matches!(action, Action::ToolCall(_))),
        Need::Stop => step(|step| matches!(step, Step::Pause | Step::Interrupt | Step::Close)),
        Need::TwoMessages => {
            let steps = scenario.actors.iter().flat_map(|actor| &actor.does);
            steps.filter(|step| matches!(step, Step::Send(_))).count() > 1
        }
    }
}
