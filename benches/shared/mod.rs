//! What the benches share: where the scenarios are, and a program that two of them measure.

use std::fs;
use std::path::{Path, PathBuf};

use turnloom::kernel::{Condvar, Mutex};
use turnloom::scenario::is_scenario;

/// The scenarios of this repository, by name.
pub fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).expect("the folder of scenarios can be read");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("its entries too").path()).collect();
    files.retain(|file| is_scenario(file));
    files.sort();
    files
}

/// Whose turn it is, and that it has changed.
pub type Table = (Mutex<u32>, Condvar);

/// One of two who take turns three times.
pub fn take_turns(table: &Table, mine: u32) {
    for _ in 0..3 {
        let mut turn = table.0.lock();
        while *turn != mine {
            turn = table.1.wait(turn);
        }
        *turn = 1 - mine;
        table.1.notify_one();
    }
}
