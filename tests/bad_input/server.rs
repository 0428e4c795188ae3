//! The script of the server.

use super::{said, said_beside_ann, said_of};

#[test]
fn a_prompt_that_nobody_sends() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": {"prompt": "ho"}, "do": [{"answer": "end_turn"}]},
  {"on": {"prompt": "elephant"}, "do": [{"answer": "end_turn"}]}
]"#), @r#"
  x nobody sends the message `ho`
   ,-[case:4:21]
 3 | "server": [
 4 |   {"on": {"prompt": "ho"}, "do": [{"answer": "end_turn"}]},
   :                     ^^|^
   :                       `-- never prompted
 5 |   {"on": {"prompt": "elephant"}, "do": [{"answer": "end_turn"}]}
   `----
  help: did you mean `hi`?

  x nobody sends the message `elephant`
   ,-[case:5:21]
 4 |   {"on": {"prompt": "ho"}, "do": [{"answer": "end_turn"}]},
 5 |   {"on": {"prompt": "elephant"}, "do": [{"answer": "end_turn"}]}
   :                     ^^^^^|^^^^
   :                          `-- never prompted
 6 | ]}
   `----
  help: a prompt has the text that an actor sends

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn reactions_that_are_never_taken() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"server": [
  {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
  {"on": "any_prompt", "do": []},
  {"on": {"prompt": "hi"}, "do": []},
  {"on": "cancel", "do": []},
  {"on": "cancel", "do": []}
]"#), @r#"
  ! the reaction to any prompt is never taken
   ,-[case:5:10]
 4 |   {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
 5 |   {"on": "any_prompt", "do": []},
   :          ^^^^^^|^^^^^
   :                `-- every message has a reaction of its own
 6 |   {"on": {"prompt": "hi"}, "do": []},
   `----
  help: leave the reaction out, or one of those for a single prompt

  x the reaction to prompt `hi` is never taken
   ,-[case:6:4]
 3 | "server": [
 4 |   {"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]},
   :    ^^|^
   :      `-- takes all of them
 5 |   {"on": "any_prompt", "do": []},
 6 |   {"on": {"prompt": "hi"}, "do": []},
   :    ^^|^
   :      `-- never taken
 7 |   {"on": "cancel", "do": []},
   `----
  help: the first reaction that matches is taken: put the actions into that one

  x the reaction to `session/cancel` is never taken
   ,-[case:8:4]
 6 |   {"on": {"prompt": "hi"}, "do": []},
 7 |   {"on": "cancel", "do": []},
   :    ^^|^
   :      `-- takes all of them
 8 |   {"on": "cancel", "do": []}
   :    ^^|^
   :      `-- never taken
 9 | ]}
   `----
  help: the first reaction that matches is taken: put the actions into that one

failed to read scenario `case`: 2 errors, 1 warning
"#);
}

#[test]
fn reactions_that_nothing_leads_to() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [
  {"on": "cancel", "do": [{"answer": "cancelled"}]},
  {"on": "load", "do": []}
]"#), @r#"
  ! the reaction to `session/cancel` is never taken
   ,-[case:4:10]
 3 | "server": [
 4 |   {"on": "cancel", "do": [{"answer": "cancelled"}]},
   :          ^^^^|^^^
   :              `-- nothing in the scenario leads to this frame
 5 |   {"on": "load", "do": []}
   `----
  help: leave the reaction out, or let somebody "interrupt" a run

  ! the reaction to `session/load` is never taken
   ,-[case:5:10]
 4 |   {"on": "cancel", "do": [{"answer": "cancelled"}]},
 5 |   {"on": "load", "do": []}
   :          ^^^|^^
   :             `-- nothing in the scenario leads to this frame
 6 | ]}
   `----
  help: leave the reaction out, or let somebody "interrupt" a run

read scenario `case`: 2 warnings
"#);
}

#[test]
fn two_answers() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": [
  {"answer": "end_turn"},
  {"say": "one more thing"},
  {"fail": "or two"}
]}]"#), @r#"
  x a message is answered once
   ,-[case:6:3]
 3 | "server": [{"on": {"prompt": "hi"}, "do": [
 4 |   {"answer": "end_turn"},
   :    ^^^^|^^^
   :        `-- the message is answered here
 5 |   {"say": "one more thing"},
 6 |   {"fail": "or two"}
   :   |
   :   `-- never reached
 7 | ]}]}
   `----
  help: put it before, or leave it out

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn a_second_answer_by_the_id_of_a_request_that_was_answered() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": [
  {"answer": "end_turn"},
  {"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}}}
]}]"#), @r#"
  x behind its answer a request has no id any more
   ,-[case:5:13]
 4 |   {"answer": "end_turn"},
 5 |   {"frame": {"jsonrpc": "2.0", "id": "$request", "result": {}}}
   :             |
   :             `-- there is no `$request`
 6 | ]}]}
   `----
  help: to answer twice, write the first answer as a `frame` too; or put this one before it

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn an_initialization_in_which_something_is_said() {
    let said = said_beside_ann(
        r#"
"server": [{"on": {"request": "initialize"}, "do": [{"say": "hello"}, {"fail": "no"}]}]"#,
    );
    assert_eq!(said.matches("x when it is initialized there is no session").count(), 1, "{said}");
    assert!(said.contains("failed to read scenario `case`: 1 error"), "{said}");
}

#[test]
fn an_answer_after_the_end_of_the_process() {
    insta::assert_snapshot!(said_beside_ann(r#"
"server": [{"on": {"prompt": "hi"}, "do": [{"fail": "no"}, {"exit": 0}, {"say": "yes"}]}]"#), @r#"

  ! timer `retry` is armed, and no clock step fires it
   ,-[case:3:44]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"fail": "no"}, {"exit": 0}, {"say": "yes"}]}]}
   :                                            |
   :                                            `-- the prompt fails, and is sent again only when the timer fires
   `----
  help: the reaction to prompt `hi` fails each time, and a prompt is sent again at most 3 times: add
        3 clock steps {"fire": "retry"}, or write "limits": {"retries": 0}

  x nothing follows `exit` in a reaction
   ,-[case:3:73]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"fail": "no"}, {"exit": 0}, {"say": "yes"}]}]}
   :                                                             ^^^|^^      |
   :                                                                |        `-- never reached
   :                                                                `-- the process ends here
   `----
  help: put it before, or leave it out

