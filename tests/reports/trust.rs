//! Reports of wrong verdicts: what the binary says of each file today.

use std::process::Command;

use serde_json::Value;

/// What `explore` prints of the report as one JSON document, and its exit code.
fn explore(file: &str, arguments: &[&str]) -> (Value, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
        .args(["explore", &format!("tests/reports/trust/{file}.json"), "--format", "json"])
        .args(arguments);
    let output = command.output().expect("the binary starts");
    let document = serde_json::from_slice(&output.stdout);
    let document =
        document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (document, output.status.code())
}

/// The rules that break, each once, in order.
fn rules(document: &Value) -> Vec<&str> {
    let outcomes = document["outcomes"].as_array().expect("outcomes");
    let violations =
        outcomes.iter().flat_map(|outcome| outcome["violations"].as_array().expect("violations"));
    let mut rules: Vec<&str> = violations.map(|one| one["rule"].as_str().expect("a rule")).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// The texts of the prompts that the server read, in the only outcome.
fn prompts(document: &Value) -> Vec<&str> {
    let server = document["outcomes"][0]["observations"]["server"].as_array().expect("the server's log");
    server.iter().filter_map(|entry| entry["Prompt"]["text"].as_str()).collect()
}

/// A tool update of a synchronous turn is recorded on the portal without the state lock, as the Python has it.
#[test]
fn panic_plain() {
    for revision in ["1.25.0", "fixed"] {
        let (document, code) = explore("panic-plain", &["--revision", revision]);
        assert_eq!((&document["verdict"], code), (&"proved".into(), Some(0)), "{revision}");
        let events = document["outcomes"][0]["observations"]["events"].as_array().expect("the event log");
        let card = events.iter().find(|event| event["tool"] == "completed").expect("the card is recorded");
        assert_eq!(card["thread"], "portal", "{revision}");
    }
}

#[test]
fn sync_skips_message() {
    let (document, code) = explore("sync-skips-message", &["--revision", "fixed"]);
    assert_eq!((&document["verdict"], code), (&"proved".into(), Some(0)));
    assert_eq!(prompts(&document), ["m1", "m2"]);
    let (document, code) = explore("sync-skips-message", &["--revision", "1.25.0"]);
    assert_eq!((rules(&document), code), (vec!["prompts-in-message-order"], Some(1)));
}

/// The file itself decides that the cursor moves over the message.
#[test]
fn lost_failed_message() {
    for revision in ["1.25.0", "fixed"] {
        let (document, code) = explore("lost-failed-message", &["--revision", revision]);
        assert_eq!((rules(&document), code), (vec!["failed-message-comes-again"], Some(1)), "{revision}");
    }
}
