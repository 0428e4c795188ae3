//! Names that the caller knows: revision, decisions, defects, rules.

use turnloom::scenario::{self, Vocabulary};

use crate::said_beside_ann;

#[test]
fn a_revision() {
    insta::assert_snapshot!(said_beside_ann(r#"
"revision": "1.52.0""#), @"");
}

#[test]
fn decisions() {
    insta::assert_snapshot!(said_beside_ann(r#"
"decisions": {
  "frist_prompt": "oldest",
  "restart": "inlin",
  "a/b~c": "x"
}"#), @"");
}

#[test]
fn catches() {
    insta::assert_snapshot!(said_beside_ann(r#"
"catches": [
  {"row": "R8", "defect": "finish_gap", "rules": []},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo", "no-lost-mesage", "fifo"]},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
]"#), @"");
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
