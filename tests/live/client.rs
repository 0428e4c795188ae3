//! A client by hand: lines out, lines in, and requests to the control port over a plain socket.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A folder of one test, in which its servers run.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str, scenario: &str) -> Self {
        let path = std::env::temp_dir().join(format!("turnloom-live-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("live.json"), scenario).unwrap();
        Self(path)
    }

    /// `turnloom serve live.json`, with more arguments.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
        command.args(["serve", "live.json"]).args(arguments.split_whitespace());
        if !arguments.contains("--watchdog") {
            command.args(["--watchdog", "60s"]);
        }
        command.current_dir(&self.0).env_remove("CI");
        command
    }

    pub fn serve(&self, arguments: &str) -> Client {
        let mut command = self.command(arguments);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Client {
            input: process.stdin.take(),
            output: BufReader::new(process.stdout.take().unwrap()),
            errors: BufReader::new(process.stderr.take().unwrap()),
            process,
        }
    }

    /// The transcript `t.jsonl`: every entry without its place in the order, which is checked.
    pub fn transcript(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.0.join("t.jsonl")).unwrap();
        let entry = |(at, line): (usize, &str)| {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["n"], at + 1, "{line}");
            entry["what"].take()
        };
        text.lines().enumerate().map(entry).collect()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A server process and the client's ends of its pipes.
pub struct Client {
    pub process: Child,
    pub input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
}

impl Client {
    /// Writes bytes; a server that has gone takes none.
    pub fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.flush()).unwrap();
    }

    /// What the server writes.
    pub fn output(&mut self) -> &mut BufReader<ChildStdout> {
        &mut self.output
    }

    pub fn send(&mut self, frame: &Value) {
        self.write(format!("{frame}\n").as_bytes());
    }

    /// The next line of the server.
    pub fn read(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Sends a request and reads its answer, which is the next line.
    pub fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Sets the session `s1` up.
    pub fn greet(&mut self) {
        self.ask(0, "initialize", &json!({"protocolVersion": 1}));
        let new = self.ask(1, "session/new", &json!({"cwd": "/", "mcpServers": []}));
        assert_eq!(new["result"]["sessionId"], "s1");
    }

    pub fn prompt(&mut self, id: u32, text: &str) {
        let prompt = json!({"sessionId": "s1", "prompt": [{"type": "text", "text": text}]});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "session/prompt", "params": prompt}));
    }

    /// The text of the next update.
    pub fn chunk(&mut self) -> String {
        let update = self.read();
        update["params"]["update"]["content"]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{update}"))
            .to_owned()
    }

    /// Why the prompt with this id ended, behind the usage update.
    pub fn stop_reason(&mut self, id: u32) -> String {
        let usage = self.read();
        assert_eq!(usage["params"]["update"]["sessionUpdate"], "usage_update", "{usage}");
        let answer = self.read();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"]["stopReason"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Closes the server's input, reads what is left, and waits; the exit code and what was left.
    pub fn close(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let mut left = String::new();
        self.output.read_to_string(&mut left).unwrap();
        (self.process.wait().unwrap().code(), left)
    }

    /// What the server has to say of itself, when it has ended.
    pub fn said(&mut self) -> String {
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        said
    }

    /// The ports that the server announces.
    pub fn announced(&mut self) -> String {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        line
    }

    /// The control port that the server announces.
    pub fn control(&mut self) -> Control {
        Control::announced(&self.announced())
    }
}

/// The control port of a server.
#[derive(Clone)]
pub struct Control {
    pub address: String,
    pub token: String,
}

impl Control {
    pub fn announced(line: &str) -> Self {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let address = said["control"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { address, token: said["token"].as_str().unwrap().to_owned() }
    }

    /// One request; the status and the body of its answer.
    pub fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!("Authorization: Bearer {}\r\nContent-Length: {}\r\n", self.token, body.len());
        self.raw(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n{body}").as_bytes())
    }

    pub fn raw(&self, bytes: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A request that is answered well; its answer.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, body) = self.request("POST", path, &body.to_string());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}
