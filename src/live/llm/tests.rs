//! The LLM on connections of memory: every answer and every fault byte by byte, with the boundaries of its writes.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio_test::io::Builder;

use super::{Goodbye, ROOM, converse};
use crate::live::shared_session::SharedSession;
use crate::live::tests::{Recorder, loaded};
use crate::wire::session::LiveSession;
use crate::wire::transcript::Transcript;

/// A session whose LLM has these reactions.
fn shared(server: &str) -> SharedSession {
    SharedSession::new(LiveSession::new(&loaded("llm", server).scenario, Transcript::nowhere()))
}

/// A request with these members beside the model and the message `hi`.
fn request(more: &str) -> String {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const STREAM: &str = r#","stream":true"#;

/// What is written on these reads, write by write, and how the connection ends. The client never hangs up by itself.
fn play(shared: &SharedSession, reads: &[&str]) -> (Option<Goodbye>, Vec<String>) {
    let mut input = Builder::new();
    for read in reads {
        input.read(read.as_bytes());
    }
    let (input, _open) = input.build_with_handle();
    let output = Recorder::default();
    let mut stream = tokio::io::join(input, output.clone());
    let room = Arc::new(Semaphore::new(ROOM));
    let goodbye = {
        let mut talk = tokio_test::task::spawn(converse(shared, &mut stream, &room, 1));
        let mut ready = None;
        while ready.is_none() {
            match talk.poll() {
                std::task::Poll::Ready(goodbye) => ready = Some(goodbye),
                std::task::Poll::Pending
                    if !talk.is_woken() && shared.look(|session| session.script().gate_is_open("go")) =>
                {
                    break;
                }
                std::task::Poll::Pending if !talk.is_woken() => shared.act(|session| session.open_gate("go")),
                std::task::Poll::Pending => {}
            }
        }
        ready
    };
    (goodbye, output.writes.take())
}

/// What is written on the message `hi`, streamed. What waits for the gate comes in a write of its own.
fn streamed(actions: &str) -> (Option<Goodbye>, Vec<String>) {
    let shared = shared(&format!(r#"[{{"on": {{"prompt": "hi"}}, "do": {actions}}}]"#));
    play(&shared, &[&request(STREAM)])
}

/// The same, whole.
fn whole(actions: &str) -> (Option<Goodbye>, Vec<String>) {
    let shared = shared(&format!(r#"[{{"on": {{"prompt": "hi"}}, "do": {actions}}}]"#));
    play(&shared, &[&request("")])
}

const HEAD: &str = "HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\nCache-Control: no-cache\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n";
const END: &str = "0\\r\\n\\r\\n";

/// A chunk of HTTP, as the recorder shows it.
fn piece(text: &str) -> String {
    let length = text.replace("\\n", "\n").replace("\\\\", "\\").len();
    format!("{length:x}\\r\\n{text}\\r\\n")
}

fn event(data: &str) -> String {
    piece(&format!("data: {data}\\n\\n"))
}

/// An event with this delta.
fn chunk(delta: &str, finish: &str) -> String {
    event(&format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    ))
}

fn begin() -> String {
    HEAD.to_owned() + &chunk(r#"{"role":"assistant","content":""}"#, "null")
}

fn said(text: &str) -> String {
    chunk(&format!(r#"{{"content":"{text}"}}"#), "null")
}

fn stop() -> String {
    chunk("{}", r#""stop""#) + &event("[DONE]") + END
}

/// An answer of JSON with this status and these headers, as the recorder shows it.
fn plain(status: &str, headers: &str, body: &str) -> String {
    let length = body.replace("\\n", "\n").len();
    format!(
        "HTTP/1.1 {status}\\r\\nContent-Type: application/json\\r\\nContent-Length: {length}\\r\\n{headers}\\r\\n{body}"
    )
}

#[test]
fn a_stream_leaves_in_one_write_and_what_waits_in_the_next() {
    let (goodbye, writes) = streamed(r#"[{"say": "a"}, {"think": "b"}, {"answer": "end_turn"}]"#);
    let thought = chunk(r#"{"reasoning_content":"b"}"#, "null");
    assert_eq!(writes, [begin() + &said("a") + &thought + &stop()]);
    assert_eq!(goodbye, None, "the connection goes on");
    let (_, writes) = streamed(
        r#"[{"say": "a"}, "flush", {"say": "b"}, {"wait": {"gate": "go"}}, {"say": "c"}, {"answer": "max_tokens"}]"#,
    );
    let length = chunk("{}", r#""length""#) + &event("[DONE]") + END;
    assert_eq!(writes, [begin() + &said("a"), said("b"), said("c") + &length]);
    let (_, writes) = streamed(r#"[{"wait": {"gate": "go"}}, {"answer": "refusal"}]"#);
    let filtered = chunk("{}", r#""content_filter""#) + &event("[DONE]") + END;
    assert_eq!(writes, [begin() + &filtered], "not even the head leaves before the gate");
}

#[test]
fn who_says_nothing_says_ok_and_an_empty_text_is_empty() {
    assert_eq!(streamed(r#"[{"answer": "end_turn"}]"#).1, [begin() + &said("ok") + &stop()]);
    assert_eq!(streamed(r#"[{"say": ""}, {"answer": "end_turn"}]"#).1, [begin() + &said("") + &stop()]);
}

#[test]
fn the_usage_comes_last_if_it_is_asked_for() {
    let shared =
        shared(r#"[{"on": {"prompt": "hi"}, "do": [{"say": "two words"}, {"answer": "end_turn"}]}]"#);
    let asked = request(r#","stream":true,"stream_options":{"include_usage":true}"#);
    let (_, writes) = play(&shared, &[&asked]);
    let usage = event(
        r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":0,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
    );
    let end = chunk("{}", r#""stop""#) + &usage + &event("[DONE]") + END;
    assert_eq!(writes, [begin() + &said("two words") + &end]);
}

/// A whole answer with this message.
fn completion(message: &str, finish: &str, tokens: usize) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":0,"model":"m","choices":[{{"index":0,"message":{message},"finish_reason":"{finish}"}}],"usage":{{"prompt_tokens":1,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
        tokens + 1
    )
}

#[test]
fn an_answer_that_is_not_streamed_leaves_whole() {
    let (_, writes) = whole(
        r#"[{"think": "hm"}, {"say": "a "}, {"wait": {"gate": "go"}}, {"say": "b"}, {"answer": "end_turn"}]"#,
    );
    let message = r#"{"role":"assistant","content":"a b","reasoning_content":"hm"}"#;
    assert_eq!(writes, [plain("200 OK", "", &completion(message, "stop", 3))]);
    let (_, writes) =
        whole(r#"[{"split": {"at": 4}}, {"frame": {"id": "$request"}}, {"answer": "end_turn"}]"#);
    let all = plain("200 OK", "", r#"{"id":"chatcmpl-1"}"#);
    let cut = all.find("{\"id").unwrap() + 4;
    assert_eq!(writes, [&all[..cut], &all[cut..]]);
}

const CALL: &str = r#"[{"tool_call": {"id": "t1", "name": "look", "arguments": "{\"at\":"}},
    {"tool_call": {"id": "t1", "arguments": " 1}"}},
    {"tool_call": {"id": "t2", "name": "wait"}},
    {"answer": "end_turn"}]"#;

#[test]
fn tool_calls_come_in_pieces() {
    let (_, writes) = streamed(CALL);
    let call = |delta: &str| chunk(&format!(r#"{{"tool_calls":[{delta}]}}"#), "null");
    // The recorder shows a backslash as two, and no backslash in front of a quote.
    let arguments =
        r#"{"index":0,"id":"t1","type":"function","function":{"name":"look","arguments":"{\\"at\\":"}}"#;
    let pieces = [
        call(arguments),
        call(r#"{"index":0,"function":{"arguments":" 1}"}}"#),
        call(r#"{"index":1,"id":"t2","type":"function","function":{"name":"wait","arguments":""}}"#),
    ];
    let end = chunk("{}", r#""tool_calls""#) + &event("[DONE]") + END;
    assert_eq!(writes, [begin() + &pieces.concat() + &end]);
    let (_, writes) = whole(CALL);
    let body = writes[0].split("\\r\\n\\r\\n").nth(1).unwrap().replace("\\\\", "\\");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["choices"][0],
        json!({"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [
            {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1}"}},
            {"id": "t2", "type": "function", "function": {"name": "wait", "arguments": ""}},
        ]}})
    );
}

#[test]
fn a_completion_is_refused_with_any_status() {
    let error = |message: &str, kind: &str| {
        format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":null}}}}"#)
    };
    for play in [streamed, whole] {
        let (goodbye, writes) = play(r#"[{"refuse": {"status": 429, "retry_after": 7}}]"#);
        let body = error("Too Many Requests", "rate_limit_error");
        assert_eq!(writes, [plain("429 Too Many Requests", "Retry-After: 7\\r\\n", &body)]);
        assert_eq!(goodbye, None, "the connection goes on");
        let (_, writes) =
            play(r#"[{"wait": {"gate": "go"}}, {"refuse": {"status": 401, "body": {"why": "no key"}}}]"#);
        assert_eq!(writes, [plain("401 Unauthorized", "", r#"{"why":"no key"}"#)]);
        let (_, writes) = play(r#"[{"refuse": {"status": 503}}]"#);
        assert_eq!(
            writes,
            [plain("503 Service Unavailable", "", &error("Service Unavailable", "server_error"))]
        );
        let (_, writes) = play(r#"[{"fail": "on fire"}]"#);
        assert_eq!(writes, [plain("500 Internal Server Error", "", &error("on fire", "server_error"))]);
    }
    let (_, writes) = streamed(r#"[{"say": "a"}, {"fail": "on fire"}]"#);
    assert_eq!(writes, [begin() + &said("a") + &event(&error("on fire", "server_error")) + END]);
    let (_, writes) = whole(r#"[{"say": "a"}, {"fail": "on fire"}]"#);
    assert!(writes[0].starts_with("HTTP/1.1 500"), "nothing had left: {writes:?}");
}

#[test]
fn malformed_events_are_written_as_they_are() {
    let (_, writes) = streamed(
        r#"[{"raw": {"text": "data: {broken\n\n"}}, {"raw": {"hex": "ff"}}, {"frame": {"of": "$request"}}, {"answer": "end_turn"}]"#,
    );
    let broken = piece("data: {broken\\n\\n") + "1\\r\\n\\xff\\r\\n" + &event(r#"{"of":"chatcmpl-1"}"#);
    assert_eq!(writes, [begin() + &broken + &stop()]);
}

#[test]
fn an_event_is_cut_at_every_byte_into_two_chunks_and_two_writes() {
    let whole = "data: {}\\n\\n".to_owned();
    for at in 1..10 {
        let (_, writes) = streamed(&format!(
            r#"[{{"split": {{"at": {at}}}}}, {{"frame": {{}}}}, {{"answer": "end_turn"}}]"#
        ));
        let cut = if at == 9 { at + 1 } else { at };
        let expected = [begin() + &piece(&whole[..cut]), piece(&whole[cut..]) + &stop()];
        assert_eq!(writes, expected, "cut at {at}");
    }
    let (_, writes) = streamed(r#"[{"split": {"at": 10}}, {"frame": {}}, {"answer": "end_turn"}]"#);
    assert_eq!(writes, [begin() + &event("{}") + &stop()], "nothing is behind the cut");
}

#[test]
fn a_stream_is_truncated_reset_or_half_closed() {
    let (goodbye, writes) = streamed(r#"[{"say": "a"}, "hang_up"]"#);
    assert_eq!((goodbye, writes), (Some(Goodbye::Close), vec![begin() + &said("a")]));
    let (goodbye, writes) = streamed(r#"[{"say": "a"}, "reset"]"#);
    assert_eq!((goodbye, writes), (Some(Goodbye::Reset), vec![begin() + &said("a")]));
    let (goodbye, writes) = streamed(r#"[{"say": "a"}, "close_output", {"say": "to nobody"}]"#);
    assert_eq!((goodbye, writes), (None, vec![begin() + &said("a"), "(closed)".to_owned()]));
    let (goodbye, writes) = streamed(r#"["reset"]"#);
    assert_eq!((goodbye, writes), (Some(Goodbye::Reset), vec![]));
}

#[test]
fn an_answer_that_is_not_streamed_is_truncated_before_its_last_byte() {
    let message = r#"{"role":"assistant","content":"a"}"#;
    let all = plain("200 OK", "", &completion(message, "stop", 1));
    for (action, end) in [("hang_up", Goodbye::Close), ("reset", Goodbye::Reset)] {
        let (goodbye, writes) = whole(&format!(r#"[{{"say": "a"}}, "{action}"]"#));
        assert_eq!((goodbye, writes), (Some(end), vec![all[..all.len() - 1].to_owned()]));
    }
    let (goodbye, writes) = whole(r#"["hang_up"]"#);
    assert_eq!((goodbye, writes), (Some(Goodbye::Close), vec![]), "the script has said nothing");
}

#[test]
fn the_process_ends_when_all_has_left() {
    let shared = shared(r#"[{"on": {"prompt": "hi"}, "do": [{"say": "a"}, {"exit": 9}]}]"#);
    let (goodbye, writes) = play(&shared, &[&request(STREAM)]);
    assert_eq!((goodbye, writes), (Some(Goodbye::Close), vec![begin() + &said("a")]));
    assert_eq!(shared.look(LiveSession::ended), Some(crate::wire::transcript::End::Exit(9)));
}

#[test]
fn a_hang_ends_with_its_client() {
    let shared = shared(r#"[{"on": {"prompt": "hi"}, "do": [{"say": "a"}]}]"#);
    assert_eq!(play(&shared, &[&request(STREAM)]), (None, vec![begin() + &said("a")]));
    let mut input = Builder::new();
    let input = input.read(request(STREAM).as_bytes()).build();
    let output = Recorder::default();
    let mut stream = tokio::io::join(input, output.clone());
    let goodbye = tokio_test::block_on(converse(&shared, &mut stream, &Arc::new(Semaphore::new(ROOM)), 2));
    assert_eq!((goodbye, output.writes.take().len()), (Goodbye::Close, 1));
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let shared =
        shared(r#"[{"on": {"prompt": "hi"}, "do": [{"wait": {"gate": "go"}}, {"answer": "end_turn"}]}]"#);
    let models = "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n";
    let all = request("") + models + "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (goodbye, writes) = play(&shared, &[&all]);
    let list = r#"{"object":"list","data":[{"id":"turnloom","object":"model","created":0,"owned_by":"turnloom"}]}\n"#;
    let completion = completion(r#"{"role":"assistant","content":"ok"}"#, "stop", 1);
    let models = plain("200 OK", "", list);
    assert_eq!(writes, [plain("200 OK", "", &completion), models.clone(), models]);
    assert_eq!(goodbye, Some(Goodbye::Close));
}

#[test]
fn what_is_no_completion_gets_an_answer() {
    let shared = shared("[]");
    let status = |bytes: &str| {
        let (goodbye, writes) = play(&shared, &[bytes]);
        let status = writes[0].split(' ').nth(1).map(str::to_owned);
        (status.unwrap().parse::<u16>().unwrap(), goodbye.is_some())
    };
    let post = |body: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    assert_eq!(status(&post("{")), (400, false), "the connection goes on");
    assert_eq!(status(&post("{}")), (400, false));
    assert_eq!(status("GET /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n"), (405, false));
    assert_eq!(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), (404, false));
    assert_eq!(
        status("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n"),
        (411, true),
        "where it ends nobody knows"
    );
    assert_eq!(status("nonsense\r\n\r\n"), (400, true));
}
