//! Peers that do what no specification asks for: an error answer or a recorded policy, and the server goes on.

use serde_json::{Value, json};

use super::{Client, Folder, gated, scenario};

/// A server that has been greeted, with a transcript.
fn greeted(test: &str) -> (Folder, Client) {
    let folder = Folder::new(test, &gated());
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    client.greet();
    (folder, client)
}

/// What the server makes of the frames that it read and that no rule of the protocol covers.
fn policies(folder: &Folder) -> Vec<String> {
    let policy = |entry: &Value| entry["read"]["policy"].as_str().map(str::to_owned);
    folder.transcript().iter().filter_map(policy).collect()
}

#[test]
fn what_is_no_frame_is_answered_with_an_error() {
    let (folder, mut client) = greeted("no-frame");
    for (line, id, code) in [
        (&b"{"[..], json!(null), -32700),
        (b"{\"a\xff\"}", json!(null), -32700),
        (b"7", json!(null), -32600),
        (b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}]", json!(null), -32600),
        (b"{\"id\":5,\"method\":\"initialize\"}", json!(5), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"initialize\"}", json!(null), -32600),
        (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"session/shout\"}", json!(5), -32601),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"session/prompt\",\"params\":[]}", json!("x"), -32602),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"session/prompt\",\"params\":{\"sessionId\":\"s1\",\"prompt\":7}}",
            json!(1.5),
            -32602,
        ),
        (
            b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"session/prompt\",\"params\":{\"sessionId\":\"s9\",\"prompt\":[]}}",
            json!(5),
            -32602,
        ),
        (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"session/load\",\"params\":{\"sessionId\":\"s9\"}}", json!(5), -32002),
        (b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"session/load\",\"params\":{\"sessionId\":7}}", json!(5), -32602),
    ] {
        client.write(line);
        client.write(b"\n");
        let answer = client.read();
        let line = String::from_utf8_lossy(line);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{line}: {answer}");
    }
    assert_eq!(client.close().0, Some(0));
    let garbage: Vec<_> = folder
        .transcript()
        .into_iter()
        .filter_map(|mut entry| entry.get_mut("garbage").map(Value::take))
        .collect();
    assert_eq!(garbage.len(), 2);
    assert_eq!(garbage[1]["bytes"], json!({"hex": "7b2261ff227d"}), "bytes that are no text are kept");
}

#[test]
fn ids_of_every_type_come_back_as_they_went() {
    let (_folder, mut client) = greeted("ids");
    for id in ["-7", "1.50", "123456789012345678901234567890", "\"a\\u0062\"", "null", "\"\""] {
        client.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"authenticate\"}}\n").as_bytes());
        let mut line = String::new();
        std::io::BufRead::read_line(client.output(), &mut line).unwrap();
        assert_eq!(line, format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n"));
    }
    client.close();
}

#[test]
fn what_the_specification_leaves_open_is_a_recorded_policy() {
    let (folder, mut client) = greeted("policy");
    let control = client.control();
    let cancel = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s1"}});
    client.send(&cancel);
    client.send(&json!({"jsonrpc": "2.0", "method": "session/cancel"}));
    client.send(&json!({"jsonrpc": "2.0", "method": "$/shout"}));
    client.send(&json!({"jsonrpc": "2.0", "id": "nobody", "result": {}}));
    client.write(b"\r\n\n");
    client.prompt(2, "hi");
    assert_eq!(client.chunk(), "working");
    client.prompt(3, "hi");
    assert_eq!(client.chunk(), "working");
    client.prompt(3, "hi");
    assert_eq!(client.chunk(), "working");
    control.post("/gates/go/open", &Value::Null);
    assert_eq!([client.stop_reason(2), client.stop_reason(3), client.stop_reason(3)], ["end_turn"; 3]);
    client.close();
    let second = "a second prompt in a turn";
    assert_eq!(
        policies(&folder),
        [
            "a cancel without a turn",
            "a cancel of no session",
            "a notification that the script knows nothing of",
            "an answer to nothing that was asked",
            second,
            second,
        ]
    );
}

#[test]
fn a_line_may_be_large_and_one_that_is_too_large_is_dropped() {
    let (folder, mut client) = greeted("large");
    let large = "x".repeat(1024 * 1024);
    client.prompt(2, &large);
    assert_eq!(client.stop_reason(2), "end_turn");
    let too_large = vec![b'x'; turnloom::wire::lines::LONGEST + 1];
    client.write(&too_large);
    client.write(b"\n");
    let answer = client.read();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600)));
    client.prompt(3, "still there");
    assert_eq!(client.stop_reason(3), "end_turn");
    client.write(b"{\"jsonrpc\":\"2.0\",");
    assert_eq!(client.close(), (Some(0), String::new()), "an unterminated line ends with the input");
    let last = folder.transcript();
    assert_eq!(last[last.len() - 2]["garbage"]["bytes"]["text"], "{\"jsonrpc\":\"2.0\",");
}

#[test]
fn a_client_that_reads_nothing_stops_being_read() {
    let folder = Folder::new(
        "deaf",
        &scenario(&format!(
            r#"[{{"on": "any_prompt", "do": [{{"say": "{}"}}, {{"answer": "end_turn"}}]}}]"#,
            "x".repeat(1024 * 1024)
        )),
    );
    let mut client = folder.serve("--transcript t.jsonl --control 127.0.0.1:0");
    let control = client.control();
    client.greet();
    // Far more than the server keeps; a client that reads gets all of it.
    let count = 20;
    let mut input = client.input.take().unwrap();
    let writing = std::thread::spawn(move || {
        use std::io::Write;
        for id in 0..count {
            let prompt =
                json!({"sessionId": "s1", "prompt": [{"type": "text", "text": "x".repeat(64 * 1024)}]});
            let frame = json!({"jsonrpc": "2.0", "id": id, "method": "session/prompt", "params": prompt});
            writeln!(input, "{frame}").unwrap();
        }
        input
    });
    control.post("/wait", &json!({"frame": {"method": "session/prompt", "count": 4}}));
    let (_, log) = control.request("GET", "/log", "");
    let read = log.lines().filter(|line| line.contains("\"what\":{\"read\"")).count();
    assert!(read < 2 + 10, "{read} frames were read, though no answer was");
    for id in 0..count {
        assert_eq!(client.chunk().len(), 1024 * 1024);
        assert_eq!(client.stop_reason(id), "end_turn");
    }
    client.input = Some(writing.join().unwrap());
    client.close();
}

#[test]
fn connections_that_say_nothing_keep_nobody_from_the_control_port() {
    let (_folder, mut client) = greeted("slow");
    let control = client.control();
    let slow: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(&control.address).unwrap()).collect();
    for mut stream in &slow {
        std::io::Write::write_all(&mut stream, b"POST /gates/go/op").unwrap();
    }
    assert_eq!(control.request("GET", "/gates", "").0, 200);
    control.post("/end", &Value::Null);
    assert_eq!(client.close().0, Some(0));
}
