//! The two complete searches on every shipped scenario, with its defects off and on.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use crate::engine::coroutines::Coroutines;
use crate::engine::execution::Ended;
use crate::engine::search::{Limits, SearchOf, dpor, run_search};
use crate::harness::{Firing, Stage};
use crate::observation::Observations;
use crate::scenario;
use crate::scenario::{Scenario, is_scenario};
use crate::snapshot;
use sizes::sized;

#[path = "../tests/sizes.rs"]
mod sizes;

/// One of the searches.
type Engine = SearchOf<Coroutines<Observations>>;

/// The outcomes under a search, and whether it came to its end.
fn outcomes(engine: Engine, scenario: &Scenario, defects: &[String]) -> (BTreeSet<Observations>, bool) {
    let stage = Stage::of(scenario, None, defects, Firing::Clock).expect("names are known");
    let mut seen = BTreeSet::new();
    // More executions than this are not waited for.
    let limits = Limits { executions: Some(sized(200, 1_000)), ..Limits::default() };
    let found = engine(&limits, &stage.system(), &mut |execution| {
        let is_fine = matches!(execution.ended, Ended::Complete | Ended::Deadlock | Ended::Hang);
        assert!(is_fine, "{:?}", execution.ended);
        seen.insert(snapshot::project(&execution.seen(), &scenario.observe));
        ControlFlow::Continue(())
    });
    (seen, found.exhausted)
}

#[test]
fn both_searches_find_the_same_outcomes_of_every_scenario_that_they_end_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder).expect("there are scenarios").map(|file| file.expect("a file").path());
    let files: BTreeSet<_> = files.filter(|file| is_scenario(file)).collect();
    let mut compared = 0;
    for file in files {
        let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let loaded = scenario::load(&file, &crate::cli::vocabulary());
        let scenario = loaded.expect("a shipped scenario has no mistakes").scenario;
        let caught = scenario.catches.iter().map(|caught| caught.defect.clone()).collect();
        for defects in BTreeSet::from([Vec::new(), caught]) {
            let (classes, all_classes) = outcomes(dpor, &scenario, &defects);
            let (reduced, all) = outcomes(run_search, &scenario, &defects);
            if all && all_classes {
                assert_eq!(classes, reduced, "{name} {defects:?}");
                compared += 1;
            } else {
                assert!(!all || classes.is_subset(&reduced), "{name} {defects:?}");
            }
        }
    }
    let least = sized(25, 40);
    assert!(compared >= least, "both searches ended on only {compared} of the scenarios and their defects");
}
