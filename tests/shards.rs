//! A check on several machines: each shard is a process, and the merge of their reports is the report of a single one.

use std::fs;

use turnloom::report::shards;

use crate::folder::{Folder, Run, clean, violated};

const IN_CI: &[(&str, &str)] = &[("CI", "true")];

/// Seven scenarios: clean ones, one without a snapshot, one that breaks a rule.
fn seven(test: &str) -> Folder {
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| format!("scenarios/{name}.json"));
    let mut scenarios: Vec<_> = names.iter().map(|name| (name.as_str(), clean(name))).collect();
    scenarios.push(("scenarios/r08-finish-gap.json", violated()));
    let folder = Folder::new(test, &scenarios);
    folder.run("check --update");
    fs::remove_file(folder.0.join("snapshots/c.snap")).unwrap();
    folder
}

/// Runs all shards; the arguments that name their reports.
fn sharded(folder: &Folder, of: u32) -> String {
    let report = |index| format!("{of}-{index}.json");
    for index in 1..=of {
        let run = folder.run_with(&format!("check --shard {index}/{of} --report {}", report(index)), IN_CI);
        assert!(run.code <= 1, "{}", run.err);
    }
    (1..=of).rev().map(report).collect::<Vec<_>>().join(" ")
}

#[test]
fn any_number_of_shards_makes_the_report_of_one_machine() {
    let folder = seven("shards");
    let files = |of| format!("--report r{of}.json --junit j{of}.xml --sarif s{of}.sarif");
    let text = folder.run_with(&format!("check {}", files(0)), IN_CI);
    let json = folder.run_with("check --format json", IN_CI);
    assert_eq!((text.code, json.code), (1, 1));
    assert!(text.out.ends_with("\n7 scenarios: 5 clean, 2 failed\n"), "{}", text.out);
    for of in [1, 2, 3, 7] {
        let reports = sharded(&folder, of);
        assert_eq!(folder.run_with(&format!("merge {reports} {}", files(of)), IN_CI), text, "{of} shards");
        assert_eq!(folder.run_with(&format!("merge {reports} --format json"), IN_CI), json, "{of} shards");
        for file in ["r{}.json", "j{}.xml", "s{}.sarif"] {
            let [whole, merged] = [0, of].map(|of| folder.read(&file.replace("{}", &of.to_string())));
            assert!(!whole.is_empty() && whole == merged, "{file} of {of} shards");
        }
    }
    let ran = |index: u32| folder.read(&format!("7-{index}.json")).matches("\"verdict\"").count();
    assert_eq!((1..=7).map(ran).collect::<Vec<_>>(), [1; 7], "as many shards as scenarios: one each");
}

#[test]
fn a_shard_without_a_scenario_is_clean() {
    let folder = Folder::new("empty-shard", &[("scenarios/a.json", clean("first"))]);
    folder.run("check --update");
    let run = folder.run_with("check --shard 2/2", IN_CI);
    assert_eq!((run.code, run.out.as_str()), (0, "\n0 scenarios: 0 clean, 0 failed\n"), "{}", run.err);
}

#[test]
fn what_makes_no_whole_is_refused_and_nothing_is_written() {
    let folder = seven("refused");
    let two = sharded(&folder, 2);
    let other = folder.run_with("check --shard 2/2 --seed 1 --report seed.json", IN_CI);
    assert_eq!(other.code, 1);
    folder.run_with("check --report whole.json", IN_CI);
    sharded(&folder, 3);
    fs::write(folder.0.join("broken.json"), &folder.read("2-1.json")[..100]).unwrap();
    let mut old = shards::read(&folder.read("2-1.json")).expect("it was written so");
    let head = old.shard.as_mut().expect("it is a part");
    (head.turnloom, head.content) = ("0.0.1".to_owned(), shards::UNSEALED.to_owned());
    fs::write(folder.0.join("old.json"), shards::text(&old)).unwrap();
    fs::write(folder.0.join("scenarios/f.json"), clean("another")).unwrap();
    folder.run_with("check --shard 2/2 --report edited.json", IN_CI);
    for (arguments, why, help) in [
        ("2-1.json", "of 2 shards one is missing: 2", "run `turnloom check --shard 2/2 --report FILE`"),
        ("3-2.json", "of 3 shards some are missing: 1, 3", "--shard 1/3"),
        ("2-1.json 2-2.json 2-1.json", "shard 1/2 is there twice: `2-1.json` and `2-1.json`", "leave one"),
        ("2-1.json 3-2.json", "one is a shard of 2, the other a shard of 3", "the same options"),
        (
            "2-1.json seed.json",
            "one was run with `--engine turnloom --timers clock --search complete --seed 0`",
            "same",
        ),
        ("2-1.json edited.json", "`scenarios/f.json` was another scenario", "on the same files"),
        ("2-1.json whole.json", "`whole.json` is the report of a whole check", "leave it out"),
        ("old.json 2-2.json", "`old.json` was made by turnloom 0.0.1", "with one version"),
        (
            "broken.json 2-2.json",
            "failed to read the report `broken.json`: EOF while parsing",
            "check --shard",
        ),
        ("no.json 2-2.json", "failed to read the report `no.json`: entity not found", "check --shard"),
    ] {
        let run = folder.run_with(&format!("merge {arguments} --junit junit.xml"), IN_CI);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments}");
        assert!(run.err.contains(why) && run.err.contains(help), "{arguments}: {}", run.err);
        assert!(!folder.0.join("junit.xml").exists());
    }
    assert_eq!(folder.run_with(&format!("merge {two}"), IN_CI).code, 1, "the two that belong together");
}

#[test]
fn bazel_and_kubernetes_say_which_shard_it_is() {
    let folder = seven("environment");
    let plain = |arguments: &str| folder.run_with(&format!("check --format json {arguments}"), IN_CI);
    let with = |arguments: &str, variables: &[(&str, &str)]| {
        folder.run_with(&format!("check --format json {arguments}"), &[IN_CI, variables].concat())
    };
    let bazel = [("TEST_TOTAL_SHARDS", "3"), ("TEST_SHARD_INDEX", "1"), ("TEST_SHARD_STATUS_FILE", "status")];
    assert_eq!(with("", &bazel), plain("--shard 2/3"));
    assert!(folder.0.join("status").exists(), "Bazel is told that shards are understood");
    let kubernetes = [("JOB_COMPLETION_INDEX", "2")];
    assert_eq!(with("--shards 3", &kubernetes), plain("--shard 3/3"));
    assert_eq!(with("--shard 1/2", &[&bazel[..], &kubernetes].concat()), plain("--shard 1/2"));
    let refused = |run: Run, why: &str| {
        assert!(run.code == 2 && run.out.is_empty() && run.err.contains(why), "{why}: {}", run.err);
    };
    refused(with("", &kubernetes), "JOB_COMPLETION_INDEX is set, but not how many shards there are");
    refused(with("--shards 2", &kubernetes), "JOB_COMPLETION_INDEX is `2` and --shards is `2`");
    refused(with("--shards 3", &[]), "nothing says which of them this is");
    refused(with("--shards 2", &bazel), "--shards is not TEST_TOTAL_SHARDS, which is 3");
    let nowhere = [bazel[0], bazel[1], ("TEST_SHARD_STATUS_FILE", "no/status")];
    refused(with("", &nowhere), "failed to touch the file of TEST_SHARD_STATUS_FILE");
    for wrong in ["0/3", "4/3", "1", "a/b"] {
        refused(plain(&format!("--shard {wrong}")), "expected which of how many");
    }
}