failed to read scenario `case`: 1 error, 1 warning
"#);
}

#[test]
fn actions_after_the_answer_of_an_llm() {
    insta::assert_snapshot!(said(r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"say": "yes"}, {"answer": "end_turn"}, {"say": "and no"}]}]}"#), @r#"
  x nothing follows `answer` in a reaction
   ,-[case:3:84]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"say": "yes"}, {"answer": "end_turn"}, {"say": "and no"}]}]}
   :                                                             ^^^^|^^^               |
   :                                                                 |                  `-- never reached
   :                                                                 `-- the message is answered here
   `----
  help: put it before, or leave it out

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn updates_behind_the_answer_to_a_cancelled_prompt() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
           {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]}],
"server": [{"on": {"prompt": "hi"}, "do": [
  {"wait": {"frame": {"method": "session/cancel"}}},
  {"answer": "cancelled"},
  {"say": "one more thing"}
]}]"#), @r#"
  ! this breaks the rule `updates-before-answer` of ACP, and does not say so: updates come before
  | the answer
   ,-[case:7:3]
 5 |   {"wait": {"frame": {"method": "session/cancel"}}},
 6 |   {"answer": "cancelled"},
   :   |
   :   `-- answered here
 7 |   {"say": "one more thing"}
   :   |
   :   `-- an update behind the answer
 8 | ]}]}
   `----
  help: put it before the answer, or add "breaks": ["updates-before-answer"] to the reaction if it
        is meant

read scenario `case`: 1 warning
"#);
}

#[test]
fn an_answer_to_load() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
"server": [{"on": "load", "do": [{"answer": "end_turn"}]}]"#), @r#"
  x `session/load` has no stop reason
   ,-[case:3:35]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", "interrupt"]}],
 3 | "server": [{"on": "load", "do": [{"answer": "end_turn"}]}]}
   :                                   ^^^^|^^^
   :                                       `-- only a prompt is answered so
   `----
  help: leave it out (the load then succeeds), or write {"fail": "why"}

failed to read scenario `case`: 1 error
"#);
}
