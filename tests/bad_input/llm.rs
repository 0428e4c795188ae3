//! The script of an LLM: what it cannot be asked and what HTTP cannot carry.

use insta::assert_snapshot;
use turnloom::scenario;

use super::{said, said_beside_ann, vocabulary};

#[test]
fn what_an_llm_beside_an_agent_cannot_do() {
    let text = r#"
"server": [
  {"on": {"tool_result": "t1"}, "do": []},
  {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look"}}, "hang_up"]}
],
"llm": [
  {"on": "cancel", "do": []},
  {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
  {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
  {"on": "any_prompt", "do": [
    {"tool_call": {"id": "t1"}},
    {"tool_call": {"id": "t2", "name": "look"}},
    {"tool_call": {"id": "t2", "name": "look"}},
    {"refuse": {"status": 429}},
    {"say": "late"}
  ]}
]"#;
    assert_snapshot!(said_beside_ann(text), @r##"
  x only an LLM is sent what `tool_result` looks at
   ,-[case:4:10]
 3 | "server": [
 4 |   {"on": {"tool_result": "t1"}, "do": []},
   :          |
   :          `-- never taken
 5 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look"}}, "hang_up"]}
   `----
  help: write it in a reaction of `llm`

  x an ACP agent on its pipe has no `tool_call`
   ,-[case:5:35]
 4 |   {"on": {"tool_result": "t1"}, "do": []},
 5 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look"}}, "hang_up"]}
   :                                   |
   :                                   `-- only over HTTP
 6 | ],
   `----
  help: write it in a reaction of `llm`

  x an ACP agent on its pipe has no `hang_up`
   ,-[case:5:80]
 4 |   {"on": {"tool_result": "t1"}, "do": []},
 5 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "look"}}, "hang_up"]}
   :                                                                                ^^^^|^^^^
   :                                                                                    `-- only over HTTP
 6 | ],
   `----
  help: write it in a reaction of `llm`

  x an LLM is asked for completions and knows no `cancel`
   ,-[case:8:10]
 7 | "llm": [
 8 |   {"on": "cancel", "do": []},
   :          ^^^^|^^^
   :              `-- never taken
 9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
   `----
  help: move the reaction to `server`

  x a completion belongs to no session
    ,-[case:9:33]
  8 |   {"on": "cancel", "do": []},
  9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
    :                                 ^^^^|^^^^
    :                                     `-- never taken
 10 |   {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
    `----
  help: leave it out: conversations are told apart by what was said in them

  x an LLM streams no cards
    ,-[case:9:57]
  8 |   {"on": "cancel", "do": []},
  9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
    :                                                         |
    :                                                         `-- not over HTTP
 10 |   {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
    `----
  help: write a `tool_call`

  x the reaction to a conversation with `x` is never taken
    ,-[case:10:4]
  8 |   {"on": "cancel", "do": []},
  9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
    :    ^^|^
    :      `-- takes all of them
 10 |   {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
    :    ^^|^
    :      `-- never taken
 11 |   {"on": "any_prompt", "do": [
    `----
  help: the first reaction that matches is taken: put the actions into that one

  x a completion belongs to no session
    ,-[case:10:33]
  9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
 10 |   {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
    :                                 ^^^^|^^^^
    :                                     `-- never taken
 11 |   {"on": "any_prompt", "do": [
    `----
  help: leave it out: conversations are told apart by what was said in them

  x an LLM has no pipe to read from
    ,-[case:10:57]
  9 |   {"on": {"conversation": "x"}, "session": "s1", "do": [{"tool": {"id": "t1", "status": "pending"}}]},
 10 |   {"on": {"conversation": "x"}, "session": "s1", "do": ["stop_reading"]},
    :                                                         ^^^^^^^|^^^^^^
    :                                                                `-- not over HTTP
 11 |   {"on": "any_prompt", "do": [
    `----
  help: let its answer wait, or leave it out

  x the tool call `t1` has no `name`
    ,-[case:12:19]
 11 |   {"on": "any_prompt", "do": [
 12 |     {"tool_call": {"id": "t1"}},
    :                   |
    :                   `-- its first piece
 13 |     {"tool_call": {"id": "t2", "name": "look"}},
    `----
  help: say which function is called: {"id": "t1", "name": "look", "arguments": "{}"}

  x the tool call `t2` has a name already
    ,-[case:14:32]
 13 |     {"tool_call": {"id": "t2", "name": "look"}},
 14 |     {"tool_call": {"id": "t2", "name": "look"}},
    :                                ^^^|^^
    :                                   `-- a further piece of it
 15 |     {"refuse": {"status": 429}},
    `----
  help: leave the name out, or give the call an id of its own

  x the status of HTTP leaves with the first chunk
    ,-[case:15:6]
 11 |   {"on": "any_prompt", "do": [
 12 |     {"tool_call": {"id": "t1"}},
    :     |
    :     `-- 200 has left with this
 13 |     {"tool_call": {"id": "t2", "name": "look"}},
 14 |     {"tool_call": {"id": "t2", "name": "look"}},
 15 |     {"refuse": {"status": 429}},
    :      ^^^^|^^^
    :          `-- too late
 16 |     {"say": "late"}
    `----
  help: refuse before anything is streamed, or write {"fail": "why"}

  x nothing follows `refuse` in a reaction
    ,-[case:16:5]
 14 |     {"tool_call": {"id": "t2", "name": "look"}},
 15 |     {"refuse": {"status": 429}},
    :      ^^^^|^^^
    :          `-- the message is answered here
 16 |     {"say": "late"}
    :     |
    :     `-- never reached
 17 |   ]}
    `----
  help: put it before, or leave it out

failed to read scenario `case`: 13 errors
"##);
}

#[test]
fn there_is_one_llm() {
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "chat/completions"}}}]}],
"server": [{"on": {"prompt": "hi"}, "do": ["reset"]}]}"#;
    assert_snapshot!(said(text), @r##"
  x there is no LLM beside the agent
   ,-[case:2:100]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "chat/completions"}}}]}],
   :                                                                                                    ^^^^^^^^^|^^^^^^^^
   :                                                                                                             `-- waits for ever
 3 | "server": [{"on": {"prompt": "hi"}, "do": ["reset"]}]}
   `----
  help: write its reactions as `llm`; where the agent is of kind `llm`, a completion is a
        `session/prompt`

failed to read scenario `case`: 1 error
"##);
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"server": [{"on": {"prompt": "hi"}, "do": ["reset", {"say": "late"}]}],
"llm": [{"on": "any_prompt", "do": []}]}"#;
    assert_snapshot!(said(text), @r##"
  x nothing follows `reset` in a reaction
   ,-[case:3:53]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": ["reset", {"say": "late"}]}],
   :                                            ^^^|^^^  |
   :                                               |     `-- never reached
   :                                               `-- the connection ends here
 4 | "llm": [{"on": "any_prompt", "do": []}]}
   `----
  help: put it before, or leave it out

  x this agent talks to its LLM itself, and `server` is that LLM
   ,-[case:4:1]
 3 | "server": [{"on": {"prompt": "hi"}, "do": ["reset", {"say": "late"}]}],
 4 | "llm": [{"on": "any_prompt", "do": []}]}
   : ^^|^^
   :   `-- a second one
   `----
  help: move the reactions to `server`, or let the agent be of kind `acp`

failed to read scenario `case`: 2 errors
"##);
}

#[test]
fn a_refusal_has_the_status_of_an_error() {
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"server": [{"on": {"prompt": "hi"}, "do": [{"refuse": {"status": 200}}]}]}"#;
    assert_snapshot!(said(text), @r##"
  x the number `200` does not fit here
   ,-[case:3:66]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
 3 | "server": [{"on": {"prompt": "hi"}, "do": [{"refuse": {"status": 200}}]}]}
   :                                                                  ^|^
   :                                                                   `-- expected a whole number from 400 to 599
   `----

failed to read scenario `case`: 1 error
"##);
}

#[test]
fn what_only_a_live_llm_can_do() {
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "chat/completions", "text": "any text"}}}]}],
"llm": [{"on": {"conversation": "hi"}, "do": [{"wait": {"frame": {"method": "session/prompt", "text": "hi"}}}, {"answer": "end_turn"}]}]}"#;
    let loaded = scenario::parse("case", text, &vocabulary()).unwrap();
    assert!(loaded.warnings.is_empty() && loaded.scenario.is_only_live());
    assert_snapshot!(format!("\n{}", loaded.only_live.render(false)), @r##"
  x the model of the runtime does not know an LLM beside the agent
   ,-[case:2:70]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "chat/completions", "text": "any text"}}}]}],
   :                                                                      |
   :                                                                      `-- only a live server does this
 3 | "llm": [{"on": {"conversation": "hi"}, "do": [{"wait": {"frame": {"method": "session/prompt", "text": "hi"}}}, {"answer": "end_turn"}]}]}
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

  x the model of the runtime does not know an LLM beside the agent
   ,-[case:3:8]
 2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run", {"wait": {"frame": {"method": "chat/completions", "text": "any text"}}}]}],
 3 | "llm": [{"on": {"conversation": "hi"}, "do": [{"wait": {"frame": {"method": "session/prompt", "text": "hi"}}}, {"answer": "end_turn"}]}]}
   :        |
   :        `-- only a live server does this
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

