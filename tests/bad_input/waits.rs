//! Waits that never end, and timers that are never armed.

use crate::{said, said_beside_ann, said_of};

#[test]
fn for_a_prompt_that_nobody_sends() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"frame": {"method": "session/prompt", "text": "ho"}}}, {"fire": "prompt"}]"#), @"");
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
"clock": [{"fire": "prompt"}]"#), @"");
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
]"#), @"");
}

#[test]
fn for_an_interrupt_through_the_service() {
    insta::assert_snapshot!(said_of(r#"
"through": "service",
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"clock": [{"fire": "interrupt_wait"}]"#), @"");
}

#[test]
fn for_frames_of_another_kind_of_agent() {
    insta::assert_snapshot!(said(r#"{
"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"clock": [{"wait": {"frame": {"method": "session/new"}}}]
}"#), @"");
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
}"#), @"");
}

#[test]
fn for_more_messages_than_are_sent() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [
  {"wait": {"event": {"kind": "user_message", "text": "hi", "count": 2}}},
  {"wait": {"event": {"kind": "user_message", "text": "elephant"}}}
]"#), @"");
}

#[test]
fn for_tool_calls_that_are_not_streamed() {
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"event": {"kind": "tool_call"}}}]"#), @"");
    insta::assert_snapshot!(said_beside_ann(r#"
"clock": [{"wait": {"event": {"kind": "tool_call", "text": "t2"}}}],
"server": [{"on": "any_prompt", "do": [{"tool": {"id": "t1", "status": "pending"}}]}]"#), @"");
}

#[test]
fn for_a_frame_with_a_text_that_is_no_prompt() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"clock": [{"wait": {"frame": {"method": "session/cancel", "text": "hi"}}}]"#), @"");
}

#[test]
fn for_the_own_next_step() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  {"send": {"text": "hi"}},
  {"wait": {"frame": {"method": "session/prompt", "text": "hi"}}},
  "run"
]}]"#), @"");
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
