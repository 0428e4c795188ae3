//! Confirmation mode: who asks nobody, what waits for no answer, tool calls that no LLM makes.

use insta::assert_snapshot;
use turnloom::scenario;

use super::{said, vocabulary};

/// A scenario with this agent and these steps, whose LLM does this.
fn case(agent: &str, steps: &str, does: &str) -> String {
    format!(
        r#"{{"version": 1, "title": "t", "source": "s", "agent": {agent},
"actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run", {steps}]}}],
"server": [{{"on": {{"prompt": "hi"}}, "do": [{does}{{"answer": "end_turn"}}]}}]}}"#
    )
}

const CALL: &str = r#"{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, "#;
const ASKS: &str = r#"{"kind": "llm", "confirmation": true}"#;

#[test]
fn nobody_asks() {
    assert_snapshot!(said(&case(r#"{"kind": "acp", "confirmation": true}"#, r#""reject""#, "")), @r#"
  x an ACP agent has no confirmation mode: its server asks for permissions
   ,-[case:1:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp", "confirmation": true},
   :                                                                      ^^^^^^^|^^^^^^
   :                                                                             `-- this agent has none
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject"]}],
   `----
  help: leave it out and "call" the client with the method "session/request_permission", or write
        "kind": "llm"

  x only an agent that talks to an LLM asks a user before it acts
   ,-[case:2:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject"]}],
   :                                                                      ^^^^|^^^
   :                                                                          `-- nothing to reject
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]}
   `----
  help: write "agent": {"kind": "llm", "confirmation": true}

failed to read scenario `case`: 2 errors
"#);
    assert_snapshot!(said(&case(r#"{"kind": "sync"}"#, r#""reject", {"wait": {"status": "waiting_for_confirmation"}}"#, CALL)), @r#"
  x this agent acts without asking
   ,-[case:2:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "sync"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject", {"wait": {"status": "waiting_for_confirmation"}}]}],
   :                                                                      ^^^^|^^^
   :                                                                          `-- nothing to reject
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]}
   `----
  help: add "confirmation": true to the agent

  x this agent acts without asking
   ,-[case:2:100]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "sync"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject", {"wait": {"status": "waiting_for_confirmation"}}]}],
   :                                                                                                    ^^^^^^^^^^^^^|^^^^^^^^^^^^
   :                                                                                                                 `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]}
   `----
  help: add "confirmation": true to the agent

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn nobody_asked_for_a_yes() {
    assert_snapshot!(said(&case(r#"{"kind": "llm"}"#, r#""accept""#, CALL)), @r#"
  x this agent acts without asking
   ,-[case:2:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "accept"]}],
   :                                                                      ^^^^|^^^
   :                                                                          `-- nothing to accept
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]}
   `----
  help: add "confirmation": true to the agent

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn nothing_is_called() {
    assert_snapshot!(said(&case(ASKS, r#""reject", {"wait": {"status": "waiting_for_confirmation"}}"#, "")), @r#"
  x the LLM calls no tool
   ,-[case:2:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject", {"wait": {"status": "waiting_for_confirmation"}}]}],
   :                                                                      ^^^^|^^^
   :                                                                          `-- nothing to reject
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]}
   `----
  help: let a reaction {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}

  x the LLM calls no tool
   ,-[case:2:100]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "reject", {"wait": {"status": "waiting_for_confirmation"}}]}],
   :                                                                                                    ^^^^^^^^^^^^^|^^^^^^^^^^^^
   :                                                                                                                 `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]}
   `----
  help: let a reaction {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}

failed to read scenario `case`: 2 errors
"#);
    assert_snapshot!(said(&case(ASKS, r#"{"wait": {"event": {"kind": "observation"}}}"#, "")), @r#"
  x the LLM calls no tool
   ,-[case:2:98]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"event": {"kind": "observation"}}}]}],
   :                                                                                                  ^^^^^^|^^^^^^
   :                                                                                                        `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]}
   `----
  help: let a reaction {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}

failed to read scenario `case`: 1 error
"#);
    assert_snapshot!(said(&case(ASKS, r#"{"wait": {"event": {"kind": "action", "text": "t2"}}}"#, CALL)), @r#"
  x the LLM makes no tool call `t2`
   ,-[case:2:116]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"event": {"kind": "action", "text": "t2"}}}]}],
   :                                                                                                                    ^^|^
   :                                                                                                                      `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]}
   `----
  help: did you mean `t1`?

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn nobody_rejects() {
    assert_snapshot!(said(&case(ASKS, r#"{"wait": {"event": {"kind": "rejection", "text": "t1"}}}"#, CALL)), @r#"
  x nobody rejects a tool call
   ,-[case:2:98]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm", "confirmation": true},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"event": {"kind": "rejection", "text": "t1"}}}]}],
   :                                                                                                  ^^^^^|^^^^^
   :                                                                                                       `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]}
   `----
  help: let an actor "reject"

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn a_conversation_that_asks_and_is_answered_is_right_and_can_be_run() {
    let steps = r#"{"wait": {"status": "waiting_for_confirmation"}}, "reject", {"wait": {"event": {"kind": "rejection"}}}"#;
    for kind in ["llm", "sync"] {
        let agent = format!(r#"{{"kind": "{kind}", "confirmation": true}}"#);
        let loaded =
            scenario::parse("case", &case(&agent, steps, CALL), &vocabulary()).expect("nothing wrong");
        assert!(loaded.warnings.is_empty() && !loaded.scenario.is_only_live());
    }
}
