//! `turnloom serve` as a real client meets it: a process on pipes, a control port, a transcript that outlives it.
//!
//! No test sleeps or measures time: each waits for what the server writes, and the server's own watchdog ends a test that
//! would wait for ever.

mod client;
mod control;
mod documented_client;
mod hostile;
mod http;
mod import;
mod llm;
mod load;
mod restart;
mod sdk;
mod verify;

use client::{Client, Folder};
use serde_json::Value;

/// A scenario with these reactions, in which ann sends `hi`, and ben opens the gate `go` and presses stop.
fn scenario(server: &str) -> String {
    format!(
        r#"{{"version": 1, "title": "t", "source": "tests/live", "agent": {{"kind": "acp"}}, "gates": ["go"],
        "actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run", {{"wait": {{"gate": "go"}}}}]}},
                   {{"name": "ben", "does": [{{"open": "go"}}, "interrupt"]}}],
        "server": {server}}}"#
    )
}

/// A scenario whose answer waits for the gate.
fn gated() -> String {
    scenario(
        r#"[{"on": {"prompt": "hi"}, "do": [{"say": "working"}, {"wait": {"gate": "go"}}, {"answer": "end_turn"}]}]"#,
    )
}

/// A session whose one turn was answered when a test had opened the gate.
fn a_turn_through_the_gate(folder: &Folder) -> Client {
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    control.post("/gates/go/open", &Value::Null);
    assert_eq!(client.stop_reason(2), "end_turn");
    client
}
