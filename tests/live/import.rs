//! `turnloom import` on sessions that were really played: the scenario lints clean, is played again byte for byte, and
//! the model's outcomes for it hold what was seen. Damaged transcripts are told by line, and nothing is written.

use std::fs;
use std::io::BufRead;
use std::process::Command;

use serde_json::{Value, json};
use turnloom::scenario::Limits;

use super::{Client, Folder, a_turn_through_the_gate, gated, scenario};

/// What a command of turnloom says on both streams, and its exit code.
fn turnloom(folder: &Folder, arguments: &str) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.args(arguments.split_whitespace()).current_dir(folder.file(""));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (said, output.status.code())
}

/// What is imported from `t.jsonl`, written to `imported.json`, which lints clean.
fn imported(folder: &Folder) -> Value {
    let scenario = written(folder);
    let linted = turnloom(folder, "lint imported.json");
    assert_eq!(linted, ("imported.json: nothing wrong\n".to_owned(), Some(0)));
    scenario
}

/// What is imported from `t.jsonl`, written to `imported.json`.
fn written(folder: &Folder) -> Value {
    assert_eq!(turnloom(folder, "import t.jsonl --output imported.json"), (String::new(), Some(0)));
    serde_json::from_str(&fs::read_to_string(folder.file("imported.json")).unwrap()).unwrap()
}

/// Holds the transcript against what was made of it.
fn assert_is_an_outcome(folder: &Folder) {
    let (said, code) = turnloom(folder, "verify t.jsonl --scenario imported.json --revision 1.25.0");
    assert!(said.contains("\namong the outcomes of 1.25.0\n") && code == Some(0), "{said}");
}

/// The same, and no outcome breaks a rule.
fn assert_is_among_the_outcomes(folder: &Folder) {
    assert_is_an_outcome(folder);
    let (said, code) = turnloom(folder, "explore imported.json --revision 1.25.0");
    assert!(said.starts_with("proved") && code == Some(0), "{said}");
}

const GIVEN_UP: &str = "the prompt \"hi\" was given up without a cancel; the file has a stop there, which `fixed` tells the server";

/// The default limits but for one.
fn limits(name: &str, value: u32) -> Value {
    let mut limits = json!(Limits::default());
    limits[name] = value.into();
    limits
}

