//! Every wrong alternative of every decision breaks a rule in some shipped scenario, named as a defect or not, and on each
//! path of the runtime that asks for the decision.
//!
//! The named ones are shown by `tests/races.rs`; here are the others, and those of the synchronous path and of the service that the
//! named ones leave out.

use std::collections::BTreeSet;

use turnloom::explore::{Budget, Hunted, Job, Options, SearchKind, hunt};
use turnloom::scenario::{Step, Through};
use turnloom::subject::model::{DECISIONS, DEFECTS};

use crate::shipped::jobs;

/// The part of the runtime that a scenario leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Path {
    /// A run on the event loop of the caller.
    Asynchronous,
    /// `run_sync`: a run on the caller's thread.
    Synchronous,
    /// A run that the event service begins on its own loop.
    Service,
}

use Path::{Asynchronous, Service, Synchronous};

/// A wrong alternative, the path, and a shipped scenario in which it breaks a rule there. On the synchronous path every
/// `run` of the scenario is a `run_sync`, and through the service it is one of the service.
const ROWS: &[(&str, &str, Path, &str)] = &[
    ("cancel_send", "limited", Asynchronous, "cancel-not-read"),
    ("cancelled_prompt", "forgotten", Asynchronous, "r10-undrained-session-reused"),
    ("cursor_advance", "no_cursor", Asynchronous, "r17-fifo-skip"),
    ("failed_message", "passed_over", Asynchronous, "failed-message-again"),
    ("failed_start", "untold", Asynchronous, "failed-start"),
    ("late_message", "idle", Asynchronous, "r12-cap-strands-message"),
    ("late_pause", "written_over", Asynchronous, "n12-completed-prompt-repeated"),
    ("second_cancel", "escapes", Asynchronous, "two-interrupts"),
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
    ("acp_step", "executor", Service, "r31-step-in-executor"),
    ("after_error", "go_on", Service, "r18-runs-on-after-error"),
    ("agent_start", "loop", Service, "close-during-start"),
    ("cancel_send", "unbounded", Service, "r14-unbounded-cancel-send"),
    ("cancelled_prompt", "forgotten", Service, "r10-undrained-session-reused"),
    ("card_closing", "before_drain", Service, "r09-failed-before-drain"),
    ("caught_up", "step", Service, "r24-reprompt-spin"),
    ("closing", "begins", Service, "run-while-closing"),
    ("condenser_usage", "agents", Service, "r04-shared-usage-id"),
    ("cursor", "run", Service, "r19-cursor-not-persisted"),
    ("cursor_advance", "no_cursor", Service, "r17-fifo-skip"),
    ("drain_result", "discarded", Service, "r28-drain-result-discarded"),
    ("failed_message", "passed_over", Service, "failed-message-again"),
    ("failed_start", "untold", Service, "failed-start"),
    ("failed_turn", "unlocked", Service, "r29-old-bridge-callbacks"),
    ("first_prompt", "newest", Service, "r27-initial-cursor-latest"),
    ("interrupted_start", "untold", Service, "n37-interrupt-at-start-untold"),
    ("last_iteration", "ignored", Service, "r12-cap-strands-message"),
    ("live_update", "unserialized", Service, "n01-overtaken-live-update"),
    ("loaded_history", "at_once", Service, "n39-history-leaks-into-turn"),
    ("model_switch", "state_lock", Service, "n25-model-switch-under-lock"),
    ("pending_actions", "read_before_lock", Service, "n19-tool-call-answered-twice"),
    ("permission_answer", "selected", Service, "n18-cancelled-permission-granted"),
    ("prompt_lock", "held", Service, "r01-lock-held-across-prompt"),
    ("refused_rerun", "dropped", Service, "refused-rerun"),
    ("rerun_after_pause", "always", Service, "native-run-after-stop"),
    ("rerun_wanted", "idle", Service, "rerun-already-served"),
    ("restart_session", "new", Service, "r22-session-identity-lost"),
    ("retry_delay", "slept", Service, "r34-retry-blocks-loop"),
    ("step_message", "newest", Service, "r27-initial-cursor-latest"),
    ("suffix_marker", "conversation", Service, "r15-stale-suffix-marker"),
    ("supersede", "interrupted", Service, "r20-rerun-lost-on-pause"),
    ("switch_tool", "takes_lock", Service, "p02-switch-tool-waits-for-step"),
    ("switched_session", "copied", Service, "n26-switched-agent-forgets-restart"),
    ("timeout_report", "before_drain", Service, "r11-timeout-before-drain"),
    ("token_at_end", "cleared", Service, "r35-cancel-token-cleared"),
    ("tool_token", "current", Service, "r36-cancel-token-shared"),
    ("turn_callbacks", "after_restart", Service, "r29-old-bridge-callbacks"),
    ("undrained_session", "restart_after_timeout", Service, "no-restart-after-timeout"),
    ("unfinished_cards", "left_open", Service, "n29-late-update-after-finish"),
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

/// The decisions that a run of the service asks for too, but no shipped scenario shows there: what shows them needs a `run` that
/// returns only when the run has ended.
const NOT_SHOWN_THROUGH_THE_SERVICE: &[&str] = &[
    "completed_interrupt",
    "completed_step",
    "failed_prompt",
    "finish_check",
    "finished_callbacks",
    "idle_pause",
    "late_message",
    "late_pause",
    "second_cancel",
    "server_death",
    "stuck_check",
    "successful_turn",
    "switched_model",
    "switched_suffix",
];

/// The most schedules that are run until a rule breaks.
const SCHEDULES: u64 = 2_000;

/// The path that a scenario leads through.
fn path(job: &Job) -> Path {
    let mut steps = job.scenario.actors.iter().flat_map(|actor| &actor.does);
    match job.scenario.through {
        Through::Service => Service,
        Through::Conversation if steps.any(|step| matches!(step, Step::RunSync)) => Synchronous,
        Through::Conversation => Asynchronous,
    }
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
    if path == Service {
        job.scenario.through = Through::Service;
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
            let is_shown = |path| filled.contains(&(decision.name, alternative.name, path));
            if ![Asynchronous, Synchronous, Service].into_iter().any(is_shown) {
                empty.push(format!("{}: {}", decision.name, alternative.name));
            }
        }
        let is_shown = |path| filled.iter().any(|(name, _, on)| *name == decision.name && *on == path);
        if ON_BOTH_PATHS.contains(&decision.name) && !is_shown(Synchronous) {
            empty.push(format!("{}, on the synchronous path", decision.name));
        }
        let is_excused = NOT_SHOWN_THROUGH_THE_SERVICE.contains(&decision.name);
        if is_shown(Asynchronous) && is_shown(Service) == is_excused {
            empty.push(format!("{}, through the service, or its excuse is out of date", decision.name));
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
