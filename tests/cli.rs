//! The command line as a user meets it: what it prints where, and how it ends. Only what needs no exploration is here.

use std::fs;
use std::process::Stdio;

use crate::folder::{Folder, Run};

/// A scenario with nothing wrong.
const SCENARIO: &str = r#"{
  "version": 1,
  "title": "a message is prompted",
  "source": "tests/cli.rs",
  "agent": {"kind": "acp"},
  "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}],
  "server": [{"on": "any_prompt", "do": [{"answer": "end_turn"}]}]
}
"#;

/// Runs what must be refused: exit code 2, the reason on stderr and nothing on stdout, no path of this machine.
fn refused(folder: &Folder, arguments: &str) -> String {
    let run = folder.run(arguments);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments}: {}", run.err);
    assert!(!run.err.contains(folder.0.to_str().unwrap()), "{arguments}: {}", run.err);
    run.err
}

#[test]
fn help_says_who_uses_it_for_what() {
    let folder = Folder::empty("help");
    let help = folder.run("--help");
    assert_eq!(help.code, 0);
    for words in
        ["the CI of a runtime", "someone with a race report", "the author of a scenario", "Exit codes"]
    {
        assert!(help.out.contains(words), "{words}\n{}", help.out);
    }
    assert!(!help.out.contains("loom-child"));
    for command in
        ["check", "explore", "replay", "audit", "new", "lint", "fmt", "schema", "completions", "explain"]
    {
        let help = folder.run(&format!("{command} --help"));
        assert_eq!(help.code, 0, "{command}");
        assert!(help.out.contains(&format!("Examples:\n  turnloom {command}")), "{}", help.out);
    }
}

#[test]
fn a_command_that_means_nothing_is_refused() {
    let folder = Folder::new("usage", &[("x.json", SCENARIO)]);
    for arguments in [
        "",
        "chek",
        "check --engine shuttle",
        "check --preemptions many",
        "check --format yaml",
        "explore",
        "explore a.json b.json",
        "replay x.json",
        "lint",
        "explain one two",
    ] {
        assert!(!refused(&folder, arguments).is_empty(), "{arguments}");
    }
}

