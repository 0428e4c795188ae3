//! Parts that the agent or the interface of a scenario does not have: condenser, subscriber, synchronous run, retries,
//! a process of one's own.

use super::said;

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

#[test]
fn a_conversation_that_is_reloaded_while_others_are_at_it() {
    insta::assert_snapshot!(said(r#"{
  "version": 1, "title": "t", "source": "s", "agent": {"kind": "sync"}, "through": "service",
  "actors": [
    {"name": "ann", "does": [{"send": {"text": "hi", "run": true}}, "reload"]},
    {"name": "bob", "does": [{"wait": {"event": {"kind": "finish"}}}, "interrupt"]}
  ]
}"#), @r#"
  x a run of an agent of kind `sync` goes on when its service is closed
   ,-[case:4:69]
 3 |   "actors": [
 4 |     {"name": "ann", "does": [{"send": {"text": "hi", "run": true}}, "reload"]},
   :                                                                     ^^^^|^^^
   :                                                                         `-- the run may still be on
 5 |     {"name": "bob", "does": [{"wait": {"event": {"kind": "finish"}}}, "interrupt"]}
   `----
  help: leave out "through": "service", or let the agent be of kind `llm`

  x only one actor acts where the conversation is reloaded
   ,-[case:5:71]
 3 |   "actors": [
 4 |     {"name": "ann", "does": [{"send": {"text": "hi", "run": true}}, "reload"]},
   :                                                                     ^^^^|^^^
   :                                                                         `-- reloaded here
 5 |     {"name": "bob", "does": [{"wait": {"event": {"kind": "finish"}}}, "interrupt"]}
   :                                                                       ^^^^^|^^^^^
   :                                                                            `-- another one acts
 6 |   ]
   `----
  help: let the same actor do it; others may open gates and wait

failed to read scenario `case`: 2 errors
"#);
}

#[test]
fn a_model_that_nobody_can_switch() {
    let told = said(
        r#"{
  "version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
  "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"switch_model": "m2"}]}]
}"#,
    );
    assert!(told.contains("x only an ACP agent has a session whose model can be switched"), "{told}");
    let nobody = said(
        r#"{
  "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
  "actors": [{"name": "ann", "does": [
    {"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "session/set_model"}}}]}]
}"#,
    );
    assert!(nobody.contains("nobody switches the model"), "{nobody}");
}
