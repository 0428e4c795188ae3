//! Checks the script of the server: reactions that are never taken, actions that are never reached.

use std::collections::{BTreeMap, BTreeSet};

use super::Desk;
use super::strand::{Deed, Strand, What};
use crate::scenario::nearest::{nearest, quoted};
use crate::scenario::{Diagnostic, Trigger};

pub(super) fn lint(desk: &mut Desk<'_>, strands: &[Strand<'_>]) {
    let texts = strands.iter().flat_map(|strand| &strand.deeds).filter_map(|deed| match deed.what {
        What::Send(send) => Some(send.text.as_str()),
        _ => None,
    });
    let texts: BTreeSet<&str> = texts.collect();
    let mut taken = BTreeMap::new();
    let reactions = strands.iter().filter_map(|strand| strand.trigger.map(|trigger| (strand, trigger)));
    for (i, (strand, trigger)) in reactions.enumerate() {
        unsent(desk, trigger, i, &texts);
        match taken.get(&key(trigger)) {
            Some(&first) => never_taken(desk, strand, first, i),
            None => {
                taken.insert(key(trigger), i);
            }
        }
        after_the_end(desk, strand);
        if *trigger == Trigger::Load {
            answers_load(desk, strand);
        }
    }
}

/// Whether it is a trigger for prompts.
pub(super) fn is_prompt(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Prompt(_) | Trigger::AnyPrompt)
}

/// What two triggers have in common that are for the same messages.
fn key(trigger: &Trigger) -> (u8, &str) {
    match trigger {
        Trigger::Prompt(text) => (0, text),
        Trigger::AnyPrompt => (1, ""),
        Trigger::Cancel => (2, ""),
        Trigger::Load => (3, ""),
    }
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

fn never_taken(desk: &mut Desk<'_>, strand: &Strand<'_>, first: usize, again: usize) {
    desk.add(|spans| {
        Diagnostic::error("reaction-never-taken", format!("{} is never taken", strand.who))
            .at(spans.key(&format!("/server/{again}/on")), "never taken")
            .at(spans.key(&format!("/server/{first}/on")), "takes all of them")
            .help("the first reaction that matches is taken: put the actions into that one")
    });
}

fn after_the_end(desk: &mut Desk<'_>, strand: &Strand<'_>) {
    let Some(end) = strand.deeds.iter().position(|deed| deed.what.ends()) else { return };
    let Some(next) = strand.deeds.get(end + 1) else { return };
    let name = name(&strand.deeds[end]);
    desk.add(|spans| {
        Diagnostic::error("action-after-end", format!("nothing follows {} in a reaction", quoted(name)))
            .at(spans.value(&next.at), "never reached")
            .at(spans.key(&format!("{}/{name}", strand.deeds[end].at)), "the message is answered here")
            .help("put it before, or leave it out")
    });
}

fn answers_load(desk: &mut Desk<'_>, strand: &Strand<'_>) {
    for deed in strand.deeds.iter().filter(|deed| matches!(deed.what, What::Answer)) {
        desk.add(|spans| {
            Diagnostic::error("answer-to-load", "`session/load` has no stop reason")
                .at(spans.key(&format!("{}/answer", deed.at)), "only a prompt is answered so")
                .help("leave it out (the load then succeeds), or write {\"fail\": \"why\"}")
        });
    }
}

fn name(deed: &Deed<'_>) -> &'static str {
    if matches!(deed.what, What::Fail) { "fail" } else { "answer" }
}
