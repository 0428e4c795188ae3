//! Scripts that break the specification of ACP without saying so, and some that say so in vain.

use crate::{said_beside_ann, said_of};

fn said_of_cancelled(server: &str) -> String {
    said_of(&format!(
        "\n\"actors\": [{{\"name\": \"ann\", \"does\": [{{\"send\": {{\"text\": \"hi\"}}}}, \"run\"]}}, {{\"name\": \"ben\", \"does\": [\"interrupt\"]}}],\n\"server\": [{server}]"
    ))
}

#[test]
fn a_cancelled_prompt_that_is_answered_otherwise() {
    insta::assert_snapshot!(said_of_cancelled(r#"
  {"on": {"prompt": "hi"}, "do": [
    {"wait": {"frame": {"method": "session/cancel"}}},
    {"say": "done"},
    {"answer": "end_turn"}
  ]},
  {"on": "cancel", "do": [{"fail": "aborted"}]}
"#), @"");
}

#[test]
fn what_is_broken_on_purpose_and_what_is_not_broken() {
    insta::assert_snapshot!(said_of_cancelled(r#"
  {"on": {"prompt": "hi"}, "breaks": ["cancel-is-answered-cancelled", "cancel-is-no-error", "cancel-is-no-eror"], "do": [
    {"wait": {"frame": {"method": "session/cancel"}}},
    {"answer": "end_turn"}
  ]}
"#), @"");
    // What is done before the cancel, or looked at by `verify` alone, is not judged.
    insta::assert_snapshot!(said_of_cancelled(r#"
  {"on": {"prompt": "hi"}, "breaks": ["answers-have-requests"], "do": [{"answer": "end_turn"}]}
"#), @"");
}

#[test]
fn frames_that_are_none() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "hi"}, "do": [{"frame": {"id": 1, "result": {}}}]},
  {"on": {"prompt": "hi"}, "session": "s1", "do": [{"frame": {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "$session", "update": {"sessionUpdate": "agent_mesage_chunk"}}}}]},
  {"on": {"request": "x/a"}, "do": [{"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}, "error": {}}}]},
  {"on": {"request": "x/b"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1, "method": "session/prompt", "params": {}}}]},
  {"on": {"request": "x/c"}, "do": [{"frame": {"jsonrpc": "2.0", "method": "session/done"}}]},
  {"on": {"request": "x/d"}, "do": [{"frame": {"jsonrpc": "2.0"}}]},
  {"on": {"request": "x/e"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1}}]},
  {"on": {"request": "x/f"}, "do": [{"call": {"name": "a", "method": "session/request_permission", "params": {"sessionId": "$session"}}}]}
]"#), @"");
}

#[test]
fn frames_that_are_some() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "hi"}, "do": [
    {"frame": {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "$session", "update": {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "x"}}}}},
    {"frame": {"jsonrpc": "2.0", "method": "_vendor/hello", "params": {}}},
    {"call": {"name": "a", "method": "fs/read_text_file", "params": {"sessionId": "$session", "path": "/x"}}},
    {"frame": {"jsonrpc": "2.0", "id": "$request", "result": {"stopReason": "end_turn"}}}
  ]}
]"#), @"");
}
