//! The LLM over real sockets: gates of both fakes, faults as a client meets them, and clients that do what no protocol
//! asks for.

use std::io::ErrorKind;
use std::process::Command;

use serde_json::{Value, json};

use super::http::Ports;
use super::{Client, Folder, scenario};

/// A scenario whose agent talks to the LLM itself, with these reactions.
fn native(server: &str) -> String {
    scenario(server).replace(r#""kind": "acp""#, r#""kind": "llm""#)
}

/// A server of the LLM alone, with a transcript.
fn serve(test: &str, server: &str) -> (Folder, Client, Ports) {
    let folder = Folder::new(test, &native(server));
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --transcript t.jsonl");
    let ports = Ports::announced(&client.announced());
    (folder, client, ports)
}

fn end(client: Client, ports: &Ports) {
    ports.control.post("/end", &Value::Null);
    assert_eq!(client.close().0, Some(0));
}

const GATED: &str = r#"[{"on": {"prompt": "hi"}, "do": [{"say": "a"}, {"wait": {"gate": "go"}}, {"say": "b"}, {"answer": "end_turn"}]}]"#;

#[test]
fn a_chunk_waits_for_a_gate() {
    let (folder, client, ports) = serve("llm-gate", GATED);
    let mut talk = ports.ask("hi", true);
    talk.begins();
    assert_eq!(talk.chunk(), "a");
    let prompted = json!({"frame": {"method": "session/prompt", "text": "hi"}});
    assert_eq!(ports.control.post("/wait", &prompted), json!({"happened": true}));
    ports.control.post("/gates/go/open", &Value::Null);
    assert_eq!(talk.chunk(), "b");
    talk.ends();
    talk.ask("hi", false);
    let (status, _, body) = talk.answer();
    assert_eq!(
        (status, &body["choices"][0]["message"]["content"]),
        (200, &json!("ab")),
        "the gate stays open"
    );
    end(client, &ports);
    let keys: Vec<_> = folder
        .transcript()
        .iter()
        .map(|entry| entry.as_object().unwrap().keys().next().unwrap().clone())
        .collect();
    assert_eq!(keys, ["begin", "ask", "reply", "open", "reply", "ask", "reply", "end"]);
}

#[test]
fn each_fake_waits_for_what_the_other_has_read() {
    let agent = r#"[{"on": {"prompt": "hi"}, "do": [
        {"wait": {"frame": {"method": "chat/completions", "text": "a title for: hi"}}}, {"say": "asked"}]},
        {"on": "cancel", "do": [{"open": "go"}, {"answer": "cancelled"}]}]"#;
    let llm = r#", "llm": [{"on": {"conversation": "a title for"}, "do": [
        {"say": "A"}, {"wait": {"frame": {"method": "session/cancel"}}}, {"say": " title"},
        {"wait": {"gate": "go"}}, {"answer": "end_turn"}]}]}"#;
    let text = scenario(agent);
    let folder = Folder::new("both", &(text.strip_suffix('}').unwrap().to_owned() + llm));
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --transcript t.jsonl");
    let ports = Ports::announced(&client.announced());
    client.greet();
    client.prompt(2, "hi");
    let mut talk = ports.ask("a title for: hi", true);
    assert_eq!(client.chunk(), "asked");
    talk.begins();
    assert_eq!(talk.chunk(), "A");
    client.send(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s1"}}));
    assert_eq!(talk.chunk(), " title");
    talk.ends();
    assert_eq!(client.stop_reason(2), "cancelled");
    client.close();
    let words = |entry: &Value| match entry.as_object().unwrap().iter().next().unwrap() {
        (key, step) if key == "step" || key == "reply" => format!("{key} {}", step["did"].as_str().unwrap()),
        (key, _) => key.clone(),
    };
    let order: Vec<_> = folder.transcript().iter().skip(5).map(words).collect();
    assert_eq!(
        order,
        [
            "read",
            "ask",
            "step say \"asked\"",
            "reply say \"A\"",
            "read",
            "reply say \" title\"",
            "step open \"go\", answer cancelled",
            "open",
            "reply answer end_turn",
            "end",
        ]
    );
}

