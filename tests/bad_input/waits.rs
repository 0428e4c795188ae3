//! Waits that never end, and timers that are never armed.

use super::{said, said_beside_ann, said_of};

#[test]
fn for_a_prompt_that_nobody_sends() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"frame": {"method": "session/prompt", "text": "ho"}}}, {"fire": "prompt"}]"#), @r#"
  x nobody sends the message `ho`
   ,-[case:3:67]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "clock": [{"wait": {"frame": {"method": "session/prompt", "text": "ho"}}}, {"fire": "prompt"}]}
   :                                                                   ^^|^
   :                                                                     `-- waits for ever
   `----
  help: did you mean `hi`?

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_what_needs_a_run() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  {"send": {"text": "hi"}},
  {"wait": {"status": "running"}},
  {"wait": {"event": {"kind": "error"}}},
  {"wait": {"frame": {"method": "session/prompt"}}}
]}],
"clock": [{"fire": "prompt"}]"#), @r#"
  x nobody runs the conversation
   ,-[case:4:23]
 3 |   {"send": {"text": "hi"}},
 4 |   {"wait": {"status": "running"}},
   :                       ^^^^|^^^^
   :                           `-- waits for ever
 5 |   {"wait": {"event": {"kind": "error"}}},
   `----
  help: let an actor "run" the conversation

  x nobody runs the conversation
   ,-[case:5:31]
 4 |   {"wait": {"status": "running"}},
 5 |   {"wait": {"event": {"kind": "error"}}},
   :                               ^^^|^^^
   :                                  `-- waits for ever
 6 |   {"wait": {"frame": {"method": "session/prompt"}}}
   `----
  help: let an actor "run" the conversation

  x nobody runs the conversation
   ,-[case:6:33]
 5 |   {"wait": {"event": {"kind": "error"}}},
 6 |   {"wait": {"frame": {"method": "session/prompt"}}}
   :                                 ^^^^^^^^|^^^^^^^
   :                                         `-- waits for ever
 7 | ]}],
   `----
  help: let an actor "run" the conversation

  x timer `prompt` is never armed: nobody runs the conversation
   ,-[case:8:20]
 7 | ]}],
 8 | "clock": [{"fire": "prompt"}]}
   :                    ^^^^|^^^
   :                        `-- waits for ever
   `----
  help: let an actor "run" the conversation

failed to read scenario `case`: 4 errors
"#);
}

#[test]
fn for_what_needs_somebody_who_cancels() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [
  {"wait": {"frame": {"method": "session/cancel"}}},
  {"wait": {"frame": {"method": "session/load"}}},
  {"wait": {"status": "paused"}},
  {"wait": {"event": {"kind": "interrupt"}}},
  {"fire": "drain"},
  {"fire": "cancel_send"},
  {"fire": "interrupt_wait"}
]"#), @r#"
  x nobody cancels a turn
   ,-[case:4:33]
 3 | "clock": [
 4 |   {"wait": {"frame": {"method": "session/cancel"}}},
   :                                 ^^^^^^^^|^^^^^^^
   :                                         `-- waits for ever
 5 |   {"wait": {"frame": {"method": "session/load"}}},
   `----
  help: a cancel needs a run, and an `interrupt`, a `close`, the timer `prompt` or a message with
        "run": true through the service

  x nothing restarts the server
   ,-[case:5:33]
 4 |   {"wait": {"frame": {"method": "session/cancel"}}},
 5 |   {"wait": {"frame": {"method": "session/load"}}},
   :                                 ^^^^^^^|^^^^^^
   :                                        `-- waits for ever
 6 |   {"wait": {"status": "paused"}},
   `----
  help: a restart needs a run, and an `interrupt`, a `close`, the timer `prompt` or a message with
        "run": true through the service

  x nobody pauses or interrupts a run
   ,-[case:6:23]
 5 |   {"wait": {"frame": {"method": "session/load"}}},
 6 |   {"wait": {"status": "paused"}},
   :                       ^^^^|^^^
   :                           `-- waits for ever
 7 |   {"wait": {"event": {"kind": "interrupt"}}},
   `----
  help: a `pause`, or an `interrupt`, a `close`, the timer `prompt` or a message with "run": true
        through the service

  x nobody pauses or interrupts a run
   ,-[case:7:31]
 6 |   {"wait": {"status": "paused"}},
 7 |   {"wait": {"event": {"kind": "interrupt"}}},
   :                               ^^^^^|^^^^^
   :                                    `-- waits for ever
 8 |   {"fire": "drain"},
   `----
  help: a `pause`, or an `interrupt`, a `close`, the timer `prompt` or a message with "run": true
        through the service

  x timer `drain` is never armed: nobody cancels a turn
   ,-[case:8:12]
 7 |   {"wait": {"event": {"kind": "interrupt"}}},
 8 |   {"fire": "drain"},
   :            ^^^|^^^
   :               `-- waits for ever
 9 |   {"fire": "cancel_send"},
   `----
  help: a cancel needs a run, and an `interrupt`, a `close`, the timer `prompt` or a message with
        "run": true through the service

  x timer `cancel_send` is never armed: nobody cancels a turn
    ,-[case:9:12]
  8 |   {"fire": "drain"},
  9 |   {"fire": "cancel_send"},
    :            ^^^^^^|^^^^^^
    :                  `-- waits for ever
 10 |   {"fire": "interrupt_wait"}
    `----
  help: a cancel needs a run, and an `interrupt`, a `close`, the timer `prompt` or a message with
        "run": true through the service

  x timer `interrupt_wait` is never armed: only the service waits for an interrupted run
    ,-[case:10:12]
  9 |   {"fire": "cancel_send"},
 10 |   {"fire": "interrupt_wait"}
    :            ^^^^^^^^|^^^^^^^
    :                    `-- waits for ever
 11 | ]}
    `----
  help: add "through": "service" to the scenario

failed to read scenario `case`: 7 errors
"#);
}

