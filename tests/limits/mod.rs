//! Limits of turnloom's own: no finding about the program, and kept whatever is asked for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use turnloom::explore::{Firing, Token};

use crate::folder::{Folder, clean};

const HANG_ITERATIONS: &str = include_str!("hang-iterations.json");

/// A run of a thousand iterations is longer than the limit of steps, and no hang.
#[test]
fn hang_iterations() {
    let folder = Folder::new("hang-iterations", &[("scenarios/hang-iterations.json", HANG_ITERATIONS)]);
    let file = "scenarios/hang-iterations.json";
    let why = "took more than 20000 steps and neither ended nor came back to a state it had been in: lower \
               `limits.iterations` or `limits.retries`, or let the server end the loop";
    let explored = folder.run(&format!("explore {file}"));
    assert_eq!(explored.code, 3, "{}", explored.err);
    let told = format!("incomplete: an execution {why}   hang-iterations   0 outcomes\n");
    assert!(explored.out.starts_with(&told), "{}", explored.out);
    let document: Value =
        serde_json::from_str(&folder.run(&format!("explore {file} --format json")).out).unwrap();
    assert_eq!(document["verdict"], format!("incomplete: an execution {why}"));
    assert_eq!(document["outcomes"], Value::Array(Vec::new()));
    let checked = folder.run("check --update");
    assert_eq!(checked.code, 3, "{}", checked.out);
    assert_eq!(folder.read("snapshots/hang-iterations.snap"), "", "nothing is known, so nothing is written");
    let sampled = folder.run(&format!("explore {file} --search random --budget 2"));
    let told = format!("incomplete: each of 2 of the 2 schedules {why}   ");
    assert!(sampled.code == 3 && sampled.out.starts_with(&told), "{}", sampled.out);
    let token = Token {
        scenario: "hang-iterations".into(),
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        schedule: "-".parse().unwrap(),
    };
    let replayed = folder.run(&format!("replay {file} {token}"));
    assert_eq!(replayed.code, 3, "{}", replayed.out);
    assert_eq!(replayed.err, format!("error: failed to run `hang-iterations`: it {why}\n"));
    // With iterations that fit, the same conversation is a finding or none, but not for its length.
    folder.write(file, &HANG_ITERATIONS.replace("1000", "10"));
    assert!(folder.run(&format!("explore {file}")).out.starts_with("proved   hang-iterations   1 outcome\n"));
}

/// Five thousand actors, each with one message.
fn many_actors(number: usize) -> String {
    let actor = |number| format!(r#"{{"name": "a{number}", "does": [{{"send": {{"text": "m{number}"}}}}]}}"#);
    let actors: Vec<String> = (0..number).map(actor).collect();
    format!(
        r#"{{"version": 1, "title": "many", "source": "a stress", "agent": {{"kind": "acp"}}, "actors": [{}]}}"#,
        actors.join(", ")
    )
}

#[test]
#[cfg(unix)]
fn many_actors_stay_within_the_memory_that_is_named() {
    let folder = Folder::new("many-actors", &[("many.json", many_actors(5_000))]);
    // Stacks are mapped in full and touched in part: so this is far above the memory that is named.
    let limited = "ulimit -v 2000000; exec \"$0\" explore many.json --memory 64MiB";
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, env!("CARGO_BIN_EXE_turnloom")]).current_dir(&folder.0);
    let run = crate::folder::Run::of(shell.output().expect("there is a shell"));
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(
        run.out.starts_with("incomplete: the memory of 64MiB was used up   many   0 outcomes\n"),
        "{}",
        run.out
    );
}

/// A token with thousands of departures that fit nowhere is as good as one with none, and as fast.
#[test]
fn a_token_of_many_departures_is_replayed_in_one_go() {
    let folder = Folder::new("many-departures", &[("a.json", clean("1"))]);
    let departures: Vec<String> =
        (2..5_002).map(|count| format!("server@alice.lock-state.{count}")).collect();
    let token = Token {
        scenario: "a".into(),
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        schedule: departures.join(",").parse().unwrap(),
    };
    let replayed = folder.run(&format!("replay a.json {token}"));
    assert_eq!(replayed.code, 3, "{}", replayed.err);
    assert!(replayed.out.contains("drifted"), "{}", replayed.out);
}

#[test]
fn a_token_has_one_form() {
    let folder = Folder::new("one-form", &[("a.json", clean("1"))]);
    for (token, why) in [
        ("a:finish-gap+finish-gap:-:", "names `finish-gap` twice"),
        ("a:@1.25.0+@base:-:", "has two revisions, `1.25.0` and `base`"),
    ] {
        // The check of the token is in the refusal of a wrong one.
        let refused = folder.run(&format!("replay a.json {token}000000"));
        let check = refused.err.split('`').rev().nth(1).expect("the right check").to_owned();
        let replayed = folder.run(&format!("replay a.json {token}{check}"));
        assert_eq!(replayed.code, 2);
        assert!(replayed.err.contains(why), "{}", replayed.err);
    }
}

