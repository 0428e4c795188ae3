//! What a check leaves for a continuous integration: JUnit, SARIF, annotations and a summary for GitHub, and how the
//! variables of the environment change what is written.

use std::fs;

use crate::folder::{Folder, clean, violated};
use serde_json::Value;

const IN_CI: &[(&str, &str)] = &[("CI", "true")];
const RULE: &str = "nothing-stranded-after-finish";

/// One scenario as reviewed, one without a snapshot, one that breaks a rule.
fn three(test: &str) -> Folder {
    let scenarios = [
        ("scenarios/a.json", clean("first")),
        ("scenarios/b, 50%/b.json", clean("first")),
        ("scenarios/r08-finish-gap.json", violated()),
    ];
    let folder = Folder::new(test, &scenarios);
    assert_eq!(folder.run("check --update scenarios/a.json").code, 0);
    assert_eq!(folder.run("check --update scenarios/r08-finish-gap.json").code, 1);
    folder
}

#[test]
fn junit_has_a_case_for_each_scenario_and_what_is_wrong_in_it() {
    let folder = three("junit");
    let run = folder.run_with("check --junit junit.xml", IN_CI);
    assert_eq!(run.code, 1, "{}", run.err);
    let junit = folder.read("junit.xml");
    for part in [
        r#"<testsuite name="check" tests="3" skipped="0" errors="0" failures="2">"#,
        r#"<testcase name="a" classname="turnloom.check" file="scenarios/a.json">"#,
        r#"<failure message="there is no snapshot scenarios/snapshots/b.snap" type="finding">"#,
        &format!(r#"<failure message="{RULE}" type="finding">"#),
        "replay   turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:-:bob@alice.lock-state.7:c6d3b0",
    ] {
        assert!(junit.contains(part), "{part}\n{junit}");
    }
    assert!(!junit.contains(" time=") && !junit.contains("timestamp"), "{junit}");
    folder.run_with("check --junit again.xml --jobs 1", IN_CI);
    assert_eq!(folder.read("again.xml"), junit, "the same bytes");
    folder.run_with("check --junit timed.xml --stats", IN_CI);
    assert!(folder.read("timed.xml").contains(" time="));
}

#[test]
fn an_audit_leaves_a_case_for_each_row() {
    let r08 = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/r08-finish-gap.json");
    let holds = fs::read_to_string(r08).unwrap();
    let not = holds.replace(RULE, "no-replay");
    let folder =
        Folder::new("junit-audit", &[("scenarios/r08-finish-gap.json", holds), ("scenarios/not.json", not)]);
    let run = folder.run_with("audit --junit junit.xml", &[("GITHUB_ACTIONS", "true")]);
    assert_eq!(run.code, 1, "{}", run.err);
    let junit = folder.read("junit.xml");
    let suite = r#"<testsuite name="audit" tests="2" skipped="0" errors="0" failures="1">"#;
    assert!(junit.contains(suite) && junit.contains("expected to break: no-replay"), "{junit}");
    let annotation = "::error file=scenarios/not.json,line=1,title=R08 finish-gap::the defect does not break";
    assert!(run.err.contains(annotation), "{}", run.err);
}

#[test]
fn sarif_has_a_result_at_a_line_that_is_there() {
    let folder = three("sarif");
    assert_eq!(folder.run_with("check --sarif turnloom.sarif", IN_CI).code, 1);
    let log: Value = serde_json::from_str(&folder.read("turnloom.sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let rules: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(rules, ["snapshot", RULE]);
    let place = &results[1]["locations"][0]["physicalLocation"];
    let line = place["region"]["startLine"].as_u64().unwrap() as usize;
    let file = folder.read(place["artifactLocation"]["uri"].as_str().unwrap());
    assert!(file.lines().nth(line - 1).unwrap().contains("\"title\""), "the sentence that does not hold");
    assert_eq!(results[1]["properties"]["token"], "r08-finish-gap:-:bob@alice.lock-state.7:c6d3b0");
    assert_eq!(
        results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "scenarios/b%2C%2050%25/b.json"
    );
}

#[test]
fn a_difference_is_at_its_line_of_the_snapshot() {
    let folder = three("line");
    let snapshot = folder.read("snapshots/a.snap");
    fs::write(folder.0.join("snapshots/a.snap"), snapshot.replace("run → ok", "run → no")).unwrap();
    let line = 1 + snapshot.lines().position(|line| line.contains("run → ok")).unwrap();
    let run = folder.run_with("check scenarios/a.json", &[("CI", "1"), ("GITHUB_ACTIONS", "true")]);
    let annotation = format!("::error file=snapshots/a.snap,line={line},title=snapshot%3A a::✗ not as in");
    assert!(run.code == 1 && run.err.starts_with(&annotation), "{annotation}\n{}", run.err);
}

#[test]
fn github_gets_annotations_and_a_summary_and_nobody_else_does() {
    let folder = three("github");
    let plain = folder.run_with("check --format json --report report.json", IN_CI);
    assert!(!plain.err.contains("::"), "{}", plain.err);
    assert_eq!(folder.read("report.json"), plain.out);

    let github = [("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "summary.md")];
    let run = folder.run_with("check --format json", &github);
    assert_eq!((run.code, &run.out), (1, &plain.out), "stdout stays a document");
    let annotations: Vec<&str> = run.err.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(annotations.len(), 2, "{}", run.err);
    let of_snapshot = "::error file=scenarios/b%2C 50%25/b.json,line=1,title=snapshot%3A b::✗ there is no";
    assert!(annotations[0].starts_with(of_snapshot), "{}", annotations[0]);
    let of_rule =
        format!("::error file=scenarios/r08-finish-gap.json,line=4,title={RULE}%3A r08-finish-gap::");
    assert!(annotations[1].starts_with(&of_rule), "{}", annotations[1]);
    assert!(annotations[1].contains("%0Areplay   turnloom replay scenarios/"), "{}", annotations[1]);

    let summary = folder.read("summary.md");
    assert!(
        summary.starts_with("### turnloom check\n\n3 scenarios: 1 clean, 2 failed\n\n```text\n"),
        "{summary}"
    );
    assert!(summary.contains(RULE) && !summary.contains(" a  "), "{summary}");
    folder.run_with("check", &github);
    assert_eq!(folder.read("summary.md"), summary.repeat(2), "a step adds to what is there");
    let nowhere = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "no/summary.md")];
    let run = folder.run_with("check scenarios/a.json", &nowhere);
    assert!(run.code == 2 && run.err.contains("failed to add to the job summary"), "{}", run.err);
}

#[test]
fn insta_update_says_what_is_written_unless_the_command_line_or_ci_does() {
    for (arguments, variables, code, files) in [
        ("check", &[("INSTA_UPDATE", "no")][..], 1, &["old.snap"][..]),
        ("check", &[("INSTA_UPDATE", "new")], 1, &["new.snap.new", "old.snap", "old.snap.new"]),
        ("check", &[("INSTA_UPDATE", "auto")], 1, &["new.snap.new", "old.snap", "old.snap.new"]),
        ("check", &[("INSTA_UPDATE", "unseen")], 1, &["new.snap", "old.snap", "old.snap.new"]),
        ("check", &[("INSTA_UPDATE", "always")], 0, &["new.snap", "old.snap"]),
        ("check --update", &[("INSTA_UPDATE", "no")], 0, &["new.snap", "old.snap"]),
        ("check", &[("INSTA_UPDATE", "auto"), ("CI", "1")], 1, &["old.snap"]),
        ("check", &[("INSTA_UPDATE", "new"), ("CI", "1")], 1, &["new.snap.new", "old.snap", "old.snap.new"]),
        ("check", &[("INSTA_UPDATE", "always"), ("CI", "1")], 2, &["old.snap"]),
        ("check", &[("INSTA_UPDATE", "allways")], 2, &["old.snap"]),
    ] {
        let folder = Folder::new(
            "insta",
            &[("scenarios/new.json", clean("first")), ("scenarios/old.json", clean("first"))],
        );
        let old = "---\nsource: scenarios/old.json\nexpression: outcomes\n---\n2 outcomes\n";
        fs::create_dir(folder.0.join("snapshots")).unwrap();
        fs::write(folder.0.join("snapshots/old.snap"), old).unwrap();
        let run = folder.run_with(arguments, variables);
        let entries = fs::read_dir(folder.0.join("snapshots")).unwrap();
        let mut written: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        written.sort();
        assert_eq!(run.code, code, "{variables:?}: {}", run.err);
        assert_eq!(written, files, "{variables:?}");
        assert_eq!(folder.read("snapshots/old.snap") == old, code != 0, "{variables:?}");
    }
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_run() {
    let folder = three("unwritable");
    for (arguments, why) in [
        ("check --junit no/junit.xml", "failed to write `no/junit.xml`: there is no such folder"),
        ("check --sarif scenarios", "failed to write `scenarios`: it is a folder"),
        (
            "check --report scenarios/a.json/x",
            "failed to write `scenarios/a.json/x`: what it would be in is no folder",
        ),
        ("check --junit x --sarif x", "failed to write `x`: two reports would go there"),
        ("audit --junit no/junit.xml", "failed to write `no/junit.xml`: there is no such folder"),
    ] {
        let run = folder.run_with(arguments, IN_CI);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments}");
        assert!(run.err.contains(why), "{arguments}: {}", run.err);
    }
}

/// What the steps of a workflow run, but for the building.
fn steps(workflow: &str) -> Vec<&str> {
    let runs = workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: "));
    runs.filter(|run| !run.starts_with("cargo build")).collect()
}

/// The arguments of a step.
fn of_turnloom(step: &str) -> &str {
    step.strip_prefix("target/release/turnloom ").unwrap_or_else(|| panic!("{step} runs something else"))
}

/// The files that a workflow hands on.
fn handed_on(workflow: &str) -> Vec<&str> {
    let keys = ["path: ", "sarif_file: "];
    let values =
        workflow.lines().filter_map(|line| keys.iter().find_map(|key| line.trim().strip_prefix(key)));
    values.filter(|value| !value.contains("${{") && *value != "|").collect()
}

const ON_GITHUB: &[(&str, &str)] =
    &[("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "summary.md")];

#[test]
fn the_workflow_of_the_pages_runs_as_it_is_written() {
    let page = include_str!("../docs/ci.md");
    let (_, workflow) = page.split_once("```yaml\nname: races\n").expect("there is a workflow");
    let (workflow, _) = workflow.split_once("```").expect("it ends");
    let folder = three("workflow");
    let steps = steps(workflow);
    assert_eq!(steps.len(), 1, "{steps:?}");
    let run = folder.run_with(of_turnloom(steps[0]), ON_GITHUB);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("::error file="), "{}", run.err);
    assert!(folder.read("summary.md").starts_with("### turnloom check"));
    let files = handed_on(workflow);
    assert_eq!(files, ["junit.xml", "turnloom.sarif"]);
    assert!(files.iter().all(|file| !folder.read(file).is_empty()));
}

#[test]
fn the_workflow_with_shards_runs_as_it_is_written() {
    let workflow = include_str!("../.ci/github-matrix.yml");
    let folder = three("matrix");
    let whole = folder.run_with("check", IN_CI);
    let [shard, merge] = steps(workflow)[..] else { panic!("a step for each job") };
    for index in ["1", "2", "3"] {
        let step = shard.replace("${{ matrix.shard }}", index).replace("${{ strategy.job-total }}", "3");
        assert!(folder.run_with(of_turnloom(&step), ON_GITHUB).code <= 1, "{step}");
        assert!(!folder.read(&format!("shard-{index}.json")).is_empty(), "what is uploaded is there");
    }
    let merge = merge.replace("shard-*.json", "shard-1.json shard-2.json shard-3.json");
    assert_eq!(folder.run_with(of_turnloom(&merge), IN_CI), whole);
    for file in ["report.json", "junit.xml", "turnloom.sarif"] {
        assert!(
            workflow.contains(&format!("            {file}\n")) && !folder.read(file).is_empty(),
            "{file}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_job_of_kubernetes_runs_as_it_is_written() {
    let job = include_str!("../.ci/kubernetes.yaml");
    let script =
        job.lines().find_map(|line| line.trim().strip_prefix("- turnloom check")).expect("a command");
    let (folder, reports) = (three("kubernetes"), "reports");
    fs::create_dir(folder.0.join(reports)).expect("a folder can be made");
    let script = format!("{} check{script}", env!("CARGO_BIN_EXE_turnloom")).replace("/reports/", "reports/");
    let whole = folder.run_with("check", IN_CI);
    for index in ["0", "1", "2"] {
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", &script]).current_dir(&folder.0);
        let status =
            shell.env("CI", "true").env("JOB_COMPLETION_INDEX", index).stdout(std::process::Stdio::null());
        assert!(status.status().expect("there is a shell").success(), "findings fail no pod");
    }
    let files = folder.names(reports).iter().map(|file| format!("{reports}/{file} ")).collect::<String>();
    assert_eq!(folder.run_with(&format!("merge {files}"), IN_CI), whole);
}
