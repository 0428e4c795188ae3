//! What actors, the clock and the server wait for: whether the log holds an event, and who opens a gate.

use std::collections::BTreeMap;

use crate::observation::Event;
use crate::scenario::{Action, EventSeen, Scenario, Step};
use crate::terms::ThreadRole;

/// Whether the log holds such an event, as often as asked.
pub(crate) fn event_seen(events: &[Event], wanted: &EventSeen) -> bool {
    let fits = |event: &&Event| {
        event.kind == wanted.kind && wanted.text.as_ref().is_none_or(|text| *text == event.text)
    };
    events.iter().filter(fits).count() >= wanted.count as usize
}

/// Who opens each gate: the actors that have a step for it, and the server if its script has.
pub(crate) fn openers(scenario: &Scenario) -> BTreeMap<String, Vec<String>> {
    let mut openers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for actor in &scenario.actors {
        for step in &actor.does {
            if let Step::Open(gate) = step {
                openers.entry(gate.clone()).or_default().push(actor.name.clone());
            }
        }
    }
    for action in scenario.server.iter().flat_map(|reaction| &reaction.actions) {
        if let Action::Open(gate) = action {
            openers.entry(gate.clone()).or_default().push(ThreadRole::Server.name().to_owned());
        }
    }
    openers
}
