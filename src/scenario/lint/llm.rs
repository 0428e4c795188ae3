//! Checks the script of an LLM: what it can be asked and what HTTP can carry. Where the agent is no ACP agent, `server`
//! is that script; beside one it is `llm`.

use std::collections::{BTreeMap, BTreeSet};

use super::Desk;
use super::sequence::{Deed, Sequence, What};
use super::server::{key, never_taken};
use crate::scenario::nearest::quoted;
use crate::scenario::{Action, AgentKind, Diagnostic, Reaction, Trigger};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let native = desk.scenario.agent.kind != AgentKind::Acp;
    if native && !desk.scenario.llm.is_empty() {
        desk.add(|spans| {
            Diagnostic::error("two-llms", "this agent talks to its LLM itself, and `server` is that LLM")
                .at(spans.key("/llm"), "a second one")
                .help("move the reactions to `server`, or let the agent be of kind `acp`")
        });
        return;
    }
    let mut taken = BTreeMap::new();
    for (i, (sequence, reaction)) in reactions(sequences, true).enumerate() {
        match taken.get(&key(reaction)) {
            Some(&first) => never_taken(desk, sequence, "llm", (first, i)),
            None => {
                taken.insert(key(reaction), i);
            }
        }
        if reaction.session.is_some() {
            desk.add(|spans| {
                Diagnostic::error("no-session", "a completion belongs to no session")
                    .at(spans.key(&format!("/llm/{i}/session")), "never taken")
                    .help("leave it out: conversations are told apart by what was said in them")
            });
        }
        beside_an_agent(desk, sequence, reaction, i);
        of_an_llm(desk, sequence, reaction);
    }
    for (i, (sequence, reaction)) in reactions(sequences, false).enumerate() {
        if native {
            of_an_llm(desk, sequence, reaction);
        } else {
            of_an_agent(desk, reaction, i);
        }
    }
}

fn reactions<'s, 'a>(
    sequences: &'s [Sequence<'a>],
    of_llm: bool,
) -> impl Iterator<Item = (&'s Sequence<'a>, &'a Reaction)> {
    let sequences = sequences.iter().filter(move |sequence| sequence.of_llm == of_llm);
    sequences.filter_map(|sequence| sequence.reaction.map(|reaction| (sequence, reaction)))
}

/// What an ACP agent can do and the LLM beside it cannot.
fn beside_an_agent(desk: &mut Desk<'_>, sequence: &Sequence<'_>, reaction: &Reaction, i: usize) {
    let on = match reaction.on {
        Trigger::Cancel => Some("cancel"),
        Trigger::Load => Some("load"),
        Trigger::Start => Some("start"),
        Trigger::Request(_) => Some("request"),
        Trigger::Prompt(_) | Trigger::AnyPrompt | Trigger::ToolResult(_) | Trigger::Conversation(_) => None,
    };
    if let Some(on) = on {
        desk.add(|spans| {
            Diagnostic::error("not-of-llm", format!("an LLM is asked for completions and knows no `{on}`"))
                .at(spans.value(&format!("/llm/{i}/on")), "never taken")
                .help("move the reaction to `server`")
        });
    }
    for (deed, action) in sequence.deeds.iter().zip(&reaction.actions) {
        let (what, help) = match action {
            Action::Tool(_) => ("streams no cards", "write a `tool_call`"),
            Action::Call(_) => ("does not call its client", "move the call to `server`"),
            Action::StopReading | Action::ResumeReading => {
                ("has no pipe to read from", "let its answer wait, or leave it out")
            }
            _ => continue,
        };
        desk.add(|spans| {
            Diagnostic::error("not-of-llm", format!("an LLM {what}"))
                .at(spans.value(&deed.at), "not over HTTP")
                .help(help)
        });
    }
}

/// What an LLM can do and an ACP agent cannot.
fn of_an_agent(desk: &mut Desk<'_>, reaction: &Reaction, i: usize) {
    let help = "write it in a reaction of `llm`";
    let on = match reaction.on {
        Trigger::ToolResult(_) => Some("tool_result"),
        Trigger::Conversation(_) => Some("conversation"),
        _ => None,
    };
    if let Some(on) = on {
        desk.add(|spans| {
            Diagnostic::error("only-of-llm", format!("only an LLM is sent what `{on}` looks at"))
                .at(spans.value(&format!("/server/{i}/on")), "never taken")
                .help(help)
        });
    }
    for (j, action) in reaction.actions.iter().enumerate() {
        let name = match action {
            Action::ToolCall(_) => "tool_call",
            Action::Refuse(_) => "refuse",
            Action::HangUp => "hang_up",
            Action::Reset => "reset",
            _ => continue,
        };
        desk.add(|spans| {
            Diagnostic::error("only-of-llm", format!("an ACP agent on its pipe has no `{name}`"))
                .at(spans.value(&format!("/server/{i}/do/{j}")), "only over HTTP")
                .help(help)
        });
    }
}

/// What is wrong in any reaction of an LLM.
fn of_an_llm(desk: &mut Desk<'_>, sequence: &Sequence<'_>, reaction: &Reaction) {
    let mut called = BTreeSet::new();
    let mut streamed: Option<&Deed<'_>> = None;
    for (deed, action) in sequence.deeds.iter().zip(&reaction.actions) {
        match deed.what {
            What::ToolCall(call) => {
                let begins = called.insert(&call.id);
                if begins != call.name.is_some() {
                    tool_call_in_pieces(desk, deed, &call.id, begins);
                }
            }
            What::Refuse => {
                if let Some(streamed) = streamed {
                    refused_too_late(desk, deed, streamed);
                }
            }
            _ => {}
        }
        let streams = matches!(
            action,
            Action::Say(_)
                | Action::Think(_)
                | Action::ToolCall(_)
                | Action::Frame(_)
                | Action::Raw(_)
                | Action::CloseOutput
        );
        if streams {
            streamed = streamed.or(Some(deed));
        }
    }
}

fn tool_call_in_pieces(desk: &mut Desk<'_>, deed: &Deed<'_>, id: &str, begins: bool) {
    desk.add(|spans| match begins {
        true => Diagnostic::error(
            "nameless-tool-call",
            format!("the tool call {} has no `name`", quoted(id)),
        )
        .at(spans.value(&format!("{}/tool_call", deed.at)), "its first piece")
        .help("say which function is called: {\"id\": \"t1\", \"name\": \"look\", \"arguments\": \"{}\"}"),
        false => {
            Diagnostic::error("named-tool-call", format!("the tool call {} has a name already", quoted(id)))
                .at(spans.key(&format!("{}/tool_call/name", deed.at)), "a further piece of it")
                .help("leave the name out, or give the call an id of its own")
        }
    });
}

fn refused_too_late(desk: &mut Desk<'_>, deed: &Deed<'_>, streamed: &Deed<'_>) {
    desk.add(|spans| {
        Diagnostic::error("refused-too-late", "the status of HTTP leaves with the first chunk")
            .at(spans.key(&format!("{}/refuse", deed.at)), "too late")
            .at(spans.value(&streamed.at), "200 has left with this")
            .help("refuse before anything is streamed, or write {\"fail\": \"why\"}")
    });
}
