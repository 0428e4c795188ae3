//! Fragments: what is put in where they are used, and what is said of those that cannot be.

use std::fs;
use std::path::{Path, PathBuf};

use turnloom::scenario;
use turnloom::scenario::{Actor, Scenario, Step};

use super::vocabulary;

/// A folder with these fragments and a scenario whose second actor does this; the scenario's file.
fn folder(name: &str, fragments: &[(&str, &str)], does: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fragments-{name}"));
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("fragments")).unwrap();
    for (name, text) in fragments {
        fs::write(folder.join(format!("fragments/{name}.json")), text).unwrap();
    }
    let file = folder.join("case.json");
    let waits = fragments.iter().any(|(_, text)| text.contains("gate"));
    let gates = if waits { r#" "gates": ["a"],"# } else { "" };
    let text = format!(
        r#"{{"version": 1, "title": "t", "source": "s", "agent": {{"kind": "acp"}},{gates}
"actors": [
  {{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run"]}},
  {{"name": "ben", "does": {does}}}
]}}"#
    );
    fs::write(&file, text).unwrap();
    file
}

/// All that is said of such a scenario.
fn said(name: &str, fragments: &[(&str, &str)], does: &str) -> String {
    let findings = match scenario::load(&folder(name, fragments, does), &vocabulary()) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => findings,
    };
    format!("\n{}", findings.render(false)).replace(env!("CARGO_TARGET_TMPDIR"), "TMP")
}

const STOP: &str = r#"// Stop is pressed in the turn.
[
  {"wait": {"frame": {"method": "session/prompt"}}}, // the first one
  "interrupt"
]"#;

#[test]
fn its_items_stand_where_it_is_used() {
    let file = folder("used", &[("stop", STOP)], r#"[{"use": "stop"}, "pause", {"use": "stop"}]"#);
    let loaded = scenario::load(&file, &vocabulary()).unwrap();
    let Scenario { actors, .. } = &loaded.scenario;
    let Actor { does, .. } = &actors[1];
    assert!(matches!(
        does.as_slice(),
        [Step::Wait(_), Step::Interrupt, Step::Pause, Step::Wait(_), Step::Interrupt]
    ));
    assert!(loaded.warnings.is_empty());
    // What a fragment holds is where it is used.
    let lines = [0, 1, 2, 4].map(|step| loaded.lines.of(&format!("/actors/1/does/{step}")));
    assert_eq!(lines, [4; 4]);
    assert_eq!(loaded.lines.of("/actors/0/name"), 3);
}

#[test]
fn a_message_to_the_client_is_its_own() {
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
        "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
        "server": [{"on": {"prompt": "hi"}, "do": [{"frame": {"jsonrpc": "2.0", "method": "_x", "params": [{"use": "stop"}]}}]}]}"#;
    scenario::parse("case", text, &vocabulary()).unwrap();
}

