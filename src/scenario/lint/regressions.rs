//! Checks the tokens that a scenario keeps: each is whole, this scenario's, and names what exists.

use super::names::known;
use super::{Desk, repeated};
use crate::scenario::nearest::quoted;
use crate::scenario::{Diagnostic, Vocabulary};

pub(super) fn lint(desk: &mut Desk<'_>, scenario: &str, vocabulary: &Vocabulary) {
    let tokens = &desk.scenario.regressions;
    for (i, token) in tokens.iter().enumerate() {
        one(desk, scenario, vocabulary, token, &format!("/regressions/{i}"));
    }
    for (_, first, again) in repeated(tokens) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-item", "the same token twice in one list")
                .at(spans.value(&format!("/regressions/{again}")), "again")
                .at(spans.value(&format!("/regressions/{first}")), "first")
                .help("keep one of them")
        });
    }
}

fn one(desk: &mut Desk<'_>, scenario: &str, vocabulary: &Vocabulary, token: &str, pointer: &str) {
    let Some(read) = vocabulary.read_token else { return };
    let names = match read(token) {
        Ok(names) => names,
        Err(why) => {
            desk.add(|spans| {
                Diagnostic::error("bad-token", why)
                    .at(spans.value(pointer), "expected a whole token")
                    .help("copy the whole token, as `explore`, `check` or `replay` printed it")
            });
            return;
        }
    };
    if names.scenario != scenario {
        desk.add(|spans| {
            let (of, this) = (quoted(&names.scenario), quoted(scenario));
            let message = format!("the token is of scenario {of}, but this is scenario {this}");
            Diagnostic::error("foreign-token", message)
                .at(spans.value(pointer), "another scenario's")
                .help(format!("keep it in the file of scenario {of}"))
        });
    }
    if let Some(revision) = &names.revision {
        known(desk, "revision", "revisions", revision, &vocabulary.revisions, pointer);
    }
    for defect in &names.defects {
        known(desk, "defect", "defects", defect, &vocabulary.defects, pointer);
    }
    if let Some(defect) = names.defects.iter().find(|name| vocabulary.defects.contains(&name.as_str())) {
        desk.warn(|spans| {
            let message = format!("the token switches on defect {}, so it breaks on purpose", quoted(defect));
            Diagnostic::warning("regression-with-defect", message)
                .at(spans.value(pointer), "shows the defect, not the scenario's own runtime")
                .help("say in `catches` that the scenario finds the defect, and keep tokens without one here")
        });
    }
}
