//! Real turns a second and streamed chunks a second: `turnloom serve` on its pipe beside an agent of the official Rust SDK,
//! and its LLM beside aimock, each with the same client by hand that sends the same bytes.
//!
//! `cargo bench --bench live` ends with a table of ratios; its rounds alternate between the peers, so a busy machine slows
//! both. aimock is a package of npm: `npm install @copilotkit/aimock` in some folder, and
//! `TURNLOOM_AIMOCK=FOLDER/node_modules/@copilotkit/aimock`. Without it the LLM is measured alone. A real clock is read
//! here and in no verdict.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use agent_client_protocol::v1::schema::{
    AgentCapabilities, ContentBlock, ContentChunk, InitializeRequest, InitializeResponse, NewSessionRequest,
    NewSessionResponse, PromptRequest, PromptResponse, SessionNotification, SessionUpdate, StopReason,
    TextContent,
};
use agent_client_protocol::{Agent, Stdio as SdkStdio};
use criterion::{Criterion, Throughput};

/// How often each peer is measured for the table.
const ROUNDS: usize = 9;
/// How many turns are taken in one measurement of turns.
const TURNS: usize = 500;
/// How many turns of many chunks are taken in one measurement of chunks, and how many chunks they have.
const STREAMS: usize = 10;
const CHUNKS: usize = 1_000;
/// Starts this program as an agent of the SDK.
const AS_AGENT: &str = "TURNLOOM_BENCH_AGENT";

/// Somebody who answers: a message `turn` with one chunk, `chunks` with many.
trait Peer {
    /// One turn; how many chunks it had.
    fn turn(&mut self, text: &str) -> usize;
}

/// Ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An ACP agent on a pipe.
struct AcpPeer {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: String,
    id: usize,
    _process: Process,
}

impl AcpPeer {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the agent starts");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let output = BufReader::new(output);
        let mut peer = Self { input, output, session: String::new(), id: 1, _process: Process(child) };
        peer.write(r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":1}}"#);
        peer.line();
        peer.write(r#"{"jsonrpc":"2.0","id":1,"method":"session/new","params":{"cwd":"/","mcpServers":[]}}"#);
        let new: serde_json::Value = serde_json::from_str(&peer.line()).unwrap();
        new["result"]["sessionId"].as_str().unwrap().clone_into(&mut peer.session);
        peer
    }

    fn write(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }
}

impl Peer for AcpPeer {
    fn turn(&mut self, text: &str) -> usize {
        self.id += 1;
        let params =
            format!(r#"{{"sessionId":"{}","prompt":[{{"type":"text","text":"{text}"}}]}}"#, self.session);
        let prompt =
            format!(r#"{{"jsonrpc":"2.0","id":{},"method":"session/prompt","params":{params}}}"#, self.id);
        self.write(&prompt);
        let mut chunks = 0;
        loop {
            let line = self.line();
            if line.contains("\"stopReason\"") {
                return chunks;
            }
            chunks += usize::from(line.contains("agent_message_chunk"));
        }
    }
}

/// An LLM behind a connection that stays open.
struct LlmPeer {
    stream: BufReader<TcpStream>,
    _process: Process,
    _input: Option<ChildStdin>,
}

impl LlmPeer {
    /// Starts a server that says on one of its outputs where it listens, after `http://`.
    fn start(mut command: Command, on_stderr: bool) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the LLM starts");
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let output: Box<dyn Read> =
            if on_stderr { Box::new(errors.unwrap()) } else { Box::new(output.unwrap()) };
        let mut address = String::new();
        for line in BufReader::new(output).lines() {
            if let Some((_, found)) = line.unwrap().split_once("http://") {
                let end = found.find(|char: char| !char.is_ascii_digit() && char != '.' && char != ':');
                found[..end.unwrap_or(found.len())].clone_into(&mut address);
                break;
            }
        }
        let stream = TcpStream::connect(&address).expect("the LLM listens");
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), _process: Process(child), _input: input }
    }
}

impl Peer for LlmPeer {
    fn turn(&mut self, text: &str) -> usize {
        let body =
            format!(r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
        }
        let (mut chunks, mut chunk) = (0, Vec::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            chunk.resize(length + 2, 0);
            self.stream.read_exact(&mut chunk).unwrap();
            if length == 0 {
                return chunks;
            }
            chunks += usize::from(chunk.windows(11).any(|part| part == b"{\"content\":"));
        }
    }
}

