//! The head of a scenario, its actors and their single steps.

use crate::{said, said_beside_ann, said_of};

#[test]
fn empty_words() {
    insta::assert_snapshot!(said(r#"{
"version": 1, "title": "", "source": " ",
"agent": {"kind": "acp"},
"actors": [{"name": "ann", "does": ["run"]}]
}"#), @"");
}

#[test]
fn nobody_acts() {
    insta::assert_snapshot!(said_of(r#"
"actors": []"#), @"");
}

#[test]
fn names_of_actors() {
    insta::assert_snapshot!(said_of(r#"
"actors": [
  {"name": "ann", "does": ["run"]},
  {"name": "loop", "does": ["run"]},
  {"name": "Bob", "does": ["run"]},
  {"name": "ann", "does": []}
]"#), @"");
}

#[test]
fn lists_with_one_item_twice() {
    insta::assert_snapshot!(said_beside_ann(r#"
"observe": ["events", "calls", "events"],
"loom": {"inline": ["server", "server"]}"#), @"");
}

#[test]
fn nothing_is_observed() {
    insta::assert_snapshot!(said_beside_ann(r#"
"observe": []"#), @"");
}

#[test]
fn one_text_twice() {
    insta::assert_snapshot!(said_of(r#"
"actors": [
  {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
  {"name": "bob", "does": [{"send": {"text": "hi"}}]}
]"#), @"");
}

#[test]
fn a_run_without_the_service() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": true}}]}]"#), @"");
}

#[test]
fn a_token_of_no_tool_call() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"tool": "poll_token"}, {"tool": "begin"}, "run"]}]"#), @"");
}
