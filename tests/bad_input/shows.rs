//! Catches that nothing in the scenario can show.

use turnloom::scenario::{self, Need, Switch, Vocabulary};

use crate::vocabulary;

fn said(agent: &str, rest: &str) -> String {
    let vocabulary = Vocabulary {
        rules: vec!["streams", "cards", "tools", "suffix", "stop", "order", "fifo"],
        switches: vec![
            Switch { defect: "finish-gap", decision: "first_prompt", alternative: "newest" },
            Switch { defect: "fifo-skip", decision: "restart", alternative: "inline" },
        ],
        changes: vec![("1.24.0", "restart", "inline")],
        needs: vec![
            ("streams", &[Need::Service, Need::Chunk]),
            ("cards", &[Need::Card]),
            ("tools", &[Need::Tool]),
            ("suffix", &[Need::Acp, Need::Suffix]),
            ("stop", &[Need::Stop]),
            ("order", &[Need::TwoMessages]),
        ],
        ..vocabulary()
    };
    let text = format!(
        "{{\"version\": 1, \"title\": \"t\", \"source\": \"s\", \"agent\": {agent},\n\"actors\": [{{\"name\": \"ann\", \"does\": [{{\"send\": {{\"text\": \"hi\"}}}}, \"run\"]}}],{rest}}}"
    );
    let findings = match scenario::parse("case", &text, &vocabulary) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => findings,
    };
    format!("\n{}", findings.render(false))
}

#[test]
fn rules_that_cannot_break_here() {
    insta::assert_snapshot!(said(r#"{"kind": "acp"}"#, r#"
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]"#), @"");
    insta::assert_snapshot!(said(r#"{"kind": "llm"}"#, r#"
"through": "service",
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "suffix"]}]"#), @"");
}

#[test]
fn rules_that_can_break_here() {
    insta::assert_snapshot!(said(r#"{"kind": "acp", "suffix": true}"#, r#"
"through": "service",
"server": [{"on": "any_prompt", "do": [{"say": "x"}, {"tool": {"id": "t", "status": "pending"}}]}],
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "suffix", "fifo"]}]"#), @"");
}

#[test]
fn a_defect_that_is_there_anyway() {
    insta::assert_snapshot!(said(r#"{"kind": "acp"}"#, r#"
"decisions": {"first_prompt": "newest"},
"revision": "1.24.0",
"catches": [
  {"row": "R08", "defect": "finish-gap", "rules": ["fifo"]},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
]"#), @"");
    insta::assert_snapshot!(said(r#"{"kind": "acp"}"#, r#"
"decisions": {"restart": "next_turn"},
"revision": "1.24.0",
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}]"#), @"");
}
