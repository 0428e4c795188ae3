//! Checks the script of the server: reactions that are never taken, actions that are never reached.

use std::collections::{BTreeMap, BTreeSet};

use super::sequence::{Deed, Sequence, What};
use super::{Desk, repeated};
use crate::scenario::nearest::{nearest, quoted};
use crate::scenario::{AgentKind, Diagnostic, INITIALIZE, Raw, Reaction, Trigger};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let texts = sequences.iter().flat_map(|sequence| &sequence.deeds).filter_map(|deed| match deed.what {
        What::Send(send) => Some(send.text.as_str()),
        _ => None,
    });
    let texts: BTreeSet<&str> = texts.collect();
    let mut taken = BTreeMap::new();
    let reactions = sequences.iter().filter(|sequence| !sequence.of_llm);
    let reactions = reactions.filter_map(|sequence| sequence.reaction.map(|reaction| (sequence, reaction)));
    for (i, (sequence, reaction)) in reactions.enumerate() {
        unsent(desk, &reaction.on, i, &texts);
        match taken.get(&key(reaction)) {
            Some(&first) => never_taken(desk, sequence, "server", (first, i)),
            None => {
                taken.insert(key(reaction), i);
            }
        }
        match &reaction.on {
            Trigger::Load => answers(desk, sequence, "`session/load` has no stop reason", LOAD_SUCCEEDS),
            Trigger::Request(method) => {
                let message = format!("{} has no stop reason", quoted(method));
                answers(
                    desk,
                    sequence,
                    &message,
                    "leave it out (the request is then answered as always), or write {\"fail\": \"why\"}",
                );
                own_trigger(desk, method, i);
                if method == INITIALIZE {
                    speaks_to_nobody(desk, sequence, "when it is initialized there is no session");
                }
            }
            Trigger::Start => {
                speaks_to_nobody(desk, sequence, "at a start there is no session and no message to answer");
            }
            Trigger::Prompt(_)
            | Trigger::AnyPrompt
            | Trigger::Cancel
            | Trigger::ToolResult(_)
            | Trigger::Conversation(_) => {}
        }
    }
    for sequence in sequences.iter().filter(|sequence| sequence.reaction.is_some()) {
        after_the_end(desk, sequence);
        nameless(desk, sequence);
    }
    calls(desk, sequences);
    for deed in sequences.iter().flat_map(|sequence| &sequence.deeds) {
        if let What::Raw(raw) = deed.what {
            bytes(desk, deed, raw);
        }
    }
}

const LOAD_SUCCEEDS: &str = "leave it out (the load then succeeds), or write {\"fail\": \"why\"}";

/// Whether it is a trigger for prompts.
pub(super) fn is_prompt(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Prompt(_) | Trigger::AnyPrompt)
}

/// What two triggers have in common that are for the same messages.
pub(super) fn key(reaction: &Reaction) -> (u8, &str, Option<&str>, Option<u32>) {
    let (kind, name) = match &reaction.on {
        Trigger::Prompt(text) => (0, text.as_str()),
        Trigger::AnyPrompt => (1, ""),
        Trigger::Cancel => (2, ""),
        Trigger::Load => (3, ""),
        Trigger::Start => (4, ""),
        Trigger::Request(method) => (5, method.as_str()),
        Trigger::ToolResult(id) => (6, id.as_str()),
        Trigger::Conversation(text) => (7, text.as_str()),
    };
    (kind, name, reaction.session.as_deref(), reaction.process)
}

fn unsent(desk: &mut Desk<'_>, trigger: &Trigger, i: usize, texts: &BTreeSet<&str>) {
    let Trigger::Prompt(text) = trigger else { return };
    if texts.contains(text.as_str()) {
        return;
    }
    desk.add(|spans| {
        let near = nearest(text, texts.iter().copied()).map(|near| format!("did you mean {}?", quoted(near)));
        Diagnostic::error("unsent-prompt", format!("nobody sends the message {}", quoted(text)))
            .at(spans.value(&format!("/server/{i}/on/prompt")), "never prompted")
            .help(near.unwrap_or_else(|| "a prompt has the text that an actor sends".to_owned()))
    });
}

pub(super) fn never_taken(
    desk: &mut Desk<'_>,
    sequence: &Sequence<'_>,
    list: &str,
    (first, again): (usize, usize),
) {
    desk.add(|spans| {
        Diagnostic::error("reaction-never-taken", format!("{} is never taken", sequence.who))
            .at(spans.key(&format!("/{list}/{again}/on")), "never taken")
            .at(spans.key(&format!("/{list}/{first}/on")), "takes all of them")
            .help("the first reaction that matches is taken: put the actions into that one")
    });
}

