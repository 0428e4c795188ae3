//! What each revision of the real code shows of the race catalogue: a row is tried on every revision that decided as the
//! row's defect does, on the row's own scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use turnloom::explore::{Budget, Firing, Job, Options, explore};
use turnloom::runtime::{DEFECTS, Decisions, REVISIONS};
use turnloom::scenario::{self, Catch, Scenario, Vocabulary};

/// Every row with the scenario that is meant for it.
fn rows() -> BTreeMap<String, (Catch, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> =
        folder.read_dir().expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let mut rows = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a scenario");
        let scenario = scenario::parse("row", &text, &vocabulary()).expect("it makes sense").scenario;
        for caught in &scenario.catches {
            rows.insert(caught.row.clone(), (caught.clone(), scenario.clone()));
        }
    }
    rows
}

fn vocabulary() -> Vocabulary {
    let decisions = turnloom::runtime::DECISIONS.iter();
    Vocabulary {
        defects: DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: turnloom::check::rules().iter().map(|rule| rule.name()).collect(),
        revisions: REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: decisions
            .map(|decision| (decision.name, decision.alternatives.iter().map(|other| other.name).collect()))
            .collect(),
        ..Vocabulary::default()
    }
}

fn decisions(revision: &str, defects: &[String]) -> Decisions {
    Decisions::of(revision, &BTreeMap::new(), defects).expect("names that there are")
}

/// Whether the least execution that breaks a rule breaks one of the row's.
fn shows(revision: &str, caught: &Catch, scenario: &Scenario) -> bool {
    let job = Job {
        name: "row".to_owned(),
        scenario: scenario.clone(),
        revision: Some(revision.to_owned()),
        defects: Vec::new(),
        timers: Firing::default(),
    };
    let options = Options {
        first_violation: true,
        preemptions: Some(scenario.preemptions.unwrap_or(1).min(1)),
        budget: Budget { schedules: Some(2_000), seconds: None },
        ..Options::default()
    };
    let explored = explore(&job, &options, &mut |_| {}).expect("it runs");
    let broken: BTreeSet<&str> = explored
        .outcomes
        .values()
        .flat_map(|outcome| outcome.violations.iter().map(|violation| violation.rule))
        .collect();
    caught.rules.iter().any(|rule| broken.contains(rule.as_str()))
}

#[test]
fn each_revision_shows_the_rows_that_were_found_in_it() {
    let rows = rows();
    let mut text = String::new();
    for revision in REVISIONS {
        let (mut shown, mut hidden) = (Vec::new(), Vec::new());
        for (row, (caught, scenario)) in &rows {
            let defect = std::slice::from_ref(&caught.defect);
            if decisions(revision.name, defect) != decisions(revision.name, &[]) {
                continue;
            }
            if shows(revision.name, caught, scenario) {
                shown.push(row.as_str())
            } else {
                hidden.push(row.as_str())
            }
        }
        let list = |rows: &[&str]| if rows.is_empty() { "none".to_owned() } else { rows.join(" ") };
        let _ = writeln!(text, "{:8} shows {}", revision.name, list(&shown));
        let _ = writeln!(text, "{:8} hides {}", "", list(&hidden));
    }
    insta::assert_snapshot!(text, @"");
}
