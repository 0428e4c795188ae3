//! What is never reached, and steps that do nothing.

use crate::{said_beside_ann, said_of};

#[test]
fn a_script_that_no_prompt_reaches() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]"#), @"");
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
  {"on": "any_prompt", "do": [{"say": "never"}]}
]"#), @"");
}

#[test]
fn a_process_and_a_session_that_never_begin() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": "any_prompt", "process": 2, "do": [{"say": "again"}]},
  {"on": "any_prompt", "session": "s2", "do": [{"say": "elsewhere"}]},
  {"on": "any_prompt", "session": "main", "do": [{"say": "nowhere"}]},
  {"on": "any_prompt", "session": "s1", "process": 1, "do": [{"say": "here"}]}
]"#), @"");
    // After an interrupt the server may be restarted, with another session.
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}, {"name": "ben", "does": ["interrupt"]}],
"server": [{"on": "any_prompt", "session": "s2", "process": 2, "do": [{"say": "again"}]}]"#), @"");
}

#[test]
fn reactions_that_only_an_acp_agent_leads_to() {
    insta::assert_snapshot!(crate::said(r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}, {"name": "ben", "does": ["interrupt"]}],
"server": [
  {"on": "cancel", "do": [{"answer": "end_turn"}]},
  {"on": "load", "do": [{"fail": "gone"}]},
  {"on": "any_prompt", "session": "s1", "do": []}
]}"#), @"");
}

#[test]
fn gates_that_are_open_already() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [
  {"name": "ann", "does": [{"open": "go"}, {"send": {"text": "hi"}}, {"open": "go"}, {"wait": {"gate": "go"}}, "run"]},
  {"name": "ben", "does": [{"wait": {"gate": "go"}}, {"open": "go"}]}
]"#), @"");
}

#[test]
fn a_server_that_reads_on_though_it_never_stopped() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": ["resume_reading", {"answer": "end_turn"}]}]"#), @"");
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": ["stop_reading", "resume_reading", {"answer": "end_turn"}]}]"#), @"");
}
