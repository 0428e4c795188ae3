//! `turnloom verify` on sessions that were really played.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::http::Ports;
use super::{Folder, gated, scenario};

/// What `turnloom verify t.jsonl` says, and its exit code.
fn verify(folder: &Folder, arguments: &str) -> (String, Option<i32>) {
    turnloom(folder, &format!("verify t.jsonl {arguments}"))
}

fn turnloom(folder: &Folder, arguments: &str) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.args(arguments.split_whitespace());
    let output = command.current_dir(folder.file("")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (said, output.status.code())
}

/// Plays the scenario in which one message is prompted and answered.
fn played(test: &str, prompts: &[&str]) -> Folder {
    let folder = Folder::new(
        test,
        &scenario(r#"[{"on": {"prompt": "hi"}, "do": [{"say": "yes"}, {"answer": "end_turn"}]}]"#)
            .replace(", \"interrupt\"]", "]"),
    );
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    for (id, text) in (2..).zip(prompts) {
        client.prompt(id, text);
        if *text == "hi" {
            assert_eq!(client.chunk(), "yes");
        }
        assert_eq!(client.stop_reason(id), "end_turn");
    }
    client.close();
    folder
}

#[test]
fn a_session_by_the_book_is_among_the_outcomes() {
    let folder = played("by-the-book", &["hi"]);
    assert_eq!(verify(&folder, ""), ("8 entries against 8 rules: 0 violations\n".to_owned(), Some(0)));
    let (said, code) = verify(&folder, "--scenario live.json --profile policy");
    assert_eq!(
        (said.as_str(), code),
        (
            "8 entries against 12 rules: 0 violations\n\
             among the outcomes of fixed\n  \
               token    live:-:ann@portal.select-portal.2:2889cf\n  \
               replay   turnloom replay live.json live:-:ann@portal.select-portal.2:2889cf\n",
            Some(0)
        )
    );
    let (replayed, code) = turnloom(&folder, "replay live.json live:-:ann@portal.select-portal.2:2889cf");
    assert!(replayed.contains("prompt s1 \"hi\"") && code == Some(0), "{replayed}");
}

#[test]
fn a_session_that_came_to_a_stand_is_not_one_that_ended() {
    let folder = played("stand", &["hi"]);
    for (stuck, expected) in [(false, Some(0)), (true, Some(1))] {
        fs::write(folder.file("seen.json"), json!({ "stuck": stuck }).to_string()).unwrap();
        let (said, code) = verify(&folder, "--scenario live.json --observed seen.json");
        assert_eq!(code, expected, "{said}");
        assert_eq!(said.contains("first difference: who is left waiting"), stuck, "{said}");
    }
}

#[test]
fn what_the_model_does_not_do_is_told_with_the_nearest_outcome() {
    let folder = played("replayed", &["hi", "hi"]);
    let (said, code) = verify(&folder, "--scenario live.json");
    assert_eq!(code, Some(1), "{said}");
    let difference = r#"first difference: server, place 7: seen {"Prompt":{"process":1,"session":"s1","text":"hi"}}, in the model nothing"#;
    assert!(said.contains("✗ not among the outcomes of fixed, 1 outcome\nseen\n"), "{said}");
    assert!(said.contains(difference), "{said}");
    fs::write(folder.file("seen.json"), json!({"events": [], "calls": {"ann": []}}).to_string()).unwrap();
    let (said, code) = verify(&folder, "--scenario live.json --observed seen.json");
    assert_eq!(code, Some(1), "{said}");
    fs::write(folder.file("seen.json"), "{\"event\": []}").unwrap();
    let (said, code) = verify(&folder, "--scenario live.json --observed seen.json");
    assert!(said.contains("error: failed to read `seen.json`: unknown field `event`"), "{said}");
    assert_eq!(code, Some(2));
}

/// The second of three messages was sent by another between the first and the third: that takes a preemption.
#[test]
fn a_session_is_looked_for_beyond_the_bound_of_its_scenario() {
    let bounded = r#"{"version": 1, "title": "t", "source": "tests/live", "agent": {"kind": "acp"}, "preemptions": 0,
        "actors": [{"name": "ann", "does": [{"send": {"text": "one"}}, {"send": {"text": "three"}}, "run"]},
                   {"name": "ben", "does": [{"send": {"text": "two"}}]}],
        "server": [{"on": "any_prompt", "do": [{"answer": "end_turn"}]}]}"#;
    let orders = [
        (["one", "two", "three"], "among the outcomes of fixed\n", 0),
        (["three", "two", "one"], NOWHERE, 1),
    ];
    for (order, expected, exit) in orders {
        let folder = Folder::new(&format!("bounded-{}", order[0]), bounded);
        let mut client = folder.serve("--transcript t.jsonl");
        client.greet();
        for (id, text) in (2..).zip(order) {
            client.prompt(id, text);
            assert_eq!(client.stop_reason(id), "end_turn");
        }
        client.close();
        let (said, code) = verify(&folder, "--scenario live.json");
        assert!(said.contains(expected), "{said}");
        assert_eq!(code, Some(exit), "{said}");
    }
}

