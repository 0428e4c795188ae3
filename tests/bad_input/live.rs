//! What is only for a live server: how it can be wrong, and that no engine takes it.

use insta::assert_snapshot;
use turnloom::scenario;

use super::{said, vocabulary};

#[test]
fn what_a_live_server_cannot_do() {
    let text = r##"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"server": [
  {"on": "start", "do": [{"say": "hello"}]},
  {"on": {"request": "session/load"}, "do": [{"fail": "no"}]},
  {"on": {"request": "initialize"}, "do": [{"answer": "end_turn"}]},
  {"on": {"prompt": "hi"}, "do": [
    {"raw": {"hex": "fg"}},
    {"call": {"name": "p1", "method": "_m"}},
    {"call": {"name": "p1", "method": "_m"}},
    {"wait": {"reply": {"to": "p2"}}},
    {"exit": 1},
    {"say": "late"}
  ]}
]}"##;
    assert_snapshot!(said(text), @r##"
      x at a start there is no session and no message to answer
       ,-[case:4:26]
     3 | "server": [
     4 |   {"on": "start", "do": [{"say": "hello"}]},
       :                          |
       :                          `-- to nobody
     5 |   {"on": {"request": "session/load"}, "do": [{"fail": "no"}]},
       `----
      help: write what is to be sent as a `frame` or as `raw` bytes

      x `session/load` has a trigger of its own
       ,-[case:5:22]
     4 |   {"on": "start", "do": [{"say": "hello"}]},
     5 |   {"on": {"request": "session/load"}, "do": [{"fail": "no"}]},
       :                      ^^^^^^^|^^^^^^
       :                             `-- never taken
     6 |   {"on": {"request": "initialize"}, "do": [{"answer": "end_turn"}]},
       `----
      help: write "load"

      x `initialize` has no stop reason
       ,-[case:6:45]
     5 |   {"on": {"request": "session/load"}, "do": [{"fail": "no"}]},
     6 |   {"on": {"request": "initialize"}, "do": [{"answer": "end_turn"}]},
       :                                             ^^^^|^^^
       :                                                 `-- only a prompt is answered so
     7 |   {"on": {"prompt": "hi"}, "do": [
       `----
      help: leave it out (the request is then answered as always), or write {"fail": "why"}

      x `fg` is no pair of hexadecimal digits
       ,-[case:8:21]
     7 |   {"on": {"prompt": "hi"}, "do": [
     8 |     {"raw": {"hex": "fg"}},
       :                     ^^|^
       :                       `-- expected bytes such as `ff 00 7b`
     9 |     {"call": {"name": "p1", "method": "_m"}},
       `----

      x two calls have the name `p1`
        ,-[case:10:23]
      8 |     {"raw": {"hex": "fg"}},
      9 |     {"call": {"name": "p1", "method": "_m"}},
        :                       ^^|^
        :                         `-- first
     10 |     {"call": {"name": "p1", "method": "_m"}},
        :                       ^^|^
        :                         `-- again
     11 |     {"wait": {"reply": {"to": "p2"}}},
        `----
      help: their answers are told apart by the name: use another one

      x the server makes no call `p2`
        ,-[case:11:31]
     10 |     {"call": {"name": "p1", "method": "_m"}},
     11 |     {"wait": {"reply": {"to": "p2"}}},
        :                               ^^|^
        :                                 `-- waits for ever
     12 |     {"exit": 1},
        `----
      help: did you mean `p1`?

      x nothing follows `exit` in a reaction
        ,-[case:13:5]
     11 |     {"wait": {"reply": {"to": "p2"}}},
     12 |     {"exit": 1},
        :      ^^^|^^
        :         `-- the process ends here
     13 |     {"say": "late"}
        :     |
        :     `-- never reached
     14 |   ]}
        `----
      help: put it before, or leave it out

    failed to read scenario `case`: 7 errors
"##);
}

const NOTHING: &str = "read scenario `case`: nothing wrong\n";

/// The first two requests of a server that has started before anybody acts.
#[test]
fn a_start_that_is_over_has_reactions_only_live() {
    let only_live = |session: &str, beside: &str, method: &str| {
        let text = format!(
            r#"{{"version": 1, "title": "t", "source": "s", "agent": {{"kind": "acp", "session": "{session}"}},
"actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run", "interrupt"]}}],
"server": [{{"on": {{"request": "{method}"}}{beside}, "do": [{{"fail": "no"}}]}}]}}"#
        );
        scenario::parse("case", &text, &vocabulary()).unwrap().only_live.render(false)
    };
    for method in ["initialize", "session/new"] {
        for beside in ["", r#", "process": 1"#] {
            let said = only_live("ready", beside, method);
            assert!(said.contains("x the server has started before the scenario begins"), "{said}");
            assert!(said.contains("help: write \"session\": \"cold\" in \"agent\""), "{said}");
            assert_eq!(only_live("cold", beside, method), NOTHING);
        }
        assert_eq!(only_live("ready", r#", "process": 2"#, method), NOTHING);
    }
    let other = only_live("cold", "", "session/set_mode");
    assert!(other.contains("x the model of the runtime does not know a reaction to this request"), "{other}");
}

#[test]
fn what_only_a_live_server_can_do() {
    let text = r##"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"reply": {"to": "p1"}}}]}],
"server": [
  {"on": "start", "do": [{"raw": {"text": "x"}}]},
  {"on": {"prompt": "hi"}, "do": ["flush", "stop_reading", {"split": {"at": 3}}, {"call": {"name": "p1", "method": "_m"}}, "close_output", {"exit": 1}]}
]}"##;
    let loaded = scenario::parse("case", text, &vocabulary()).unwrap();
    assert!(loaded.warnings.is_empty() && loaded.scenario.is_only_live());
    assert_snapshot!(format!("\n{}", loaded.only_live.render(false)), @r#"

      x the model of the runtime does not know a reply of the client
       ,-[case:2:70]
     1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"reply": {"to": "p1"}}}]}],
       :                                                                      |
       :                                                                      `-- only a live server does this
     3 | "server": [
       `----
      help: play it with `turnloom serve`, or leave it out to run every interleaving

      x the model of the runtime does not know a reaction to a start
       ,-[case:4:10]
     3 | "server": [
     4 |   {"on": "start", "do": [{"raw": {"text": "x"}}]},
       :          ^^^|^^^
       :             `-- only a live server does this
     5 |   {"on": {"prompt": "hi"}, "do": ["flush", "stop_reading", {"split": {"at": 3}}, {"call": {"name": "p1", "method": "_m"}}, "close_output", {"exit": 1}]}
       `----
      help: play it with `turnloom serve`, or leave it out to run every interleaving

      x the model of the runtime does not know raw bytes
       ,-[case:4:26]
     3 | "server": [
     4 |   {"on": "start", "do": [{"raw": {"text": "x"}}]},
       :                          |
       :                          `-- only a live server does this
     5 |   {"on": {"prompt": "hi"}, "do": ["flush", "stop_reading", {"split": {"at": 3}}, {"call": {"name": "p1", "method": "_m"}}, "close_output", {"exit": 1}]}
       `----
      help: play it with `turnloom serve`, or leave it out to run every interleaving

      x the model of the runtime does not know a call to the client
       ,-[case:5:82]
     4 |   {"on": "start", "do": [{"raw": {"text": "x"}}]},
     5 |   {"on": {"prompt": "hi"}, "do": ["flush", "stop_reading", {"split": {"at": 3}}, {"call": {"name": "p1", "method": "_m"}}, "close_output", {"exit": 1}]}
       :                                                                                  |
       :                                                                                  `-- only a live server does this
     6 | ]}
       `----
      help: play it with `turnloom serve`, or leave it out to run every interleaving

      x the model of the runtime does not know a closed output
       ,-[case:5:124]
     4 |   {"on": "start", "do": [{"raw": {"text": "x"}}]},
     5 |   {"on": {"prompt": "hi"}, "do": ["flush", "stop_reading", {"split": {"at": 3}}, {"call": {"name": "p1", "method": "_m"}}, "close_output", {"exit": 1}]}
       :                                                                                                                            ^^^^^^^|^^^^^^
       :                                                                                                                                   `-- only a live server does this
     6 | ]}
       `----
      help: play it with `turnloom serve`, or leave it out to run every interleaving

    failed to read scenario `case`: 5 errors
    "#);
}
