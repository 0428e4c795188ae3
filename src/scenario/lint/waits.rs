//! Checks that every wait can end. First: can it at all, if everybody did everything? Then: can it be reached, when
//! what it waits for may itself come after a wait?

use std::collections::BTreeSet;
use std::ops::Range;

use super::Desk;
use super::facts::{Facts, Missing};
use super::sequence::{Deed, Sequence, What};
use crate::scenario::nearest::quoted;
use crate::scenario::spans::Spans;
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
        for endless in order.stuck(sequences) {
            never_ends(desk, &endless);
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
    /// The waits at which sequences stay for ever.
    fn stuck(&mut self, sequences: &'s [Sequence<'a>]) -> Vec<Endless<'s, 'a>> {
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
        let left: Vec<(&Sequence<'a>, usize)> = sequences.iter().zip(places).collect();
        let stuck =
            left.iter().filter(|(sequence, at)| *at < reachable(sequence).len() && self.started(sequence));
        stuck.map(|&(sequence, at)| Endless { sequence, at, end: self.end(sequence, at, &left) }).collect()
    }

    /// The first of the steps that are not reached, those behind the wait itself first, with which the wait would end.
    fn end(
        &self,
        sequence: &Sequence<'a>,
        at: usize,
        left: &[(&'s Sequence<'a>, usize)],
    ) -> Option<TooLate<'s, 'a>> {
        let (own, others): (Vec<_>, Vec<_>) = left.iter().partition(|(one, _)| std::ptr::eq(*one, sequence));
        let mut later = Order { known: self.known.clone(), hopeless: BTreeSet::new(), ..*self };
        for &(other, from) in own.into_iter().chain(others) {
            let behind = self.started(other).then_some(from);
            for (step, deed) in reachable(other).iter().enumerate().skip(from) {
                later.known.learn(deed.what, self.scenario.through);
                if later.passes(&sequence.deeds[at]) {
                    return Some(TooLate { sequence: other, step, behind });
                }
            }
        }
        None
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

/// A wait that never ends, and the step that would end it.
struct Endless<'s, 'a> {
    sequence: &'s Sequence<'a>,
    at: usize,
    /// The first step out of reach that would end it, with where its sequence stays; none if only several together would.
    end: Option<TooLate<'s, 'a>>,
}

/// A step that comes too late.
struct TooLate<'s, 'a> {
    sequence: &'s Sequence<'a>,
    step: usize,
    /// The step at which its sequence stays; none if it is a reaction that is not taken.
    behind: Option<usize>,
}

impl<'a> Endless<'_, 'a> {
    fn wait(&self) -> &Deed<'a> {
        &self.sequence.deeds[self.at]
    }

    /// What is wrong: "actor `ann` waits in step 1 for gate `a`, which opens only when actor `bob` has got past step 1".
    fn message(&self) -> String {
        let (who, step, what) = (&self.sequence.who, self.at + 1, awaited(self.wait().what));
        match &self.end {
            None => format!("{who} waits in step {step} for {what}, which comes only after it"),
            Some(TooLate { sequence, step: late, .. }) if std::ptr::eq(*sequence, self.sequence) => {
                format!(
                    "{who} waits in step {step} for {what}, which comes only with its own step {}",
                    late + 1
                )
            }
            Some(TooLate { sequence, step: late, behind }) => {
                let (other, late) = (&sequence.who, late + 1);
                let behind = behind.map_or_else(
                    || ", and that is never taken".to_owned(),
                    |behind| {
                        let waits = awaited(sequence.deeds[behind].what);
                        format!(", behind the wait for {waits} in step {}", behind + 1)
                    },
                );
                format!(
                    "{who} waits in step {step} for {what}, which comes only with step {late} of {other}{behind}"
                )
            }
        }
    }
}

/// What a step waits for, in words.
fn awaited(what: What<'_>) -> String {
    match what {
        What::Wait(happening) => happening.in_words(),
        What::Held(gate) => format!("gate {}", quoted(gate)),
        What::Fire(timer) => format!("timer {} to be armed", quoted(timer.name())),
        _ => "its message".to_owned(),
    }
}

/// Where a step stands in the file, for a finding.
fn place(spans: &Spans, deed: &Deed<'_>) -> Range<usize> {
    let key = |key: &str| spans.key(&format!("{}/{key}", deed.at));
    match deed.what {
        What::Wait(_) => key("wait"),
        What::Held(_) => key("gate"),
        What::Fire(_) => key("fire"),
        What::Open(_) => key("open"),
        _ => spans.value(&deed.at),
    }
}

fn never_ends(desk: &mut Desk<'_>, endless: &Endless<'_, '_>) {
    desk.add(|spans| {
        let finding = Diagnostic::error("endless-wait", endless.message())
            .at(place(spans, endless.wait()), "waits for ever")
            .help("let what ends this wait come before it, or before a wait that needs it");
        match &endless.end {
            Some(TooLate { sequence, step, .. }) => {
                finding.at(place(spans, &sequence.deeds[*step]), "would end the wait, but comes too late")
            }
            None => finding,
        }
    });
}
