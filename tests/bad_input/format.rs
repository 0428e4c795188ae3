//! JSON that is not in the format: fields, types, choices, numbers, durations.

use turnloom::scenario;

use crate::{said, said_beside_ann, said_of, vocabulary};

#[test]
fn another_version_is_all_that_is_said() {
    insta::assert_snapshot!(said(r#"{"version": 2, "actors": 7, "what": "ever"}"#), @"");
}

#[test]
fn no_object_at_all() {
    insta::assert_snapshot!(said("[1, 2]"), @"");
}

#[test]
fn missing_fields() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  \"agent\": {},\n  \"actors\": [{}]\n}"), @"");
}

#[test]
fn unknown_fields() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {"iteration": 3},
"plans": []"#), @"");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(said(r#"{
"version": "1",
"title": null,
"source": 3,
"agent": {"kind": ["acp"]},
"decisions": [],
"actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": "yes"}}]}]
}"#), @"");
}

#[test]
fn unknown_steps() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  {"sned": {"text": "hi"}},
  "intrrupt",
  {"wait": {"frame": {"method": "session/promt"}}},
  {"tool": "poll-token"},
  "elephant"
]}]"#), @"");
}

#[test]
fn steps_in_the_wrong_form() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  "send",
  {"run": true},
  {},
  {"open": "a", "wait": {"gate": "b"}}
]}]"#), @"");
}

#[test]
fn numbers_out_of_range() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {"iterations": 0},
"loom": {"preemptions": -1},
"clock": [
  {"wait": {"frame": {"method": "session/prompt", "count": 4294967296}}},
  {"wait": {"frame": {"method": "session/prompt", "count": 1.5}}}
]"#), @"");
}

#[test]
fn durations() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {
  "prompt": "-2s",
  "drain": "3 days",
  "interrupt_wait": "99999999999999999999s",
  "cancel_send": 2000
}"#), @"");
}

#[test]
fn of_a_thousand_errors_the_first_hundred() {
    let steps = vec!["\"elephant\""; 1_000].join(",\n");
    let text = said_of(&format!("\n\"actors\": [{{\"name\": \"ann\", \"does\": [{steps}]}}]"));
    assert_eq!(text.matches("unknown step `elephant`").count(), 100);
    assert!(text.ends_with("failed to read scenario `case`: 100 errors, 900 more not shown\n"), "{text}");
}

#[test]
fn of_a_line_of_megabytes_only_the_place() {
    let text = format!(r#"{{"x": "{}", "y": 1}}"#, "z".repeat(3_000_000));
    assert!(said(&text).len() < 10_000);
}

#[test]
fn colour_only_on_request() {
    let findings = scenario::parse("case", "[]", &vocabulary()).unwrap_err();
    assert!(!findings.render(false).contains('\u{1b}'));
    assert!(findings.render(true).contains('\u{1b}'));
}

#[test]
fn the_schema_is_the_same_every_time() {
    assert_eq!(scenario::schema(), scenario::schema());
    assert!(scenario::schema().starts_with("{\n  \"$"));
}
