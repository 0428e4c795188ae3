//! Random scenarios against the fixed runtime: none of them breaks a rule.
//!
//! A common run takes 2,000 of them. `TURNLOOM_SCENARIOS=100000 TURNLOOM_SEED=7 TURNLOOM_SCHEDULES=400 cargo test
//! --test random_scenarios -- --nocapture` takes more, others and more schedules of each, and says what it ran.
//!
//! A scenario with few interleavings is run through all of them. Of any other as many are run, first in the order of the
//! complete search and then drawn by PCT: that can only find, not prove. A random scenario may wait for what never comes;
//! an execution that stands still for that reason says nothing of the runtime, and is counted.

mod draft;

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use turnloom::check::{Violation, rules};
use turnloom::explore::inhouse::{Sample, Sampler};
use turnloom::explore::{Budget, Caught, Hunted, Job, Options, SearchKind, Verdict, hunt, smaller};
use turnloom::observation::{Observations, Waiting, Why};
use turnloom::runtime::{DECISIONS, DEFECTS, REVISIONS};
use turnloom::scenario::{self, Vocabulary};

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}

/// What was run.
#[derive(Debug, Default)]
struct Ran {
    scenarios: u64,
    proved: u64,
    executions: u64,
    /// Executions that stood still as the scenario waited for what never came.
    idle: u64,
    /// Drafts that the linter refused.
    refused: u64,
}

#[test]
fn the_fixed_runtime_breaks_no_rule_in_random_scenarios() {
    let (scenarios, seed) = (number("TURNLOOM_SCENARIOS", 2_000), number("TURNLOOM_SEED", 1));
    let schedules = number("TURNLOOM_SCHEDULES", 40);
    let seed = u8::try_from(seed).expect("a seed is a number up to 255");
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (drafts, vocabulary) = (draft::drafts(), vocabulary());
    let mut ran = Ran::default();
    let mut found: BTreeMap<&'static str, Vec<Job>> = BTreeMap::new();
    while ran.scenarios < scenarios {
        let text = drafts.new_tree(&mut runner).expect("a draft").current().text();
        let Ok(loaded) = scenario::parse("random", &text, &vocabulary) else {
            ran.refused += 1;
            continue;
        };
        ran.scenarios += 1;
        let job = Job {
            name: "random".into(),
            scenario: loaded.scenario,
            revision: revision(),
            defects: Vec::new(),
        };
        if let Some(caught) = look(&job, schedules, &mut ran) {
            let rule = broken(&caught.violations, &caught.seen)[0];
            found.entry(rule).or_default().push(job);
        }
    }
    println!("{ran:?}");
    let told: Vec<String> = found.iter().map(|(rule, jobs)| tell(rule, jobs, schedules)).collect();
    assert!(told.is_empty(), "random scenarios break rules\n{}", told.join("\n"));
    assert!(ran.proved * 10 > ran.scenarios, "most random scenarios are too large: {ran:?}");
    assert!(ran.idle * 4 < ran.executions, "most random scenarios wait for what never comes: {ran:?}");
}

fn revision() -> Option<String> {
    std::env::var("TURNLOOM_REVISION").ok()
}

/// The rules that an execution breaks; none if it did not come to its end as the scenario waits for what never comes.
fn broken(violations: &[Violation], seen: &Observations) -> Vec<&'static str> {
    let rules = violations.iter().map(|one| one.rule);
    if is_idle(seen) { Vec::new() } else { rules.collect() }
}

/// How many scenarios break a rule, and the smallest that could be made of some of them.
fn tell(rule: &'static str, jobs: &[Job], schedules: u64) -> String {
    let small: Vec<_> = jobs.iter().take(3).filter_map(|job| shrink(rule, job.clone(), schedules)).collect();
    let small =
        small.into_iter().min_by_key(|(job, _)| serde_json::to_string(&job.scenario).expect("JSON").len());
    let Some((job, caught)) = small else { return format!("{rule}: {}", jobs.len()) };
    let text = serde_json::to_string(&job.scenario).expect("a scenario is text");
    let violation = caught.violations.iter().find(|one| one.rule == rule).expect("it breaks");
    format!("{rule}: {}\n{text}\n✗ {}\n  {}", jobs.len(), violation.message, caught.token)
}

/// Takes out one thing after another for as long as the rule breaks.
fn shrink(rule: &str, mut job: Job, schedules: u64) -> Option<(Job, Caught)> {
    let breaks = |job: &Job| {
        let mut ran = Ran::default();
        look(job, schedules * 2, &mut ran)
            .filter(|caught| broken(&caught.violations, &caught.seen).contains(&rule))
    };
    let mut caught = breaks(&job)?;
    loop {
        let tried = smaller(&job.scenario).into_iter().map(|scenario| Job { scenario, ..job.clone() });
        let Some(found) = tried.into_iter().find_map(|job| breaks(&job).map(|caught| (job, caught))) else {
            return Some((job, caught));
        };
        (job, caught) = found;
    }
}

/// The first execution that breaks a rule, if one was found.
fn look(job: &Job, schedules: u64, ran: &mut Ran) -> Option<Caught> {
    let complete = SearchKind::Complete;
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed: 1 });
    for search in [complete, drawn] {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options { search, budget, ..Options::default() };
        let mut idle = 0;
        let hunted = hunt(job, &options, &mut |seen, violations| {
            idle += u64::from(is_idle(seen));
            !broken(violations, seen).is_empty()
        });
        let Hunted { caught, executions, searched, .. } = hunted.expect("a random scenario can be run");
        ran.executions += executions;
        ran.idle += idle;
        if caught.is_some() {
            return caught;
        }
        if searched == Verdict::Proved {
            ran.proved += 1;
            break;
        }
    }
    None
}

/// Whether the execution stands still since somebody waits for what the scenario never does: a happening, a timer, an
/// answer.
fn is_idle(seen: &Observations) -> bool {
    let waits = |thread: &Waiting| {
        thread.thread == "clock"
            || thread.waits_for.iter().any(|whom| whom == "server")
            || thread.place.iter().any(|place| place.starts_with("wait for "))
    };
    seen.stuck.as_ref().is_some_and(|stuck| stuck.why == Why::Deadlock && stuck.threads.iter().any(waits))
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        defects: DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: rules().iter().map(|rule| rule.name()).collect(),
        revisions: REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: DECISIONS
            .iter()
            .map(|decision| (decision.name, decision.alternatives.iter().map(|one| one.name).collect()))
            .collect(),
        read_token: None,
    }
}
