//! Every wrong alternative of every decision breaks a rule in some shipped scenario, named as a defect or not, and on each
//! path of the runtime that asks for the decision.
//!
//! The named ones are shown by `tests/races.rs`; here are the others, and those of the synchronous path.

use std::collections::BTreeSet;

use turnloom::explore::{Budget, Hunted, Job, Options, SearchKind, hunt};
use turnloom::scenario::{Step, Through};
use turnloom::subject::model::{DECISIONS, DEFECTS};

use crate::shipped::jobs;

/// The part of the runtime that a scenario leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    /// A run on an event loop, with or without the service.
    Asynchronous,
    /// `run_sync`: a run on the caller's thread.
    Synchronous,
}

use Path::{Asynchronous, Synchronous};

/// A wrong alternative, the path, and a shipped scenario in which it breaks a rule there. On the synchronous path every
/// `run` of the scenario is a `run_sync`.
const ROWS: &[(&str, &str, Path, &str)] = &[
    ("cancel_send", "limited", Asynchronous, "cancel-not-read"),
    ("cancelled_prompt", "forgotten", Asynchronous, "r10-undrained-session-reused"),
    ("closing", "begins", Asynchronous, "run-while-closing"),
    ("cursor_advance", "no_cursor", Asynchronous, "r17-fifo-skip"),
    ("failed_message", "passed_over", Asynchronous, "failed-message-again"),
    ("failed_start", "untold", Asynchronous, "failed-start"),
    ("late_message", "idle", Asynchronous, "r12-cap-strands-message"),
    ("late_pause", "written_over", Asynchronous, "n12-completed-prompt-repeated"),
    ("refused_rerun", "dropped", Asynchronous, "refused-rerun"),
    ("rerun_after_pause", "always", Asynchronous, "native-run-after-stop"),
    ("rerun_wanted", "idle", Asynchronous, "rerun-already-served"),
    ("second_cancel", "escapes", Asynchronous, "two-interrupts"),
    ("supersede", "interrupted", Asynchronous, "r20-rerun-lost-on-pause"),
    ("undrained_session", "restart_after_timeout", Asynchronous, "no-restart-after-timeout"),
    ("unfinished_cards", "left_open", Asynchronous, "n29-late-update-after-finish"),
    ("caught_up", "step", Synchronous, "r24-reprompt-spin"),
    ("completed_step", "status", Synchronous, "n12-completed-prompt-repeated"),
    ("cursor", "run", Synchronous, "r19-cursor-not-persisted"),
    ("cursor_advance", "newest", Synchronous, "r17-fifo-skip"),
    ("failed_message", "passed_over", Synchronous, "sync-failed-message-again"),
    ("failed_prompt", "at_once", Synchronous, "n10-failed-prompt-updates-leak"),
    ("failed_start", "untold", Synchronous, "sync-failed-start"),
    ("finish_check", "split", Synchronous, "r08-finish-gap"),
    ("finished_callbacks", "after_finish", Synchronous, "n29-late-update-after-finish"),
    ("first_prompt", "newest", Synchronous, "r27-initial-cursor-latest"),
    ("idle_pause", "written_over", Synchronous, "n14-idle-pause-written-over"),
    ("last_iteration", "ignored", Synchronous, "r12-cap-strands-message"),
    ("late_message", "idle", Synchronous, "r12-cap-strands-message"),
    ("late_pause", "written_over", Synchronous, "n12-completed-prompt-repeated"),
    ("live_update", "unserialized", Synchronous, "sync-late-update"),
    ("server_death", "unnoticed", Synchronous, "n08-server-death-unnoticed"),
    ("step_message", "newest", Synchronous, "r27-initial-cursor-latest"),
    ("stuck_check", "since_message", Synchronous, "n15-queue-taken-for-loop"),
    ("unfinished_cards", "left_open", Synchronous, "n29-late-update-after-finish"),
];

