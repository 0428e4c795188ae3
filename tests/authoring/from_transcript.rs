//! A scenario that is begun from the transcript of a session: what was played there, with comments, ready to be run or served.

use crate::folder::{Folder, binary, clean};

/// A session in which a turn was stopped.
const STOP: &str = include_str!("../../fuzz/seeds/transcript/stop.jsonl");
/// A session with a call to the client, a frame as it is, and bytes that are none.
const CALLS: &str = include_str!("../../fuzz/seeds/transcript/calls.jsonl");

#[test]
fn a_new_scenario_begins_as_what_was_seen_in_a_session() {
    let folder = Folder::new("authoring-seen", &[("session.jsonl", STOP)]);
    let made = folder.run("new seen --from session.jsonl");
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    insta::assert_snapshot!(made.out, @r#"
scenarios/seen.json: written

next
  turnloom lint scenarios/seen.json
  turnloom explore scenarios/seen.json
  turnloom verify session.jsonl --scenario scenarios/seen.json --revision 1.25.0
  turnloom schema > scenarios/schema.json   so that an editor completes and checks
"#);
    insta::assert_snapshot!(folder.read("scenarios/seen.json"), @r#"
// Begun as what was seen in a session: the server does what it did there, the actors what its client did.
//
// Say what is certain, with waits and gates, and leave the rest open: every order of it is run. After each change:
//   turnloom lint scenarios/seen.json
//   turnloom explore scenarios/seen.json
{
  "$schema": "schema.json",
  "version": 1,

  // What must hold, as a sentence.
  "title": "what was seen in a session of stop",

  // Where the report is: an issue, a review, a conversation.
  "source": "imported from a transcript of stop",

  // `acp`: its server talks ACP over a pipe. `llm`: a native agent. `sync`: it has only a synchronous step.
  "agent": {"kind": "acp"},

  // Points where somebody waits until somebody opens them. There are no sleeps.
  "gates": ["turn-4-1"],

  // Who does what, each on a thread of its own. What no wait orders happens in every order.
  "actors": [
    {"name": "user", "does": [
      {"send": {"text": "first"}},
      "run"
    ]},
    {"name": "stopper", "does": [
      {"wait": {"gate": "turn-4-1"}},
      "interrupt"
    ]}
  ],

  // What the agent's server does on a message. A prompt without a reaction is answered `end_turn` at once.
  "server": [
    {"on": {"prompt": "first"}, "do": [
      {"say": "working"},
      {"tool": {"id": "tool-1", "status": "pending"}},
      {"open": "turn-4-1"},
      {"wait": {"frame": {"method": "session/cancel"}}},
      {"answer": "cancelled"}
    ]}
  ],

  // Every interleaving would take too long: up to so many preemptions.
  "preemptions": 1
}
"#);
    for next in made.out.lines().filter_map(|line| line.strip_prefix("  turnloom ")).take(3) {
        let run = folder.run(next);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{next}: {}", run.out);
    }
    assert_eq!(folder.run("fmt --check").code, 0);

    // It is what `import` makes of the same transcript, and comments.
    assert_eq!(folder.run("import session.jsonl --output scenarios/imported.json").code, 0);
    assert_eq!(folder.run("fmt scenarios/imported.json").code, 0);
    let bare = |file: &str| {
        let text = folder.read(file);
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with("//"));
        lines.filter(|line| !line.contains("$schema")).map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(bare("scenarios/seen.json"), bare("scenarios/imported.json"));
}

#[test]
fn what_only_a_real_server_can_do_is_begun_for_a_client() {
    let folder = Folder::new("authoring-calls", &[("t/session.jsonl", CALLS)]);
    let made = folder.run("new calls --from t/session.jsonl");
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    insta::assert_snapshot!(made.out, @r#"
scenarios/calls.json: written

next
  turnloom lint scenarios/calls.json
  turnloom serve scenarios/calls.json --transcript again.jsonl
  turnloom schema > scenarios/schema.json   so that an editor completes and checks
"#);
    let text = folder.read("scenarios/calls.json");
    insta::assert_snapshot!(text.split_once("\n{").expect("a scenario").0, @r#"
// Begun as what was seen in a session: the server does what it did there, the actors what its client did.
//
// Some of it only a real server can do, so it is played for a client:
//   turnloom serve scenarios/calls.json --transcript again.jsonl
// Without that part (`turnloom explore scenarios/calls.json` says where it is) every order of the rest can be run.
"#);
    assert_eq!(folder.run("lint scenarios/calls.json").out, "scenarios/calls.json: nothing wrong\n");
    let explored = folder.run("explore scenarios/calls.json");
    assert!(explored.code == 2 && explored.err.contains("only a live server does this"), "{explored:?}");
    // It can be served: a client that leaves at once finds it in order.
    let mut served = binary(&folder.0);
    let served = served.args(["serve", "scenarios/calls.json"]).stdin(std::process::Stdio::null());
    assert_eq!(served.status().expect("the binary starts").code(), Some(0));
}

#[test]
fn a_transcript_is_told_from_a_row_and_from_what_is_none() {
    let damaged = STOP.replacen("\"n\":5", "\"n\":6", 1);
    let scenario = clean("first");
    let folder = Folder::new(
        "authoring-told",
        &[
            ("session", STOP),
            ("damaged.jsonl", &*damaged),
            ("notes.txt", "one\ntwo\n"),
            ("a.json", &*scenario),
        ],
    );
    for (from, what, help) in [
        (
            "session",
            "`session` is no row of the race catalogue, and no defect",
            "`--from ./session` reads it",
        ),
        ("none.jsonl", "failed to read transcript `none.jsonl`: entity not found", "one entry a line"),
        ("notes.txt", "failed to read transcript `notes.txt`: line 1 is no entry", "one entry a line"),
        ("damaged.jsonl", "line 5 is entry 6 where entry 5 is due", "no line may be taken out"),
        ("a.json", "`a.json` is a scenario, and no transcript", "such as `R26`"),
        ("R99", "`R99` is no row of the race catalogue, and no defect", "turnloom explain"),
    ] {
        let refused = folder.run(&format!("new seen --from {from}"));
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{from}");
        assert!(refused.err.contains(what) && refused.err.contains(help), "{from}: {}", refused.err);
    }
    assert!(!folder.0.join("scenarios").exists(), "nothing was written");
    assert_eq!(folder.run("new seen --from ./session").code, 0);
}