fn cancel(client: &mut Client) {
    client.send(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s1"}}));
}

fn lines(client: &mut Client, count: usize) -> Vec<String> {
    let mut line = || {
        let mut line = Vec::new();
        client.output().read_until(b'\n', &mut line).unwrap();
        String::from_utf8_lossy(&line).into_owned()
    };
    (0..count).map(|_| line()).collect()
}

#[test]
fn a_gate_that_a_test_opened_is_opened_by_a_tester() {
    let folder = Folder::new("import-gate", &gated());
    a_turn_through_the_gate(&folder).close();
    let imported = imported(&folder);
    assert_eq!(
        imported,
        json!({
            "version": 1,
            "title": "what was seen in a session of live",
            "source": "imported from a transcript of live",
            "agent": {"kind": "acp"},
            "gates": ["go"],
            "actors": [
                {"name": "user", "does": [{"send": {"text": "hi"}}, "run"]},
                {"name": "tester", "does": [
                    {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
                    {"open": "go"},
                ]},
            ],
            "server": [{"on": {"prompt": "hi"}, "do": [
                {"say": "working"}, {"wait": {"gate": "go"}}, {"answer": "end_turn"},
            ]}],
            "preemptions": 1,
        })
    );
    assert_is_among_the_outcomes(&folder);
    let (said, code) = turnloom(&folder, "import t.jsonl --output imported.json");
    assert_eq!(
        (said.as_str(), code),
        (
            "error: failed to write `imported.json`: entity already exists\n  help: remove it, or give another name\n",
            Some(2)
        )
    );
    let (said, _) = turnloom(&folder, "import t.jsonl");
    assert_eq!(said, fs::read_to_string(folder.file("imported.json")).unwrap());
}

#[test]
fn what_was_said_behind_an_answer_is_said_there_again() {
    let script = r#"[{"on": {"prompt": "hi"}, "do": [{"say": "all"}, {"answer": "end_turn"}, {"say": "or not all"}]}]"#;
    let folder = Folder::new("import-late", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "all");
    assert_eq!(client.stop_reason(2), "end_turn");
    assert_eq!(client.chunk(), "or not all");
    client.close();
    let said = json!([{"say": "all"}, {"answer": "end_turn"}, {"say": "or not all"}]);
    assert_eq!(imported(&folder)["server"], json!([{"on": {"prompt": "hi"}, "do": said}]));
    assert_is_among_the_outcomes(&folder);
}

#[test]
fn a_stop_a_restart_and_the_interrupted_prompt_again() {
    let script = r#"[{"on": {"prompt": "hi"}, "process": 1, "do": [
        {"say": "working"}, {"wait": {"frame": {"method": "session/cancel"}}}, {"say": "late"}, {"answer": "cancelled"}]}]"#;
    let folder = Folder::new("import-stop", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    cancel(&mut client);
    assert_eq!(client.chunk(), "late");
    assert_eq!(client.stop_reason(2), "cancelled");
    client.close();
    let mut client = folder.serve("--transcript t.jsonl");
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    client.ask(1, "session/load", &json!({"sessionId": "s1"}));
    client.prompt(2, "hi");
    assert_eq!(client.stop_reason(2), "end_turn");
    client.prompt(3, "and now?");
    assert_eq!(client.stop_reason(3), "end_turn");
    client.close();
    let imported = imported(&folder);
    assert_eq!(
        imported["actors"],
        json!([
            {"name": "user", "does": [{"send": {"text": "hi"}}, "run", {"send": {"text": "and now?"}}, "run"]},
            {"name": "stopper", "does": [{"wait": {"gate": "turn-4-1"}}, "interrupt"]},
        ])
    );
    assert_eq!(
        imported["server"][0],
        json!({"on": {"prompt": "hi"}, "process": 1, "do": [
            {"say": "working"}, {"open": "turn-4-1"}, {"wait": {"frame": {"method": "session/cancel"}}},
            {"say": "late"}, {"answer": "cancelled"},
        ]})
    );
    assert_is_among_the_outcomes(&folder);
}

/// As 1.25.0 does after a switch of the model (row N26).
#[test]
fn a_drain_that_ran_out_is_over_though_the_prompt_is_answered_later() {
    let script = r#"[{"on": {"prompt": "hi"}, "do": [
        {"wait": {"frame": {"method": "session/prompt", "count": 2}}}, {"answer": "cancelled"}]}]"#;
    let folder = Folder::new("import-undrained", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    client.ask(3, "session/set_model", &json!({"sessionId": "s1", "modelId": "m2"}));
    cancel(&mut client);
    client.prompt(4, "hi");
    lines(&mut client, 4);
    client.close();
    let cancelled = json!({"frame": {"method": "session/cancel"}});
    let note = "the server did something else when prompt \"hi\" came again in process 1; the file has what it did first";
    assert_eq!(imported_with_note(&folder, note)["clock"], json!([{"wait": cancelled}, {"fire": "drain"}]));
    assert_is_an_outcome(&folder);
}

/// As 1.25.0 does where it restarts the server and the load takes long (row N38).
#[test]
fn a_log_that_ends_in_a_start_says_so() {
    let folder = Folder::new(
        "import-left-in-start",
        &scenario(r#"[{"on": "load", "do": [{"wait": {"event": {"kind": "finish"}}}]}]"#),
    );
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.stop_reason(2), "end_turn");
    client.close();
    let mut client = folder.serve("--transcript t.jsonl");
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "session/load", "params": {"sessionId": "s1"}}));
    client.close();
    let note =
        "load of process 2 has no answer; the file ends before, since no frame says whose run it was for";
    assert_eq!(
        imported_with_note(&folder, note)["actors"][0]["does"],
        json!([{"send": {"text": "hi"}}, "run"])
    );
}