#[test]
fn conversations_are_told_apart_by_what_was_said_in_them() {
    let (_folder, client, ports) = serve(
        "llm-content",
        r#"[{"on": {"conversation": "weather"}, "do": [{"say": "rain"}, {"answer": "end_turn"}]},
            {"on": {"prompt": "hi"}, "do": [{"wait": {"gate": "go"}}, {"tool_call": {"id": "t1", "name": "look"}}, {"answer": "end_turn"}]},
            {"on": {"tool_result": "t1"}, "do": [{"say": "seen"}, {"answer": "end_turn"}]},
            {"on": "any_prompt", "do": [{"say": "any"}, {"answer": "end_turn"}]}]"#,
    );
    let mut first = ports.ask("hi", false);
    let content = |body: &Value| body["choices"][0]["message"]["content"].clone();
    assert_eq!(
        content(&ports.ask("how is the weather?", false).answer().2),
        "rain",
        "it does not wait for the first"
    );
    assert_eq!(content(&ports.ask("hi there", false).answer().2), "any");
    ports.control.post("/gates/go/open", &Value::Null);
    let call = first.answer().2;
    let message = &call["choices"][0]["message"];
    assert_eq!(
        (&call["choices"][0]["finish_reason"], &message["tool_calls"][0]["id"]),
        (&json!("tool_calls"), &json!("t1"))
    );
    let messages = json!([{"role": "user", "content": "hi"}, message, {"role": "tool", "tool_call_id": "t1", "content": "x"}]);
    first.post(&json!({"model": "m", "messages": messages}));
    assert_eq!(content(&first.answer().2), "seen");
    end(client, &ports);
}

#[test]
fn faults_as_a_client_meets_them() {
    let (folder, client, ports) = serve(
        "llm-faults",
        r#"[{"on": {"conversation": "limit"}, "do": [{"refuse": {"status": 429, "retry_after": 3}}]},
            {"on": {"conversation": "truncate"}, "do": [{"say": "a"}, "hang_up"]},
            {"on": {"conversation": "malform"}, "do": [{"raw": {"text": "data: {\n\n"}}, {"answer": "end_turn"}]},
            {"on": {"conversation": "reset"}, "do": [{"say": "a"}, {"wait": {"gate": "go"}}, "reset"]},
            {"on": {"conversation": "half"}, "do": [{"say": "a"}, "close_output"]},
            {"on": {"conversation": "hang"}, "do": []}]"#,
    );
    let mut talk = ports.ask("limit", true);
    let (status, headers, body) = talk.answer();
    assert_eq!((status, headers[2].as_str()), (429, "Retry-After: 3"));
    assert_eq!(body["error"]["type"], "rate_limit_error");
    talk.ask("malform", true);
    talk.begins();
    assert_eq!(talk.event().unwrap(), "{");
    talk.ends();
    talk.ask("truncate", true);
    talk.begins();
    assert_eq!(talk.chunk(), "a");
    assert_eq!(talk.rest(), (String::new(), Ok(())), "no last chunk has come");
    let mut talk = ports.ask("reset", true);
    talk.begins();
    assert_eq!(talk.chunk(), "a");
    ports.control.post("/gates/go/open", &Value::Null);
    assert_eq!(talk.rest().1, Err(ErrorKind::ConnectionReset));
    let mut talk = ports.ask("half", true);
    talk.begins();
    assert_eq!(talk.chunk(), "a");
    assert_eq!(talk.rest(), (String::new(), Ok(())));
    talk.write(b"the other half is open");
    let hanging = ports.ask("hang", true);
    ports.control.post("/wait", &json!({"frame": {"method": "session/prompt", "text": "hang"}}));
    hanging.hang_up();
    end(client, &ports);
    let did: Vec<_> = folder
        .transcript()
        .iter()
        .filter_map(|entry| entry["reply"]["did"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(
        did,
        [
            "refuse 429",
            "write raw bytes, answer end_turn",
            "say \"a\", hang up",
            "say \"a\"",
            "reset the connection",
            "say \"a\", close the output",
            "end of a reaction",
        ]
    );
}

#[test]
fn a_native_agent_plays_a_scenario_of_the_catalogue() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/r35-cancel-token-cleared.json");
    let folder = Folder::new("llm-r35", &std::fs::read_to_string(file).unwrap());
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --transcript t.jsonl");
    let ports = Ports::announced(&client.announced());
    let talk = ports.ask("first", true);
    ports.control.post("/wait", &json!({"frame": {"method": "session/prompt", "text": "first"}}));
    talk.hang_up();
    ports.control.post("/gates/polled/open", &Value::Null);
    end(client, &ports);
    let verify = Command::new(env!("CARGO_BIN_EXE_turnloom"))
        .args(["verify", "t.jsonl", "--scenario", "live.json"])
        .current_dir(folder.file(""))
        .output()
        .unwrap();
    let said = String::from_utf8(verify.stdout).unwrap();
    assert!(said.contains("among the outcomes of fixed\n"), "{said}");
    assert!(!said.contains("not among"), "{said}");
}

