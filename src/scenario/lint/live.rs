//! Finds what keeps an engine from running a scenario with which nothing else is wrong. Must not know what that is.

use super::Desk;
use super::strand::{Strand, What};
use crate::scenario::Diagnostic;

pub(super) fn lint(desk: &mut Desk<'_>, strands: &[Strand<'_>]) {
    if !desk.scenario.llm.is_empty() {
        report(desk, Some("an LLM beside the agent"), "/llm");
    }
    for (i, reaction) in desk.scenario.server.iter().enumerate() {
        report(desk, reaction.on.only_live(), &format!("/server/{i}/on"));
        for (j, action) in reaction.actions.iter().enumerate() {
            report(desk, action.only_live(desk.scenario.agent.kind), &format!("/server/{i}/do/{j}"));
        }
    }
    for deed in strands.iter().filter(|strand| strand.reaction.is_none()).flat_map(|strand| &strand.deeds) {
        if let What::Wait(happening) = deed.what {
            report(desk, happening.only_live(), &deed.at);
        }
    }
}

fn report(desk: &mut Desk<'_>, what: Option<&str>, pointer: &str) {
    let Some(what) = what else { return };
    desk.add(|spans| {
        Diagnostic::error("only-live", format!("the model of the runtime does not know {what}"))
            .at(spans.value(pointer), "only a live server does this")
            .help("play it with `turnloom serve`, or leave it out to run every interleaving")
    });
}