/// The decisions that a synchronous run asks for as well as an asynchronous one.
const ON_BOTH_PATHS: &[&str] = &[
    "caught_up",
    "completed_step",
    "cursor",
    "cursor_advance",
    "failed_message",
    "failed_prompt",
    "failed_start",
    "finish_check",
    "finished_callbacks",
    "first_prompt",
    "idle_pause",
    "last_iteration",
    "late_message",
    "late_pause",
    "live_update",
    "server_death",
    "step_message",
    "stuck_check",
    "unfinished_cards",
];

/// The most schedules that are run until a rule breaks.
const SCHEDULES: u64 = 2_000;

/// The path that a scenario leads through.
fn path(job: &Job) -> Path {
    let mut steps = job.scenario.actors.iter().flat_map(|actor| &actor.does);
    if steps.any(|step| matches!(step, Step::RunSync)) { Synchronous } else { Asynchronous }
}

/// The shipped scenario on this path, with an alternative if one is given.
fn job(name: &str, path: Path, changed: Option<(&str, &str)>) -> Job {
    let mut job = jobs().into_iter().find(|job| job.name == name).expect("a shipped scenario");
    if path == Synchronous {
        assert_eq!(job.scenario.through, Through::Conversation, "{name}");
        for step in job.scenario.actors.iter_mut().flat_map(|actor| &mut actor.does) {
            if matches!(step, Step::Run) {
                *step = Step::RunSync;
            }
        }
    }
    job.scenario
        .decisions
        .extend(changed.map(|(decision, alternative)| (decision.to_owned(), alternative.to_owned())));
    job
}

/// Runs schedules until one breaks a rule.
fn break_a_rule(job: &Job, schedules: u64) -> Hunted {
    let budget = Budget { schedules: Some(schedules), seconds: None };
    let options = Options { search: SearchKind::FewPreemptions, budget, ..Options::default() };
    hunt(job, &options, &mut |_, violations| !violations.is_empty()).expect("a shipped scenario runs")
}

#[test]
fn every_wrong_alternative_breaks_a_rule_in_some_scenario_on_every_path() {
    let mut filled: BTreeSet<(&str, &str, Path)> =
        ROWS.iter().map(|(decision, alternative, path, _)| (*decision, *alternative, *path)).collect();
    for job in jobs() {
        for catch in &job.scenario.catches {
            let defect = DEFECTS.iter().find(|defect| defect.name == catch.defect).expect("a defect");
            filled.insert((defect.decision, defect.alternative, path(&job)));
        }
    }
    let mut empty = Vec::new();
    for decision in DECISIONS {
        for alternative in &decision.alternatives[1..] {
            let on = |path| filled.contains(&(decision.name, alternative.name, path));
            if !on(Asynchronous) && !on(Synchronous) {
                empty.push(format!("{}: {}", decision.name, alternative.name));
            }
        }
        let shown = decision.alternatives[1..].iter();
        let shown = shown.filter(|one| filled.contains(&(decision.name, one.name, Synchronous))).count();
        if ON_BOTH_PATHS.contains(&decision.name) && shown == 0 {
            empty.push(format!("{}, on the synchronous path", decision.name));
        }
    }
    assert_eq!(empty, Vec::<String>::new(), "no scenario breaks a rule with these: add a rule or a scenario");
}

#[test]
fn each_row_breaks_a_rule_and_does_not_without_its_alternative() {
    let mut wrong = Vec::new();
    for (decision, alternative, path, name) in ROWS {
        let found = break_a_rule(&job(name, *path, Some((decision, alternative))), SCHEDULES);
        if found.caught.is_none() {
            wrong.push(format!("{decision}: {alternative} breaks nothing in {name} ({path:?})"));
        }
        let without = break_a_rule(&job(name, *path, None), found.executions.clamp(50, 200));
        if let Some(caught) = without.caught {
            wrong.push(format!("{name} ({path:?}) breaks {} by itself", caught.violations[0].rule));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
