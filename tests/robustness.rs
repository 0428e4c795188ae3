//! What goes wrong around a check: processes that are killed, disks that are full, folders that cannot be written, scenarios
//! that would never end.

use std::fs;
use std::process::{Command, Stdio};

use crate::folder::{Folder, Run, clean, violated};

/// Kills a process at moments spread over all its life, and looks after each whether what it left is whole. Nobody sleeps:
/// how long it lives is counted in looks at it.
fn killed_anywhere(command: impl Fn() -> Command, before: impl Fn(), look: impl Fn() -> bool) {
    const ROUNDS: u32 = 40;
    let lives = |most: u32| {
        before();
        let mut child =
            command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        let mut looks = 0;
        while looks < most && child.try_wait().expect("it is a child").is_none() {
            assert!(look(), "a file is not whole while the process runs");
            looks += 1;
        }
        // It may have come to its end by itself.
        let _ = child.kill();
        child.wait().expect("it is a child");
        assert!(look(), "a file is not whole after {looks} looks");
        looks
    };
    let all = lives(u32::MAX);
    for round in 0..ROUNDS {
        lives(all * round / ROUNDS);
    }
    lives(u32::MAX);
}

const OLD: &str = "---\nsource: scenarios/x.json\nexpression: outcomes\n---\n2 outcomes\n";

#[test]
fn a_check_that_is_killed_leaves_whole_snapshots() {
    let names = ["a", "b", "c", "d", "e"];
    let scenarios = [
        ("scenarios/a.json", clean("1")),
        ("scenarios/b.json", clean("2")),
        ("scenarios/c.json", clean("3")),
    ];
    let folder = Folder::new("killed-check", &scenarios);
    fs::write(folder.0.join("scenarios/d.json"), clean("4")).unwrap();
    fs::write(folder.0.join("scenarios/e.json"), violated()).unwrap();
    assert_eq!(folder.run("check --update").code, 1);
    let snapshot = |name: &str| format!("snapshots/{name}.snap");
    let new = names.map(|name| folder.read(&snapshot(name)));
    let is_whole = || {
        names.iter().zip(&new).all(|(name, new)| {
            let text = folder.read(&snapshot(name));
            text == OLD || text == *new
        })
    };
    let make_old = || names.iter().for_each(|name| fs::write(folder.0.join(snapshot(name)), OLD).unwrap());
    killed_anywhere(|| folder.command("check --update"), make_old, is_whole);
    assert_eq!(names.map(|name| folder.read(&snapshot(name))), new, "the last one was left alone");
}

