//! The searches against each other on every shipped scenario, and what the command line says of a search that is
//! bounded, sampled, cut short or spread over cores.

use std::process::{Command, Output};
use std::sync::Arc;

use turnloom::engine::search::Cores;
use turnloom::explore::{Budget, Exploration, Job, Options, Verdict, explore};

use crate::shipped::jobs;
use crate::sizes::sized;

fn turnloom(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CI", "true").args(arguments);
    command.output().expect("the binary starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(job: &Job, options: &Options) -> Exploration {
    explore(job, options, &mut |_| ()).expect("a shipped scenario runs")
}

/// More preemptions than there are steps: a bounded search leaves nothing out that another thread could do, so what it
/// finds is all there is.
const WITHOUT_END: u32 = 100_000;

/// The reduction is held against the whole space where that has a size to wait for: up to so many executions of its own.
const SMALL: u64 = 50;

/// A common run does not wait for a whole space of more executions than this.
const LARGE: u64 = 20_000;

#[test]
fn the_reduction_loses_no_outcome_of_a_shipped_scenario() {
    let mut compared = 0;
    for job in jobs() {
        if job.scenario.preemptions.is_some() {
            continue;
        }
        let small = Budget { schedules: Some(SMALL), seconds: None };
        let reduced = run(&job, &Options { budget: small, ..Options::default() });
        if reduced.is_cut_short() {
            continue;
        }
        assert_eq!(reduced.verdict, Verdict::Proved, "{}", job.name);
        let large = Budget { schedules: sized(Some(LARGE), None), seconds: None };
        let all = run(&job, &Options { preemptions: Some(WITHOUT_END), budget: large, ..Options::default() });
        if all.is_cut_short() {
            continue;
        }
        assert_eq!(all.verdict, Verdict::Proved, "{}", job.name);
        let keys = |exploration: Exploration| exploration.outcomes.into_keys().collect::<Vec<_>>();
        assert_eq!(reduced.lock_order, all.lock_order, "{}", job.name);
        assert_eq!(keys(reduced), keys(all), "{}", job.name);
        compared += 1;
    }
    assert!(compared >= 15, "only {compared} scenarios were small enough to compare");
}

#[test]
fn the_report_is_the_same_for_any_number_of_jobs() {
    let files = [
        "scenarios/r01-lock-held-across-prompt.json",
        "scenarios/r08-finish-gap.json",
        "scenarios/r17-fifo-skip.json",
    ];
    for command in ["check", "audit"] {
        for format in ["text", "json"] {
            let run = |jobs: &str| {
                let mut arguments = vec![command, "--jobs", jobs, "--format", format];
                arguments.extend(files);
                turnloom(&arguments)
            };
            let (one, many) = (run("1"), run("3"));
            assert_eq!(one.status.code(), Some(0), "{}", text(&one));
            assert_eq!(text(&one), text(&many));
        }
    }
}

/// What is told of an exploration, without the numbers.
fn told(exploration: &Exploration) -> String {
    let outcomes =
        exploration.outcomes.iter().map(|(seen, outcome)| (seen, &outcome.violations, &outcome.token));
    let outcomes: Vec<_> = outcomes.collect();
    format!("{:?} {:?} {outcomes:#?}", exploration.verdict, exploration.lock_order)
}

/// Whatever defects are on: with them there are witnesses too.
#[test]
fn several_threads_tell_the_same_of_every_scenario_as_one() {
    // More executions than this are not run again by several threads.
    let many = sized(100, 1_000);
    let mut compared = 0;
    for sound in jobs() {
        let caught = sound.scenario.catches.iter().map(|caught| caught.defect.clone()).collect();
        for defects in [Vec::new(), caught] {
            let job = Job { defects, ..sound.clone() };
            let few =
                Options { budget: Budget { schedules: Some(many), seconds: None }, ..Options::default() };
            if run(&job, &few).is_cut_short() {
                continue;
            }
            let one = told(&run(&job, &Options::default()));
            for threads in [2, 4] {
                let cores = Some(Arc::new(Cores::new(threads - 1)));
                let several = told(&run(&job, &Options { cores, ..Options::default() }));
                assert_eq!(one, several, "{} {:?} with {threads} threads", job.name, job.defects);
            }
            compared += 1;
        }
    }
    assert!(compared >= sized(30, 50), "only {compared} were small enough to compare");
}

#[test]
fn one_scenario_is_told_in_the_same_bytes_whatever_the_jobs() {
    for arguments in [
        &["explore", "scenarios/r08-finish-gap.json", "--defect", "finish-gap"][..],
        &["explore", "scenarios/r17-fifo-skip.json", "--format", "json"],
        &["explore", "scenarios/r08-finish-gap.json", "--budget", "40"],
        &["explore", "scenarios/r08-finish-gap.json", "--memory", "16KiB"],
        &["explore", "scenarios/r08-finish-gap.json", "--search", "pct", "--budget", "100"],
        &["explore", "scenarios/r08-finish-gap.json", "--preemptions", "1"],
        &["check", "scenarios/r08-finish-gap.json", "--format", "json"],
    ] {
        let run = |jobs: &str| turnloom(&[arguments, &["--jobs", jobs]].concat());
        let one = run("1");
        assert!(!one.stdout.is_empty(), "{arguments:?}");
        for jobs in ["2", "4"] {
            assert_eq!(text(&one), text(&run(jobs)), "{arguments:?}");
        }
    }
}

#[test]
fn a_budget_ends_a_search_as_incomplete() {
    let run = turnloom(&["explore", "scenarios/r08-finish-gap.json", "--budget", "5"]);
    assert_eq!(run.status.code(), Some(3));
    assert!(text(&run).starts_with("incomplete: the budget of 5 schedules was used up"), "{}", text(&run));
}

#[test]
fn a_sample_says_that_it_is_one_and_from_which_seed() {
    for search in ["random", "pct", "pos"] {
        let arguments = [
            "explore",
            "scenarios/r08-finish-gap.json",
            "--search",
            search,
            "--seed",
            "7",
            "--budget",
            "300",
        ];
        let (once, again) = (turnloom(&arguments), turnloom(&arguments));
        assert_eq!(once.status.code(), Some(0));
        assert!(text(&once).starts_with("sampled 300 schedules (seed 7)"), "{}", text(&once));
        assert_eq!(text(&once), text(&again));
    }
}

#[test]
fn a_sample_that_breaks_a_rule_gives_a_token_that_replays() {
    let file = "scenarios/r08-finish-gap.json";
    let run = turnloom(&[
        "explore",
        file,
        "--defect",
        "finish-gap",
        "--search",
        "pct",
        "--budget",
        "500",
        "--format",
        "json",
    ]);
    assert_eq!(run.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one JSON document");
    let outcomes = document["outcomes"].as_array().expect("outcomes");
    let token = outcomes.iter().find_map(|outcome| outcome["token"].as_str()).expect("a token");
    assert_eq!(turnloom(&["replay", file, token]).status.code(), Some(1));
}

#[test]
fn few_preemptions_first_proves_what_is_small_enough() {
    let run = turnloom(&["explore", "scenarios/r31-step-in-executor.json", "--search", "few-preemptions"]);
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run).starts_with("proved "), "{}", text(&run));
    let run = turnloom(&[
        "explore",
        "scenarios/r08-finish-gap.json",
        "--search",
        "few-preemptions",
        "--preemptions",
        "1",
    ]);
    assert!(text(&run).starts_with("proved up to 1 preemption"), "{}", text(&run));
}

#[test]
fn loom_has_neither_samples_nor_a_budget() {
    let run = turnloom(&["explore", "scenarios/r08-finish-gap.json", "--engine", "loom", "--budget", "5"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("without a budget"));
}