/// A server of the LLM or of the agent, with what it announced.
struct Server {
    child: Child,
    said: Value,
}

impl Server {
    fn start(folder: &Folder, arguments: &str) -> Self {
        let mut command = folder.command(arguments);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        Self { child, said: serde_json::from_str(&line).expect("what it announces") }
    }

    fn connect(&self, port: &str) -> TcpStream {
        let address = self.said[port].as_str().expect("it is announced");
        let address = address.trim_start_matches("http://").trim_end_matches("/v1");
        TcpStream::connect(address).expect("it listens")
    }

    fn ask_for_gates(&self) -> String {
        let mut one = self.connect("control");
        let token = self.said["token"].as_str().expect("it is announced");
        write!(one, "GET /gates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
            .expect("it is read");
        let mut answer = String::new();
        one.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was answered leaves nothing in memory.
#[test]
#[cfg(target_os = "linux")]
fn memory_growth() {
    let scenario = r#"{"version": 1, "title": "an LLM", "source": "tests", "agent": {"kind": "llm"},
        "actors": [{"name": "a", "does": [{"send": {"text": "hi"}}, "run"]}]}"#;
    let folder = Folder::new("memory-growth", &[("llm.json", scenario)]);
    let server = Server::start(&folder, "serve llm.json --llm 127.0.0.1:0");
    let text = "z".repeat(4 << 20);
    let body = format!(r#"{{"model": "any", "messages": [{{"role": "user", "content": "{text}"}}]}}"#);
    for _ in 0..40 {
        let mut one = server.connect("llm");
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        write!(one, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it is read");
        let mut answer = String::new();
        one.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("it lives");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 128 * 1024, "{kib} KiB are left of 40 bodies of 4 MiB");
}

/// Whoever has no token keeps nobody out, with a byte or with the head of a request.
#[test]
fn control_lockout() {
    let folder = Folder::new("control-lockout", &[("a.json", clean("1"))]);
    let server = Server::start(&folder, "serve a.json --control 127.0.0.1:0");
    let mut held = Vec::new();
    for begun in ["G", "POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n"] {
        for _ in 0..300 {
            let mut one = server.connect("control");
            // The server may have closed it already.
            let _ = one.write_all(begun.as_bytes());
            held.push(one);
        }
        let answer = server.ask_for_gates();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// What a killed update left aside is removed by the next one, and nothing else.
#[test]
fn what_a_killed_update_left_is_removed_by_the_next_one() {
    let folder = Folder::new("left-aside", &[("scenarios/a.json", clean("1"))]);
    folder.run("check --update");
    for name in
        [".turnloom-AbC123", ".turnloom-000000", ".turnloom-mine", ".turnloom-AbC123.txt", "b.snap.new"]
    {
        folder.write(&format!("snapshots/{name}"), "half a sna");
    }
    let written = fs::File::open(folder.0.join("snapshots/.turnloom-000000")).expect("it is there");
    written.lock().expect("it can be locked");
    assert_eq!(folder.run("check").code, 0);
    assert_eq!(folder.names("snapshots").len(), 6, "only an update removes something");
    assert_eq!(folder.run("check --update").code, 0);
    let left = folder.names("snapshots");
    let others = [".turnloom-000000", ".turnloom-AbC123.txt", ".turnloom-mine", "a.snap", "b.snap.new"];
    assert_eq!(left, others, "one is still being written, and the others are somebody else's");
}

/// A report of a shard of which a byte was changed is no report of a shard.
#[test]
fn a_shard_whose_content_was_changed_is_refused() {
    let folder =
        Folder::new("damaged-shard", &[("scenarios/a.json", clean("1")), ("scenarios/b.json", clean("2"))]);
    folder.run("check --update");
    for index in [1, 2] {
        assert_eq!(folder.run(&format!("check --shard {index}/2 --report {index}.json")).code, 0);
    }
    assert_eq!(folder.run("merge 1.json 2.json").code, 0);
    let whole = folder.read("1.json");
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..40 {
        let mut bytes = whole.clone().into_bytes();
        let place = random.usize(..bytes.len());
        match random.u8(..3) {
            0 => bytes[place] ^= 1 << random.u8(..7),
            1 => drop(bytes.remove(place)),
            _ => bytes.truncate(place),
        }
        fs::write(folder.0.join("1.json"), &bytes).expect("a file can be written");
        let merged = folder.run("merge 1.json 2.json");
        assert_eq!(merged.code, 2, "{}", String::from_utf8_lossy(&bytes));
        assert!(merged.err.contains("1.json"), "{}", merged.err);
    }
    folder.write("1.json", &whole.replace("\"outcomes\": 1", "\"outcomes\": 2"));
    let merged = folder.run("merge 1.json 2.json");
    assert!(merged.code == 2 && merged.err.contains("a byte has changed since"), "{}", merged.err);
}