#[test]
fn a_new_process_knows_what_was_asked() {
    let (folder, mut client, ports) = serve("llm-restart", GATED);
    let mut talk = ports.ask("hi", true);
    talk.begins();
    client.process.kill().unwrap();
    client.process.wait().unwrap();
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --transcript t.jsonl");
    let ports = Ports::announced(&client.announced());
    let mut talk = ports.ask("hi", true);
    ports.control.post("/gates/go/open", &Value::Null);
    let twice = json!({"frame": {"method": "session/prompt", "text": "hi", "count": 2}});
    assert_eq!(ports.control.post("/wait", &twice), json!({"happened": true}));
    talk.begins();
    assert_eq!((talk.chunk(), talk.chunk()), ("a".to_owned(), "b".to_owned()));
    talk.ends();
    end(client, &ports);
    assert!(folder.transcript().len() > 8);
}

#[test]
fn hostile_clients_get_an_answer_and_nobody_else_notices() {
    let (folder, client, ports) = serve("llm-hostile", GATED);
    let waiting = ports.ask("hi", false);
    let head = |more: &str| format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let huge = head(&format!("A: {}\r\n", "a".repeat(20_000)));
    for (bytes, status) in [
        (huge.as_str(), 431),
        (&head(""), 411),
        (&head("Transfer-Encoding: chunked\r\n"), 411),
        (&head("Content-Length: 99999999999\r\n"), 413),
        (&head("Content-Length: -1\r\n"), 400),
        ("GET / HTTP/9\r\n\r\n", 400),
        ("\u{0}\u{0}\r\n\r\n", 400),
    ] {
        let mut hostile = ports.connect();
        hostile.write(bytes.as_bytes());
        let (code, _, body) = hostile.answer();
        assert_eq!(code, status, "{body}");
        assert!(body["error"]["message"].is_string());
    }
    let mut hostile = ports.connect();
    for (body, why) in [
        (json!([]), "the body must be an object"),
        (json!({"model": 7}), "`model` must be a string"),
        (json!({"model": "m", "messages": "hi"}), "`messages` must be a list with at least one message"),
    ] {
        hostile.post(&body);
        let (status, _, body) = hostile.answer();
        assert_eq!((status, &body["error"]["message"]), (400, &json!(why)), "the connection goes on");
    }
    hostile.write(
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\nDELETE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let statuses = [hostile.answer().0, hostile.answer().0, hostile.answer().0];
    assert_eq!(statuses, [200, 404, 405], "pipelined");
    let mut half = ports.connect();
    half.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    half.hang_up();
    ports.control.post("/gates/go/open", &Value::Null);
    let mut waiting = waiting;
    assert_eq!(waiting.answer().2["choices"][0]["message"]["content"], "ab");
    end(client, &ports);
    let noted = folder.transcript().iter().filter(|entry| entry.get("http").is_some()).count();
    assert_eq!(noted, 12);
}

#[test]
fn who_sends_a_byte_now_and_then_ends_with_the_watchdog() {
    let folder = Folder::new("llm-loris", &native(GATED));
    let mut client = folder.serve("--llm 127.0.0.1:0 --control 127.0.0.1:0 --watchdog 1s");
    let ports = Ports::announced(&client.announced());
    let mut loris = ports.connect();
    loris.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Le");
    assert_eq!(
        client.said(),
        "error: inconclusive: nothing happened for 1s\n  help: the transcript says who waits for what\n"
    );
    assert_eq!(client.close().0, Some(3));
}

#[test]
fn only_loopback_is_listened_on_unless_it_is_asked_for() {
    let folder = Folder::new("llm-loopback", &native(GATED));
    for (arguments, said) in [
        ("--llm 0.0.0.0:0", "error: failed to listen on 0.0.0.0:0: only loopback addresses are served\n"),
        (
            "--llm nowhere",
            "error: failed to serve: `nowhere` is no address\n  help: write --llm 127.0.0.1:0\n",
        ),
        (
            "",
            "error: failed to serve: this scenario has an LLM, and it is to listen nowhere\n  help: add --llm 127.0.0.1:0\n",
        ),
        (
            "--announce a",
            "error: failed to serve: there is no port to announce\n  help: add --control 127.0.0.1:0 or --llm 127.0.0.1:0\n",
        ),
    ] {
        let mut client = folder.serve(arguments);
        assert_eq!(client.said(), said);
        assert_eq!(client.close().0, Some(2));
    }
    let mut client = folder.serve("--llm 0.0.0.0:0 --llm-for-all");
    let said: Value = serde_json::from_str(&client.announced()).unwrap();
    assert!(said["llm"].as_str().unwrap().starts_with("http://0.0.0.0:"), "{said}");
    client.process.kill().unwrap();
    client.close();
}
