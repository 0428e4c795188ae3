//! How many threads a scenario needs on the model, and whether it fits an engine that has few.

use crate::harness::Firing;
use crate::scenario::{Action, Actor, Happening, Role, Scenario, Step, Through};
use crate::terms::AgentKind;

/// The most threads that loom has, with the main one.
const THREADS: usize = 5;

/// Why a scenario does not fit loom, if it does not.
pub(crate) fn does_not_fit(scenario: &Scenario, threads: usize) -> Option<String> {
    let waits_outside = scenario
        .server
        .iter()
        .flat_map(|reaction| &reaction.actions)
        .any(|action| matches!(action, Action::Wait(Happening::Status(_) | Happening::Event(_))));
    if waits_outside {
        return Some("the server waits for a status or an event, of which loom cannot wake it".to_owned());
    }
    if scenario.switches_model() {
        let reason = "a switch of the model waits for its answer or for the end of the portal, of which loom cannot wake it";
        return Some(reason.to_owned());
    }
    (threads > THREADS).then(|| format!("{threads} threads are needed, and loom has {THREADS}"))
}

/// How many threads a scenario needs.
pub(crate) fn threads(scenario: &Scenario, timers: Firing) -> usize {
    let inline = |role: Role| scenario.loom.inline.contains(&role);
    let races = timers == Firing::Race;
    let service = scenario.through == Through::Service;
    let mut threads = scenario.actors.len();
    let clock = !races && !scenario.clock.is_empty() && !inline(Role::Clock);
    threads += usize::from(clock || races);
    threads += usize::from(scenario.agent.kind == AgentKind::Acp);
    threads += usize::from(!inline(Role::Server));
    threads += usize::from(service);
    threads +=
        if inline(Role::Worker) { 0 } else { scenario.workers() + usize::from(scenario.executes_tools()) };
    let runs = |actor: &Actor| !service && actor.does.iter().any(Step::is_run);
    let main_is_idle = !clock && scenario.actors.iter().all(runs);
    threads + usize::from(main_is_idle)
}
