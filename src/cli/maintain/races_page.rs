//! The page of the races, `scenarios/README.md`. Its rows come from an audit that held.

use std::fmt::Write;

use crate::cli::audit::DEMANDS;
use crate::cli::files::File;
use crate::report::json::{AuditDocument, AuditRow};
use crate::subject::model::DEFECTS;

const HEAD: &str = "\
# The races

Made by `cargo run --release --example maintain -- races > scenarios/README.md`; `.ci/run` fails when it is out of date.

One line for each race. With the defect on, its scenario breaks exactly these rules; without it, the scenario has this verdict; and the
token replays the failing schedule: `turnloom replay scenarios/FILE TOKEN`. `schedules` is how many schedules the audit's search runs
until it reaches the failing one: first all without a preemption, then all with one, and so on. `turnloom explain ROW` says where a race
comes from. turnloom found the rows that begin with `N`; those that begin with `P` were reported in public after the catalogue was closed.

| row | what goes wrong | scenario | defect | rules that break | schedules | without the defect | token |
|---|---|---|---|---|---|---|---|
";

/// The page.
pub(super) fn page(document: &AuditDocument, files: &[File]) -> String {
    let mut text = HEAD.to_owned();
    document.rows.iter().for_each(|row| text += &line(row));
    text += "\nRows that are demands on turnloom itself, and the tests that show them:\n\n\
             | row | what must hold | tests |\n|---|---|---|\n";
    for demand in DEMANDS {
        let tests: Vec<String> = demand.shown_by.iter().map(|test| format!("`{test}`")).collect();
        let _ = writeln!(text, "| {} | {} | {} |", demand.id, demand.demand, tests.join("<br>"));
    }
    let guards: Vec<&File> = files.iter().filter(|file| file.loaded.scenario.catches.is_empty()).collect();
    if !guards.is_empty() {
        text += "\nScenarios that catch no defect, and what must hold in them:\n\n";
    }
    for file in guards {
        let name = &file.loaded.name;
        let _ = writeln!(text, "- [{name}]({name}.json): {}", file.loaded.scenario.title);
    }
    text
}

fn line(row: &AuditRow) -> String {
    let harm = DEFECTS.iter().find(|defect| defect.name == row.defect).map_or("", |defect| defect.harm);
    let rules: Vec<String> = row.rules.iter().map(|rule| format!("`{rule}`")).collect();
    format!(
        "| {id} | {harm} | [{scenario}]({scenario}.json) | `{defect}` | {rules} | {schedules} | {verdict} | {token} |\n",
        id = row.id,
        scenario = row.scenario,
        defect = row.defect,
        rules = rules.join(", "),
        schedules = row.schedules,
        verdict = row.verdict_without,
        token = row.token.as_ref().map(|token| format!("`{token}`")).unwrap_or_default(),
    )
}