#[test]
fn the_schema_is_a_document_and_always_the_same() {
    let folder = Folder::empty("schema");
    let schema = folder.run("schema");
    assert_eq!((schema.code, schema.err.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    assert!(document.pointer("/properties/actors").is_some());
    assert_eq!(folder.run("schema").out, schema.out);
}

#[test]
fn every_name_that_is_listed_can_be_explained() {
    let folder = Folder::empty("explain");
    let all = folder.run("explain");
    assert_eq!(all.code, 0);
    for kind in ["rules", "defects", "decisions", "revisions"] {
        let list = folder.run(&format!("explain {kind}"));
        assert!(all.out.contains(&format!("{kind}\n{}", list.out)), "{kind}");
        for line in list.out.lines() {
            let name = line.split_whitespace().next().unwrap();
            let page = folder.run(&format!("explain {name}"));
            assert_eq!(page.code, 0, "{name}");
            assert!(page.out.contains(name), "{name}");
        }
    }
    assert_eq!(folder.run("explain R08").out, folder.run("explain finish-gap").out);
}

#[test]
fn a_misspelt_name_is_answered_with_the_nearest() {
    let folder = Folder::new("nearest", &[("x.json", SCENARIO)]);
    let near = "did you mean `finish-gap`?";
    for (arguments, what, help) in [
        ("explain finish-gpa", "failed to explain `finish-gpa`", near),
        ("explore x.json --defect finish-gpa", "failed to explore: unknown defect `finish-gpa`", near),
        ("explore x.json --defect finish-gap --defect elephant", "`elephant`", "`turnloom explain defects`"),
        (
            "explore x.json --revision 1.26.0",
            "failed to explore: unknown revision `1.26.0`",
            "did you mean `1.25.0`?",
        ),
    ] {
        let err = refused(&folder, arguments);
        assert!(err.contains(what) && err.contains(help), "{arguments}: {err}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_as_the_user_named_it() {
    let folder = Folder::empty("missing");
    let token = turnloom::explore::Token {
        scenario: "x".into(),
        revision: None,
        defects: Vec::new(),
        timers: turnloom::explore::Firing::Clock,
        schedule: "bob@ann.run".parse().unwrap(),
    };
    for arguments in [
        "check",
        "check scenarios/x.json",
        "lint scenarios/x.json",
        "audit scenarios/",
        "explore scenarios/x.json",
        &format!("replay scenarios/x.json {token}"),
    ] {
        let err = refused(&folder, arguments);
        assert!(err.contains("scenarios/"), "{arguments}: {err}");
    }
    fs::create_dir(folder.0.join("scenarios")).unwrap();
    assert!(refused(&folder, "check").contains("no file there ends in .json"));
}

#[test]
fn bad_input_among_good_is_all_told_and_nothing_is_run() {
    let files =
        [("scenarios/a.json", "{\"version\": 1"), ("scenarios/b.json", SCENARIO), ("scenarios/c.json", "[]")];
    let folder = Folder::new("bad", &files);
    for arguments in ["check --update", "check --format json", "lint scenarios", "audit"] {
        let err = refused(&folder, arguments);
        assert!(err.contains("scenarios/a.json") && err.contains("scenarios/c.json"), "{arguments}: {err}");
    }
    assert!(!folder.0.join("snapshots").exists());
}

#[test]
fn a_scenario_with_nothing_wrong_is_said_to_be_so() {
    let folder = Folder::new("lint", &[("scenarios/b.json", SCENARIO)]);
    let lint = folder.run("lint scenarios/b.json");
    assert_eq!((lint.code, lint.out.as_str()), (0, "scenarios/b.json: nothing wrong\n"), "{}", lint.err);
}

#[test]
fn snapshots_are_updated_by_people_and_by_complete_searches_only() {
    let folder = Folder::new("update", &[("scenarios/b.json", SCENARIO)]);
    let in_ci = Run::of(folder.command("check --update").env("CI", "true").output().unwrap());
    assert_eq!((in_ci.code, in_ci.out.as_str()), (2, ""));
    assert!(in_ci.err.contains("failed to update snapshots: the variable CI is set"), "{}", in_ci.err);
    for arguments in ["check --update --engine loom", "check --update --preemptions 2"] {
        assert!(refused(&folder, arguments).contains("failed to update snapshots"), "{arguments}");
    }
    assert!(!folder.0.join("snapshots").exists());
}

#[test]
fn a_snapshot_that_cannot_be_used_stops_the_check() {
    let damaged = [("scenarios/b.json", SCENARIO), ("snapshots/b.snap", "1 outcome\n")];
    let err = refused(&Folder::new("damaged", &damaged), "check");
    assert!(err.contains("failed to read the snapshot snapshots/b.snap: line 1"), "{err}");
    let shared = [("scenarios/one/b.json", SCENARIO), ("scenarios/two/b.json", SCENARIO)];
    let err = refused(&Folder::new("shared", &shared), "check");
    assert!(err.contains("would share the snapshot scenarios/snapshots/b.snap"), "{err}");
}

#[test]
fn a_token_that_is_none_or_another_scenarios_is_refused() {
    let folder = Folder::new("token", &[("b.json", SCENARIO)]);
    let err = refused(&folder, "replay b.json b:finish-gap");
    assert!(err.contains("failed to read the token: a token has four parts"), "{err}");
    let err = refused(&folder, "replay b.json b:finish-gap:bob@ann.run:000000");
    assert!(err.contains("failed to read the token: the token is damaged"), "{err}");
    let token = turnloom::explore::Token {
        scenario: "r08-finish-gap".into(),
        revision: None,
        defects: vec!["finish-gpa".into()],
        timers: turnloom::explore::Firing::Clock,
        schedule: "bob@ann.run".parse().unwrap(),
    };
    let err = refused(&folder, &format!("replay b.json {token}"));
    assert!(err.contains("the token is of scenario `r08-finish-gap`, but `b.json` is scenario `b`"), "{err}");
    let token = turnloom::explore::Token { scenario: "b".into(), ..token };
    let err = refused(&folder, &format!("replay b.json {token}"));
    assert!(err.contains("unknown defect `finish-gpa`") && err.contains("`finish-gap`?"), "{err}");
}

#[test]
fn an_audit_of_nothing_is_a_finding() {
    let folder = Folder::new("audit", &[("scenarios/b.json", SCENARIO)]);
    let audit = folder.run("audit");
    assert_eq!((audit.code, audit.out.as_str()), (1, "no scenario says which defects it catches\n"));
    let audit = folder.run("audit --format json");
    assert_eq!(audit.code, 1);
    let document: serde_json::Value = serde_json::from_str(&audit.out).unwrap();
    let nothing = serde_json::json!({
        "rows": [],
        "summary": {"rows": 0, "found": 0, "clean": 0, "replayed": 0}
    });
    assert_eq!(document, nothing);
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    let folder = Folder::empty("pipe");
    let mut command = folder.command("explain");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn what_only_a_live_server_can_do_is_linted_but_not_run() {
    let live = SCENARIO.replace(r#"{"answer": "end_turn"}"#, r#""close_output""#);
    let folder = Folder::new("only-live", &[("live.json", &live)]);
    assert_eq!(folder.run("lint live.json").out, "live.json: nothing wrong\n");
    for command in ["check live.json", "explore live.json", "audit live.json"] {
        let said = refused(&folder, command);
        assert!(said.contains("the model of the runtime does not know a closed output"), "{command}: {said}");
    }
}

#[test]
fn an_empty_completion_is_linted_but_not_run() {
    let empty = SCENARIO.replace(r#""kind": "acp""#, r#""kind": "llm""#);
    let empty = empty.replace(r#"{"answer": "end_turn"}"#, r#"{"say": ""}, {"answer": "end_turn"}"#);
    let folder = Folder::new("empty-answer", &[("empty.json", &empty)]);
    assert_eq!(folder.run("lint empty.json").out, "empty.json: nothing wrong\n");
    let said = refused(&folder, "check empty.json");
    assert!(said.contains("takes an empty completion for a turn"), "{said}");
}
