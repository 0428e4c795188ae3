//! Names that the caller knows: revision, decisions, defects, rules.

use turnloom::scenario;
use turnloom::scenario::Vocabulary;

use super::said_beside_ann;

#[test]
fn a_revision() {
    insta::assert_snapshot!(said_beside_ann(r#"
"revision": "1.52.0""#), @r#"
  x unknown revision `1.52.0`
   ,-[case:3:13]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "revision": "1.52.0"}
   :             ^^^^|^^^
   :                 `-- no such revision
   `----
  help: did you mean `1.25.0`?

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn decisions() {
    insta::assert_snapshot!(said_beside_ann(r#"
"decisions": {
  "frist_prompt": "oldest",
  "restart": "inlin",
  "a/b~c": "x"
}"#), @r#"
  x unknown decision `frist_prompt`
   ,-[case:4:3]
 3 | "decisions": {
 4 |   "frist_prompt": "oldest",
   :   ^^^^^^^|^^^^^^
   :          `-- no such decision
 5 |   "restart": "inlin",
   `----
  help: did you mean `first_prompt`?

  x decision `restart` has no alternative `inlin`
   ,-[case:5:14]
 4 |   "frist_prompt": "oldest",
 5 |   "restart": "inlin",
   :              ^^^|^^^
   :                 `-- no such alternative
 6 |   "a/b~c": "x"
   `----
  help: did you mean `inline`?

  x unknown decision `a/b~c`
   ,-[case:6:3]
 5 |   "restart": "inlin",
 6 |   "a/b~c": "x"
   :   ^^^|^^^
   :      `-- no such decision
 7 | }}
   `----
  help: decisions: `first_prompt`, `restart`

failed to read scenario `case`: 3 errors
"#);
}

#[test]
fn catches() {
    insta::assert_snapshot!(said_beside_ann(r#"
"catches": [
  {"row": "R8", "defect": "finish_gap", "rules": []},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
]"#), @r#"
  x `R8` is no row of the catalogue
   ,-[case:4:11]
 3 | "catches": [
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
   :           ^^|^
   :             `-- expected `R`, `N` or `P` and two digits
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   `----
  help: write "R08", say

  x unknown defect `finish_gap`
   ,-[case:4:27]
 3 | "catches": [
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
   :                           ^^^^^^|^^^^^
   :                                 `-- no such defect
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   `----
  help: did you mean `finish-gap`?

  x defect `finish_gap` breaks no rule
   ,-[case:4:50]
 3 | "catches": [
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
   :                                                  |
   :                                                  `-- an empty list
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   `----
  help: name the rules that break when the defect is switched on

  x unknown rule `no-lost-mesage`
   ,-[case:5:59]
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   :                                                           ^^^^^^^^|^^^^^^^
   :                                                                   `-- no such rule
 6 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
   `----
  help: did you mean `no-lost-message`?

  x rule `fifo` is listed twice
   ,-[case:5:77]
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   :                                                   ^^^|^^                    ^^^|^^
   :                                                      |                         `-- again
   :                                                      `-- first
 6 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
   `----
  help: keep one of them

  x defect `fifo-skip` is listed twice
   ,-[case:6:28]
 4 |   {"row": "R8", "defect": "finish_gap", "rules": []},
 5 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
   :                            ^^^^^|^^^^^
   :                                 `-- first
 6 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
   :                            ^^^^^|^^^^^
   :                                 `-- again
 7 | ]}
   `----
  help: put all rules that it breaks into one list

failed to read scenario `case`: 6 errors
"#);
}

#[test]
fn there_are_no_names() {
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
        "actors": [{"name": "ann", "does": ["run"]}]}"#;
    let findings = scenario::parse("case", text, &Vocabulary::default()).unwrap_err();
    let only = findings.iter().next().unwrap();
    assert_eq!(only.code(), "unknown-name");
    assert_eq!(only.help_text(), Some("there are no revisions"));
}
