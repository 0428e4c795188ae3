//! Gates.

use super::said_of;

#[test]
fn declared_twice() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go", "go"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "go"}}, "run"]},
  {"name": "bob", "does": [{"open": "go"}]}
]"#), @r#"
  x gate `go` is declared twice
   ,-[case:2:17]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "gates": ["go", "go"],
   :           ^^|^  ^^|^
   :             |     `-- again
   :             `-- first
 3 | "actors": [
   `----
  help: keep one of them

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn not_declared() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["streamed"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "streamd"}}, {"open": "elephant"}]},
  {"name": "bob", "does": [{"open": "streamed"}, {"wait": {"gate": "streamed"}}]}
]"#), @r#"
  x gate `streamd` is not declared
   ,-[case:4:46]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"wait": {"gate": "streamd"}}, {"open": "elephant"}]},
   :                                              ^^^^|^^^^
   :                                                  `-- no such gate
 5 |   {"name": "bob", "does": [{"open": "streamed"}, {"wait": {"gate": "streamed"}}]}
   `----
  help: did you mean `streamed`?

  x gate `elephant` is not declared
   ,-[case:4:68]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"wait": {"gate": "streamd"}}, {"open": "elephant"}]},
   :                                                                    ^^^^^|^^^^
   :                                                                         `-- no such gate
 5 |   {"name": "bob", "does": [{"open": "streamed"}, {"wait": {"gate": "streamed"}}]}
   `----
  help: name it in the list `gates`

  ! actor `bob` waits for gate `streamed`, which it has opened
   ,-[case:5:68]
 4 |   {"name": "ann", "does": [{"wait": {"gate": "streamd"}}, {"open": "elephant"}]},
 5 |   {"name": "bob", "does": [{"open": "streamed"}, {"wait": {"gate": "streamed"}}]}
   :                                     ^^^^^|^^^^                     ^^^^^|^^^^
   :                                          |                              `-- waits for nothing
   :                                          `-- opened here
 6 | ]}
   `----
  help: let somebody else open the gate, or leave the step out

failed to read scenario `case`: 2 errors, 1 warning
"#);
}

#[test]
fn never_opened() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [{"name": "ann", "does": [{"wait": {"gate": "go"}}, "run"]}]"#), @r#"
  x nobody opens gate `go`
   ,-[case:3:55]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "gates": ["go"],
   :           ^^|^
   :             `-- declared here
 3 | "actors": [{"name": "ann", "does": [{"wait": {"gate": "go"}}, "run"]}]}
   :                                                       ^^|^
   :                                                         `-- waits for ever
   `----
  help: let somebody {"open": "go"}

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn never_awaited() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go", "unused"],
"actors": [{"name": "ann", "does": [{"open": "go"}, "run"]}]"#), @r#"
  ! nobody waits for gate `go`
   ,-[case:2:11]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "gates": ["go", "unused"],
   :           ^^|^
   :             `-- declared here
 3 | "actors": [{"name": "ann", "does": [{"open": "go"}, "run"]}]}
   :                                              ^^|^
   :                                                `-- opened for nobody
   `----
  help: let somebody {"wait": {"gate": "go"}}, or leave the gate out

  ! gate `unused` is not used
   ,-[case:2:17]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "gates": ["go", "unused"],
   :                 ^^^^|^^^
   :                     `-- declared here
 3 | "actors": [{"name": "ann", "does": [{"open": "go"}, "run"]}]}
   `----
  help: leave it out

read scenario `case`: 2 warnings
"#);
}

#[test]
fn warnings_never_crowd_out_an_error() {
    let gates: Vec<String> = (0..1_000).map(|i| format!("\"g{i}\"")).collect();
    let unused = format!("\"gates\": [{}], \"actors\": [{{\"name\": \"ann\", \"does\": [", gates.join(","));
    let right = said_of(&format!("{unused}\"run\"]}}]"));
    assert!(right.ends_with("\nread scenario `case`: 100 warnings, 900 more not shown\n"), "{right}");
    let wrong = said_of(&format!("{unused}{{\"open\": \"elephant\"}}]}}]"));
    assert!(wrong.ends_with("\nfailed to read scenario `case`: 1 error, 100 warnings, 900 more not shown\n"));
}

#[test]
fn opened_only_by_the_one_who_waits() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["go"],
"actors": [{"name": "ann", "does": [
  {"wait": {"gate": "go"}},
  {"open": "go"}
]}]"#), @r#"
  x actor `ann` waits for gate `go`, which comes only after it
   ,-[case:4:4]
 3 | "actors": [{"name": "ann", "does": [
 4 |   {"wait": {"gate": "go"}},
   :    ^^^|^^
   :       `-- waits for ever
 5 |   {"open": "go"}
   :    ^^^|^^
   :       `-- opens the gate, but too late
 6 | ]}]}
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before

failed to read scenario `case`: 1 error
"#);
}

#[test]
fn each_waits_for_the_other() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["a", "b"],
"actors": [
  {"name": "ann", "does": [{"wait": {"gate": "a"}}, {"open": "b"}]},
  {"name": "bob", "does": [{"wait": {"gate": "b"}}, {"open": "a"}]}
]"#), @r#"
  x actor `ann` waits for gate `a`, which comes only after it
   ,-[case:4:29]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"wait": {"gate": "a"}}, {"open": "b"}]},
   :                             ^^^|^^
   :                                `-- waits for ever
 5 |   {"name": "bob", "does": [{"wait": {"gate": "b"}}, {"open": "a"}]}
   :                                                      ^^^|^^
   :                                                         `-- opens the gate, but too late
 6 | ]}
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before

  x actor `bob` waits for gate `b`, which comes only after it
   ,-[case:5:29]
 3 | "actors": [
 4 |   {"name": "ann", "does": [{"wait": {"gate": "a"}}, {"open": "b"}]},
   :                                                      ^^^|^^
   :                                                         `-- opens the gate, but too late
 5 |   {"name": "bob", "does": [{"wait": {"gate": "b"}}, {"open": "a"}]}
   :                             ^^^|^^
   :                                `-- waits for ever
 6 | ]}
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn opened_by_a_reaction_that_waits_for_the_waiter() {
    insta::assert_snapshot!(said_of(r#"
"gates": ["streamed"],
"actors": [{"name": "ann", "does": [
  {"wait": {"gate": "streamed"}},
  {"send": {"text": "hi"}}, "run"
]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"open": "streamed"}, {"answer": "end_turn"}]}]"#), @r#"
  x actor `ann` waits for gate `streamed`, which comes only after it
   ,-[case:4:4]
 3 | "actors": [{"name": "ann", "does": [
 4 |   {"wait": {"gate": "streamed"}},
   :    ^^^|^^
   :       `-- waits for ever
 5 |   {"send": {"text": "hi"}}, "run"
 6 | ]}],
 7 | "server": [{"on": {"prompt": "hi"}, "do": [{"open": "streamed"}, {"answer": "end_turn"}]}]}
   :                                             ^^^|^^
   :                                                `-- opens the gate, but too late
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before

failed to read scenario `case`: 1 error
"#);
}
