//! What `lint` says of a scenario that stands still by its own making: who waits where, and for what.

use super::backend;
use super::files::File;
use crate::explore::{Caught, Job};
use crate::harness::Firing;
use crate::observation::Waiting;
use crate::report::words;
use crate::scenario::{Diagnostics, Scenario};
use crate::terms::ThreadRole;

/// The warning that a few interleavings of the scenario give rise to; none if they do not, or if it cannot be run.
pub(super) fn warning(file: &File) -> Option<Diagnostics> {
    if !file.loaded.only_live.is_empty() {
        return None;
    }
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        subject: None,
    };
    let caught = backend::own_standstill(&job).ok()??;
    let threads = &caught.seen.stuck.as_ref()?.threads;
    let at = |thread: &Waiting| {
        let needs = thread.needs_in_words();
        let needs = if needs.is_empty() { "never gets past this".to_owned() } else { needs.join(", ") };
        Some((place(&job.scenario, thread)?, needs))
    };
    let places: Vec<(String, String)> = threads.iter().filter_map(at).collect();
    Some(file.loaded.lines.as_ref()?.stands_still(&places, &help(file, &job.scenario, &caught)))
}

/// The JSON pointer of the step that an actor or the clock stands in.
fn place(scenario: &Scenario, thread: &Waiting) -> Option<String> {
    let step = thread.step?.checked_sub(1)?;
    if thread.role() == Some(ThreadRole::Clock) {
        return Some(format!("/clock/{step}"));
    }
    let actor = scenario.actors.iter().position(|actor| actor.name == thread.thread)?;
    Some(format!("/actors/{actor}/does/{step}"))
}

fn help(file: &File, scenario: &Scenario, caught: &Caught) -> String {
    let threads = caught.seen.stuck.iter().flat_map(|stuck| &stuck.threads);
    let others = threads.filter(|thread| place(scenario, thread).is_none());
    let others: String = others.map(|thread| format!("{thread}; ")).collect();
    let (file, token) = (words::shell(&file.shown()), words::shell(&caught.token.to_string()));
    format!("{others}`turnloom replay {file} {token}` shows how it came to this")
}
