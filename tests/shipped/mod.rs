//! The shipped scenarios, for tests and benches that run each of them.

use std::fs;
use std::path::PathBuf;

use turnloom::explore::{Firing, Job};
use turnloom::scenario::is_scenario;

/// A job for each scenario of this repository, in the order of their names; `scenarios/NAME.json` is its file.
pub fn jobs() -> Vec<Job> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let entries = fs::read_dir(folder).expect("the folder of scenarios can be read");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("its entries too").path()).collect();
    files.retain(|file| is_scenario(file));
    files.sort();
    let job = |file: PathBuf| {
        let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a scenario can be read");
        let scenario = serde_json::from_str(&text).expect("a shipped scenario has no mistakes");
        Job { name, scenario, revision: None, defects: Vec::new(), timers: Firing::default() }
    };
    files.into_iter().map(job).collect()
}