fn after_the_end(desk: &mut Desk<'_>, sequence: &Sequence<'_>) {
    let goes_on = desk.scenario.agent.kind == AgentKind::Acp && answers_prompts(sequence);
    let answers = |deed: &Deed<'_>| matches!(deed.what, What::Answer | What::Fail);
    let unreached =
        sequence.deeds.iter().enumerate().filter(|(_, deed)| deed.what.ends()).find_map(|(end, deed)| {
            let mut rest = sequence.deeds[end + 1..].iter();
            let next = if goes_on && answers(deed) { rest.find(|deed| answers(deed)) } else { rest.next() };
            Some((deed, next?))
        });
    let Some((deed, next)) = unreached else { return };
    let name = name(deed);
    desk.add(|spans| {
        let message = match answers(deed) && answers(next) {
            true => "a message is answered once".to_owned(),
            false => format!("nothing follows {} in a reaction", quoted(name)),
        };
        Diagnostic::error("action-after-end", message)
            .at(spans.value(&next.at), "never reached")
            .at(
                match deed.what {
                    What::Leave(_) => spans.value(&deed.at),
                    _ => spans.key(&format!("{}/{name}", deed.at)),
                },
                match deed.what {
                    What::Exit => "the process ends here",
                    What::Leave(_) => "the connection ends here",
                    _ => "the message is answered here",
                },
            )
            .help("put it before, or leave it out")
    });
}

/// Behind an answer there is no request whose id a frame could have.
fn nameless(desk: &mut Desk<'_>, sequence: &Sequence<'_>) {
    let end = sequence.deeds.iter().position(|deed| matches!(deed.what, What::Answer | What::Fail));
    let late = sequence.deeds.iter().skip(end.map_or(sequence.deeds.len(), |end| end + 1));
    for deed in late.filter(|deed| matches!(deed.what, What::Frame(message) if message.names_request())) {
        desk.add(|spans| {
            Diagnostic::error("action-after-end", "behind its answer a request has no id any more")
                .at(spans.value(&format!("{}/frame", deed.at)), "there is no `$request`")
                .help("to answer twice, write the first answer as a `frame` too; or put this one before it")
        });
    }
}

/// Whether the reaction works on a prompt of an ACP server, which can go on behind its answer.
fn answers_prompts(sequence: &Sequence<'_>) -> bool {
    sequence.trigger().is_some_and(|on| is_prompt(on) || *on == Trigger::Cancel)
}

fn answers(desk: &mut Desk<'_>, sequence: &Sequence<'_>, message: &str, help: &str) {
    for deed in sequence.deeds.iter().filter(|deed| matches!(deed.what, What::Answer)) {
        desk.add(|spans| {
            Diagnostic::error("answer-to-load", message)
                .at(spans.key(&format!("{}/answer", deed.at)), "only a prompt is answered so")
                .help(help)
        });
    }
}

/// A request that has a trigger of its own.
fn own_trigger(desk: &mut Desk<'_>, method: &str, i: usize) {
    let own = match method {
        "session/prompt" => "any_prompt",
        "session/load" => "load",
        _ => return,
    };
    desk.add(|spans| {
        Diagnostic::error("own-trigger", format!("{} has a trigger of its own", quoted(method)))
            .at(spans.value(&format!("/server/{i}/on/request")), "never taken")
            .help(format!("write \"{own}\""))
    });
}

/// Where there is no session nothing can be said, and where there is no message nothing answered.
fn speaks_to_nobody(desk: &mut Desk<'_>, sequence: &Sequence<'_>, why: &str) {
    let is_start = sequence.trigger() == Some(&Trigger::Start);
    let speaks = |deed: &&Deed<'_>| match deed.what {
        What::Talk | What::Card(_) => true,
        What::Answer | What::Fail => is_start,
        _ => false,
    };
    for deed in sequence.deeds.iter().filter(speaks) {
        desk.add(|spans| {
            Diagnostic::error("no-message", why)
                .at(spans.value(&deed.at), "to nobody")
                .help("write what is to be sent as a `frame` or as `raw` bytes")
        });
    }
}

fn calls(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let calls = sequences.iter().flat_map(|sequence| &sequence.deeds).filter_map(|deed| match deed.what {
        What::Call(call) => Some((deed, call)),
        _ => None,
    });
    let calls: Vec<_> = calls.collect();
    for (name, first, again) in repeated(calls.iter().map(|(_, call)| &call.name)) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-call", format!("two calls have the name {}", quoted(name)))
                .at(spans.value(&format!("{}/call/name", calls[again].0.at)), "again")
                .at(spans.value(&format!("{}/call/name", calls[first].0.at)), "first")
                .help("their answers are told apart by the name: use another one")
        });
    }
}

fn bytes(desk: &mut Desk<'_>, deed: &Deed<'_>, raw: &Raw) {
    if let Err(wrong) = raw.bytes() {
        desk.add(|spans| {
            Diagnostic::error("bad-bytes", format!("{} is no pair of hexadecimal digits", quoted(&wrong)))
                .at(spans.value(&format!("{}/raw/hex", deed.at)), "expected bytes such as `ff 00 7b`")
        });
    }
}

fn name(deed: &Deed<'_>) -> &'static str {
    match deed.what {
        What::Fail => "fail",
        What::Exit => "exit",
        What::Refuse => "refuse",
        What::Leave(name) => name,
        _ => "answer",
    }
}
