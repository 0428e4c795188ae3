//! The head of a scenario, its actors and their single steps.

use super::{said, said_beside_ann, said_of};

#[test]
fn empty_words() {
    insta::assert_snapshot!(said(r#"{
"version": 1, "title": "", "source": " ",
"agent": {"kind": "acp"},
"actors": [{"name": "ann", "does": ["run"]}]
}"#), @r#"
  x the title is empty
   ,-[case:2:24]
 1 | {
 2 | "version": 1, "title": "", "source": " ",
   :                        ^|
   :                         `-- nothing here
 3 | "agent": {"kind": "acp"},
   `----
  help: say in one line what must hold

  x the source is empty
   ,-[case:2:38]
 1 | {
 2 | "version": 1, "title": "", "source": " ",
   :                                      ^|^
   :                                       `-- nothing here
 3 | "agent": {"kind": "acp"},
   `----
  help: name the issue, review or report it comes from

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn nobody_acts() {
    insta::assert_snapshot!(said_of(r#"
"actors": []"#), @r#"
  x no actors: nobody does anything
   ,-[case:2:11]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "actors": []}
   :           |
   :           `-- expected at least one actor
   `----
  help: write {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn names_of_actors() {
    insta::assert_snapshot!(said_of(r#"
"actors": [
  {"name": "ann", "does": ["run"]},
  {"name": "loop", "does": ["run"]},
  {"name": "Bob", "does": ["run"]},
  {"name": "ann", "does": []}
]"#), @r#"
  x an actor cannot be called `loop`
   ,-[case:4:12]
 3 |   {"name": "ann", "does": ["run"]},
 4 |   {"name": "loop", "does": ["run"]},
   :            ^^^|^^
   :               `-- the name of a role of the harness
 5 |   {"name": "Bob", "does": ["run"]},
   `----
  help: any name but `loop`, `portal`, `worker`, `server`, `clock`, `tool-worker`, and `worker` with
        a number

  x `Bob` is no name of an actor
   ,-[case:5:12]
 4 |   {"name": "loop", "does": ["run"]},
 5 |   {"name": "Bob", "does": ["run"]},
   :            ^^|^^
   :              `-- expected a name such as `ann` or `client-2`
 6 |   {"name": "ann", "does": []}
   `----
  help: a lowercase letter, then lowercase letters, digits, `-` and `_`

  x two actors are called `ann`
   ,-[case:6:12]
 2 | "actors": [
 3 |   {"name": "ann", "does": ["run"]},
   :            ^^|^^
   :              `-- first
 4 |   {"name": "loop", "does": ["run"]},
 5 |   {"name": "Bob", "does": ["run"]},
 6 |   {"name": "ann", "does": []}
   :            ^^|^^
   :              `-- again
 7 | ]}
   `----
  help: schedules tell actors apart by their names

  x actor `ann` does nothing
   ,-[case:6:27]
 5 |   {"name": "Bob", "does": ["run"]},
 6 |   {"name": "ann", "does": []}
   :                           |
   :                           `-- an empty list
 7 | ]}
   `----
  help: give it a step, or leave the actor out

failed to read scenario `case`: 4 errors
"#);
}

#[test]
fn names_of_threads_are_no_names_of_actors() {
    let of = |name: &str| said_of(&format!(r#""actors": [{{"name": "{name}", "does": ["run"]}}]"#));
    for name in ["tool-worker", "worker-2", "worker-10"] {
        assert!(of(name).contains(&format!("x an actor cannot be called `{name}`")), "{}", of(name));
    }
    for name in ["worker-", "worker-two", "workers"] {
        assert!(!of(name).contains("cannot be called"), "{}", of(name));
    }
}

#[test]
fn lists_with_one_item_twice() {
    insta::assert_snapshot!(said_beside_ann(r#"
"observe": ["events", "calls", "events"],
"loom": {"inline": ["server", "server"]}"#), @r#"
  x the same item twice in one list
   ,-[case:3:32]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "observe": ["events", "calls", "events"],
   :             ^^^^|^^^           ^^^^|^^^
   :                 |                  `-- again
   :                 `-- first
 4 | "loom": {"inline": ["server", "server"]}}
   `----
  help: keep one of them

  x the same item twice in one list
   ,-[case:4:31]
 3 | "observe": ["events", "calls", "events"],
 4 | "loom": {"inline": ["server", "server"]}}
   :                     ^^^^|^^^  ^^^^|^^^
   :                         |         `-- again
   :                         `-- first
   `----
  help: keep one of them

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn nothing_is_observed() {
    insta::assert_snapshot!(said_beside_ann(r#"
"observe": []"#), @r#"
  x nothing is observed: every outcome would be the same
   ,-[case:3:12]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "observe": []}
   :            |
   :            `-- an empty list
   `----
  help: leave `observe` out to observe everything

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn one_text_twice() {
    insta::assert_snapshot!(said_of(r#"
"actors": [
  {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
  {"name": "bob", "does": [{"send": {"text": "hi"}}]}
]"#), @r#"
  x the message `hi` is sent twice
   ,-[case:4:46]
 2 | "actors": [
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
   :                                              ^^|^
   :                                                `-- first
 4 |   {"name": "bob", "does": [{"send": {"text": "hi"}}]}
   :                                              ^^|^
   :                                                `-- again
 5 | ]}
   `----
  help: prompts are told apart by their texts: use another one

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn a_run_without_the_service() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": true}}]}]"#), @r#"
  x a message asks for a run, but there is no service to do so
   ,-[case:2:61]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi", "run": true}}]}]}
   :                                                             ^^|^^
   :                                                               `-- only through the service
   `----
  help: add "through": "service" to the scenario, or a step "run" after this one

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn a_token_of_no_tool_call() {
    insta::assert_snapshot!(said_of(r#"
"actors": [{"name": "ann", "does": [{"tool": "poll_token"}, {"tool": "begin"}, "run"]}]"#), @r#"
  x actor `ann` polls the token of no tool call
   ,-[case:2:46]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "actors": [{"name": "ann", "does": [{"tool": "poll_token"}, {"tool": "begin"}, "run"]}]}
   :                                              ^^^^^^|^^^^^
   :                                                    `-- no tool call has begun
   `----
  help: put a step {"tool": "begin"} before it

failed to read scenario `case`: 1 error
"#);
}
