//! Texts that are no JSON, or that JSON readers disagree on.

use super::said;

#[test]
fn no_json() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  title: \"x\"\n}"), @r#"
  x malformed JSON: key must be a string
   ,-[case:3:3]
 2 |   "version": 1,
 3 |   title: "x"
   :   |
   :   `-- here
 4 | }
   `----
  help: write keys in double quotes

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn comments_move_no_caret() {
    insta::assert_snapshot!(said("// what it is: \"x\"\n{\n  \"version\": 1, // \u{e9} the only one\n  \"titel\": \"http://x\"\n}"), @r#"

      x missing fields `actors`, `agent`, `source`, `title` in a scenario
       ,-[case:2:1]
     1 | // what it is: "x"
     2 | {
       : |
       : `-- in this object
     3 |   "version": 1, // é the only one
       `----

      x unknown field `titel` in a scenario
       ,-[case:4:3]
     3 |   "version": 1, // é the only one
     4 |   "titel": "http://x"
       :   ^^^|^^^
       :      `-- did you mean `title`?
     5 | }
       `----
      help: expected one of `$schema`, `actors`, `agent`, `catches`, `clock`, `decisions`, `gates`,
            `limits`, `llm`, `loom`, `observe`, `preemptions`, `regressions`, `revision`, `server`,
            `source`, `subscriber`, `through`, `title`, `version`

    failed to read scenario `case`: 2 errors
    "#);
}

#[test]
fn a_comment_of_another_language() {
    insta::assert_snapshot!(said("{\n  /* first */ \"version\": 1\n}"), @r#"
  x malformed JSON: key must be a string
   ,-[case:2:3]
 1 | {
 2 |   /* first */ "version": 1
   :   |
   :   `-- here
 3 | }
   `----
  help: a comment begins with `//` and goes to the end of its line

failed to read scenario `case`: 1 error
"#);
    insta::assert_snapshot!(said("{\n  \"version\": 1\n}\n# done"), @r#"
  x malformed JSON: trailing characters
   ,-[case:4:1]
 3 | }
 4 | # done
   : |
   : `-- here
   `----
  help: a comment begins with `//` and goes to the end of its line

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn nothing_but_a_comment() {
    insta::assert_snapshot!(said("// later\n"), @r#"
  x malformed JSON: the file ends while parsing a value
   ,-[case:1:1]
 1 | // later
   : |
   : `-- here
   `----
  help: something is still open: close it

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn a_trailing_comma() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n}\n"), @r#"
  x malformed JSON: trailing comma
   ,-[case:3:1]
 2 |   "version": 1,
 3 | }
   : |
   : `-- here
   `----
  help: remove the comma before it

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn cut_off() {
    insta::assert_snapshot!(said("{\n  \"actors\": [{\"name\": \"ann\"\n\n"), @r#"
  x malformed JSON: the file ends while parsing an object
   ,-[case:2:28]
 1 | {
 2 |   "actors": [{"name": "ann"
   :                            |
   :                            `-- here
 3 |
   `----
  help: something is still open: close it

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn two_values() {
    insta::assert_snapshot!(said("{} {}"), @r#"
  x malformed JSON: trailing characters
   ,-[case:1:4]
 1 | {} {}
   :    |
   :    `-- here
   `----
  help: a file holds one object and nothing after it

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn half_a_surrogate_pair() {
    insta::assert_snapshot!(said(r#"{"title": "\ud800"}"#), @r#"
  x malformed JSON: unexpected end of hex escape
   ,-[case:1:11]
 1 | {"title": "\ud800"}
   :           ^^^^|^^^
   :               `-- in this string
   `----
  help: write the character itself, or both halves of its surrogate pair

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn control_characters() {
    insta::assert_snapshot!(said("{\"title\": \"\u{1b}[31mred\"}"), @r#"
  x malformed JSON: control character (\u0000-\u001F) found while parsing a string
   ,-[case:1:11]
 1 | {"title": "?[31mred"}
   :           |
   :           `-- here
   `----

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn one_key_twice() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  \"title\": \"a\",\n  \"t\\u0069tle\": \"b\"\n}"), @r#"
  x missing fields `actors`, `agent`, `source` in a scenario
   ,-[case:1:1]
 1 | {
   : |
   : `-- in this object
 2 |   "version": 1,
   `----

  x the key `title` is written twice in one object
   ,-[case:4:3]
 2 |   "version": 1,
 3 |   "title": "a",
   :   ^^^|^^^
   :      `-- first
 4 |   "t\u0069tle": "b"
   :   ^^^^^^|^^^^^
   :         `-- second
 5 | }
   `----
  help: keep one of them

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn nested_too_deeply() {
    let text = format!("{}\n{}\n{}", "[".repeat(64), "[".repeat(1_000), "]".repeat(1_064));
    insta::assert_snapshot!(said(&text), @r#"
  x nested too deeply: at most 64 levels are read
   ,-[case:2:1]
 1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
 2 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
   : |
   : `-- one level too many
   `----

failed to read scenario `case`: 1 error
"#);
    for deep in [100_000, 4_000_000] {
        assert!(said(&"[".repeat(deep)).contains("malformed"));
    }
    let closed = "{\"a\":".repeat(100_000) + "1" + &"}".repeat(100_000);
    assert!(said(&closed).contains("nested too deeply"));
}
