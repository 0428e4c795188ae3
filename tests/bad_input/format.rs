//! JSON that is not in the format: fields, types, choices, numbers, durations.

use turnloom::scenario;

use super::{said, said_beside_ann, said_of, vocabulary};

#[test]
fn another_version_is_all_that_is_said() {
    insta::assert_snapshot!(said(r#"{"version": 2, "actors": 7, "what": "ever"}"#), @r#"
  x unknown version `2` of the format
   ,-[case:1:13]
 1 | {"version": 2, "actors": 7, "what": "ever"}
   :             |
   :             `-- expected 1
   `----
  help: write "version": 1, the only version there is

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn no_object_at_all() {
    insta::assert_snapshot!(said("[1, 2]"), @r#"
  x wrong type: expected an object, found a list
   ,-[case:1:1]
 1 | [1, 2]
   : |
   : `-- expected an object
   `----

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn missing_fields() {
    insta::assert_snapshot!(said("{\n  \"version\": 1,\n  \"agent\": {},\n  \"actors\": [{}]\n}"), @r#"
  x missing fields `source`, `title` in a scenario
   ,-[case:1:1]
 1 | {
   : |
   : `-- in this object
 2 |   "version": 1,
   `----

  x missing field `kind` in an agent
   ,-[case:3:12]
 2 |   "version": 1,
 3 |   "agent": {},
   :            |
   :            `-- in this object
 4 |   "actors": [{}]
   `----

  x missing fields `does`, `name` in an actor
   ,-[case:4:14]
 3 |   "agent": {},
 4 |   "actors": [{}]
   :              |
   :              `-- in this object
 5 | }
   `----

failed to read scenario `case`: 3 errors
"#);
}

#[test]
fn unknown_fields() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {"iteration": 3},
"plans": []"#), @r#"
  x unknown field `iteration` in limits
   ,-[case:3:12]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "limits": {"iteration": 3},
   :            ^^^^^|^^^^^
   :                 `-- did you mean `iterations`?
 4 | "plans": []}
   `----
  help: expected one of `cancel_send`, `close_wait`, `drain`, `interrupt_wait`, `iterations`,
        `pending_drain`, `prompt`, `retries`, `workers`

  x unknown field `plans` in a scenario
   ,-[case:4:1]
 3 | "limits": {"iteration": 3},
 4 | "plans": []}
   : ^^^|^^^
   :    `-- no such field
   `----
  help: expected one of `$schema`, `actors`, `agent`, `catches`, `clock`, `decisions`, `gates`,
        `limits`, `llm`, `loom`, `observe`, `preemptions`, `regressions`, `revision`, `server`,
        `source`, `subscriber`, `through`, `title`, `version`

failed to read scenario `case`: 2 errors
"#);
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
}"#), @r#"
  x wrong type: expected a whole number, found the string `1`
   ,-[case:2:12]
 1 | {
 2 | "version": "1",
   :            ^|^
   :             `-- expected a whole number
 3 | "title": null,
   `----

  x wrong type: expected a string, found null
   ,-[case:3:10]
 2 | "version": "1",
 3 | "title": null,
   :          ^^|^
   :            `-- expected a string
 4 | "source": 3,
   `----

  x wrong type: expected a string, found the number `3`
   ,-[case:4:11]
 3 | "title": null,
 4 | "source": 3,
   :           |
   :           `-- expected a string
 5 | "agent": {"kind": ["acp"]},
   `----

  x wrong type: expected an agent kind ("acp", "llm", "sync"), found a list
   ,-[case:5:19]
 4 | "source": 3,
 5 | "agent": {"kind": ["acp"]},
   :                   |
   :                   `-- expected an agent kind
 6 | "decisions": [],
   `----

  x wrong type: expected an object, found a list
   ,-[case:6:14]
 5 | "agent": {"kind": ["acp"]},
 6 | "decisions": [],
   :              |
   :              `-- expected an object
 7 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": "yes"}}]}]
   `----

  x wrong type: expected true or false, found the string `yes`
   ,-[case:7:68]
 6 | "decisions": [],
 7 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": "yes"}}]}]
   :                                                                    ^^|^^
   :                                                                      `-- expected true or false
 8 | }
   `----

failed to read scenario `case`: 6 errors
"#);
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
]}]"#), @r#"

      x unknown step `sned`
       ,-[case:3:4]
     2 | "actors": [{"name": "ann", "does": [
     3 |   {"sned": {"text": "hi"}},
       :    ^^^|^^
       :       `-- did you mean `send`?
     4 |   "intrrupt",
       `----
      help: expected one of {"send": ...}, "run", "run_sync", "interrupt", "pause", "accept", "reject",
            "close", "reload", {"switch_model": ...}, {"tool": ...}, {"open": ...}, {"wait": ...}

      x unknown step `intrrupt`
       ,-[case:4:3]
     3 |   {"sned": {"text": "hi"}},
     4 |   "intrrupt",
       :   ^^^^^|^^^^
       :        `-- did you mean `interrupt`?
     5 |   {"wait": {"frame": {"method": "session/promt"}}},
       `----
      help: expected one of {"send": ...}, "run", "run_sync", "interrupt", "pause", "accept", "reject",
            "close", "reload", {"switch_model": ...}, {"tool": ...}, {"open": ...}, {"wait": ...}

      x unknown method `session/promt`
       ,-[case:5:33]
     4 |   "intrrupt",
     5 |   {"wait": {"frame": {"method": "session/promt"}}},
       :                                 ^^^^^^^|^^^^^^^
       :                                        `-- did you mean `session/prompt`?
     6 |   {"tool": "poll-token"},
       `----
      help: expected one of "initialize", "session/new", "session/load", "session/prompt",
            "session/cancel", "session/set_model", "chat/completions"

      x unknown tool step `poll-token`
       ,-[case:6:12]
     5 |   {"wait": {"frame": {"method": "session/promt"}}},
     6 |   {"tool": "poll-token"},
       :            ^^^^^^|^^^^^
       :                  `-- did you mean `poll_token`?
     7 |   "elephant"
       `----
      help: expected one of "begin", "poll_token"

      x unknown step `elephant`
       ,-[case:7:3]
     6 |   {"tool": "poll-token"},
     7 |   "elephant"
       :   ^^^^^|^^^^
       :        `-- no such name
     8 | ]}]}
       `----
      help: expected one of {"send": ...}, "run", "run_sync", "interrupt", "pause", "accept", "reject",
            "close", "reload", {"switch_model": ...}, {"tool": ...}, {"open": ...}, {"wait": ...}

    failed to read scenario `case`: 5 errors
    "#);
}

#[test]
fn steps_in_the_wrong_form() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [
  "send",
  {"run": true},
  {},
  {"open": "a", "wait": {"gate": "b"}}
]}]"#), @r#"

      x the step `send` needs a value
       ,-[case:3:3]
     2 | "actors": [{"name": "ann", "does": [
     3 |   "send",
       :   ^^^|^^
       :      `-- expected an object
     4 |   {"run": true},
       `----
      help: write {"send": ...}

      x the step `run` takes no value
       ,-[case:4:4]
     3 |   "send",
     4 |   {"run": true},
       :    ^^|^^
       :      `-- no object here
     5 |   {},
       `----
      help: write "run"

      x an empty object is no step
       ,-[case:5:3]
     4 |   {"run": true},
     5 |   {},
       :   |
       :   `-- nothing in it
     6 |   {"open": "a", "wait": {"gate": "b"}}
       `----
      help: expected one of {"send": ...}, "run", "run_sync", "interrupt", "pause", "accept", "reject",
            "close", "reload", {"switch_model": ...}, {"tool": ...}, {"open": ...}, {"wait": ...}

      x a step has one key, this has 2
       ,-[case:6:17]
     5 |   {},
     6 |   {"open": "a", "wait": {"gate": "b"}}
       :    ^^^|^^       ^^^|^^
       :       |            `-- one too many
       :       `-- the first one
     7 | ]}]}
       `----
      help: write one object for each

    failed to read scenario `case`: 4 errors
    "#);
}

#[test]
fn numbers_out_of_range() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {"iterations": 0},
"loom": {"preemptions": -1},
"clock": [
  {"wait": {"frame": {"method": "session/prompt", "count": 4294967296}}},
  {"wait": {"frame": {"method": "session/prompt", "count": 1.5}}}
]"#), @r#"
  x the number `0` does not fit here
   ,-[case:3:26]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "limits": {"iterations": 0},
   :                          |
   :                          `-- expected a whole number from 1 to 4294967295
 4 | "loom": {"preemptions": -1},
   `----

  x the number `-1` does not fit here
   ,-[case:4:25]
 3 | "limits": {"iterations": 0},
 4 | "loom": {"preemptions": -1},
   :                         ^|
   :                          `-- expected a whole number from 0 to 4294967295
 5 | "clock": [
   `----

  x the number `4294967296` does not fit here
   ,-[case:6:60]
 5 | "clock": [
 6 |   {"wait": {"frame": {"method": "session/prompt", "count": 4294967296}}},
   :                                                            ^^^^^|^^^^
   :                                                                 `-- expected a whole number from 1 to 4294967295
 7 |   {"wait": {"frame": {"method": "session/prompt", "count": 1.5}}}
   `----

  x the number `1.5` does not fit here
   ,-[case:7:60]
 6 |   {"wait": {"frame": {"method": "session/prompt", "count": 4294967296}}},
 7 |   {"wait": {"frame": {"method": "session/prompt", "count": 1.5}}}
   :                                                            ^|^
   :                                                             `-- expected a whole number from 1 to 4294967295
 8 | ]}
   `----

failed to read scenario `case`: 4 errors
"#);
}

#[test]
fn durations() {
    insta::assert_snapshot!(said_beside_ann(r#"
"limits": {
  "prompt": "-2s",
  "drain": "3 days",
  "interrupt_wait": "99999999999999999999s",
  "cancel_send": 2000
}"#), @r#"
  x `-2s` is no duration
   ,-[case:4:13]
 3 | "limits": {
 4 |   "prompt": "-2s",
   :             ^^|^^
   :               `-- expected a number and a unit
 5 |   "drain": "3 days",
   `----
  help: a duration is a whole number and a unit, such as "250ms", "2s", "30m" or "1h"; it cannot be
        negative

  x `3 days` is no duration
   ,-[case:5:12]
 4 |   "prompt": "-2s",
 5 |   "drain": "3 days",
   :            ^^^^|^^^
   :                `-- expected another unit
 6 |   "interrupt_wait": "99999999999999999999s",
   `----
  help: unknown unit " days": use ms, s, m or h

  x `99999999999999999999s` is no duration
   ,-[case:6:21]
 5 |   "drain": "3 days",
 6 |   "interrupt_wait": "99999999999999999999s",
   :                     ^^^^^^^^^^^|^^^^^^^^^^^
   :                                `-- expected a shorter one
 7 |   "cancel_send": 2000
   `----
  help: the duration is too long: at most 18446744073709551615ms fit

  x wrong type: expected a duration such as "2s", found the number `2000`
   ,-[case:7:18]
 6 |   "interrupt_wait": "99999999999999999999s",
 7 |   "cancel_send": 2000
   :                  ^^|^
   :                    `-- expected a duration such as "2s"
 8 | }}
   `----

failed to read scenario `case`: 4 errors
"#);
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
    let text = format!(r#"{{"x": "", {}, "x": 1}}"#, vec![r#""y": 0"#; 100_000].join(","));
    assert!(said(&text).len() < 200_000);
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