#[test]
fn what_is_wrong_in_a_fragment_is_shown_there() {
    insta::assert_snapshot!(said(
        "typo",
        &[("stop", "[\n  \"pause\",\n  \"intrrupt\"\n]")],
        r#"["run", {"use": "stop"}]"#
    ), @r#"
  x unknown step `intrrupt`
   ,-[TMP/fragments-typo/fragments/stop.json:3:3]
 2 |   "pause",
 3 |   "intrrupt"
   :   ^^^^^|^^^^
   :        `-- did you mean `interrupt`?
 4 | ]
   `----
  help: expected one of {"send": ...}, "run", "run_sync", "interrupt", "pause", "accept", "reject",
        "close", "reload", {"switch_model": ...}, {"tool": ...}, {"open": ...}, {"wait": ...}

failed to read scenario `TMP/fragments-typo/case.json`: 1 error
"#);
    insta::assert_snapshot!(said(
        "gate",
        &[("stop", r#"[{"wait": {"gate": "a"}}]"#)],
        r#"[{"use": "stop"}, {"open": "a"}]"#
    ), @r#"
  x actor `ben` waits for gate `a`, which comes only after it
   ,-[TMP/fragments-gate/fragments/stop.json:1:3]
 1 | [{"wait": {"gate": "a"}}]
   :   ^^^|^^
   :      `-- waits for ever
   `----
  help: what would end this wait is behind it, or behind a wait that needs it: let it happen before
        see TMP/fragments-gate/case.json:4:46: opens the gate, but too late

failed to read scenario `TMP/fragments-gate/case.json`: 1 error
"#);
    insta::assert_snapshot!(said("no-json", &[("stop", "[\n  \"pause\",\n]")], r#"[{"use": "stop"}]"#), @r#"
  x malformed JSON: trailing comma
   ,-[TMP/fragments-no-json/fragments/stop.json:3:1]
 2 |   "pause",
 3 | ]
   : |
   : `-- here
   `----
  help: remove the comma before it

failed to read scenario `TMP/fragments-no-json/fragments/stop.json`: 1 error
"#);
    insta::assert_snapshot!(said("no-list", &[("stop", "\"pause\"")], r#"[{"use": "stop"}]"#), @r#"
  x a fragment is a list with something in it
   ,-[TMP/fragments-no-list/fragments/stop.json:1:1]
 1 | "pause"
   : ^^^|^^^
   :    `-- expected a list of what is to stand where it is used
   `----
  help: write `[` and `]` around it

failed to read scenario `TMP/fragments-no-list/fragments/stop.json`: 1 error
"#);
    insta::assert_snapshot!(said("nothing", &[("stop", "[]")], r#"[{"use": "stop"}]"#), @r#"
  x a fragment is a list with something in it
   ,-[TMP/fragments-nothing/fragments/stop.json:1:1]
 1 | []
   : |
   : `-- expected a list of what is to stand where it is used
   `----
  help: write what is to stand where it is used, or use it nowhere

failed to read scenario `TMP/fragments-nothing/fragments/stop.json`: 1 error
"#);
    insta::assert_snapshot!(said("empty", &[("stop", "\n")], r#"[{"use": "stop"}]"#), @r#"
  x the file is empty
  help: `turnloom new` writes a first scenario

failed to read scenario `TMP/fragments-empty/fragments/stop.json`: 1 error
"#);
    insta::assert_snapshot!(said(
        "nested",
        &[("stop", STOP), ("twice", r#"[{"use": "stop"}]"#)],
        r#"[{"use": "twice"}]"#
    ), @r#"
  x a fragment uses no other fragment
   ,-[TMP/fragments-nested/fragments/twice.json:1:2]
 1 | [{"use": "stop"}]
   :  ^^^^^^^|^^^^^^^
   :         `-- used in a fragment
   `----
  help: use both where this one is used, or write the items here

failed to read scenario `TMP/fragments-nested/case.json`: 1 error
"#);
}

#[test]
fn what_names_no_fragment() {
    insta::assert_snapshot!(said(
        "near",
        &[("stop", STOP), ("go", STOP)],
        r#"[{"use": "stopp"}, {"use": "elephant"}]"#
    ), @r#"
  x unknown fragment `stopp`
   ,-[TMP/fragments-near/case.json:4:28]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "stopp"}, {"use": "elephant"}]}
   :                            ^^^^^^^^|^^^^^^^
   :                                    `-- did you mean `stop`?
 5 | ]}
   `----
  help: there are `go`, `stop`; a new one is a list in
        `TMP/fragments-near/fragments/stopp.json`

  x unknown fragment `elephant`
   ,-[TMP/fragments-near/case.json:4:46]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "stopp"}, {"use": "elephant"}]}
   :                                              ^^^^^^^^^|^^^^^^^^^
   :                                                       `-- no such fragment
 5 | ]}
   `----
  help: there are `go`, `stop`; a new one is a list in
        `TMP/fragments-near/fragments/elephant.json`

failed to read scenario `TMP/fragments-near/case.json`: 2 errors
"#);
    insta::assert_snapshot!(said("none", &[], r#"[{"use": "stop"}]"#), @r#"
  x unknown fragment `stop`
   ,-[TMP/fragments-none/case.json:4:28]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "stop"}]}
   :                            ^^^^^^^|^^^^^^^
   :                                   `-- no such fragment
 5 | ]}
   `----
  help: a new one is a list in `TMP/fragments-none/fragments/stop.json`

failed to read scenario `TMP/fragments-none/case.json`: 1 error
"#);
    insta::assert_snapshot!(said("outside", &[], r#"[{"use": "../case"}]"#), @r#"
  x unknown fragment `../case`
   ,-[TMP/fragments-outside/case.json:4:28]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "../case"}]}
   :                            ^^^^^^^^^|^^^^^^^^
   :                                     `-- this is no name of a fragment
 5 | ]}
   `----
  help: lowercase letters, digits and `-`: `stop` is the list in `fragments/stop.json`

failed to read scenario `TMP/fragments-outside/case.json`: 1 error
"#);
    insta::assert_snapshot!(said(
        "crowded",
        &[("stop", STOP)],
        r#"[{"use": "stop", "times": 2}, {"use": 1}]"#
    ), @r#"
  x the use of a fragment is an object with its name and nothing else
   ,-[TMP/fragments-crowded/case.json:4:28]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "stop", "times": 2}, {"use": 1}]}
   :                            ^^^^^^^^^^^^^|^^^^^^^^^^^^^
   :                                         `-- expected {"use": "NAME"}
 5 | ]}
   `----
  help: what comes before or behind it is an item of its own

  x the use of a fragment is an object with its name and nothing else
   ,-[TMP/fragments-crowded/case.json:4:57]
 3 |   {"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]},
 4 |   {"name": "ben", "does": [{"use": "stop", "times": 2}, {"use": 1}]}
   :                                                         ^^^^^|^^^^
   :                                                              `-- expected {"use": "NAME"}
 5 | ]}
   `----
  help: what comes before or behind it is an item of its own

failed to read scenario `TMP/fragments-crowded/case.json`: 2 errors
"#);
    insta::assert_snapshot!(super::said_of("\"actors\": [{\"use\": \"two\"}]"), @r#"
  x unknown fragment `two`
   ,-[case:1:81]
 1 | {"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},"actors": [{"use": "two"}]}
   :                                                                                 ^^^^^^^|^^^^^^
   :                                                                                        `-- this text is in no folder
   `----
  help: write the items here

failed to read scenario `case`: 1 error
"#);
}

/// A small file may not become a large one.
#[test]
fn fragments_have_a_limit_together() {
    let large = format!("[{}\"pause\"]", "\"pause\", ".repeat(50_000));
    let does = format!("[{}\"run\"]", "{\"use\": \"large\"}, ".repeat(100_000));
    insta::assert_snapshot!(said("large", &[("large", &large)], &does), @r#"
  x with its fragments it is larger than 4 MiB (4194304 bytes), the limit of a scenario
  help: use fewer of them, or smaller ones

failed to read scenario `TMP/fragments-large/case.json`: 1 error
"#);
}
