//! A thousand sessions at once, frames of a mebibyte, and clients that do not read: order is kept, and what is kept in
//! memory has a bound. No clock is read.

use std::fs;

use serde_json::{Value, json};

use super::http::Ports;
use super::{Client, Folder, gated, scenario};

const MIB: usize = 1024 * 1024;

/// The most memory that the server has had so far, in bytes.
#[cfg(target_os = "linux")]
fn peak(client: &Client) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", client.process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// Where the system does not tell, nothing is known to be too much.
#[cfg(not(target_os = "linux"))]
fn peak(_: &Client) -> usize {
    0
}

fn prompt(id: usize, session: usize, text: &str) -> Value {
    let params = json!({"sessionId": format!("s{session}"), "prompt": [{"type": "text", "text": text}]});
    json!({"jsonrpc": "2.0", "id": id, "method": "session/prompt", "params": params})
}

#[test]
fn a_thousand_sessions_at_once_over_one_pipe() {
    let folder = Folder::new("load", &gated());
    let mut client = folder.serve("--control 127.0.0.1:0");
    let control = client.control();
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    for session in 1..=1_000 {
        let new = client.ask(session, "session/new", &json!({}));
        assert_eq!(new["result"]["sessionId"], format!("s{session}"));
    }
    for session in 1..=1_000 {
        client.send(&prompt(session, session, "hi"));
    }
    for session in 1..=1_000 {
        let update = client.read();
        assert_eq!(update["params"]["sessionId"], format!("s{session}"), "{update}");
        assert_eq!(update["params"]["update"]["content"]["text"], "working");
    }
    control.post("/gates/go/open", &Value::Null);
    for session in 1..=1_000 {
        let usage = client.read();
        assert_eq!(usage["params"]["sessionId"], format!("s{session}"), "{usage}");
        let answer = client.read();
        assert_eq!((&answer["id"], &answer["result"]["stopReason"]), (&json!(session), &json!("end_turn")));
    }
    assert!(peak(&client) < 64 * MIB, "{}", peak(&client));
    assert_eq!(client.close(), (Some(0), String::new()));
}

#[test]
fn frames_of_a_mebibyte_for_a_client_that_does_not_read() {
    let large = "x".repeat(MIB);
    let folder = Folder::new(
        "mebibyte",
        &scenario(&format!(
            r#"[{{"on": {{"prompt": "hi"}}, "do": [{{"say": "{large}"}}, {{"answer": "end_turn"}}]}}]"#
        )),
    );
    let mut client = folder.serve("");
    client.greet();
    for id in 2..18 {
        client.send(&prompt(id, 1, "hi"));
    }
    for id in 2..18 {
        assert!(client.chunk() == large, "frame {id} is whole");
        assert_eq!(client.stop_reason(id), "end_turn");
    }
    // One mebibyte in as well, in one line.
    client.send(&prompt(18, 1, &large));
    assert_eq!(client.stop_reason(18), "end_turn");
    // The log keeps what was said in 16 turns, and 4 MiB may wait to be read.
    assert!(peak(&client) < 96 * MIB, "{}", peak(&client));
    assert_eq!(client.close().0, Some(0));
}

#[test]
fn five_hundred_conversations_with_the_llm_at_once() {
    let folder = Folder::new("llm-load", &gated().replace(r#""kind": "acp""#, r#""kind": "llm""#));
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0");
    let ports = Ports::announced(&client.announced());
    let mut talks: Vec<_> = (0..500).map(|_| ports.ask("hi", true)).collect();
    for talk in talks.iter_mut().rev() {
        talk.begins();
        assert_eq!(talk.chunk(), "working");
    }
    let all = json!({"frame": {"method": "session/prompt", "count": 500}});
    assert_eq!(ports.control.post("/wait", &all), json!({"happened": true}));
    ports.control.post("/gates/go/open", &Value::Null);
    talks.iter_mut().for_each(super::http::Connection::ends);
    assert!(peak(&client) < 96 * MIB, "{}", peak(&client));
    ports.control.post("/end", &Value::Null);
    assert_eq!(client.close().0, Some(0));
}
