//! The control port: what it does, and whom it serves.

use serde_json::{Value, json};

use super::{Folder, gated, scenario};

#[test]
fn a_gate_is_opened_from_outside_and_all_of_it_is_in_one_order() {
    let folder = Folder::new("gate", &gated());
    let mut client = folder.serve("--control 127.0.0.1:0 --transcript t.jsonl");
    let control = client.control();
    client.greet();
    client.prompt(2, "hi");
    let prompted = control.post("/wait", &json!({"frame": {"method": "session/prompt", "text": "hi"}}));
    assert_eq!(prompted, json!({"happened": true}));
    assert_eq!(client.chunk(), "working");
    let (status, gates) = control.request("GET", "/gates", "");
    assert_eq!((status, gates.as_str()), (200, "{\"gates\":[{\"name\":\"go\",\"open\":false}]}\n"));
    control.post("/tell", &json!({"actor": "ann", "call": "send \"hi\"", "returned": "ok"}));
    control.post("/gates/go/open", &Value::Null);
    assert_eq!(client.stop_reason(2), "end_turn");
    let (status, log) = control.request("GET", "/log", "");
    assert_eq!((status, log.lines().count()), (200, 10));
    control.post("/end", &Value::Null);
    assert_eq!(client.close().0, Some(0));
    let keys: Vec<_> = folder.transcript().iter().map(key).collect();
    assert_eq!(
        keys,
        ["begin", "read", "step", "read", "step", "read", "step", "call", "open", "step", "end"],
    );
}

fn key(entry: &Value) -> String {
    entry.as_object().unwrap().keys().next().unwrap().clone()
}

#[test]
fn a_status_that_an_actor_tells_is_one_that_the_script_can_wait_for() {
    let folder = Folder::new(
        "status",
        &scenario(
            r#"[{"on": {"prompt": "hi"}, "do": [{"wait": {"status": "finished"}}, {"answer": "refusal"}]}]"#,
        ),
    );
    let mut client = folder.serve("--control 127.0.0.1:0");
    let control = client.control();
    client.greet();
    client.prompt(2, "hi");
    control.post("/tell", &json!({"status": "finished"}));
    assert_eq!(client.stop_reason(2), "refusal");
    assert_eq!(control.request("GET", "/log", "").0, 404, "no transcript is written");
    client.close();
}

#[test]
fn only_who_has_the_token_is_served() {
    let folder = Folder::new("token", &gated());
    let mut client = folder.serve("--control 127.0.0.1:0");
    let control = client.control();
    for head in ["", "Authorization: Bearer 00\r\n", "Authorization: Basic x\r\n"] {
        let request = format!("POST /gates/go/open HTTP/1.1\r\nHost: x\r\n{head}\r\n");
        assert_eq!(control.raw(request.as_bytes()).0, 401, "{head:?}");
    }
    let (_, gates) = control.request("GET", "/gates", "");
    assert!(gates.contains("false"), "{gates}");
    for (method, path, body, status) in [
        ("GET", "/nothing", "", 404),
        ("POST", "/gates/og/open", "", 404),
        ("GET", "/wait", "", 405),
        ("POST", "/wait", "{", 400),
        ("POST", "/wait", "{\"gate\": \"og\"}", 404),
        ("POST", "/tell", "{}", 400),
        ("POST", "/tell", "{\"actor\": \"ann\"}", 400),
    ] {
        assert_eq!(control.request(method, path, body).0, status, "{method} {path} {body}");
    }
    assert_eq!(control.raw(b"\xff\xff\r\n\r\n").0, 400);
    client.greet();
    client.close();
}

#[test]
fn only_loopback_is_listened_on() {
    let folder = Folder::new("loopback", &gated());
    for (address, said) in [
        ("0.0.0.0:0", "error: failed to listen on 0.0.0.0:0: only loopback addresses are served\n"),
        ("nowhere", "error: failed to serve: `nowhere` is no address\n  help: write --control 127.0.0.1:0\n"),
    ] {
        let mut client = folder.serve(&format!("--control {address}"));
        assert_eq!(client.said(), said);
        assert_eq!(client.close().0, Some(2));
    }
}

#[test]
fn the_port_can_be_announced_in_a_file() {
    let folder = Folder::new("announce", &gated());
    let mut client = folder.serve("--control 127.0.0.1:0 --announce port.json");
    client.greet();
    let line = std::fs::read_to_string(folder.file("port.json")).unwrap();
    let control = super::client::Control::announced(&line);
    assert_eq!(control.request("GET", "/gates", "").0, 200);
    control.post("/end", &Value::Null);
    assert_eq!(client.close().0, Some(0));
}