failed to read scenario `case`: 2 errors
"##);
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "llm"},
"actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
"server": [
  {"on": {"tool_result": "t1"}, "do": ["hang_up"]},
  {"on": {"conversation": "x"}, "do": ["reset"]},
  {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "think"}}, {"fail": "why"}]},
  {"on": "any_prompt", "do": [{"refuse": {"status": 503}}]}
]}"#;
    let loaded = scenario::parse("case", text, &vocabulary()).unwrap();
    assert!(loaded.warnings.is_empty());
    assert_snapshot!(format!("\n{}", loaded.only_live.render(false)), @r##"
  x the model of the runtime does not know the end of a connection
   ,-[case:4:40]
 3 | "server": [
 4 |   {"on": {"tool_result": "t1"}, "do": ["hang_up"]},
   :                                        ^^^^|^^^^
   :                                            `-- only a live server does this
 5 |   {"on": {"conversation": "x"}, "do": ["reset"]},
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

  x the model of the runtime does not know a reaction to a whole conversation
   ,-[case:5:10]
 4 |   {"on": {"tool_result": "t1"}, "do": ["hang_up"]},
 5 |   {"on": {"conversation": "x"}, "do": ["reset"]},
   :          |
   :          `-- only a live server does this
 6 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "think"}}, {"fail": "why"}]},
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

  x the model of the runtime does not know the reset of a connection
   ,-[case:5:40]
 4 |   {"on": {"tool_result": "t1"}, "do": ["hang_up"]},
 5 |   {"on": {"conversation": "x"}, "do": ["reset"]},
   :                                        ^^^|^^^
   :                                           `-- only a live server does this
 6 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "think"}}, {"fail": "why"}]},
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

  x the model of the runtime does not know a tool of the SDK's own
   ,-[case:6:35]
 5 |   {"on": {"conversation": "x"}, "do": ["reset"]},
 6 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "think"}}, {"fail": "why"}]},
   :                                   |
   :                                   `-- only a live server does this
 7 |   {"on": "any_prompt", "do": [{"refuse": {"status": 503}}]}
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

  x the model of the runtime does not know a status of HTTP
   ,-[case:7:31]
 6 |   {"on": {"prompt": "hi"}, "do": [{"tool_call": {"id": "t1", "name": "think"}}, {"fail": "why"}]},
 7 |   {"on": "any_prompt", "do": [{"refuse": {"status": 503}}]}
   :                               |
   :                               `-- only a live server does this
 8 | ]}
   `----
  help: play it with `turnloom serve`, or leave it out to run every interleaving

failed to read scenario `case`: 5 errors
"##);
}
