//! The live server on pipes of memory: every write with its boundaries, every fault byte by byte.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_test::io::Builder;

use super::{Serving, serve_on};
use crate::scenario;
use crate::scenario::{Loaded, Vocabulary};
use crate::wire::transcript::End;

/// Remembers each write, and that it was closed.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    pub(super) writes: Rc<RefCell<Vec<String>>>,
}

impl AsyncWrite for Recorder {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.borrow_mut().push(bytes.escape_ascii().to_string().replace("\\\"", "\""));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writes.borrow_mut().push("(closed)".to_owned());
        Poll::Ready(Ok(()))
    }
}

/// A scenario with an agent of this kind that says no more than these reactions.
pub(super) fn loaded(kind: &str, server: &str) -> Loaded {
    let text = format!(
        r#"{{"version": 1, "title": "t", "source": "s", "agent": {{"kind": "{kind}"}}, "gates": ["go"],
        "actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run", {{"wait": {{"gate": "go"}}}}]}},
                   {{"name": "ben", "does": [{{"open": "go"}}]}}],
        "server": {server}}}"#
    );
    let vocabulary = Vocabulary { revisions: vec!["fixed"], ..Vocabulary::default() };
    scenario::parse("test", &text, &vocabulary).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

/// What is served when these reactions are all that the scenario says.
fn serving(server: &str) -> Serving {
    let loaded = loaded("acp", server);
    Serving {
        name: loaded.name,
        scenario: loaded.scenario,
        transcript: None,
        control: None,
        llm: None,
        llm_for_all: false,
        watchdog: Duration::from_secs(60),
        times: false,
    }
}

const NEW: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session/new\",\"params\":{}}\n";
const HI: &str = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"session/prompt\",\"params\":{\"sessionId\":\"s1\",\"prompt\":[{\"type\":\"text\",\"text\":\"hi\"}]}}\n";
const CANCEL: &str =
    "{\"jsonrpc\":\"2.0\",\"method\":\"session/cancel\",\"params\":{\"sessionId\":\"s1\"}}\n";
const NEW_ANSWER: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"sessionId\":\"s1\"}}\\n";
const USAGE: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"s1\",\"update\":{\"sessionUpdate\":\"usage_update\",\"used\":1,\"size\":1000000}}}\\n";
const END_TURN: &str = "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"stopReason\":\"end_turn\"}}\\n";