/// No bound is named: there is none any more when the session is given up.
const NOWHERE: &str = "✗ not among the outcomes of fixed, 6 outcomes\n";

/// A session of an LLM and its agent's condenser, who tell themselves apart by the model they ask for.
#[test]
fn what_a_condenser_uses_is_held_against_the_rule() {
    let llm = r#"{"kind": "llm", "condenser": true}"#;
    let text = scenario("[]").replace(r#"{"kind": "acp"}"#, llm).replace(", \"interrupt\"]", "]");
    let folder = Folder::new("condenser", &text);
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --transcript t.jsonl");
    let ports = Ports::announced(&client.announced());
    for (model, text) in [("condenser", "condense"), ("any", "hi")] {
        let mut talk = ports.connect();
        talk.post(&json!({"model": model, "messages": [{"role": "user", "content": text}]}));
        assert_eq!(talk.answer().0, 200);
    }
    ports.control.post("/end", &json!(null));
    client.close();
    for (usage, code) in
        [(json!({"condenser": 1, "default": 1}), 0), (json!({"default": 1}), 0), (json!({"default": 2}), 1)]
    {
        fs::write(folder.file("seen.json"), json!({ "usage": usage }).to_string()).unwrap();
        let (said, exit) = verify(&folder, "--scenario live.json --observed seen.json");
        assert!(said.contains("among the outcomes of fixed\n"), "{said}");
        let counted = "✗ usage-kept-apart: 2 completions were counted under \"default\", whose LLM has answered 1, and in the model it is not so\n";
        assert_eq!(said.contains(counted), code == 1, "{said}");
        assert_eq!(exit, Some(code), "{said}");
    }
}

#[test]
fn a_process_that_its_client_kills_need_not_tell_of_it() {
    let closing = scenario(r#"[{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]"#)
        .replace(", \"interrupt\"]", "]")
        .replace(r#"{"wait": {"gate": "go"}}"#, "\"close\"");
    let folder = Folder::new("killed", &closing);
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.stop_reason(2), "end_turn");
    client.close();
    let (said, code) = verify(&folder, "--scenario live.json");
    assert!(said.contains("among the outcomes of fixed\n"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn violations_are_told_by_entry_and_side() {
    let folder = Folder::new("violations", &gated());
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.write(b"{\n");
    client.read();
    client.prompt(2, "hi");
    client.chunk();
    client.send(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s2"}}));
    client.close();
    let (said, code) = verify(&folder, "--profile policy");
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "11 entries against 12 rules: 2 violations\n\
         ✗ frames-are-valid: entry 6, the client: the line is no JSON: EOF while parsing an object at line 1 column 1 (transports)\n\
         ✗ cancel-has-a-turn: entry 10, the client: nothing is in flight in session \"s2\" (not stated)\n"
    );
}

#[test]
fn a_session_that_the_watchdog_ended_is_inconclusive() {
    let folder = Folder::new("inconclusive", &gated());
    let mut client = folder.serve("--transcript t.jsonl --watchdog 1ms");
    assert_eq!(client.process.wait().unwrap().code(), Some(3));
    assert!(client.said().starts_with("error: inconclusive: nothing happened for 1ms\n"));
    let (said, code) = verify(&folder, "");
    assert_eq!((said.lines().last(), code), (Some("inconclusive: the watchdog ended the session"), Some(3)));
    drop(client.close());
}

#[test]
fn bad_input_is_refused() {
    let folder = played("bad", &[]);
    fs::write(folder.file("live.json"), gated()).unwrap();
    let (said, code) = verify(&folder, "--scenario live.json");
    assert!(said.ends_with("error: failed to verify: the transcript is of another scenario, or it has changed since\n  help: give the file that was served, or what `turnloom import` made of the transcript\n"), "{said}");
    assert_eq!(code, Some(2));
    for text in ["", "{}\n"] {
        fs::write(folder.file("t.jsonl"), text).unwrap();
        assert_eq!(verify(&folder, "").1, Some(2));
    }
}
