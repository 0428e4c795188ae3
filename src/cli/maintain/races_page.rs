//! The page of the races, `scenarios/README.md`. Its rows come from an audit that held.

use std::fmt::Write;

use crate::cli::audit::DEMANDS;
use crate::cli::files::File;
use crate::report::json::{AuditDocument, AuditRow};
use crate::subject::model::DEFECTS;

const HEAD: &str = "\
# The races

Made by `cargo run --release --example maintain -- races > scenarios/README.md`; a test says when that is due.

One line for each race: with the defect on its scenario breaks exactly these rules, without it the scenario has this verdict, and the
failing interleaving replays. `schedules` is how many interleavings the search of an audit runs until it has the failing one: first all
without a preemption, then all with one, and so on. `turnloom explain ROW` says where a race comes from. Rows that begin with `N` were
found by turnloom, those that begin with `P` were reported in public after the catalogue was closed.

| row | what goes wrong | scenario | defect | rules that break | schedules | without the defect |
|---|---|---|---|---|---|---|
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
        "| {id} | {harm} | [{scenario}]({scenario}.json) | `{defect}` | {rules} | {schedules} | {verdict} |\n",
        id = row.id,
        scenario = row.scenario,
        defect = row.defect,
        rules = rules.join(", "),
        schedules = row.schedules,
        verdict = row.verdict_without,
    )
}
