//! Checks that every wait can end. First: can it at all, if everybody did everything? Then: can it be reached, when
//! what it waits for may itself come after a wait?

use std::collections::BTreeSet;

use super::Desk;
use super::facts::{Facts, Missing};
use super::sequence::{Deed, Sequence, What};
use crate::scenario::nearest::quoted;
use crate::scenario::{Diagnostic, Happening, Scenario};

/// Above this many sequences the order of waits is not looked at: a scenario that anybody can read has ten.
const MOST: usize = 1_000;

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let scenario = desk.scenario;
    let all = everything(scenario, sequences);
    let mut hopeless = BTreeSet::new();
    for deed in sequences.iter().flat_map(reachable) {
        if let Some(missing) = missing(&all, deed, scenario) {
            impossible(desk, deed, &missing);
            hopeless.insert(deed.at.as_str());
        }
    }
    idle_reactions(desk, sequences, &all);
    if sequences.len() <= MOST {
        let mut order = Order { scenario, all: &all, hopeless, known: Facts::default() };
        for (sequence, at) in order.stuck(sequences) {
            never_ends(desk, sequences, sequence, &sequence.deeds[at]);
        }
    }
}

/// What can have happened at most, when everybody has done everything.
pub(super) fn everything<'a>(scenario: &Scenario, sequences: &[Sequence<'a>]) -> Facts<'a> {
    let mut all = Facts::default();
    for deed in sequences.iter().flat_map(reachable) {
        all.learn(deed.what, scenario.through);
    }
    all
}

/// The steps up to the answer.
fn reachable<'s, 'a>(sequence: &'s Sequence<'a>) -> &'s [Deed<'a>] {
    let end = match sequence.reaction {
        Some(_) => {
            sequence.deeds.iter().position(|deed| deed.what.ends()).map_or(sequence.deeds.len(), |at| at + 1)
        }
        None => sequence.deeds.len(),
    };
    &sequence.deeds[..end]
}

/// Why a step that waits would do so for ever.
fn missing(facts: &Facts<'_>, deed: &Deed<'_>, scenario: &Scenario) -> Option<Missing> {
    match deed.what {
        What::Wait(happening) => facts.rule_out(happening, scenario),
        What::Fire(timer) => facts.never_armed(timer, scenario),
        _ => None,
    }
}

fn impossible(desk: &mut Desk<'_>, deed: &Deed<'_>, missing: &Missing) {
    desk.add(|spans| {
        Diagnostic::error("impossible-wait", missing.message.clone())
            .at(spans.value(&format!("{}{}", deed.at, missing.place)), "waits for ever")
            .help(missing.help.clone())
    });
}

/// Reactions to frames that nothing makes the runtime send. Prompts are the concern of `server`.
fn idle_reactions(desk: &mut Desk<'_>, sequences: &[Sequence<'_>], all: &Facts<'_>) {
    let reactions =
        sequences.iter().filter_map(|sequence| sequence.trigger().map(|trigger| (sequence, trigger)));
    for (i, (sequence, trigger)) in reactions.enumerate() {
        if !super::server::is_prompt(trigger) && !all.triggers(trigger, desk.scenario) {
            desk.warn(|spans| {
                Diagnostic::warning("reaction-never-taken", format!("{} is never taken", sequence.who))
                    .at(
                        spans.value(&format!("/server/{i}/on")),
                        "nothing in the scenario leads to this frame",
                    )
                    .help("leave the reaction out, or let somebody \"interrupt\" a run")
            });
        }
    }
}

/// Takes every step that can be taken at all, until no more can.
struct Order<'s, 'a> {
    scenario: &'s Scenario,
    all: &'s Facts<'a>,
    /// Waits of which it has been said that they never end.
    hopeless: BTreeSet<&'s str>,
    known: Facts<'a>,
}

impl<'s, 'a> Order<'s, 'a> {
    /// The sequences that never get to their end, each with the step where it stays.
    fn stuck(&mut self, sequences: &'s [Sequence<'a>]) -> Vec<(&'s Sequence<'a>, usize)> {
        let mut places = vec![0; sequences.len()];
        loop {
            let mut moved = false;
            for (sequence, place) in sequences.iter().zip(&mut places) {
                let deeds = reachable(sequence);
                while let Some(deed) = deeds.get(*place)
                    && self.started(sequence)
                    && self.passes(deed)
                {
                    self.known.learn(deed.what, self.scenario.through);
                    *place += 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        let stuck = sequences.iter().zip(places);
        stuck.filter(|&(sequence, at)| at < reachable(sequence).len() && self.started(sequence)).collect()
    }

    /// Whether an actor, or a reaction that has got its message. What never gets one has been reported elsewhere.
    fn started(&self, sequence: &Sequence<'_>) -> bool {
        sequence.trigger().is_none_or(|trigger| {
            self.known.triggers(trigger, self.scenario) || !self.all.triggers(trigger, self.scenario)
        })
    }

    fn passes(&self, deed: &Deed<'_>) -> bool {
        if self.hopeless.contains(deed.at.as_str()) {
            return true;
        }
        match deed.what {
            // A gate that nobody opens has been reported elsewhere.
            What::Wait(Happening::Gate(_)) | What::Held(_) => {
                gate_of(deed.what).is_none_or(|gate| self.known.opens(gate) || !self.all.opens(gate))
            }
            _ => missing(&self.known, deed, self.scenario).is_none(),
        }
    }
}

/// The gate that is waited for.
fn gate_of(what: What<'_>) -> Option<&str> {
    match what {
        What::Wait(Happening::Gate(gate)) => Some(gate),
        What::Held(gate) => Some(gate),
        _ => None,
    }
}

/// What a step waits for, in words; none if it waits for nothing.
fn awaited(what: What<'_>) -> Option<String> {
    match what {
        What::Wait(happening) => Some(happening.in_words()),
        What::Held(gate) => Some(Happening::Gate(gate.to_owned()).in_words()),
        What::Fire(timer) => Some(format!("timer {}", quoted(timer.name()))),
        _ => None,
    }
}

fn never_ends(desk: &mut Desk<'_>, sequences: &[Sequence<'_>], sequence: &Sequence<'_>, deed: &Deed<'_>) {
    let Some(awaited) = awaited(deed.what) else { return };
    let gate = gate_of(deed.what);
    let key = match deed.what {
        What::Fire(_) => "fire",
        What::Held(_) => "gate",
        _ => "wait",
    };
    desk.add(|spans| {
        let mut deeds = sequences.iter().flat_map(reachable);
        let open = deeds.find(|deed| matches!(deed.what, What::Open(opened) if Some(opened) == gate));
        let finding = Diagnostic::error(
            "endless-wait",
            format!("{} waits for {awaited}, which comes only after it", sequence.who),
        )
        .at(spans.key(&format!("{}/{key}", deed.at)), "waits for ever")
        .help("what would end this wait is behind it, or behind a wait that needs it: let it happen before");
        match open {
            Some(open) => finding.at(spans.key(&format!("{}/open", open.at)), "opens the gate, but too late"),
            None => finding,
        }
    });
}
