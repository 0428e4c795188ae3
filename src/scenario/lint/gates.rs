//! Checks that gates are declared once, waited for, and opened.

use std::collections::BTreeMap;

use super::sequence::{Sequence, What};
use super::{Desk, repeated};
use crate::scenario::nearest::{nearest, quoted};
use crate::scenario::{Diagnostic, Happening};

/// The first place where a gate is used in one way.
type Uses<'a> = BTreeMap<&'a str, String>;

pub(super) fn lint(desk: &mut Desk<'_>, sequences: &[Sequence<'_>]) {
    let gates = &desk.scenario.gates;
    for (gate, first, again) in repeated(gates) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-gate", format!("gate {} is declared twice", quoted(gate)))
                .at(spans.value(&format!("/gates/{again}")), "again")
                .at(spans.value(&format!("/gates/{first}")), "first")
                .help("keep one of them")
        });
    }
    let mut declared = BTreeMap::new();
    for (i, gate) in gates.iter().enumerate() {
        declared.entry(gate.as_str()).or_insert(i);
    }
    let mut waited = Uses::new();
    let mut opened = Uses::new();
    for deed in sequences.iter().flat_map(|sequence| &sequence.deeds) {
        let (gate, pointer, uses) = match deed.what {
            What::Wait(Happening::Gate(gate)) => {
                (gate.as_str(), format!("{}/wait/gate", deed.at), &mut waited)
            }
            What::Held(gate) => (gate, format!("{}/gate", deed.at), &mut waited),
            What::Open(gate) => (gate, format!("{}/open", deed.at), &mut opened),
            _ => continue,
        };
        if !declared.contains_key(gate) {
            undeclared(desk, gate, &pointer);
        }
        uses.entry(gate).or_insert(pointer);
    }
    for (gate, i) in declared {
        unused(desk, gate, i, waited.get(gate), opened.get(gate));
    }
}

fn undeclared(desk: &mut Desk<'_>, gate: &str, pointer: &str) {
    let gates = &desk.scenario.gates;
    desk.add(|spans| {
        let help = match nearest(gate, gates.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => "name it in the list `gates`".to_owned(),
        };
        Diagnostic::error("undeclared-gate", format!("gate {} is not declared", quoted(gate)))
            .at(spans.value(pointer), "no such gate")
            .help(help)
    });
}

fn unused(desk: &mut Desk<'_>, gate: &str, i: usize, waited: Option<&String>, opened: Option<&String>) {
    let pointer = format!("/gates/{i}");
    match (waited, opened) {
        (Some(_), Some(_)) => {}
        (Some(wait), None) => desk.add(|spans| {
            Diagnostic::error("gate-never-opened", format!("nobody opens gate {}", quoted(gate)))
                .at(spans.value(wait), "waits for ever")
                .at(spans.value(&pointer), "declared here")
                .help(format!("let somebody {{\"open\": \"{gate}\"}}"))
        }),
        (None, Some(open)) => desk.warn(|spans| {
            Diagnostic::warning("gate-never-awaited", format!("nobody waits for gate {}", quoted(gate)))
                .at(spans.value(&pointer), "declared here")
                .at(spans.value(open), "opened for nobody")
                .help(format!("let somebody {{\"wait\": {{\"gate\": \"{gate}\"}}}}, or leave the gate out"))
        }),
        (None, None) => desk.warn(|spans| {
            Diagnostic::warning("gate-unused", format!("gate {} is not used", quoted(gate)))
                .at(spans.value(&pointer), "declared here")
                .help("leave it out")
        }),
    }
}
