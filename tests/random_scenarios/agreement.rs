//! What the linter says and what the engine finds agree: a scenario that the linter takes does not stand still by its own making, and
//! one of which it says that a wait never ends does.

use std::collections::BTreeMap;

use turnloom::cli::vocabulary;
use turnloom::engine::search::{Sample, Sampler};
use turnloom::explore::{Budget, Job, Options, SearchKind, hunt, own_standstill, smaller};
use turnloom::scenario;
use turnloom::scenario::{Action, Diagnostic, Scenario};

use super::survey::{File, Survey, is_idle};
use crate::sizes::sized;

/// How many schedules are drawn of a scenario that the linter takes, none of which it has run itself.
const SCHEDULES: u64 = 60;

#[test]
fn what_the_linter_takes_does_not_stand_still_by_its_own_making() {
    let survey = Survey { scenarios: sized(150, 2_000), seed: 11, schedules: 0, only: None, defect: None };
    let (_, drafts) = survey.draw();
    let jobs: Vec<Job> =
        drafts.iter().filter(|draft| !draft.is_racing()).map(|draft| draft.job(None)).collect();
    let is_taken = |job: &&Job| own_standstill(job).expect("it runs").is_none();
    let taken: Vec<&Job> = jobs.iter().filter(is_taken).collect();
    assert!(taken.len() * 2 > jobs.len(), "the linter takes {} of {}", taken.len(), jobs.len());
    let stand_still = |job: &&&Job| {
        let sample = Sample { sampler: Sampler::Pos, seed: 5 };
        let budget = Budget { schedules: Some(SCHEDULES), seconds: None };
        let options = Options { search: SearchKind::Sampled(sample), budget, ..Options::default() };
        let hunted = hunt(job, &options, &mut |seen, violations| is_idle(violations, seen));
        hunted.expect("it runs").caught.is_some()
    };
    let wrong: Vec<String> = taken.iter().filter(stand_still).map(|job| job.file()).collect();
    assert!(wrong.is_empty(), "{} of {} stand still:\n{}", wrong.len(), taken.len(), wrong.join("\n"));
}

#[test]
fn what_the_linter_says_never_ends_does_not() {
    let survey = Survey { scenarios: sized(150, 1_000), seed: 12, schedules: 0, only: None, defect: None };
    let (_, drafts) = survey.draw();
    let mut refused: BTreeMap<&'static str, Vec<Job>> = BTreeMap::new();
    for job in drafts.iter().filter(|draft| !draft.is_racing()).map(|draft| draft.job(None)) {
        // What an actor waits for is taken out, or comes later.
        let broken = smaller(&job.scenario).into_iter().chain(first_step_last(&job.scenario));
        let broken = broken.map(|scenario| Job { scenario, ..job.clone() });
        let never_ending: Vec<_> = broken.filter_map(|job| Some((endless(&job)?, job))).collect();
        for code in ENDLESS {
            // A reaction may wait for ever and be cut short by a cancel.
            let first = never_ending.iter().find(|(said, job)| *said == code && !server_waits(&job.scenario));
            refused.entry(code).or_default().extend(first.map(|(_, job)| job.clone()));
        }
    }
    assert!(
        ENDLESS.iter().all(|code| refused.get(code).map_or(0, Vec::len) >= 5),
        "too few are refused: {refused:?}"
    );
    let ends = |job: &&Job| own_standstill(job).is_ok_and(|found| found.is_none());
    let wrong: Vec<String> = refused.values().flatten().filter(ends).map(File::file).collect();
    assert!(wrong.is_empty(), "{} come to their end:\n{}", wrong.len(), wrong.join("\n"));
}

fn server_waits(scenario: &Scenario) -> bool {
    let mut actions = scenario.server.iter().flat_map(|reaction| &reaction.actions);
    actions.any(|action| matches!(action, Action::Wait(_)))
}

/// The scenarios in which one actor does last what it does first.
fn first_step_last(scenario: &Scenario) -> impl Iterator<Item = Scenario> {
    (0..scenario.actors.len()).map(|actor| {
        let mut other = scenario.clone();
        other.actors[actor].does.rotate_left(1);
        other
    })
}

/// What the linter says of a wait that never ends.
const ENDLESS: [&str; 2] = ["impossible-wait", "endless-wait"];

/// That the linter says it of this scenario.
fn endless(job: &Job) -> Option<&'static str> {
    let text = serde_json::to_string(&job.scenario).expect("a scenario is text");
    let found = scenario::parse("random", &text, &vocabulary()).err()?;
    found.iter().map(Diagnostic::code).find(|code| ENDLESS.contains(code))
}