/// The files that the servers read.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("turnloom-bench-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for kind in ["acp", "llm"] {
            fs::write(path.join(format!("{kind}.json")), scenario(kind)).unwrap();
        }
        let many = "four".repeat(CHUNKS);
        let fixture = |text: &str, content: &str| {
            format!(r#"{{"match":{{"userMessage":"{text}"}},"response":{{"content":"{content}"}}}}"#)
        };
        let fixtures =
            format!(r#"{{"fixtures":[{},{}]}}"#, fixture("turn", "four"), fixture("chunks", &many));
        fs::write(path.join("fixtures.json"), fixtures).unwrap();
        Self(path)
    }

    fn serve(&self, file: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
        command.arg("serve").arg(self.0.join(file)).args(["--watchdog", "1h"]);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn scenario(kind: &str) -> String {
    let mut say = String::new();
    for _ in 0..CHUNKS {
        let _ = write!(say, r#"{{"say": "four"}}, "#);
    }
    format!(
        r#"{{"version": 1, "title": "turns", "source": "benches", "agent": {{"kind": "{kind}"}},
        "actors": [{{"name": "ann", "does": [{{"send": {{"text": "turn"}}}}, "run", {{"send": {{"text": "chunks"}}}}, "run"]}}],
        "server": [{{"on": {{"prompt": "turn"}}, "do": [{{"say": "four"}}, {{"answer": "end_turn"}}]}},
                   {{"on": {{"prompt": "chunks"}}, "do": [{say}{{"answer": "end_turn"}}]}}]}}"#
    )
}

/// The other agent: what the script says, with the SDK.
fn agent() {
    let talk = Agent
        .v1()
        .on_receive_request(
            async |initialize: InitializeRequest, responder, _connection| {
                let capabilities = AgentCapabilities::new();
                let answer = InitializeResponse::new(initialize.protocol_version);
                responder.respond(answer.agent_capabilities(capabilities))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async |_: NewSessionRequest, responder, _connection| {
                responder.respond(NewSessionResponse::new("s1"))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async |prompt: PromptRequest, responder, connection| {
                let many =
                    matches!(prompt.prompt.first(), Some(ContentBlock::Text(text)) if text.text == "chunks");
                for _ in 0..if many { CHUNKS } else { 1 } {
                    let chunk = ContentChunk::new(ContentBlock::Text(TextContent::new("four")));
                    let update = SessionUpdate::AgentMessageChunk(chunk);
                    connection
                        .send_notification(SessionNotification::new(prompt.session_id.clone(), update))?;
                }
                responder.respond(PromptResponse::new(StopReason::EndTurn))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_to(SdkStdio::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(talk).unwrap();
}

/// A peer and what it is called.
type Named = (&'static str, Box<dyn Peer>);

fn peers(folder: &Folder) -> Vec<(&'static str, Vec<Named>)> {
    let mut sdk = Command::new(env::current_exe().unwrap());
    sdk.env(AS_AGENT, "1");
    let agents: Vec<Named> = vec![
        ("turnloom", Box::new(AcpPeer::start(folder.serve("acp.json")))),
        ("Rust SDK", Box::new(AcpPeer::start(sdk))),
    ];
    let mut serve = folder.serve("llm.json");
    serve.args(["--llm", "127.0.0.1:0"]);
    let mut llms: Vec<Named> = vec![("turnloom", Box::new(LlmPeer::start(serve, true)))];
    match env::var_os("TURNLOOM_AIMOCK") {
        Some(package) => {
            let mut aimock = Command::new("node");
            aimock.arg(PathBuf::from(package).join("dist/cli.js")).args(["--port", "0", "--chunk-size", "4"]);
            aimock.arg("--fixtures").arg(folder.0.join("fixtures.json"));
            llms.push(("aimock", Box::new(LlmPeer::start(aimock, false))));
        }
        None => eprintln!(
            "aimock is not measured: npm install @copilotkit/aimock, then TURNLOOM_AIMOCK=node_modules/@copilotkit/aimock"
        ),
    }
    vec![("agent", agents), ("llm", llms)]
}

/// What is measured: a name, the message, how many turns, and how many chunks each has.
const WORK: [(&str, &str, usize, usize); 2] =
    [("turns", "turn", TURNS, 1), ("chunks", "chunks", STREAMS, CHUNKS)];

fn measure(peer: &mut dyn Peer, text: &str, turns: usize, chunks: usize) -> Duration {
    let began = Instant::now();
    for _ in 0..turns {
        assert_eq!(peer.turn(text), chunks, "every chunk comes");
    }
    began.elapsed()
}

fn print_ratios(sides: &mut [(&'static str, Vec<Named>)]) {
    println!("\n{:<16}{:>16}{:>16}{:>8}", "a second", "turnloom", "beside", "ratio");
    for (side, peers) in sides {
        for (name, text, turns, chunks) in WORK {
            let mut times = vec![Vec::new(); peers.len()];
            for _ in 0..ROUNDS {
                for (peer, times) in peers.iter_mut().zip(&mut times) {
                    times.push(measure(peer.1.as_mut(), text, turns, chunks));
                }
            }
            let rate = |times: &mut Vec<Duration>| {
                times.sort();
                #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
                let done = (turns * chunks) as f64;
                done / times[ROUNDS / 2].as_secs_f64()
            };
            let rates: Vec<f64> = times.iter_mut().map(rate).collect();
            if let [own, other] = rates[..] {
                println!("{:<16}{own:>16.0}{other:>16.0}{:>8.1}", format!("{side} {name}"), own / other);
            } else {
                println!("{:<16}{:>16.0}", format!("{side} {name}"), rates[0]);
            }
        }
    }
}

fn main() {
    if env::var_os(AS_AGENT).is_some() {
        return agent();
    }
    let folder = Folder::new();
    let mut sides = peers(&folder);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    for (side, peers) in &mut sides {
        for (name, text, _, chunks) in WORK {
            let mut group = criterion.benchmark_group(format!("{side} {name}"));
            group.throughput(Throughput::Elements(chunks as u64));
            for (who, peer) in peers.iter_mut() {
                group.bench_function(*who, |bencher| bencher.iter(|| peer.turn(text)));
            }
            group.finish();
        }
    }
    // Only `cargo bench` passes this; `cargo test` runs each benchmark once, to see that it works.
    if env::args().any(|argument| argument == "--bench") {
        print_ratios(&mut sides);
    }
    criterion.final_summary();
}
