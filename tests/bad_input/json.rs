//! Texts that are no JSON, or that JSON readers disagree on.

use crate::said;

#[test]
fn no_json() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  title: \"x\"\n}"), @"");
}

#[test]
fn a_trailing_comma() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n}\n"), @"");
}

#[test]
fn cut_off() {
    insta::assert_snapshot!(said("{\n  \"actors\": [{\"name\": \"ann\"\n\n"), @"");
}

#[test]
fn two_values() {
    insta::assert_snapshot!(said("{} {}"), @"");
}

#[test]
fn half_a_surrogate_pair() {
    insta::assert_snapshot!(said(r#"{"title": "\ud800"}"#), @"");
}

#[test]
fn control_characters() {
    insta::assert_snapshot!(said("{\"title\": \"\u{1b}[31mred\"}"), @"");
}

#[test]
fn one_key_twice() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  \"title\": \"a\",\n  \"t\\u0069tle\": \"b\"\n}"), @"");
}

#[test]
fn nested_too_deeply() {
    let text = format!("{}\n{}\n{}", "[".repeat(64), "[".repeat(1_000), "]".repeat(1_064));
    insta::assert_snapshot!(said(&text), @"");
    for deep in [100_000, 4_000_000] {
        assert!(said(&"[".repeat(deep)).contains("malformed"));
    }
    let closed = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    assert!(said(&closed).contains("nested too deeply"));
}
