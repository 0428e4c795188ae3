//! Gates.

use crate::said_of;

#[test]
fn declared_twice() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go", "go"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "go"}}, "run"]},
  {"name": "bob", "does": [{"open": "go"}]}
]"#), @"");
}

#[test]
fn not_declared() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["streamed"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "streamd"}}, {"open": "elephant"}]},
  {"name": "bob", "does": [{"open": "streamed"}, {"wait": {"gate": "streamed"}}]}
]"#), @"");
}

#[test]
fn never_opened() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [{"name": "ann", "does": [{"wait": {"gate": "go"}}, "run"]}]"#), @"");
}

#[test]
fn never_awaited() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go", "unused"],
"actors": [{"name": "ann", "does": [{"open": "go"}, "run"]}]"#), @"");
}

#[test]
fn opened_only_by_the_one_who_waits() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [{"name": "ann", "does": [
  {"wait": {"gate": "go"}},
  {"open": "go"}
]}]"#), @"");
}

#[test]
fn each_waits_for_the_other() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["a", "b"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "a"}}, {"open": "b"}]},
  {"name": "bob", "does": [{"wait": {"gate": "b"}}, {"open": "a"}]}
]"#), @"");
}

#[test]
fn opened_by_a_reaction_that_waits_for_the_waiter() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["streamed"],
"actors": [{"name": "ann", "does": [
  {"wait": {"gate": "streamed"}},
  {"send": {"text": "hi"}}, "run"
]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"open": "streamed"}, {"answer": "end_turn"}]}]"#), @"");
}
