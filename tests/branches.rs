//! What of the runtime the scenarios come by: every rare branch that has a mark.
//!
//! Whatever no scenario reaches is listed here with the reason, and whatever is listed and reached all the same is taken
//! off the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use turnloom::explore::{Budget, Exploration, Firing, Job, Options, SearchKind, explore};
use turnloom::runtime::{BRANCHES, Branch, listen};
use turnloom::scenario::Scenario;

/// So many schedules of each scenario, those with few preemptions first.
const SCHEDULES: u64 = 400;

/// The branches that no scenario comes by, each with the reason why it is there nevertheless.
const UNREACHED: &[(Branch, &str)] = &[
    (Branch::StartFailed, FAULTS),
    (Branch::NotStarted, FAULTS),
    (Branch::CancelWithoutServer, FAULTS),
    (Branch::NothingToEnd, FAULTS),
    (Branch::NothingToDrain, CALLS),
    (Branch::CancelSendFailed, FAULTS),
    (Branch::TimeoutFailedInDrain, FAULTS),
    (Branch::SecondCancelInTimeout, CALLS),
    (Branch::SecondCancelAfterAnswer, CALLS),
    (Branch::SyncFailed, FAULTS),
    (Branch::SyncRetried, FAULTS),
    (Branch::UnknownCard, FAULTS),
    (Branch::CardClosedTwice, FAULTS),
    (Branch::AlreadyReady, CALLS),
    (Branch::InflightTaken, CALLS),
    (Branch::SyncRunFailed, FAULTS),
    (Branch::PausedBeforeStep, CALLS),
    (Branch::MessageAtFinishAndLimit, CALLS),
    (Branch::StoppedWhileSending, CALLS),
    (Branch::SupersedeBeforePrompt, CALLS),
    (Branch::RefusedClosing, CALLS),
    (Branch::RefusedClosed, CALLS),
    (Branch::StoppedBeforeBegin, CALLS),
    (Branch::BackgroundRunFailed, FAULTS),
    (Branch::RerunServed, CALLS),
    (Branch::RerunRefused, CALLS),
    (Branch::PromptAbandoned, FAULTS),
    (Branch::SendOnClosed, FAULTS),
    (Branch::ClosedInHandshake, FAULTS),
];

/// An order of calls that no row is about.
const CALLS: &str =
    "no row of the catalogue is about these calls in this order; the branch is what the release does then";
/// A fault that no row is about.
const FAULTS: &str =
    "no row of the catalogue is about this fault of a server; the branch is what the release does then";

/// Every scenario of the catalogue, by name.
fn scenarios() -> BTreeMap<String, Scenario> {
    let folder = format!("{}/scenarios", env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(folder).expect("there are scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let scenario = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a file").to_str().expect("a name is text").to_owned();
        let text = fs::read_to_string(&path).expect("a file that can be read");
        serde_json::from_str(&text).ok().map(|scenario| (name, scenario))
    };
    let is_json = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "json");
    let found: BTreeMap<_, _> =
        paths.filter(is_json).filter(|path| !path.ends_with("schema.json")).filter_map(scenario).collect();
    assert!(found.len() > 40, "only {} scenarios are read", found.len());
    found
}

fn run(name: &str, scenario: &Scenario, defects: &[String]) -> Exploration {
    let job = Job {
        name: name.to_owned(),
        scenario: scenario.clone(),
        revision: None,
        defects: defects.to_vec(),
        timers: Firing::Clock,
    };
    let options = Options {
        search: SearchKind::FewPreemptions,
        budget: Budget { schedules: Some(SCHEDULES), seconds: None },
        ..Options::default()
    };
    explore(&job, &options, &mut |_| ()).expect("a scenario of the catalogue can be run")
}

#[test]
fn every_rare_branch_is_reached_by_some_scenario_or_says_why_not() {
    let mut reached = BTreeSet::new();
    for (name, scenario) in &scenarios() {
        let caught = scenario.catches.iter().map(|caught| vec![caught.defect.clone()]);
        for defects in std::iter::once(Vec::new()).chain(caught) {
            reached.extend(listen(|| run(name, scenario, &defects)).1);
        }
    }
    let listed = |branch: &Branch| UNREACHED.iter().any(|(listed, _)| listed == branch);
    let missing: Vec<String> = BRANCHES
        .iter()
        .filter(|(branch, _)| !reached.contains(branch) && !listed(branch))
        .map(|(branch, happens)| format!("{branch:?}: {happens}"))
        .collect();
    let help = "write a scenario that comes by, or give a reason in UNREACHED";
    assert!(missing.is_empty(), "no scenario comes by\n  {}\n{help}", missing.join("\n  "));
    assert!(UNREACHED.iter().all(|(_, reason)| !reason.is_empty()), "each needs a reason");
    let stale: Vec<&Branch> =
        UNREACHED.iter().map(|(branch, _)| branch).filter(|branch| reached.contains(branch)).collect();
    assert!(stale.is_empty(), "take off UNREACHED what is reached: {stale:?}");
}
