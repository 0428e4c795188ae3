//! The shipped scenarios, for tests and benches that run each of them.

use std::fs;
use std::path::PathBuf;

use turnloom::cli::vocabulary;
use turnloom::explore::Firing;
use turnloom::explore::Job;
use turnloom::scenario;
use turnloom::scenario::{Loaded, is_scenario};

/// A job for each scenario of this repository, in the order of their names; `scenarios/NAME.json` is its file.
pub fn jobs() -> Vec<Job> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let entries = fs::read_dir(folder).expect("the folder of scenarios can be read");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("its entries too").path()).collect();
    files.retain(|file| is_scenario(file));
    files.sort();
    let job = |file: PathBuf| {
        let loaded =
            scenario::load(&file, &vocabulary()).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
        let Loaded { name, scenario, .. } = loaded;
        Job { name, scenario, revision: None, defects: Vec::new(), timers: Firing::default(), subject: None }
    };
    files.into_iter().map(job).collect()
}
