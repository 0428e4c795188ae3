//! Any bytes are a transcript or are refused; what is one can be judged, and imported as a scenario that is read again as
//! itself.

use std::fs;

use turnloom::import::{import, is_from};
use turnloom::scenario;
use turnloom::scenario::Vocabulary;
use turnloom::verify::protocol::judge;
use turnloom::wire::transcript;

pub fn holds(bytes: &[u8]) {
    let file = std::env::temp_dir().join(format!("turnloom-any-{}.jsonl", std::process::id()));
    fs::write(&file, bytes).expect("a file can be written");
    let entries = match transcript::read(&file) {
        Ok(entries) => entries,
        Err(refused) => {
            assert!(!refused.to_string().is_empty(), "a refusal has words");
            return;
        }
    };
    drop(judge(&entries));
    match import(&entries) {
        Err(damage) => assert!(!damage.to_string().is_empty(), "a refusal has words"),
        Ok(imported) => {
            assert!(is_from(&imported.scenario, &entries));
            let written = serde_json::to_string(&imported.scenario).expect("a scenario is JSON");
            // What was seen may not hold together; if it does, it is what was made.
            if let Ok(loaded) = scenario::parse("any", &written, &Vocabulary::default()) {
                assert_eq!(loaded.scenario, imported.scenario);
            }
        }
    }
}
