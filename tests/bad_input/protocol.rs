//! Scripts that break the specification of ACP without saying so, and some that say so in vain.

use super::{said_beside_ann, said_of};

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
"#), @r#"
  ! this breaks the rule `cancel-is-answered-cancelled` of ACP, and does not say so: a cancelled
  | prompt is answered cancelled
   ,-[case:7:16]
 4 |   {"on": {"prompt": "hi"}, "do": [
 5 |     {"wait": {"frame": {"method": "session/cancel"}}},
   :     |
   :     `-- cancelled here
 6 |     {"say": "done"},
 7 |     {"answer": "end_turn"}
   :                ^^^^^|^^^^
   :                     `-- answered `end_turn`
 8 |   ]},
   `----
  help: answer "cancelled", or add "breaks": ["cancel-is-answered-cancelled"] to the reaction if it
        is meant

  ! this breaks the rule `cancel-is-no-error` of ACP, and does not say so: a cancelled prompt is not
  | answered with an error
    ,-[case:9:36]
  8 |   ]},
  9 |   {"on": "cancel", "do": [{"fail": "aborted"}]}
    :          ^^^^|^^^                  ^^^^|^^^^
    :              |                         `-- answered with an error
    :              `-- cancelled here
 10 | ]}
    `----
  help: answer "cancelled", or add "breaks": ["cancel-is-no-error"] to the reaction if it is meant

read scenario `case`: 2 warnings
"#);
}

#[test]
fn what_is_broken_on_purpose_and_what_is_not_broken() {
    insta::assert_snapshot!(said_of_cancelled(r#"
  {"on": {"prompt": "hi"}, "breaks": ["cancel-is-answered-cancelled", "cancel-is-no-error", "cancel-is-no-eror"], "do": [
    {"wait": {"frame": {"method": "session/cancel"}}},
    {"answer": "end_turn"}
  ]}
"#), @r#"
  ! nothing in this reaction breaks the rule `cancel-is-no-error` of ACP
   ,-[case:4:71]
 3 | "server": [
 4 |   {"on": {"prompt": "hi"}, "breaks": ["cancel-is-answered-cancelled", "cancel-is-no-error", "cancel-is-no-eror"], "do": [
   :                                                                       ^^^^^^^^^^|^^^^^^^^^
   :                                                                                 `-- not broken
 5 |     {"wait": {"frame": {"method": "session/cancel"}}},
   `----
  help: leave it out

  x unknown rule of ACP `cancel-is-no-eror`
   ,-[case:4:93]
 3 | "server": [
 4 |   {"on": {"prompt": "hi"}, "breaks": ["cancel-is-answered-cancelled", "cancel-is-no-error", "cancel-is-no-eror"], "do": [
   :                                                                                             ^^^^^^^^^|^^^^^^^^^
   :                                                                                                      `-- no such rule of ACP
 5 |     {"wait": {"frame": {"method": "session/cancel"}}},
   `----
  help: did you mean `cancel-is-no-error`?

failed to read scenario `case`: 1 error, 1 warning
"#);
    // What is done before the cancel, or looked at by `verify` alone, is not judged.
    insta::assert_snapshot!(said_of_cancelled(r#"
  {"on": {"prompt": "hi"}, "breaks": ["answers-have-requests"], "do": [{"answer": "end_turn"}]}
"#), @r#"
read scenario `case`: nothing wrong
"#);
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
]"#), @r#"
  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
   ,-[case:4:45]
 3 | "server": [
 4 |   {"on": {"prompt": "hi"}, "do": [{"frame": {"id": 1, "result": {}}}]},
   :                                             |
   :                                             `-- without "jsonrpc": "2.0"
   `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
   ,-[case:5:62]
 4 |   {"on": {"prompt": "hi"}, "do": [{"frame": {"id": 1, "result": {}}}]},
 5 |   {"on": {"prompt": "hi"}, "session": "s1", "do": [{"frame": {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "$session", "update": {"sessionUpdate": "agent_mesage_chunk"}}}}]},
   :                                                              |
   :                                                              `-- `agent_mesage_chunk` is unknown: did you mean `agent_message_chunk`?
 6 |   {"on": {"request": "x/a"}, "do": [{"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}, "error": {}}}]},
   `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
   ,-[case:6:47]
 6 |   {"on": {"request": "x/a"}, "do": [{"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}, "error": {}}}]},
   :                                               |
   :                                               `-- both a result and an error
 7 |   {"on": {"request": "x/b"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1, "method": "session/prompt", "params": {}}}]},
   `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
   ,-[case:7:47]
 6 |   {"on": {"request": "x/a"}, "do": [{"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}, "error": {}}}]},
 7 |   {"on": {"request": "x/b"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1, "method": "session/prompt", "params": {}}}]},
   :                                               |
   :                                               `-- `session/prompt` is no request to a client
 8 |   {"on": {"request": "x/c"}, "do": [{"frame": {"jsonrpc": "2.0", "method": "session/done"}}]},
   `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
   ,-[case:8:47]
 7 |   {"on": {"request": "x/b"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1, "method": "session/prompt", "params": {}}}]},
 8 |   {"on": {"request": "x/c"}, "do": [{"frame": {"jsonrpc": "2.0", "method": "session/done"}}]},
   :                                               |
   :                                               `-- `session/done` is no notification to a client
 9 |   {"on": {"request": "x/d"}, "do": [{"frame": {"jsonrpc": "2.0"}}]},
   `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
    ,-[case:9:47]
  8 |   {"on": {"request": "x/c"}, "do": [{"frame": {"jsonrpc": "2.0", "method": "session/done"}}]},
  9 |   {"on": {"request": "x/d"}, "do": [{"frame": {"jsonrpc": "2.0"}}]},
    :                                               |
    :                                               `-- neither a method nor an id
 10 |   {"on": {"request": "x/e"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1}}]},
    `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
    ,-[case:10:47]
  9 |   {"on": {"request": "x/d"}, "do": [{"frame": {"jsonrpc": "2.0"}}]},
 10 |   {"on": {"request": "x/e"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1}}]},
    :                                               |
    :                                               `-- neither a method nor an answer
 11 |   {"on": {"request": "x/f"}, "do": [{"call": {"name": "a", "method": "session/request_permission", "params": {"sessionId": "$session"}}}]}
    `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

  ! this breaks the rule `frames-are-valid` of ACP, and does not say so: each line is a message
    ,-[case:11:46]
 10 |   {"on": {"request": "x/e"}, "do": [{"frame": {"jsonrpc": "2.0", "id": 1}}]},
 11 |   {"on": {"request": "x/f"}, "do": [{"call": {"name": "a", "method": "session/request_permission", "params": {"sessionId": "$session"}}}]}
    :                                              |
    :                                              `-- missing field toolCall
 12 | ]}
    `----
  help: write a message of the specification, or add "breaks": ["frames-are-valid"] to the reaction
        if it is meant

read scenario `case`: 8 warnings
"#);
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
]"#), @r#"
read scenario `case`: nothing wrong
"#);
}
