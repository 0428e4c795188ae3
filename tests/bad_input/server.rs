//! The script of the server.

use crate::{said_beside_ann, said_of};

#[test]
fn a_prompt_that_nobody_sends() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "ho"}, "do": [{"answer": "end_turn"}]},
  {"on": {"prompt": "elephant"}, "do": [{"answer": "end_turn"}]}
]"#), @"");
}

#[test]
fn reactions_that_are_never_taken() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"server": [
  {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
  {"on": "any_prompt", "do": []},
  {"on": {"prompt": "hi"}, "do": []},
  {"on": "cancel", "do": []},
  {"on": "cancel", "do": []}
]"#), @"");
}

#[test]
fn reactions_that_nothing_leads_to() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": "cancel", "do": [{"answer": "cancelled"}]},
  {"on": "load", "do": []}
]"#), @"");
}

#[test]
fn actions_after_the_answer() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": [
  {"answer": "end_turn"},
  {"say": "one more thing"},
  {"fail": "or two"}
]}]"#), @"");
}

#[test]
fn actions_after_a_failure() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": [{"fail": "no"}, {"say": "yes"}]}]"#), @"");
}

#[test]
fn an_answer_to_load() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"server": [{"on": "load", "do": [{"answer": "end_turn"}]}]"#), @"");
}