#[test]
fn a_merge_that_is_killed_leaves_whole_reports() {
    let folder =
        Folder::new("killed-merge", &[("scenarios/a.json", clean("1")), ("scenarios/b.json", clean("2"))]);
    folder.run("check --update");
    for index in [1, 2] {
        assert_eq!(folder.run(&format!("check --shard {index}/2 --report {index}.json")).code, 0);
    }
    let merge = "merge 1.json 2.json --report whole.json --junit whole.xml";
    assert_eq!(folder.run(merge).code, 0);
    let files = ["whole.json", "whole.xml"];
    let new = files.map(|file| folder.read(file));
    let is_whole = || {
        files.iter().zip(&new).all(|(file, new)| {
            let text = folder.read(file);
            text.is_empty() || text == *new
        })
    };
    // A file that is not there reads as nothing, and one that is there and empty would not be whole.
    let exists = |file: &&str| folder.0.join(file).exists() && folder.read(file).is_empty();
    let look = || is_whole() && !files.iter().any(&exists);
    let remove = || files.iter().for_each(|file| drop(fs::remove_file(folder.0.join(file))));
    killed_anywhere(|| folder.command(merge), remove, look);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_folder_that_cannot_be_written_are_errors() {
    let folder = Folder::new("full", &[("scenarios/a.json", clean("1"))]);
    fs::create_dir(folder.0.join("snapshots")).unwrap();
    fs::write(folder.0.join("snapshots/a.snap"), OLD).unwrap();
    // A process that may write no file of more than no bytes meets what a full disk is.
    let full = |arguments: &str| {
        let mut shell = Command::new("sh");
        let script =
            format!("trap '' XFSZ; ulimit -f 0; exec {} {arguments}", env!("CARGO_BIN_EXE_turnloom"));
        let shell = shell.args(["-c", &script]).current_dir(&folder.0).env_remove("CI");
        Run::of(shell.output().expect("there is a shell"))
    };
    let run = full("check --update");
    assert!(run.code == 2 && run.err.contains("failed to write a.snap: "), "{run:?}");
    assert_eq!(folder.read("snapshots/a.snap"), OLD, "the old one is whole");
    let run = full("check --junit junit.xml --sarif turnloom.sarif --report report.json");
    for file in ["junit.xml", "turnloom.sarif", "report.json"] {
        assert!(run.code == 2 && run.err.contains(&format!("failed to write `{file}`: ")), "{run:?}");
        assert!(!folder.0.join(file).exists());
    }
    let entries = fs::read_dir(folder.0.join("snapshots")).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.snap"], "nothing is left aside");

    let run = folder.run("check --junit /dev/full");
    assert!(run.code == 2 && run.err.contains("failed to write `/dev/full`: "), "{run:?}");
    // Nobody can write there, whoever they are.
    let run = folder.run("check --junit /proc/junit.xml");
    assert!(run.code == 2 && run.err.contains("failed to write `/proc/junit.xml`: "), "{run:?}");
    fs::remove_dir_all(folder.0.join("snapshots")).unwrap();
    fs::write(folder.0.join("snapshots"), "a file where the folder would be").unwrap();
    let run = folder.run("check --update");
    assert!(run.code == 2 && run.err.contains("a.snap"), "{run:?}");
}

/// Twenty actors with five hundred steps each, nothing of which is in any order.
fn exploding() -> String {
    let actor = |actor: u32| {
        let steps = (0..500).map(|step| format!(r#"{{"send": {{"text": "{actor}-{step}"}}}}"#));
        let steps = steps.collect::<Vec<_>>().join(", ");
        format!(r#"{{"name": "a{actor}", "does": [{steps}]}}"#)
    };
    let actors = (0..20).map(actor).collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"version": 1, "title": "it ends", "source": "tests", "agent": {{"kind": "acp"}}, "actors": [{actors}]}}"#
    )
}

#[test]
fn a_scenario_that_explodes_ends_within_its_memory_and_its_budget() {
    let folder = Folder::new("explodes", &[("scenarios/x.json", exploding())]);
    let told = |limit: &str, verdict: &str| {
        let run = folder.run(&format!("check {limit}"));
        assert!(run.code == 3 && run.out.starts_with(&format!("incomplete: {verdict}   x   ")), "{run:?}");
        run
    };
    let first = told("--memory 8MiB", "the memory of 8MiB was used up");
    assert_eq!(told("--memory 8MiB", "the memory of 8MiB was used up"), first, "on every machine, at once");
    told("--budget 1s", "the budget of 1 seconds was used up");
    assert!(!folder.0.join("snapshots").exists(), "what was seen is a part, and a part is no snapshot");
}

#[test]
fn outcomes_count_as_memory_too() {
    // Each order of the messages is an outcome of its own, and each is small: there are 40,320.
    let send = |actor: u32| format!(r#"{{"name": "a{actor}", "does": [{{"send": {{"text": "{actor}"}}}}]}}"#);
    let actors = (0..8).map(send).collect::<Vec<_>>().join(", ");
    let many = format!(
        r#"{{"version": 1, "title": "it ends", "source": "tests", "agent": {{"kind": "acp"}}, "actors": [{actors}]}}"#
    );
    let folder = Folder::new("outcomes", &[("scenarios/x.json", many)]);
    let run = folder.run("check --memory 1MiB");
    assert!(run.code == 3 && run.out.contains("the memory of 1MiB was used up"), "{run:?}");
}
