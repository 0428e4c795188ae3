//! What actors, the clock and the server wait for: whether the log holds an event, and who opens a gate.

use std::collections::BTreeMap;

use crate::observation::{Event, Opener};
use crate::scenario::{Action, EventSeen, Happening, Scenario, Step};
use crate::terms::ThreadRole;

/// Whether the log holds such an event, as often as asked.
pub(crate) fn event_seen(events: &[Event], wanted: &EventSeen) -> bool {
    let fits = |event: &&Event| {
        event.kind == wanted.kind && wanted.text.as_ref().is_none_or(|text| *text == event.text)
    };
    events.iter().filter(fits).count() >= wanted.count as usize
}

/// The statuses and events that the server's script waits for, each once.
pub(crate) fn outside_conditions(scenario: &Scenario) -> Vec<Happening> {
    let actions = scenario.server.iter().chain(&scenario.llm).flat_map(|reaction| &reaction.actions);
    let mut conditions = Vec::new();
    for action in actions {
        if let Action::Wait(on @ (Happening::Status(_) | Happening::Event(_))) = action
            && !conditions.contains(on)
        {
            conditions.push(on.clone());
        }
    }
    conditions
}

/// The steps that open each gate, of actors and of reactions.
pub(crate) fn openers(scenario: &Scenario) -> BTreeMap<String, Vec<Opener>> {
    let mut openers: BTreeMap<String, Vec<Opener>> = BTreeMap::new();
    for actor in &scenario.actors {
        for (at, step) in actor.does.iter().enumerate() {
            if let Step::Open(gate) = step {
                let opener = Opener { thread: actor.name.clone(), reaction: None, step: at + 1 };
                openers.entry(gate.clone()).or_default().push(opener);
            }
        }
    }
    for reaction in &scenario.server {
        for (at, action) in reaction.actions.iter().enumerate() {
            if let Action::Open(gate) = action {
                let thread = ThreadRole::Server.name().to_owned();
                let reaction = Some(format!("the reaction to {}", reaction.on.in_words()));
                openers.entry(gate.clone()).or_default().push(Opener { thread, reaction, step: at + 1 });
            }
        }
    }
    openers
}