#[test]
fn a_message_that_took_the_place_of_another_goes_through_the_service() {
    let folder = Folder::new("import-replace", &scenario(r#"[{"on": {"prompt": "hi"}, "do": []}]"#));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    cancel(&mut client);
    client.close();
    let mut client = folder.serve("--transcript t.jsonl");
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    client.ask(1, "session/load", &json!({"sessionId": "s1"}));
    client.prompt(2, "no, this");
    assert_eq!(client.stop_reason(2), "end_turn");
    client.close();
    let imported = imported(&folder);
    assert_eq!(imported["through"], "service");
    assert_eq!(
        imported["actors"],
        json!([{"name": "user", "does": [
            {"send": {"text": "hi", "run": true}},
            {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
            {"send": {"text": "no, this", "run": true}},
        ]}])
    );
    assert_eq!(
        imported["clock"],
        json!([{"wait": {"frame": {"method": "session/cancel"}}}, {"fire": "drain"}])
    );
    let (said, code) = turnloom(&folder, "verify t.jsonl --scenario imported.json --revision 1.25.0");
    assert!(said.contains("\namong the outcomes of 1.25.0\n") && code == Some(0), "{said}");
}

#[test]
fn who_leaves_in_a_turn_has_closed_the_conversation() {
    let folder = Folder::new("import-left", &gated());
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    client.close();
    let imported = imported(&folder);
    assert_eq!(imported["actors"][1]["does"], json!([{"wait": {"gate": "turn-4-1"}}, "close"]));
    assert_is_among_the_outcomes(&folder);
}

#[test]
fn paths_and_ids_get_names_and_texts_that_are_sent_again_too() {
    let script = r#"[{"on": "any_prompt", "do": [{"tool": {"id": "call_8f2a", "status": "in_progress"}},
        {"say": "in /home/ann/work/a.rs and /etc/hosts"}, {"tool": {"id": "call_8f2a", "status": "completed"}},
        {"answer": "end_turn"}]}]"#;
    let folder = Folder::new("import-names", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.ask(0, "initialize", &json!({"protocolVersion": 1}));
    client.ask(1, "session/new", &json!({"cwd": "/home/ann/work", "mcpServers": []}));
    for id in [2, 3] {
        client.prompt(id, "look at /home/ann/work/a.rs");
        lines(&mut client, 3);
        assert_eq!(client.stop_reason(id), "end_turn");
    }
    client.close();
    let (said, code) = turnloom(&folder, "import t.jsonl --output imported.json");
    assert_eq!(
        (said.as_str(), code),
        (
            "note: the message \"look at /home/ann/work/a.rs\" was sent again; it is called \"look at workspace/a.rs #2\"\n",
            Some(0)
        )
    );
    let text = fs::read_to_string(folder.file("imported.json")).unwrap();
    let imported: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(imported["actors"][0]["does"][2], json!({"send": {"text": "look at workspace/a.rs #2"}}));
    assert_eq!(
        imported["server"][0]["do"],
        json!([
            {"tool": {"id": "tool-1", "status": "in_progress"}}, {"say": "in workspace/a.rs and path-1"},
            {"tool": {"id": "tool-1", "status": "completed"}}, {"answer": "end_turn"},
        ])
    );
    assert!(!text.contains("ann") && !text.contains("8f2a"), "{text}");
    assert_is_among_the_outcomes(&folder);
}

#[test]
fn actors_are_as_they_told_it() {
    let folder = Folder::new("import-told", &gated());
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    let tell = |actor: &str, call: &str| {
        control.post("/tell", &json!({"actor": actor, "call": call, "returned": "ok"}));
    };
    client.greet();
    tell("Ann", "send \"hi\"");
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    tell("ben", "send \"and\"");
    control.post("/gates/go/open", &Value::Null);
    assert_eq!(client.stop_reason(2), "end_turn");
    client.prompt(3, "and");
    assert_eq!(client.stop_reason(3), "end_turn");
    tell("Ann", "run");
    client.close();
    let imported = imported(&folder);
    assert_eq!(
        imported["actors"].as_array().unwrap()[..2],
        [
            json!({"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}),
            json!({"name": "ben", "does": [
                {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
                {"send": {"text": "and"}},
            ]}),
        ]
    );
    assert_is_among_the_outcomes(&folder);
}

/// The prompt of the turn in which somebody does something.
fn in_the_turn_of(text: &str) -> Value {
    json!({"wait": {"frame": {"method": "session/prompt", "text": text}}})
}

fn prompted_again(text: &str) -> Value {
    json!({"wait": {"frame": {"method": "session/prompt", "text": text, "count": 2}}})
}

#[test]
fn a_prompt_that_failed_and_came_again_is_a_retry() {
    let script = r#"[{"on": "any_prompt", "do": [{"fail": "overloaded"}]}]"#;
    let folder = Folder::new("import-retry", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    for id in [2, 3] {
        client.prompt(id, "hi");
        assert_eq!(client.read()["error"]["message"], "overloaded");
    }
    client.close();
    let imported = imported(&folder);
    assert_eq!(imported["clock"], json!([{"fire": "retry"}]));
    assert_eq!(imported["limits"], limits("retries", 1));
    assert_is_among_the_outcomes(&folder);
}

#[test]
fn a_synchronous_run_that_was_cancelled_has_timed_out() {
    let script = r#"[{"on": {"prompt": "hi"}, "do": [{"say": "working"}]}]"#;
    let folder = Folder::new("import-sync", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    let tell = |call: &str| control.post("/tell", &json!({"actor": "ann", "call": call, "returned": "ok"}));
    client.greet();
    tell("send \"hi\"");
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    cancel(&mut client);
    control.post("/wait", &json!({"frame": {"method": "session/cancel"}}));
    tell("run_sync");
    tell("send \"and\"");
    client.prompt(3, "and");
    assert_eq!(client.stop_reason(3), "end_turn");
    tell("run_sync");
    client.close();
    let imported = written(&folder);
    // The repaired runtime prompts the message again whose turn timed out, and the script answers it once.
    let (linted, code) = turnloom(&folder, "lint imported.json");
    assert!(
        linted.starts_with("  ! an order of this scenario stands still for ever") && code == Some(0),
        "{linted}"
    );
    let does = json!([{"send": {"text": "hi"}}, "run_sync", {"send": {"text": "and"}}, "run_sync"]);
    assert_eq!(imported["actors"], json!([{"name": "ann", "does": does}]));
    assert_eq!(imported["clock"], json!([in_the_turn_of("hi"), {"fire": "prompt"}]));
    assert_eq!(imported["limits"], limits("iterations", 1));
    let (said, code) = turnloom(&folder, "verify t.jsonl --scenario imported.json --revision 1.25.0");
    assert!(said.contains("\namong the outcomes of 1.25.0\n") && code == Some(0), "{said}");
}

/// As `openhands-sdk` 1.24.0 does it: it says nothing to the server when a prompt is stopped or takes too long.
#[test]
fn a_prompt_that_was_given_up_without_a_word_was_stopped() {
    let script = r#"[{"on": {"prompt": "hi"}, "do": [{"say": "working"}]}]"#;
    let folder = Folder::new("import-given-up", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    for id in [2, 3] {
        client.prompt(id, "hi");
        assert_eq!(client.chunk(), "working");
    }
    client.close();
    let imported = imported_with_note(&folder, GIVEN_UP);
    assert_eq!(
        imported["actors"],
        json!([
            {"name": "user", "does": [{"send": {"text": "hi"}}, "run", "run"]},
            {"name": "stopper", "does": [{"wait": {"gate": "turn-4-1"}}, "interrupt", prompted_again("hi"), "close"]},
        ])
    );
    assert_is_an_outcome_of_1_24_0(&folder);
}

/// A run that never returned is not told of.
#[test]
fn a_run_that_went_on_behind_its_limit_is_synchronous() {
    let script = r#"[{"on": {"prompt": "hi"}, "do": []}]"#;
    let folder = Folder::new("import-sync-goes-on", &scenario(script));
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    client.greet();
    control.post("/tell", &json!({"actor": "ann", "call": "send \"hi\"", "returned": "ok"}));
    for id in [2, 3] {
        client.prompt(id, "hi");
    }
    control.post("/wait", &json!({"frame": {"method": "session/prompt", "count": 2}}));
    client.close();
    let imported = imported_with_note(&folder, GIVEN_UP);
    assert_eq!(
        imported["actors"],
        json!([
            {"name": "ann", "does": [{"send": {"text": "hi"}}, "run_sync"]},
            {"name": "stopper", "does": [prompted_again("hi"), "close"]},
        ])
    );
    assert_eq!(imported["clock"], json!([in_the_turn_of("hi"), {"fire": "prompt"}]));
    // A prompt that the end of the server fails is seen to be repeated not once.
    let mut seen = limits("iterations", 2);
    seen["retries"] = 0.into();
    assert_eq!(imported["limits"], seen);
    assert_is_an_outcome_of_1_24_0(&folder);
}

fn imported_with_note(folder: &Folder, note: &str) -> Value {
    let (said, code) = turnloom(folder, "import t.jsonl --output imported.json");
    assert_eq!((said, code), (format!("note: {note}\n"), Some(0)));
    serde_json::from_str(&fs::read_to_string(folder.file("imported.json")).unwrap()).unwrap()
}

fn assert_is_an_outcome_of_1_24_0(folder: &Folder) {
    let (said, code) = turnloom(folder, "verify t.jsonl --scenario imported.json --revision 1.24.0");
    assert!(said.contains("\namong the outcomes of 1.24.0\n") && code == Some(0), "{said}");
}

/// A session in whose first turn somebody told of the message `and`; the client then prompts these.
fn told_of_a_message(test: &str, prompted: &[&str]) -> Folder {
    let folder = Folder::new(test, &gated());
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    control.post("/tell", &json!({"event": {"kind": "user_message", "text": "and"}}));
    control.post("/gates/go/open", &Value::Null);
    assert_eq!(client.stop_reason(2), "end_turn");
    for (id, text) in (3..).zip(prompted) {
        client.prompt(id, text);
        assert_eq!(client.stop_reason(id), "end_turn");
    }
    client.close();
    folder
}

fn assert_has_a_sender(imported: &Value) {
    assert_eq!(
        imported["actors"].as_array().unwrap()[..2],
        [
            json!({"name": "user", "does": [{"send": {"text": "hi"}}, "run"]}),
            json!({"name": "sender", "does": [in_the_turn_of("hi"), {"send": {"text": "and"}}]}),
        ]
    );
}

#[test]
fn a_message_that_was_told_of_during_a_turn_has_a_sender() {
    let folder = told_of_a_message("import-said", &["and"]);
    assert_has_a_sender(&imported(&folder));
    assert_is_among_the_outcomes(&folder);
}

#[test]
fn a_message_that_was_told_of_and_never_prompted_came_too_late_for_the_last_step_of_the_run() {
    let folder = told_of_a_message("import-left", &[]);
    let imported = imported(&folder);
    assert_has_a_sender(&imported);
    assert_eq!(imported["limits"], limits("iterations", 1));
    assert_is_an_outcome(&folder);
}

/// What these reactions are played as, and played as again from the import, all bytes of the server's. The client answers
/// calls with `{}` and cancels when the server says `stop`.
fn played_twice(test: &str, server: &str) -> Value {
    let first = Folder::new(test, &scenario(server));
    let written = play(&first);
    let imported = imported(&first);
    let again = Folder::new(&format!("{test}-again"), &imported.to_string());
    assert_eq!(play(&again), written, "{imported:#}");
    imported
}

fn play(folder: &Folder) -> String {
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    let mut written = String::new();
    loop {
        let line = lines(&mut client, 1).remove(0);
        written += &line;
        let frame: Value = serde_json::from_str(&line).unwrap_or_default();
        if frame["params"]["update"]["content"]["text"] == "stop" {
            cancel(&mut client);
        } else if frame["method"] == "session/request_permission" {
            client.send(&json!({"jsonrpc": "2.0", "id": frame["id"], "result": {}}));
        }
        if line.is_empty() || frame["id"] == 2 {
            return written + &client.close().1;
        }
    }
}

#[test]
fn what_only_a_pipe_can_do_is_played_again_byte_for_byte() {
    let answer = r#"{"answer": "end_turn"}"#;
    let cases = [
        (r#"{"say": "a"}, "flush", {"split": {"at": 9}}, {"think": "b"}"#, answer),
        (r#"{"raw": {"text": "{\"jsonrpc\": broken\n"}}, {"raw": {"hex": "ff 0a"}}"#, answer),
        (r#"{"frame": {"jsonrpc": "2.0", "id": 99, "result": {"a": "$session", "b": "$request"}}}"#, answer),
        (r#"{"say": "stop"}, {"wait": {"frame": {"method": "session/cancel"}}}, {"say": "b"}"#, answer),
        (
            r#"{"call": {"name": "may I", "method": "session/request_permission", "params": {"sessionId": "$session"}}},
               {"wait": {"reply": {"to": "may I"}}}, {"say": "b"}"#,
            r#"{"fail": "no more"}"#,
        ),
        (
            r#"{"say": "a"}"#,
            r#"{"frame": {"jsonrpc": "2.0", "id": "$request", "result": {"stopReason": "bored"}}}, {"say": "late"}"#,
        ),
        (r#"{"say": "a"}, {"raw": {"text": "{"}}"#, r#"{"exit": 3}"#),
        (r#""stop_reading", {"say": "a"}, "resume_reading""#, answer),
    ];
    for (at, (actions, end)) in cases.iter().enumerate() {
        let server = format!(r#"[{{"on": {{"prompt": "hi"}}, "do": [{actions}, {end}]}}]"#);
        played_twice(&format!("import-pipe-{at}"), &server);
    }
}

#[test]
fn what_a_start_wrote_into_a_turn_is_written_by_the_turn() {
    let imported = played_twice(
        "import-requests",
        r#"[{"on": "start", "do": [{"wait": {"frame": {"method": "session/prompt"}}}, {"raw": {"text": "hello\n"}}]},
            {"on": {"request": "session/new"}, "do": [{"wait": {"frame": {"method": "initialize"}}}]}]"#,
    );
    // No frame says whose bytes these are, so they are the turn's that was in flight.
    assert_eq!(
        imported["server"][0],
        json!({"on": {"prompt": "hi"}, "do": [{"raw": {"text": "hello\n"}}, "flush", {"answer": "end_turn"}]})
    );
}

#[test]
fn damaged_transcripts_are_told_by_line_and_nothing_is_written() {
    let folder = Folder::new("import-damaged", &gated());
    let mut client = folder.serve("--transcript t.jsonl");
    client.greet();
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    client.close();
    let text = fs::read_to_string(folder.file("t.jsonl")).unwrap();
    let whole: Vec<&str> = text.lines().collect();
    let without = |line: usize| {
        let kept = whole.iter().enumerate().filter(|(at, _)| at + 1 != line);
        kept.map(|(_, line)| [line, "\n"].concat()).collect::<String>()
    };
    let cases = [
        (String::new(), "failed to import `t.jsonl`: the transcript is empty\n"),
        (
            without(1),
            "line 1 is entry 2 where entry 1 is due: a line is missing, twice there or out of place\n",
        ),
        (without(4), "line 4 is entry 5 where entry 4 is due"),
        (format!("{text}{}\n", whole[6]), "line 9 is entry 7 where entry 9 is due"),
        (
            text.replace("\"process\":1,\"what\":{\"step\"", "\"process\":2,\"what\":{\"step\""),
            "line 3 is of process 2, but it is process 1 that lives there",
        ),
        (text.replacen("\"begin\"", "\"tell\"", 1).replace(",\"digest\"", ",\"x\""), "line 1 is no `begin`"),
        (whole[..5].join("\n") + "\n", "no prompt was read in this session"),
        (text.replacen("\"what\"", "\"whta\"", 1), "line 1 is no entry: missing field `what`"),
        (
            text.replacen("\"read\"", "\"red\"", 1),
            "line 2 is no entry: unknown variant `red`, expected one of `begin`, `read`",
        ),
    ];
    for (text, said) in cases {
        fs::write(folder.file("t.jsonl"), &text).unwrap();
        let (told, code) = turnloom(&folder, "import t.jsonl --output imported.json");
        assert!(told.contains(said) && told.contains("\n  help: ") && code == Some(2), "{told}");
        assert!(!folder.file("imported.json").exists());
    }
    // Wherever it is cut off, there is an answer.
    for cut in (0..text.len()).step_by(61) {
        fs::write(folder.file("t.jsonl"), &text[..cut]).unwrap();
        let (told, code) = turnloom(&folder, "import t.jsonl");
        assert!(matches!(code, Some(0 | 2)), "cut at {cut}: {told}");
    }
}
