//! Checks names that are defined outside of the scenario against the vocabulary: revision, decisions, defects, rules.

use super::{Desk, repeated};
use crate::scenario::nearest::{offer, quoted};
use crate::scenario::spans::escape;
use crate::scenario::{Catch, Diagnostic, Vocabulary};

pub(super) fn lint(desk: &mut Desk<'_>, vocabulary: &Vocabulary) {
    let scenario = desk.scenario;
    known(desk, "revision", "revisions", &scenario.revision, &vocabulary.revisions, "/revision");
    decisions(desk, vocabulary);
    for (i, catch) in scenario.catches.iter().enumerate() {
        caught(desk, vocabulary, catch, &format!("/catches/{i}"));
    }
    for (defect, first, again) in repeated(scenario.catches.iter().map(|catch| &catch.defect)) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-catch", format!("defect {} is listed twice", quoted(defect)))
                .at(spans.value(&format!("/catches/{again}/defect")), "again")
                .at(spans.value(&format!("/catches/{first}/defect")), "first")
                .help("put all rules that it breaks into one list")
        });
    }
}

/// Reports a name that is not in the list.
pub(super) fn known(
    desk: &mut Desk<'_>,
    noun: &str,
    plural: &str,
    name: &str,
    names: &[&'static str],
    pointer: &str,
) {
    if !names.contains(&name) {
        desk.add(|spans| {
            Diagnostic::error("unknown-name", format!("unknown {noun} {}", quoted(name)))
                .at(spans.value(pointer), format!("no such {noun}"))
                .help(offer(name, names.iter().copied(), plural))
        });
    }
}

fn decisions(desk: &mut Desk<'_>, vocabulary: &Vocabulary) {
    for (name, choice) in &desk.scenario.decisions {
        let pointer = format!("/decisions/{}", escape(name));
        match vocabulary.decisions.iter().find(|(decision, _)| decision == name) {
            Some((_, choices)) if choices.contains(&choice.as_str()) => {}
            Some((_, choices)) => desk.add(|spans| {
                let message = format!("decision {} has no alternative {}", quoted(name), quoted(choice));
                Diagnostic::error("unknown-name", message)
                    .at(spans.value(&pointer), "no such alternative")
                    .help(offer(choice, choices.iter().copied(), "alternatives"))
            }),
            None => desk.add(|spans| {
                let names = vocabulary.decisions.iter().map(|(decision, _)| *decision);
                Diagnostic::error("unknown-name", format!("unknown decision {}", quoted(name)))
                    .at(spans.key(&pointer), "no such decision")
                    .help(offer(name, names, "decisions"))
            }),
        }
    }
}

fn caught(desk: &mut Desk<'_>, vocabulary: &Vocabulary, catch: &Catch, pointer: &str) {
    if !row(&catch.row) {
        desk.add(|spans| {
            Diagnostic::error("bad-row", format!("{} is no row of the catalogue", quoted(&catch.row)))
                .at(spans.value(&format!("{pointer}/row")), "expected `R`, `N` or `P` and two digits")
                .help("write \"R08\", say")
        });
    }
    known(desk, "defect", "defects", &catch.defect, &vocabulary.defects, &format!("{pointer}/defect"));
    if catch.rules.is_empty() {
        desk.add(|spans| {
            Diagnostic::error("no-rules", format!("defect {} breaks no rule", quoted(&catch.defect)))
                .at(spans.value(&format!("{pointer}/rules")), "an empty list")
                .help("name the rules that break when the defect is switched on")
        });
    }
    for (i, rule) in catch.rules.iter().enumerate() {
        known(desk, "rule", "rules", rule, &vocabulary.rules, &format!("{pointer}/rules/{i}"));
    }
    for (rule, first, again) in repeated(&catch.rules) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-item", format!("rule {} is listed twice", quoted(rule)))
                .at(spans.value(&format!("{pointer}/rules/{again}")), "again")
                .at(spans.value(&format!("{pointer}/rules/{first}")), "first")
                .help("keep one of them")
        });
    }
}

fn row(id: &str) -> bool {
    matches!(id.as_bytes(), [b'R' | b'N' | b'P', b'0'..=b'9', b'0'..=b'9'])
}
