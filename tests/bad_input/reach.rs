//! What is never reached, and steps that do nothing.

use super::{said_beside_ann, said_of};

#[test]
fn a_script_that_no_prompt_reaches() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]"#), @r#"
  ! the reaction to prompt `hi` is never taken
   ,-[case:3:19]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]}
   :                   |
   :                   `-- nobody runs the conversation
   `----
  help: let an actor "run" the conversation, or send with "run": true through the service

read scenario `case`: 1 warning
"#);
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
  {"on": "any_prompt", "do": [{"say": "never"}]}
]"#), @r#"
  ! the reaction to any prompt is never taken
   ,-[case:5:10]
 4 |   {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
 5 |   {"on": "any_prompt", "do": [{"say": "never"}]}
   :          ^^^^^^|^^^^^
   :                `-- every message has a reaction of its own
 6 | ]}
   `----
  help: leave the reaction out, or one of those for a single prompt

read scenario `case`: 1 warning
"#);
}

#[test]
fn a_process_and_a_session_that_never_begin() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": "any_prompt", "process": 2, "do": [{"say": "again"}]},
  {"on": "any_prompt", "session": "s2", "do": [{"say": "elsewhere"}]},
  {"on": "any_prompt", "session": "main", "do": [{"say": "nowhere"}]},
  {"on": "any_prompt", "session": "s1", "process": 1, "do": [{"say": "here"}]}
]"#), @r#"
  ! the reaction to any prompt is never taken
   ,-[case:4:35]
 3 | "server": [
 4 |   {"on": "any_prompt", "process": 2, "do": [{"say": "again"}]},
   :                                   |
   :                                   `-- nothing restarts the server
 5 |   {"on": "any_prompt", "session": "s2", "do": [{"say": "elsewhere"}]},
   `----
  help: a restart needs a run, and something that ends a turn: an `interrupt`, say

  ! the reaction to any prompt is never taken
   ,-[case:5:35]
 4 |   {"on": "any_prompt", "process": 2, "do": [{"say": "again"}]},
 5 |   {"on": "any_prompt", "session": "s2", "do": [{"say": "elsewhere"}]},
   :                                   ^^|^
   :                                     `-- nothing makes the server begin another session
 6 |   {"on": "any_prompt", "session": "main", "do": [{"say": "nowhere"}]},
   `----
  help: a restart needs a run, and something that ends a turn: an `interrupt`, say

  ! the reaction to any prompt is never taken
   ,-[case:6:35]
 5 |   {"on": "any_prompt", "session": "s2", "do": [{"say": "elsewhere"}]},
 6 |   {"on": "any_prompt", "session": "main", "do": [{"say": "nowhere"}]},
   :                                   ^^^|^^
   :                                      `-- no session is called `main`
 7 |   {"on": "any_prompt", "session": "s1", "process": 1, "do": [{"say": "here"}]}
   `----
  help: sessions are called `s1`, `s2` and so on, as they begin

read scenario `case`: 3 warnings
"#);
    // After an interrupt the server may be restarted, with another session.
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}, {"name": "ben", "does": ["interrupt"]}],
"server": [{"on": "any_prompt", "session": "s2", "process": 2, "do": [{"say": "again"}]}]"#), @r#"
read scenario `case`: nothing wrong
"#);
}

#[test]
fn reactions_that_only_an_acp_agent_leads_to() {
    insta::assert_snapshot!(super::said(r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}, {"name": "ben", "does": ["interrupt"]}],
"server": [
  {"on": "cancel", "do": [{"answer": "end_turn"}]},
  {"on": "load", "do": [{"fail": "gone"}]},
  {"on": "any_prompt", "session": "s1", "do": []}
]}"#), @r#"
  ! the reaction to `session/cancel` is never taken
   ,-[case:4:10]
 3 | "server": [
 4 |   {"on": "cancel", "do": [{"answer": "end_turn"}]},
   :          ^^^^|^^^
   :              `-- this agent has no ACP server
 5 |   {"on": "load", "do": [{"fail": "gone"}]},
   `----
  help: only an agent of kind `acp` has sessions and cancels

  ! the reaction to `session/load` is never taken
   ,-[case:5:10]
 4 |   {"on": "cancel", "do": [{"answer": "end_turn"}]},
 5 |   {"on": "load", "do": [{"fail": "gone"}]},
   :          ^^^|^^
   :             `-- this agent has no ACP server
 6 |   {"on": "any_prompt", "session": "s1", "do": []}
   `----
  help: only an agent of kind `acp` has sessions and cancels

  ! the retries of an LLM are not modelled
   ,-[case:5:25]
 4 |   {"on": "cancel", "do": [{"answer": "end_turn"}]},
 5 |   {"on": "load", "do": [{"fail": "gone"}]},
   :                         |
   :                         `-- the run fails at once; the release asks again first
 6 |   {"on": "any_prompt", "session": "s1", "do": []}
   `----
  help: take the outcome for that of an LLM with `num_retries` 0, or let the agent be of kind `acp`,
        whose retries are modelled

  ! the reaction to any prompt is never taken
   ,-[case:6:35]
 5 |   {"on": "load", "do": [{"fail": "gone"}]},
 6 |   {"on": "any_prompt", "session": "s1", "do": []}
   :                                   ^^|^
   :                                     `-- this agent has no ACP server
 7 | ]}
   `----
  help: only an agent of kind `acp` has sessions and cancels

read scenario `case`: 4 warnings
"#);
}

#[test]
fn gates_that_are_open_already() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [
  {"name": "ann", "does": [{"open": "go"}, {"send": {"text": "hi"}}, {"open": "go"}, {"wait": {"gate": "go"}}, "run"]},
  {"name": "ben", "does": [{"wait": {"gate": "go"}}, {"open": "go"}]}
]"#), @r#"
  ! gate `go` is opened again
   ,-[case:4:79]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"open": "go"}, {"send": {"text": "hi"}}, {"open": "go"}, {"wait": {"gate": "go"}}, "run"]},
   :                                     ^^|^                                      ^^|^
   :                                       |                                         `-- does nothing
   :                                       `-- opened here
 5 |   {"name": "ben", "does": [{"wait": {"gate": "go"}}, {"open": "go"}]}
   `----
  help: a gate stays open: leave the step out, or use another gate

  ! actor `ann` waits for gate `go`, which it has opened
   ,-[case:4:104]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"open": "go"}, {"send": {"text": "hi"}}, {"open": "go"}, {"wait": {"gate": "go"}}, "run"]},
   :                                     ^^|^                                                               ^^|^
   :                                       |                                                                  `-- waits for nothing
   :                                       `-- opened here
 5 |   {"name": "ben", "does": [{"wait": {"gate": "go"}}, {"open": "go"}]}
   `----
  help: let somebody else open the gate, or leave the step out

read scenario `case`: 2 warnings
"#);
}

#[test]
fn a_server_that_reads_on_though_it_never_stopped() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": ["resume_reading", {"answer": "end_turn"}]}]"#), @r#"
  ! the server reads on, but it never stopped reading
   ,-[case:3:44]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": ["resume_reading", {"answer": "end_turn"}]}]}
   :                                            ^^^^^^^^|^^^^^^^
   :                                                    `-- does nothing
   `----
  help: put "stop_reading" before it, or leave it out

read scenario `case`: 1 warning
"#);
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": ["stop_reading", "resume_reading", {"answer": "end_turn"}]}]"#), @r#"
read scenario `case`: nothing wrong
"#);
}
