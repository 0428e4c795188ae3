//! Checks that the clock fires `retry` as often as a prompt that fails needs it: until then the prompt is not sent again.

use super::Desk;
use super::sequence::{Deed, Sequence, What};
use crate::scenario::{AgentKind, Diagnostic, Timer};

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let all = super::waits::everything(desk.scenario, sequences);
    let retries = desk.scenario.limits.retries;
    let deeds = sequences.iter().flat_map(|sequence| &sequence.deeds);
    let fires = deeds.filter(|deed| matches!(deed.what, What::Fire(Timer::Retry))).count();
    let fires = u32::try_from(fires).unwrap_or(u32::MAX);
    // A stop ends the wait as well, and a real client has a clock of its own.
    let is_ended = fires >= retries || all.cancels() || desk.scenario.is_only_live();
    if desk.scenario.agent.kind != AgentKind::Acp || is_ended {
        return;
    }
    for reaction in sequences {
        let is_taken = reaction
            .trigger()
            .is_some_and(|trigger| super::server::is_prompt(trigger) && all.triggers(trigger, desk.scenario));
        let is_everywhere = reaction.reaction.is_some_and(|on| on.session.is_none() && on.process.is_none());
        let end = reaction.deeds.iter().find(|deed| deed.what.ends());
        if let Some(deed) = end.filter(|deed| is_taken && is_everywhere && matches!(deed.what, What::Fail)) {
            never_fired(desk, reaction, deed, (retries, fires));
        }
    }
}

fn never_fired(desk: &mut Desk<'_>, reaction: &Sequence<'_>, deed: &Deed<'_>, (retries, fires): (u32, u32)) {
    let often = |count: u32| match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    };
    desk.warn(|spans| {
        let message = match fires {
            0 => "timer `retry` is armed, and no clock step fires it".to_owned(),
            _ => format!("timer `retry` is armed {}, and the clock fires it {}", often(retries), often(fires)),
        };
        let steps = if retries - fires == 1 { "clock step" } else { "clock steps" };
        let more = if fires == 0 { "" } else { "more " };
        Diagnostic::warning("timer-never-fired", message)
            .at(spans.value(&deed.at), "the prompt fails, and is sent again only when the timer fires")
            .help(format!(
                "{} fails each time, and a prompt is sent again at most {}: add {} {more}{steps} {{\"fire\": \"retry\"}}, or \
                 write \"limits\": {{\"retries\": 0}}",
                reaction.who,
                often(retries),
                retries - fires,
            ))
    });
}
