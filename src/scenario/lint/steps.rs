//! Checks single steps of actors: messages with one text, sends that ask for a run, tools, yes and no to tool calls.

use super::sequence::{Deed, Sequence, What};
use super::{Desk, repeated};
use crate::scenario::nearest::quoted;
use crate::scenario::{Agent, AgentKind, Diagnostic, FrameSeen, Happening, Method, Through, ToolStep};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let sends: Vec<_> = sequences
        .iter()
        .flat_map(|sequence| &sequence.deeds)
        .filter_map(|deed| match deed.what {
            What::Send(send) => Some((deed, send)),
            _ => None,
        })
        .collect();
    for (text, first, again) in repeated(sends.iter().map(|(_, send)| &send.text)) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-text", format!("the message {} is sent twice", quoted(text)))
                .at(spans.value(&format!("{}/send/text", sends[again].0.at)), "again")
                .at(spans.value(&format!("{}/send/text", sends[first].0.at)), "first")
                .help("prompts are told apart by their texts: use another one")
        });
    }
    for (deed, send) in &sends {
        if send.run && desk.scenario.through == Through::Conversation {
            run_without_service(desk, deed);
        }
    }
    for sequence in sequences {
        poll_before_begin(desk, sequence);
        for deed in &sequence.deeds {
            if let What::Wait(Happening::Frame(frame)) = deed.what {
                text_of_no_prompt(desk, deed, frame);
            }
        }
    }
    let calls = sequences.iter().flat_map(|sequence| &sequence.deeds);
    let calls = calls.filter(|deed| matches!(deed.what, What::ToolCall(_))).count();
    for deed in sequences.iter().flat_map(|sequence| &sequence.deeds) {
        match deed.what {
            What::Accept => nothing_to_answer(desk, deed, ("nothing-to-accept", "nothing to accept"), calls),
            What::Reject => nothing_to_answer(desk, deed, ("nothing-to-reject", "nothing to reject"), calls),
            What::SwitchModel if desk.scenario.agent.kind != AgentKind::Acp => no_model_to_switch(desk, deed),
            _ => {}
        }
    }
}

fn nothing_to_answer(
    desk: &mut Desk<'_>,
    deed: &Deed<'_>,
    (code, label): (&'static str, &'static str),
    calls: usize,
) {
    let Agent { kind, confirmation, .. } = desk.scenario.agent;
    let (message, help) = match (kind, confirmation) {
        (AgentKind::Acp, _) => (
            "only an agent that talks to an LLM asks a user before it acts",
            "write \"agent\": {\"kind\": \"llm\", \"confirmation\": true}",
        ),
        (_, false) => ("this agent acts without asking", "add \"confirmation\": true to the agent"),
        (_, true) if calls == 0 => (
            "the LLM calls no tool",
            "let a reaction {\"tool_call\": {\"id\": \"t1\", \"name\": \"look\", \"arguments\": \"{}\"}}",
        ),
        (_, true) => return,
    };
    desk.add(|spans| Diagnostic::error(code, message).at(spans.value(&deed.at), label).help(help));
}

fn no_model_to_switch(desk: &mut Desk<'_>, deed: &Deed<'_>) {
    desk.add(|spans| {
        Diagnostic::error("no-model-to-switch", "only an ACP agent has a session whose model can be switched")
            .at(spans.value(&deed.at), "this agent has none")
            .help("write \"agent\": {\"kind\": \"acp\"}, or leave the step out")
    });
}

fn run_without_service(desk: &mut Desk<'_>, deed: &Deed<'_>) {
    desk.add(|spans| {
        Diagnostic::error("run-without-service", "a message asks for a run, but there is no service to do so")
            .at(spans.key(&format!("{}/send/run", deed.at)), "only through the service")
            .help("add \"through\": \"service\" to the scenario, or a step \"run\" after this one")
    });
}

fn poll_before_begin(desk: &mut Desk<'_>, sequence: &Sequence<'_>) {
    for deed in &sequence.deeds {
        match deed.what {
            What::Tool(ToolStep::Begin) => return,
            What::Tool(ToolStep::PollToken) => desk.add(|spans| {
                Diagnostic::error(
                    "poll-before-begin",
                    format!("{} polls the token of no tool call", sequence.who),
                )
                .at(spans.value(&format!("{}/tool", deed.at)), "no tool call has begun")
                .help("put a step {\"tool\": \"begin\"} before it")
            }),
            _ => {}
        }
    }
}

fn text_of_no_prompt(desk: &mut Desk<'_>, deed: &Deed<'_>, frame: &FrameSeen) {
    if frame.text.is_some() && !matches!(frame.method, Method::Prompt | Method::Completion) {
        desk.add(|spans| {
            Diagnostic::error("text-of-no-prompt", "only a `session/prompt` has a text")
                .at(spans.key(&format!("{}/wait/frame/text", deed.at)), "no prompt")
                .help("leave the text out")
        });
    }
}
