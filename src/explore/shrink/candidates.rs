//! Scenarios that are one thing smaller than another: without an actor, a reaction, a gate, a step.

use std::collections::BTreeSet;

use crate::scenario::{Action, ClockStep, Happening, Scenario, Step};

/// Every scenario that is one thing smaller, the largest things first, in the order of the file.
#[must_use]
pub fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    for actor in 0..scenario.actors.len() {
        found.push(without(scenario, |smaller| drop(smaller.actors.remove(actor))));
    }
    if !scenario.clock.is_empty() {
        found.push(without(scenario, |smaller| smaller.clock.clear()));
    }
    for reaction in 0..scenario.server.len() {
        found.push(without(scenario, |smaller| drop(smaller.server.remove(reaction))));
    }
    for delivery in 0..scenario.subscriber.len() {
        found.push(without(scenario, |smaller| drop(smaller.subscriber.remove(delivery))));
    }
    for gate in &scenario.gates {
        found.push(without(scenario, |smaller| forget_gate(smaller, gate)));
    }
    for (index, actor) in scenario.actors.iter().enumerate() {
        let steps = 0..actor.does.len();
        found.extend(
            steps.map(|step| without(scenario, |smaller| drop(smaller.actors[index].does.remove(step)))),
        );
    }
    let steps = 0..scenario.clock.len();
    found.extend(steps.map(|step| without(scenario, |smaller| drop(smaller.clock.remove(step)))));
    for (index, reaction) in scenario.server.iter().enumerate() {
        let steps = 0..reaction.actions.len();
        found.extend(
            steps.map(|step| without(scenario, |smaller| drop(smaller.server[index].actions.remove(step)))),
        );
    }
    found.retain(|smaller| {
        smaller.actors.iter().all(|actor| !actor.does.is_empty())
            && smaller.server.iter().all(|reaction| !reaction.actions.is_empty())
    });
    found
}

fn without(scenario: &Scenario, take_out: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut smaller = scenario.clone();
    take_out(&mut smaller);
    forget_unused_gates(&mut smaller);
    smaller
}

fn forget_gate(scenario: &mut Scenario, gate: &str) {
    let waits = |happening: &Happening| matches!(happening, Happening::Gate(name) if name == gate);
    for actor in &mut scenario.actors {
        actor.does.retain(|step| match step {
            Step::Wait(happening) => !waits(happening),
            Step::Open(name) => name != gate,
            _ => true,
        });
    }
    scenario.clock.retain(|step| !matches!(step, ClockStep::Wait(happening) if waits(happening)));
    scenario.subscriber.retain(|delivery| delivery.gate != gate);
    for reaction in &mut scenario.server {
        reaction.actions.retain(|action| match action {
            Action::Wait(happening) => !waits(happening),
            Action::Open(name) => name != gate,
            _ => true,
        });
    }
}

fn forget_unused_gates(scenario: &mut Scenario) {
    let of_actors = scenario.actors.iter().flat_map(|actor| &actor.does).filter_map(|step| match step {
        Step::Wait(Happening::Gate(gate)) | Step::Open(gate) => Some(gate.clone()),
        _ => None,
    });
    let of_clock = scenario.clock.iter().filter_map(|step| match step {
        ClockStep::Wait(Happening::Gate(gate)) => Some(gate.clone()),
        _ => None,
    });
    let actions = scenario.server.iter().flat_map(|reaction| &reaction.actions);
    let of_server = actions.filter_map(|action| match action {
        Action::Wait(Happening::Gate(gate)) | Action::Open(gate) => Some(gate.clone()),
        _ => None,
    });
    let of_subscriber = scenario.subscriber.iter().map(|delivery| delivery.gate.clone());
    let used: BTreeSet<String> = of_actors.chain(of_clock).chain(of_server).chain(of_subscriber).collect();
    scenario.gates.retain(|gate| used.contains(gate));
}

#[cfg(test)]
mod tests {
    use super::smaller;
    use crate::scenario::Scenario;

    #[test]
    fn each_is_one_thing_smaller_and_declares_no_gate_in_vain() {
        let scenario: Scenario = serde_json::from_value(serde_json::json!({
            "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "gates": ["g"],
            "actors": [
                {"name": "ann", "does": [{"send": {"text": "a"}}, "run"]},
                {"name": "bob", "does": [{"open": "g"}]}
            ],
            "clock": [{"fire": "drain"}],
            "server": [{"on": "any_prompt", "do": [{"wait": {"gate": "g"}}, {"answer": "end_turn"}]}]
        }))
        .expect("a scenario");
        let size = |scenario: &Scenario| {
            let actors = scenario.actors.iter().map(|actor| actor.does.len());
            let server = scenario.server.iter().map(|reaction| reaction.actions.len());
            (scenario.gates.len(), actors.collect(), scenario.clock.len(), server.collect())
        };
        let sizes: Vec<(usize, Vec<usize>, usize, Vec<usize>)> =
            smaller(&scenario).iter().map(size).collect();
        let expected = [
            (1, vec![1], 1, vec![2]),
            (1, vec![2], 1, vec![2]),
            (1, vec![2, 1], 0, vec![2]),
            (1, vec![2, 1], 1, vec![]),
            (1, vec![1, 1], 1, vec![2]),
            (1, vec![1, 1], 1, vec![2]),
            (1, vec![2, 1], 0, vec![2]),
            (1, vec![2, 1], 1, vec![1]),
            (1, vec![2, 1], 1, vec![1]),
        ];
        assert_eq!(sizes, expected);
    }
}
