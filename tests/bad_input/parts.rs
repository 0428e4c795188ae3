//! Parts that the agent or the interface of a scenario does not have: condenser, subscriber, synchronous run, retries.

use crate::said;

#[test]
fn a_condenser_and_a_subscriber_where_there_is_none() {
    insta::assert_snapshot!(said(r#"{
  "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp", "condenser": true}, "gates": ["g"],
  "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"open": "g"}]}],
  "subscriber": [{"on": "finish", "gate": "g"}]
}"#), @r#"
  x only an agent of kind `llm` has a condenser
   ,-[case:2:71]
 1 | {
 2 |   "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp", "condenser": true}, "gates": ["g"],
   :                                                                       ^^^^^|^^^^^
   :                                                                            `-- this agent has none
 3 |   "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"open": "g"}]}],
   `----
  help: leave it out, or write "kind": "llm"

  x only the service has a subscriber
   ,-[case:4:3]
 3 |   "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"open": "g"}]}],
 4 |   "subscriber": [{"on": "finish", "gate": "g"}]
   :   ^^^^^^|^^^^^
   :         `-- nobody is told
 5 | }
   `----
  help: add "through": "service" to the scenario

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn a_synchronous_run_of_the_service_a_retry_of_nothing_and_a_gate_of_a_subscriber() {
    insta::assert_snapshot!(said(r#"{
  "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "through": "service",
  "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run_sync"]}],
  "clock": [{"fire": "retry"}],
  "subscriber": [{"on": "finish", "gate": "h"}]
}"#), @r#"
  x the service has no synchronous run
   ,-[case:3:65]
 2 |   "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "through": "service",
 3 |   "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run_sync"]}],
   :                                                                 ^^^^^|^^^^
   :                                                                      `-- only a conversation has one
 4 |   "clock": [{"fire": "retry"}],
   `----
  help: write "run"

  x timer `retry` is never armed: no prompt fails
   ,-[case:4:22]
 3 |   "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run_sync"]}],
 4 |   "clock": [{"fire": "retry"}],
   :                      ^^^|^^^
   :                         `-- waits for ever
 5 |   "subscriber": [{"on": "finish", "gate": "h"}]
   `----
  help: let a reaction to a prompt {"fail": "overloaded"}

  x gate `h` is not declared
   ,-[case:5:43]
 4 |   "clock": [{"fire": "retry"}],
 5 |   "subscriber": [{"on": "finish", "gate": "h"}]
   :                                           ^|^
   :                                            `-- no such gate
 6 | }
   `----
  help: name it in the list `gates`

failed to read scenario `case`: 3 errors
"#);
}