fn chunk(text: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{{\"sessionId\":\"s1\",\"update\":{{\"sessionUpdate\":\"agent_message_chunk\",\"content\":{{\"type\":\"text\",\"text\":\"{text}\"}}}}}}}}\\n"
    )
}

/// Serves what these reads bring and then the end of the input; how it ended and what was written.
fn play(server: &str, reads: &[&str]) -> (End, Vec<String>) {
    let mut input = Builder::new();
    for read in reads {
        input.read(read.as_bytes());
    }
    let output = Recorder::default();
    let serving = serving(server);
    let end = tokio_test::block_on(tokio::task::LocalSet::new().run_until(serve_on(
        &serving,
        input.build(),
        output.clone(),
        |_| {},
    )));
    (end.unwrap(), output.writes.take())
}

/// What is written on the prompt `hi`, in its own writes.
fn on_hi(actions: &str) -> (End, Vec<String>) {
    let server = format!(r#"[{{"on": {{"prompt": "hi"}}, "do": {actions}}}]"#);
    let (end, mut writes) = play(&server, &[NEW, HI]);
    assert_eq!(writes.remove(0), NEW_ANSWER);
    (end, writes)
}

#[test]
fn what_is_done_in_one_burst_leaves_in_one_write() {
    let (end, writes) = on_hi(r#"[{"say": "a"}, {"say": "b"}, {"answer": "end_turn"}]"#);
    assert_eq!(writes, [chunk("a") + &chunk("b") + USAGE + END_TURN]);
    assert_eq!(end, End::InputEnded);
}

#[test]
fn a_flush_ends_the_write() {
    let (_, writes) = on_hi(r#"[{"say": "a"}, "flush", {"say": "b"}, {"answer": "end_turn"}]"#);
    assert_eq!(writes, [chunk("a"), chunk("b") + USAGE + END_TURN]);
}

#[test]
fn a_frame_is_split_at_every_byte() {
    let whole = chunk("a");
    let bytes = whole.replace("\\n", "\n").len();
    for at in 1..=bytes {
        let (_, writes) =
            on_hi(&format!(r#"[{{"split": {{"at": {at}}}}}, {{"say": "a"}}, {{"answer": "end_turn"}}]"#));
        let rest = format!("{USAGE}{END_TURN}");
        let expected = match at {
            at if at < bytes => vec![whole[..at].to_owned(), whole[at..].to_owned() + &rest],
            _ => vec![whole.clone() + &rest],
        };
        assert_eq!(writes, expected, "split at {at}");
    }
}

#[test]
fn frames_and_bytes_are_written_as_they_are() {
    let (_, writes) = on_hi(
        r#"[{"frame": {"jsonrpc": "2.0", "id": 99, "result": {"of": "$session"}}},
            {"raw": {"text": "{broken\n"}},
            {"raw": {"hex": "ff 0a"}},
            {"frame": {"jsonrpc": "2.0", "id": "$request", "result": {"stopReason": "end_turn"}}},
            {"say": "late"},
            {"answer": "end_turn"}]"#,
    );
    let unknown = "{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{\"of\":\"s1\"}}\\n";
    assert_eq!(writes, [format!("{unknown}{{broken\\n\\xff\\n{END_TURN}{}{USAGE}{END_TURN}", chunk("late"))]);
}

#[test]
fn a_crash_in_the_middle_of_a_frame_and_a_closed_output() {
    let (end, writes) = on_hi(r#"[{"say": "a"}, {"raw": {"text": "{\"jsonrpc\":"}}, {"exit": 139}]"#);
    assert_eq!((end, writes), (End::Exit(139), vec![chunk("a") + "{\"jsonrpc\":"]));
    let (_, writes) = on_hi(r#"[{"say": "a"}, "close_output"]"#);
    assert_eq!(writes, [chunk("a"), "(closed)".to_owned()]);
}

#[test]
fn a_process_can_speak_before_it_was_asked_and_refuse_to_begin() {
    let server = r#"[{"on": "start", "do": [{"raw": {"text": "Welcome!\n"}}]},
        {"on": {"request": "session/new"}, "do": [{"fail": "no room"}]}]"#;
    let (_, writes) = play(server, &[NEW]);
    let no_room = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no room"}}\n"#;
    assert_eq!(writes, ["Welcome!\\n", no_room]);
    assert_eq!(play(r#"[{"on": "start", "do": [{"exit": 1}]}]"#, &[]).0, End::Exit(1));
}

#[test]
fn a_slow_request_is_answered_as_always_when_its_actions_have_run_out() {
    let server =
        r#"[{"on": {"request": "session/new"}, "do": [{"wait": {"frame": {"method": "initialize"}}}]}]"#;
    let initialize =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n";
    let (_, writes) = play(server, &[NEW, initialize]);
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(writes[1], NEW_ANSWER);
}

#[test]
fn calls_to_the_client_are_waited_for() {
    let server = r#"[{"on": {"prompt": "hi"}, "do": [
        {"call": {"name": "p1", "method": "session/request_permission", "params": {"sessionId": "$session", "options": []}}},
        {"wait": {"reply": {"to": "p1", "with": "cancelled"}}},
        {"answer": "cancelled"}]}]"#;
    let other = "{\"jsonrpc\":\"2.0\",\"id\":\"p2\",\"result\":{\"outcome\":{\"outcome\":\"cancelled\"}}}\n";
    let reply = "{\"jsonrpc\":\"2.0\",\"id\":\"p1\",\"result\":{\"outcome\":{\"outcome\":\"cancelled\"}}}\n";
    let (_, writes) = play(server, &[NEW, HI, CANCEL, other]);
    let call = r#"{"jsonrpc":"2.0","id":"p1","method":"session/request_permission","params":{"sessionId":"s1","options":[]}}\n"#;
    assert_eq!(writes[1..], [call], "an answer to something else is none");
    let (_, writes) = play(server, &[NEW, HI, CANCEL, reply]);
    assert!(writes[2].contains("\"stopReason\":\"cancelled\""), "{writes:?}");
}

#[test]
fn while_the_script_does_not_read_nothing_is_taken_from_the_pipe() {
    let server = r#"[{"on": {"prompt": "hi"}, "do": ["stop_reading"]}]"#;
    let serving = Serving { watchdog: Duration::from_secs(3), ..serving(server) };
    let output = Recorder::default();
    let (mut client, input) = tokio::io::duplex(64 * 1024);
    let (end, left) = tokio::task::LocalSet::new().block_on(&paused(), async {
        client.write_all(format!("{NEW}{HI}").as_bytes()).await.unwrap();
        let (mut input, server) = tokio::io::split(input);
        drop(server);
        let end = tokio::join!(serve_on(&serving, &mut input, output.clone(), |_| {}), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.write_all(CANCEL.as_bytes()).await.unwrap();
        });
        drop(client);
        let mut left = String::new();
        input.read_to_string(&mut left).await.unwrap();
        (end.0.unwrap(), left)
    });
    assert_eq!((end, left.as_str()), (End::Inconclusive, CANCEL));
}

#[test]
fn the_watchdog_waits_as_long_as_something_happens() {
    let serving = Serving { watchdog: Duration::from_secs(10), ..serving("[]") };
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let client = async move {
        for bytes in [NEW; 5] {
            tokio::time::sleep(Duration::from_secs(9)).await;
            client.write_all(bytes.as_bytes()).await.unwrap();
        }
        loop {
            // A byte now and then is no line.
            tokio::time::sleep(Duration::from_secs(9)).await;
            client.write_all(b" ").await.unwrap();
        }
    };
    let (end, seconds) = tokio::task::LocalSet::new().block_on(&paused(), async {
        let began = tokio::time::Instant::now();
        let end = tokio::select! {
            end = serve_on(&serving, server, Recorder::default(), |_| {}) => end,
            () = client => unreachable!("it writes for ever"),
        };
        (end.unwrap(), began.elapsed().as_secs())
    });
    assert_eq!((end, seconds), (End::Inconclusive, 5 * 9 + 10));
}

/// A runtime whose time passes when nobody can do anything else.
fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}
