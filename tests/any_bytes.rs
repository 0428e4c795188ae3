//! Files that somebody else wrote, broken at random from a seed: what the fuzzer runs without end (`fuzz/`) is run here for a
//! few thousand inputs, the same ones every time, on any Rust. `TURNLOOM_INPUTS=1000000` runs more, `TURNLOOM_SEED=7` others.

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fastrand::Rng;

/// What means something in one of the formats.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\",
    "//",
    "\n",
    "\r\n",
    "\u{feff}",
    "é",
    "\u{0}",
    "null",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "\"run\"",
    "{\"wait\": {\"gate\": \"go\"}}",
    "\"\\ud800\"",
    "\"catches\": [],",
    "---\n",
    "source: ",
    "@",
    ".",
    "+",
    "=",
    "-",
    "timers=race",
    "=1",
    "<<<<<<< ",
    "{}\n",
];

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The contents of the files of a folder with such an ending, in the order of their names.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(ending));
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a readable file")).collect()
}

/// A place in the bytes, or their end.
fn place(rng: &mut Rng, bytes: &[u8]) -> usize {
    rng.usize(..=bytes.len())
}

/// A part of the bytes, mostly a short one.
fn part(rng: &mut Rng, bytes: &[u8]) -> std::ops::Range<usize> {
    let from = place(rng, bytes);
    let most = if rng.bool() { 8 } else { bytes.len() };
    from..from + rng.usize(..=most.min(bytes.len() - from))
}

/// Breaks the bytes at one to six places.
fn broken(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(seeds).expect("there are files").clone();
    for _ in 0..rng.usize(1..=6) {
        match rng.u8(..7) {
            0 => {
                let at = part(rng, &bytes);
                bytes.drain(at);
            }
            1 => {
                let (at, doubled) = (place(rng, &bytes), part(rng, &bytes));
                let doubled = bytes[doubled].to_vec();
                bytes.splice(at..at, doubled);
            }
            2 => {
                let other = rng.choice(seeds).expect("there are files");
                let (at, put) = (part(rng, &bytes), part(rng, other));
                bytes.splice(at, other[put].iter().copied());
            }
            3 if !bytes.is_empty() => {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            _ => {
                let at = if rng.bool() {
                    part(rng, &bytes)
                } else {
                    let at = place(rng, &bytes);
                    at..at
                };
                let word = rng.choice(WORDS).expect("there are words");
                bytes.splice(at, word.bytes());
            }
        }
    }
    bytes
}

/// Runs a body over the seeds as they are, then over `inputs` broken ones.
fn hold(body: fn(&[u8]), seeds: &[Vec<u8>], inputs: u64) {
    assert!(!seeds.is_empty());
    let seed = number("TURNLOOM_SEED").unwrap_or(0);
    let mut rng = Rng::with_seed(seed);
    let inputs = number("TURNLOOM_INPUTS").unwrap_or(inputs);
    let broken = (0..inputs).map(|_| broken(&mut rng, seeds));
    for (number, bytes) in seeds.iter().cloned().chain(broken).enumerate() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&bytes))) {
            eprintln!("input {number} of seed {seed}: {}", String::from_utf8_lossy(&bytes));
            resume_unwind(panic);
        }
    }
}

#[test]
fn any_bytes_are_a_scenario_or_are_refused() {
    let seeds = [files("scenarios", ".json"), files("fuzz/seeds/scenario", "")].concat();
    hold(bodies::scenario::holds, &seeds, 3_000);
}

#[test]
fn any_bytes_are_a_token_or_are_refused() {
    hold(bodies::token::holds, &files("fuzz/seeds/token", ""), 50_000);
}

#[test]
fn any_bytes_are_a_snapshot_or_are_damaged() {
    hold(bodies::snapshot::holds, &files("snapshots", ".snap"), 300);
}

#[test]
fn any_bytes_are_a_transcript_or_are_refused() {
    hold(bodies::transcript::holds, &files("fuzz/seeds/transcript", ""), 5_000);
}

#[test]
fn any_bytes_are_a_report_or_are_refused() {
    hold(bodies::report::holds, &files("fuzz/seeds/report", ""), 5_000);
}
