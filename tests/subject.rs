//! `--subject`: what cannot be run is refused with what to do, and what a process says is told. The process here is a script that
//! stands for a Python under the rig; a real one is run by `.ci/live`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::folder::{Folder, clean};

/// A folder with a scenario and a `venv` whose Python is a shell script that does this.
fn folder(test: &str, script: &str) -> Folder {
    let scenario = clean("first");
    let folder =
        Folder::new(test, &[("a.json", &*scenario), ("venv/bin/python", &*format!("#!/bin/sh\n{script}\n"))]);
    let python = folder.path("venv/bin/python");
    fs::set_permissions(python, fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

/// What `explore` says on stderr of a subject that it cannot run.
fn refused(folder: &Folder, options: &str) -> String {
    let run = folder.run(&format!("explore a.json {options}"));
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    run.err
}

#[test]
fn what_is_no_python_is_refused() {
    let folder = Folder::new("no-python", &[("a.json", clean("first")), ("empty/x", String::new())]);
    insta::assert_snapshot!(refused(&folder, "--subject empty"), @"
    error: failed to find a Python in `empty`
      help: name the folder of a virtual environment, which has `bin/python`, or the file of a Python 3.12 or 3.13
    ");
    insta::assert_snapshot!(refused(&folder, "--subject nowhere --adapter mine.py"), @"
    error: failed to read the adapter `mine.py`: entity not found
      help: name `openhands`, `acp` or a Python file
    ");
}

#[test]
fn what_is_for_the_model_alone_is_refused_with_a_program() {
    let folder = Folder::new("for-the-model", &[("a.json", clean("first"))]);
    for (options, named) in [
        ("--shrink", "--shrink"),
        ("--suggest", "--suggest"),
        ("--revision 1.25.0", "--revision"),
        ("--defect finish-gap", "--defect"),
        ("--engine loom", "--engine loom"),
        ("--timers race", "--timers race"),
    ] {
        let said = refused(&folder, &format!("--subject venv {options}"));
        let what = format!(
            "error: failed to explore: {named} is for the model, and --subject for a program\n  help: "
        );
        assert!(said.starts_with(&what), "{said}");
    }
    let run = folder.run("explore a.json --adapter acp");
    assert!(run.code == 2 && run.err.contains("--subject <PATH>"), "{}", run.err);
}

#[test]
fn a_process_that_ends_or_makes_no_sense_is_told_with_its_last_words() {
    let ends = folder("ends", "echo 'no module named site' >&2; exit 3");
    insta::assert_snapshot!(refused(&ends, "--subject venv"), @r"
    error: failed to start the Python of `venv`: the Python process ended (exit status: 3)\n    no module named site
      help: turnloom needs Python 3.12 or 3.13 with the program under test installed; nothing else has to be in the environment
    ");
    let raves = folder("raves", "read -r modules; read -r load; echo hello; read -r more");
    assert!(
        refused(&raves, "--subject venv")
            .contains("what it said made no sense: expected value at line 1 column 1: hello")
    );
}

#[test]
fn what_an_adapter_refuses_is_told_with_its_help() {
    let says = r#"echo '{"refused": {"why": "openhands-sdk is not installed", "help": "pip install openhands-sdk"}}'"#;
    let refuses = folder("refuses", &format!("read -r modules; read -r load; {says}; read -r more"));
    insta::assert_snapshot!(refused(&refuses, "--subject venv"), @"
    error: failed to load the program: openhands-sdk is not installed
      help: pip install openhands-sdk
    ");
}

/// A process in which `alice` takes one step and is done.
const ONE_STEP: &str = r#"
read -r modules
read -r load
echo '{"ready": {"python": "3.12.1", "executor": "threads", "packages": {"one-step": "1.0"}, "not_tracked": ["files"]}}'
while read -r line; do
  case "$line" in
    '{"run"'*)
      echo '{"begun": {"born": [["m", "main"], ["m/1", "alice"]], "next": {"0": null, "1": {"op": "lock", "on": "state", "o": "k", "r": 0, "w": 1, "y": 1, "i": 0, "n": 1}}}}'
      echo '{"server": {"do": "happened", "is": []}}'
      read -r answer
      echo '{"steps": [{"t": 1, "a": 0, "op": "lock", "on": "state", "uses": [["k", 1]], "born": [], "next": {"1": null}, "at": "send, client.py:7"}], "end": {"how": "HOW", "words": "WORDS", "seen": {"events": [{"kind": "user_message", "text": "first", "tool": null, "thread": ""}], "end": {"status": "idle", "cursor": null, "session": null}}, "unfinished": [], "lock_order": [], "digest": "d", "racy": []}}' ;;
  esac
done
"#;

#[test]
fn the_outcomes_of_a_process_are_told_and_its_schedule_is_replayed() {
    let folder = folder("one-step", &ONE_STEP.replace("HOW", "complete").replace("WORDS", ""));
    let run = folder.run("explore a.json --subject venv");
    insta::assert_snapshot!(run.out, @r#"
    no violation in 1 schedule: all with at most 0 preemptions   a   1 outcome
      on one-step 1.0, Python 3.12.1, threads
      not tracked: files

    outcome 1
      events   user "first"
      server   none
      end      idle, no cursor, no session

    lock order: none
    "#);
    let replay = folder.run("replay a.json a:-:-:c15b46 --subject venv");
    insta::assert_snapshot!(replay.out, @r#"
    a

    step  alice
       0  │ lock state
          │ in send, client.py:7

    outcome
      events   user "first"
      server   none
      end      idle, no cursor, no session

    no rule is broken
    "#);
}

#[test]
fn a_schedule_is_run_as_often_as_asked_and_each_execution_compared() {
    let token = "a:-:-:c15b46";
    let same = folder("same", &ONE_STEP.replace("HOW", "complete").replace("WORDS", ""));
    let run = same.run(&format!("replay a.json {token} --subject venv --times 3"));
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.ends_with("\nno rule is broken\nreplayed 3 times: the same each time\n"), "{}", run.out);
    // Each execution is at another line of the program.
    let script = ONE_STEP.replace("HOW", "complete").replace("WORDS", "");
    let script = script
        .replace("while read", "n=6\nwhile n=$((n + 1)); read")
        .replace("client.py:7", "client.py:'$n'");
    let run = folder("differs", &script).run(&format!("replay a.json {token} --subject venv --times 3"));
    assert_eq!(run.code, 3, "{}", run.err);
    let told = "\nreplayed 3 times: 2 were not as the first; number 2 first differs at step 0\n";
    assert!(run.out.ends_with(told), "{}", run.out);
}

/// A process in which `alice` and `bob` take one step each, and which dies when `bob` is to go first.
const DIES: &str = r#"
read -r modules
read -r load
echo '{"ready": {"python": "3.12.1", "executor": "threads", "packages": {}, "not_tracked": []}}'
while read -r line; do
  case "$line" in
    '{"run":{"path":[[2'*) exit 4 ;;
    '{"run"'*)
      echo '{"begun": {"born": [["m", "main"], ["m/1", "alice"], ["m/2", "bob"]], "next": {"0": null, "1": {"op": "lock", "on": "state", "o": "k", "r": 0, "w": 1, "y": 1}, "2": {"op": "lock", "on": "state", "o": "k", "r": 0, "w": 1, "y": 1}}}}'
      echo '{"steps": [{"t": 1, "a": 0, "op": "lock", "on": "state", "uses": [], "born": [], "next": {"1": null}}, {"t": 2, "a": 0, "op": "lock", "on": "state", "uses": [], "born": [], "next": {"2": null}}], "end": {"how": "complete", "seen": {"end": {"status": "idle", "cursor": null, "session": null}}}}' ;;
  esac
done
"#;

#[test]
fn a_process_that_dies_in_the_middle_of_a_search_is_told() {
    let run = folder("dies", DIES).run("explore a.json --subject venv");
    assert_eq!((run.code, run.out.as_str()), (3, ""), "{}", run.err);
    assert!(run.err.contains("failed to run `a`: the Python process ended (exit status: 4)"), "{}", run.err);
}

#[test]
fn a_program_that_ends_itself_is_told_with_its_schedule() {
    let folder = folder(
        "crashes",
        &ONE_STEP.replace("HOW", "uncontrolled").replace("WORDS", "os.fork at client.py:9"),
    );
    let run = folder.run("explore a.json --subject venv");
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    insta::assert_snapshot!(run.err, @"error: failed to run `a`: os.fork at client.py:9; it happens in this schedule: a:-:-:c15b46");
}
