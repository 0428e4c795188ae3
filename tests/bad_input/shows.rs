//! Catches that nothing in the scenario can show.

use turnloom::scenario;
use turnloom::scenario::{Need, Switch, Vocabulary};

use super::vocabulary;

fn said(agent: &str, rest: &str) -> String {
    let vocabulary = Vocabulary {
        rules: vec!["streams", "cards", "tools", "suffix", "stop", "permissions", "calls", "order", "fifo"],
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
            ("permissions", &[Need::Acp, Need::Permission]),
            ("calls", &[Need::ToolCall]),
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
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]"#), @r#"
  ! rule `streams` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:61]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                             ^^^^|^^^^
   :                                                                 `-- it is about the event service
   `----
  help: add "through": "service" to the scenario, or name another rule; `turnloom explain streams`
        says what breaks it

  ! rule `cards` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:72]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                                        ^^^|^^^
   :                                                                           `-- the server streams no tool call
   `----
  help: let a reaction write {"tool": {"id": "t1", "status": "pending"}}, or name another rule;
        `turnloom explain cards` says what breaks it

  ! rule `tools` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:81]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                                                 ^^^|^^^
   :                                                                                    `-- no tool looks at its token
   `----
  help: give an actor the steps {"tool": "begin"} and {"tool": "poll_token"}, or name another rule;
        `turnloom explain tools` says what breaks it

  ! rule `suffix` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:90]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                                                          ^^^^|^^^
   :                                                                                              `-- the agent has no system suffix
   `----
  help: add "suffix": true to the agent, or name another rule; `turnloom explain suffix` says what
        breaks it

  ! rule `stop` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:100]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                                                                    ^^^|^^
   :                                                                                                       `-- nobody presses stop
   `----
  help: let an actor "pause", "interrupt" or "close", or name another rule; `turnloom explain stop`
        says what breaks it

  ! rule `order` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:3:108]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "tools", "suffix", "stop", "order", "fifo"]}]}
   :                                                                                                            ^^^|^^^
   :                                                                                                               `-- there are no two messages
   `----
  help: let an actor send another one, or name another rule; `turnloom explain order` says what
        breaks it

read scenario `case`: 6 warnings
"#);
    insta::assert_snapshot!(said(r#"{"kind": "llm"}"#, r#"
"through": "service",
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "suffix"]}]"#), @r#"
  ! rule `streams` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:4:61]
 3 | "through": "service",
 4 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "suffix"]}]}
   :                                                             ^^^^|^^^^
   :                                                                 `-- the server streams no text
   `----
  help: let a reaction {"say": "working"}, or name another rule; `turnloom explain streams` says
        what breaks it

  ! rule `suffix` cannot break here, so it shows nothing of `fifo-skip`
   ,-[case:4:72]
 3 | "through": "service",
 4 | "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "suffix"]}]}
   :                                                                        ^^^^|^^^
   :                                                                            `-- it is about an ACP agent
   `----
  help: write "agent": {"kind": "acp"}, or name another rule; `turnloom explain suffix` says what
        breaks it

read scenario `case`: 2 warnings
"#);
}

#[test]
fn rules_that_can_break_here() {
    insta::assert_snapshot!(said(r#"{"kind": "acp", "suffix": true}"#, r#"
"through": "service",
"server": [{"on": "any_prompt", "do": [{"say": "x"}, {"tool": {"id": "t", "status": "pending"}}]}],
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["streams", "cards", "suffix", "fifo"]}]"#), @r#"
read scenario `case`: nothing wrong
"#);
}

#[test]
fn a_rule_about_permissions_needs_a_request_for_one() {
    let catches = r#""catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["permissions"]}]"#;
    let missing = said(r#"{"kind": "acp"}"#, catches);
    assert!(missing.contains("the server asks for no permission"), "{missing}");
    let call = r#"{"call": {"name": "may I", "method": "session/request_permission", "params": {
        "sessionId": "$session", "toolCall": {"toolCallId": "t1"},
        "options": [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]}}}"#;
    let asks =
        format!(r#""server": [{{"on": "any_prompt", "do": [{call}, {{"answer": "end_turn"}}]}}], {catches}"#);
    assert_eq!(said(r#"{"kind": "acp"}"#, &asks), "\nread scenario `case`: nothing wrong\n");
}

#[test]
fn a_rule_about_tool_calls_needs_an_llm_that_makes_one() {
    let catches = r#""catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["calls"]}]"#;
    let missing = said(r#"{"kind": "llm"}"#, catches);
    assert!(missing.contains("the LLM calls no tool"), "{missing}");
    let call = r#"{"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}"#;
    let calls =
        format!(r#""server": [{{"on": "any_prompt", "do": [{call}, {{"answer": "end_turn"}}]}}], {catches}"#);
    assert_eq!(said(r#"{"kind": "llm"}"#, &calls), "\nread scenario `case`: nothing wrong\n");
}

#[test]
fn a_defect_that_is_there_anyway() {
    insta::assert_snapshot!(said(r#"{"kind": "acp"}"#, r#"
"decisions": {"first_prompt": "newest"},
"revision": "1.24.0",
"catches": [
  {"row": "R08", "defect": "finish-gap", "rules": ["fifo"]},
  {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
]"#), @r#"
  ! defect `finish-gap` changes nothing here
   ,-[case:6:28]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "decisions": {"first_prompt": "newest"},
   :                               ^^^^|^^^
   :                                   `-- which it is without it
 4 | "revision": "1.24.0",
 5 | "catches": [
 6 |   {"row": "R08", "defect": "finish-gap", "rules": ["fifo"]},
   :                            ^^^^^^|^^^^^
   :                                  `-- makes `first_prompt` `newest`
 7 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
   `----
  help: a scenario that catches a defect is clean without it: decide otherwise, or leave the catch
        out

  ! defect `fifo-skip` changes nothing here
   ,-[case:7:28]
 3 | "decisions": {"first_prompt": "newest"},
 4 | "revision": "1.24.0",
   :             ^^^^|^^^
   :                 `-- which it is without it
 5 | "catches": [
 6 |   {"row": "R08", "defect": "finish-gap", "rules": ["fifo"]},
 7 |   {"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}
   :                            ^^^^^|^^^^^
   :                                 `-- makes `restart` `inline`
 8 | ]}
   `----
  help: a scenario that catches a defect is clean without it: decide otherwise, or leave the catch
        out

read scenario `case`: 2 warnings
"#);
    insta::assert_snapshot!(said(r#"{"kind": "acp"}"#, r#"
"decisions": {"restart": "next_turn"},
"revision": "1.24.0",
"catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}]"#), @r#"
read scenario `case`: nothing wrong
"#);
}
