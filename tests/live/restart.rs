//! A process that ends and one that follows: the next one goes on where the script says, from the transcript alone.

use std::fs;

use serde_json::json;

use super::{Client, Folder, a_turn_through_the_gate, gated, scenario};

fn kill(mut client: Client) {
    client.process.kill().unwrap();
    client.process.wait().unwrap();
}

#[test]
fn the_next_process_knows_sessions_gates_and_what_was_read() {
    let folder = Folder::new("next", &gated());
    // As clients do: no word, no end of the input.
    kill(a_turn_through_the_gate(&folder));

    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    let load = |session: &str| json!({"sessionId": session, "cwd": "/", "mcpServers": []});
    assert_eq!(client.ask(1, "session/load", &load("s1"))["result"], json!({}));
    assert_eq!(client.ask(2, "session/load", &load("s2"))["error"]["code"], -32002);
    let seen = json!({"frame": {"method": "initialize", "count": 2}});
    assert_eq!(control.post("/wait", &seen), json!({"happened": true}));
    client.prompt(3, "hi");
    assert_eq!(client.chunk(), "working");
    assert_eq!(client.stop_reason(3), "end_turn", "the gate is still open");
    assert_eq!(client.ask(4, "session/new", &json!({}))["result"]["sessionId"], "s2");
    client.close();
    let begins = folder.transcript().iter().filter(|entry| entry.get("begin").is_some()).count();
    assert_eq!(begins, 2);
}

#[test]
fn a_script_says_what_each_process_and_each_session_does() {
    let folder = Folder::new(
        "each",
        &scenario(
            r#"[{"on": "any_prompt", "process": 1, "do": [{"say": "one"}, {"exit": 7}]},
                {"on": "any_prompt", "process": 2, "session": "s2", "do": [{"say": "two"}, {"answer": "refusal"}]},
                {"on": {"request": "session/new"}, "process": 3, "do": [{"fail": "no room"}]}]"#,
        ),
    );
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "one");
    assert_eq!(client.close().0, Some(7));
    let mut client = folder.serve("--transcript t.jsonl");
    client.prompt(0, "hi");
    assert_eq!(client.stop_reason(0), "end_turn");
    client.ask(1, "session/new", &json!({}));
    let prompt = json!({"sessionId": "s2", "prompt": [{"type": "text", "text": "hi"}]});
    client.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "session/prompt", "params": prompt}));
    assert_eq!((client.chunk().as_str(), client.stop_reason(2).as_str()), ("two", "refusal"));
    kill(client);
    let mut client = folder.serve("--transcript t.jsonl");
    assert_eq!(client.ask(0, "session/new", &json!({}))["error"]["message"], "no room");
    client.close();
}

#[test]
fn a_transcript_that_is_in_use_or_of_something_else_is_refused() {
    let folder = Folder::new("refused", &gated());
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    let mut second = folder.serve("--transcript t.jsonl");
    assert_eq!(
        second.said(),
        "error: failed to open transcript `t.jsonl`: another process of the server still writes it\n"
    );
    assert_eq!(second.close().0, Some(2));
    client.close();
    fs::write(folder.file("live.json"), scenario("[]")).unwrap();
    let mut other = folder.serve("--transcript t.jsonl");
    assert!(other.said().contains("it is of another scenario, or the scenario has changed since"));
    assert_eq!(other.close().0, Some(2));
    fs::write(folder.file("t.jsonl"), "{}\n").unwrap();
    let mut broken = folder.serve("--transcript t.jsonl");
    assert!(broken.said().starts_with("error: failed to read transcript `t.jsonl`: line 1 is no entry"));
    assert_eq!(broken.close().0, Some(2));
}

#[test]
fn a_line_that_was_not_written_to_its_end_is_mended() {
    let folder = Folder::new("mended", &gated());
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.close();
    let text = fs::read_to_string(folder.file("t.jsonl")).unwrap();
    fs::write(folder.file("t.jsonl"), format!("{text}{{\"n\": 9")).unwrap();
    let mut client = folder.serve("--transcript t.jsonl");
    let loaded = client.ask(1, "session/load", &json!({"sessionId": "s1"}));
    assert_eq!(loaded["result"], json!({}));
    client.close();
    // Reading it checks the order of its entries.
    assert!(folder.transcript().len() > text.lines().count());
}
