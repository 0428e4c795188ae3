//! Any bytes are a transcript or are refused; what is one can be judged.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use turnloom::live::read_transcript;
use turnloom::verify::rules::judge;

fuzz_target!(|bytes: &[u8]| {
    let file = std::env::temp_dir().join(format!("turnloom-fuzz-{}.jsonl", std::process::id()));
    fs::write(&file, bytes).expect("a file can be written");
    match read_transcript(&file) {
        Ok(entries) => drop(judge(&entries)),
        Err(refused) => assert!(!refused.to_string().is_empty(), "a refusal has words"),
    }
});