#[test]
fn for_an_interrupt_through_the_service() {
    insta::assert_snapshot!(said_of(r#"
"through": "service",
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"clock": [{"fire": "interrupt_wait"}]"#), @r#"
  x timer `interrupt_wait` is never armed: nobody interrupts a run
   ,-[case:4:20]
 3 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 4 | "clock": [{"fire": "interrupt_wait"}]}
   :                    ^^^^^^^^|^^^^^^^
   :                            `-- waits for ever
   `----
  help: let an actor "interrupt"

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_frames_of_another_kind_of_agent() {
    insta::assert_snapshot!(said(r#"{
"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"clock": [{"wait": {"frame": {"method": "session/new"}}}]
}"#), @r#"
  x this agent has no ACP server
   ,-[case:4:41]
 3 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 4 | "clock": [{"wait": {"frame": {"method": "session/new"}}}]
   :                                         ^^^^^^|^^^^^^
   :                                               `-- waits for ever
 5 | }
   `----
  help: only an agent of kind `acp` sends this frame

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_a_server_that_nobody_starts() {
    insta::assert_snapshot!(said(r#"{
"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp", "session": "cold"},
"actors": [{"name": "ann", "does": ["pause"]}],
"clock": [
  {"wait": {"frame": {"method": "initialize"}}},
  {"wait": {"event": {"kind": "system_prompt"}}}
]
}"#), @r#"
  x nobody runs the conversation
   ,-[case:5:33]
 4 | "clock": [
 5 |   {"wait": {"frame": {"method": "initialize"}}},
   :                                 ^^^^^^|^^^^^
   :                                       `-- waits for ever
 6 |   {"wait": {"event": {"kind": "system_prompt"}}}
   `----
  help: let an actor "run" the conversation

  x nobody starts the agent
   ,-[case:6:31]
 5 |   {"wait": {"frame": {"method": "initialize"}}},
 6 |   {"wait": {"event": {"kind": "system_prompt"}}}
   :                               ^^^^^^^|^^^^^^^
   :                                      `-- waits for ever
 7 | ]
   `----
  help: let an actor "run" the conversation

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn for_more_messages_than_are_sent() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [
  {"wait": {"event": {"kind": "user_message", "text": "hi", "count": 2}}},
  {"wait": {"event": {"kind": "user_message", "text": "elephant"}}}
]"#), @r#"
  x 2 such messages are waited for, 1 sent
   ,-[case:4:70]
 3 | "clock": [
 4 |   {"wait": {"event": {"kind": "user_message", "text": "hi", "count": 2}}},
   :                                                                      |
   :                                                                      `-- waits for ever
 5 |   {"wait": {"event": {"kind": "user_message", "text": "elephant"}}}
   `----
  help: each message is in the log once

  x nobody sends the message `elephant`
   ,-[case:5:55]
 4 |   {"wait": {"event": {"kind": "user_message", "text": "hi", "count": 2}}},
 5 |   {"wait": {"event": {"kind": "user_message", "text": "elephant"}}}
   :                                                       ^^^^^|^^^^
   :                                                            `-- waits for ever
 6 | ]}
   `----
  help: write a text that an actor sends

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn for_tool_calls_that_are_not_streamed() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"event": {"kind": "tool_call"}}}]"#), @r#"
  x the server streams no tool call
   ,-[case:3:39]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "clock": [{"wait": {"event": {"kind": "tool_call"}}}]}
   :                                       ^^^^^|^^^^^
   :                                            `-- waits for ever
   `----
  help: let a reaction write {"tool": {"id": "t1", "status": "pending"}}

failed to read scenario `case`: 1 error
"#);
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"event": {"kind": "tool_call", "text": "t2"}}}],
"server": [{"on": "any_prompt", "do": [{"tool": {"id": "t1", "status": "pending"}}]}]"#), @r#"
  x the server streams no tool call `t2`
   ,-[case:3:60]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "clock": [{"wait": {"event": {"kind": "tool_call", "text": "t2"}}}],
   :                                                            ^^|^
   :                                                              `-- waits for ever
 4 | "server": [{"on": "any_prompt", "do": [{"tool": {"id": "t1", "status": "pending"}}]}]}
   `----
  help: did you mean `t1`?

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_a_frame_with_a_text_that_is_no_prompt() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"clock": [{"wait": {"frame": {"method": "session/cancel", "text": "hi"}}}]"#), @r#"
  x only a `session/prompt` has a text
   ,-[case:3:59]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
 3 | "clock": [{"wait": {"frame": {"method": "session/cancel", "text": "hi"}}}]}
   :                                                           ^^^|^^
   :                                                              `-- no prompt
   `----
  help: leave the text out

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_the_own_next_step() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  {"send": {"text": "hi"}},
  {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
  "run"
]}]"#), @r#"
  x actor `ann` waits for frame session/prompt "hi", which comes only after it
   ,-[case:4:4]
 3 |   {"send": {"text": "hi"}},
 4 |   {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
   :    ^^^|^^
   :       `-- waits for ever
 5 |   "run"
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn for_what_can_happen() {
    let text = said_of(
        r#"
"through": "service",
"gates": ["streamed"],
"actors": [
  {"name": "ann", "does": [{"send": {"text": "a", "run": true}}, {"wait": {"gate": "streamed"}},
    {"send": {"text": "b", "run": true}}, {"wait": {"event": {"kind": "user_message", "count": 3}}}]},
  {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt", "text": "b"}}}, "interrupt", "close"]}
],
"clock": [{"wait": {"frame": {"method": "session/cancel"}}}, {"fire": "drain"}, {"fire": "interrupt_wait"},
  {"wait": {"frame": {"method": "session/load"}}}, {"wait": {"status": "paused"}}],
"server": [
  {"on": {"prompt": "a"}, "do": [{"say": "x"}, {"open": "streamed"}]},
  {"on": "cancel", "do": [{"wait": {"frame": {"method": "session/cancel"}}}, {"answer": "cancelled"}]},
  {"on": "load", "do": []}
]"#,
    );
    assert_eq!(text, "\nread scenario `case`: nothing wrong\n");
}

/// The timers that only the service has, each beside what arms it.
#[test]
fn for_what_arms_the_timers_of_the_service() {
    let said_with = |through: &str, does: &str, timer: &str| {
        said_of(&format!(
            r#"
"through": "{through}",
"actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, {does}]}}],
"clock": [{{"fire": "{timer}"}}]"#
        ))
    };
    for (through, does, timer, why) in [
        ("conversation", r#""run""#, "close_wait", "only the service waits for the run when it closes"),
        ("service", r#""run""#, "close_wait", "nobody closes the service during a run"),
        ("service", r#""close""#, "close_wait", "nobody closes the service during a run"),
        ("conversation", r#""run""#, "pending_drain", "only the service waits for its subscriber"),
        ("service", r#""pause""#, "pending_drain", "nobody runs the conversation"),
    ] {
        let told = said_with(through, does, timer);
        assert!(told.contains(&format!("x timer `{timer}` is never armed: {why}")), "{told}");
    }
    for (does, timer) in [(r#""run", "close""#, "close_wait"), (r#""run""#, "pending_drain")] {
        assert_eq!(said_with("service", does, timer), "\nread scenario `case`: nothing wrong\n");
    }
}
