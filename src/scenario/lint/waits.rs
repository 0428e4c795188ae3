//! Checks that every wait can end. First: can it at all, if everybody did everything? Then: can it be reached, when
//! what it waits for may itself come after a wait? Must not know how the runtime orders anything.

use std::collections::BTreeSet;

use super::Desk;
use super::facts::{Facts, Missing};
use super::strand::{Deed, Strand, What};
use crate::scenario::{Diagnostic, Happening, Scenario};

/// Above this many strands the order of waits is not looked at: a scenario that anybody can read has ten.
const MOST: usize = 1_000;

pub(super) fn lint(desk: &mut Desk<'_>, strands: &[Strand<'_>]) {
    let scenario = desk.scenario;
    let all = everything(scenario, strands);
    let mut hopeless = BTreeSet::new();
    for deed in strands.iter().flat_map(reachable) {
        if let Some(missing) = missing(&all, deed, scenario) {
            impossible(desk, deed, &missing);
            hopeless.insert(deed.at.as_str());
        }
    }
    idle_reactions(desk, strands, &all);
    if strands.len() <= MOST {
        let mut order = Order { scenario, all: &all, hopeless, known: Facts::default() };
        for (strand, at) in order.stuck(strands) {
            never_ends(desk, strands, strand, &strand.deeds[at]);
        }
    }
}

/// What can have happened at most, when everybody has done everything.
pub(super) fn everything<'a>(scenario: &Scenario, strands: &[Strand<'a>]) -> Facts<'a> {
    let mut all = Facts::default();
    for deed in strands.iter().flat_map(reachable) {
        all.learn(deed.what, scenario.through);
    }
    all
}

/// The steps up to the answer.
fn reachable<'s, 'a>(strand: &'s Strand<'a>) -> &'s [Deed<'a>] {
    let end = match strand.reaction {
        Some(_) => {
            strand.deeds.iter().position(|deed| deed.what.ends()).map_or(strand.deeds.len(), |at| at + 1)
        }
        None => strand.deeds.len(),
    };
    &strand.deeds[..end]
}

/// Why a step that waits would do so for ever.
fn missing(facts: &Facts<'_>, deed: &Deed<'_>, scenario: &Scenario) -> Option<Missing> {
    match deed.what {
        What::Wait(happening) => facts.rule_out(happening, scenario),
        What::Fire(timer) => facts.never_armed(timer, scenario.through),
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
fn idle_reactions(desk: &mut Desk<'_>, strands: &[Strand<'_>], all: &Facts<'_>) {
    let reactions = strands.iter().filter_map(|strand| strand.trigger().map(|trigger| (strand, trigger)));
    for (i, (strand, trigger)) in reactions.enumerate() {
        if !super::server::is_prompt(trigger) && !all.triggers(trigger, desk.scenario) {
            desk.warn(|spans| {
                Diagnostic::warning("reaction-never-taken", format!("{} is never taken", strand.who))
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
    /// The strands that never get to their end, each with the step where it stays.
    fn stuck(&mut self, strands: &'s [Strand<'a>]) -> Vec<(&'s Strand<'a>, usize)> {
        let mut places = vec![0; strands.len()];
        loop {
            let mut moved = false;
            for (strand, place) in strands.iter().zip(&mut places) {
                while let Some(deed) = reachable(strand).get(*place)
                    && self.started(strand)
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
        let stuck = strands.iter().zip(places);
        stuck.filter(|&(strand, at)| at < reachable(strand).len() && self.started(strand)).collect()
    }

    /// Whether an actor, or a reaction that has got its message. What never gets one has been reported elsewhere.
    fn started(&self, strand: &Strand<'_>) -> bool {
        strand.trigger().is_none_or(|trigger| {
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

fn never_ends(desk: &mut Desk<'_>, strands: &[Strand<'_>], strand: &Strand<'_>, deed: &Deed<'_>) {
    let gate = gate_of(deed.what);
    let key = match deed.what {
        What::Fire(_) => "fire",
        What::Held(_) => "gate",
        _ => "wait",
    };
    desk.add(|spans| {
        let mut deeds = strands.iter().flat_map(reachable);
        let open = deeds.find(|deed| matches!(deed.what, What::Open(opened) if Some(opened) == gate));
        let finding = Diagnostic::error(
            "endless-wait",
            format!("{} waits for what comes only after it", strand.who),
        )
        .at(spans.key(&format!("{}/{key}", deed.at)), "waits for ever")
        .help("what would end this wait is behind it, or behind a wait that needs it: let it happen before");
        match open {
            Some(open) => finding.at(spans.key(&format!("{}/open", open.at)), "opens the gate, but too late"),
            None => finding,
        }
    });
}
