//! The race catalogue through the binary: each race under its row's name is found, explained and replayed, and the
//! runtime without the defect is clean. What `check` and `audit` promise, as a user sees it.

use std::process::{Command, Output};

fn turnloom(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CI", "true").args(arguments);
    command.output().expect("the binary starts")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document on stdout")
}

/// The row is found through exactly its rules, clean without the defect, and replayed; on both engines. Without the
/// defect every interleaving is run.
fn shows(row: &str, scenario: &str, engines: &[&str]) {
    shows_as(row, scenario, engines, "proved");
}

/// As `shows`, for a scenario that names a preemption bound.
fn shows_up_to(row: &str, scenario: &str, preemptions: &str) {
    shows_as(row, scenario, &["turnloom"], &format!("proved up to {preemptions}"));
}

fn shows_as(row: &str, scenario: &str, engines: &[&str], verdict: &str) {
    let file = format!("scenarios/{scenario}.json");
    for engine in engines {
        let output = turnloom(&["audit", &file, "--engine", engine, "--format", "json"]);
        let audit = json(&output);
        let first = &audit["rows"][0];
        assert_eq!(first["id"], row);
        for proof in ["found", "clean_without", "replayed"] {
            assert_eq!(first[proof], true, "{proof} on {engine}: {audit:#}");
        }
        assert_eq!(output.status.code(), Some(0));
    }
    let output = turnloom(&["check", &file, "--format", "json"]);
    assert_eq!(json(&output)["scenarios"][0]["verdict"], verdict);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn r01_lock_held_across_prompt() {
    shows("R01", "r01-lock-held-across-prompt", &["turnloom"]);
}

#[test]
fn r05_just_arrived_prompt_replayed() {
    shows("R05", "r05-just-arrived-prompt-replayed", &["turnloom", "loom"]);
}

#[test]
fn r08_finish_gap() {
    shows("R08", "r08-finish-gap", &["turnloom", "loom"]);
}

#[test]
fn r10_undrained_session_reused() {
    shows("R10", "r10-undrained-session-reused", &["turnloom"]);
}

#[test]
fn r17_fifo_skip() {
    shows("R17", "r17-fifo-skip", &["turnloom"]);
}

#[test]
fn r28_drain_result_discarded() {
    shows("R28", "r28-drain-result-discarded", &["turnloom"]);
}

#[test]
fn r31_step_in_executor() {
    shows("R31", "r31-step-in-executor", &["turnloom", "loom"]);
}

#[test]
fn r12_cap_strands_message() {
    shows("R12", "r12-cap-strands-message", &["turnloom"]);
}

#[test]
fn r18_runs_on_after_error() {
    shows("R18", "r18-runs-on-after-error", &["turnloom"]);
}

#[test]
fn r27_initial_cursor_latest() {
    shows("R27", "r27-initial-cursor-latest", &["turnloom", "loom"]);
}

#[test]
fn r24_reprompt_spin() {
    shows("R24", "r24-reprompt-spin", &["turnloom", "loom"]);
}

#[test]
fn r35_cancel_token_cleared() {
    shows("R35", "r35-cancel-token-cleared", &["turnloom", "loom"]);
}

#[test]
fn r36_cancel_token_shared() {
    shows("R36", "r36-cancel-token-shared", &["turnloom"]);
}

#[test]
fn r03_no_cancel_on_supersede() {
    shows_up_to("R03", "r03-no-cancel-on-supersede", "1 preemption");
}

#[test]
fn r39_stop_overridden_by_rerun() {
    shows_up_to("R39", "r39-stop-overridden-by-rerun", "2 preemptions");
}

#[test]
fn r20_rerun_lost_on_pause() {
    shows_up_to("R20", "r20-rerun-lost-on-pause", "1 preemption");
}

#[test]
fn r26_stale_rerun_flag() {
    shows_up_to("R26", "r26-stale-rerun-flag", "1 preemption");
}

#[test]
fn r40_supersede_cancels_replacement() {
    shows_up_to("R40", "r40-supersede-cancels-replacement", "0 preemptions");
}

#[test]
fn r41_message_stranded_in_tail() {
    shows_up_to("R41", "r41-message-stranded-in-tail", "1 preemption");
}

#[test]
fn r37_sync_agent_on_async_path() {
    shows("R37", "r37-sync-agent-on-async-path", &["turnloom"]);
}

#[test]
fn r38_async_agent_on_sync_path() {
    shows("R38", "r38-async-agent-on-sync-path", &["turnloom"]);
}

#[test]
fn r19_cursor_not_persisted() {
    shows("R19", "r19-cursor-not-persisted", &["turnloom", "loom"]);
}

#[test]
fn n01_pause_lost_before_start() {
    shows_up_to("N01", "n01-pause-lost-before-start", "1 preemption");
}

#[test]
fn n02_stale_state_published() {
    shows_up_to("N02", "n02-stale-state-published", "1 preemption");
}

/// The token that `explore` gives, replayed twice: the same bytes, and the rule that breaks.
#[test]
fn a_token_replays_to_the_byte() {
    let file = "scenarios/r08-finish-gap.json";
    let explored = json(&turnloom(&["explore", file, "--defect", "finish-gap", "--format", "json"]));
    let outcomes = explored["outcomes"].as_array().expect("outcomes are a list");
    let token =
        outcomes.iter().find_map(|outcome| outcome["token"].as_str()).expect("a violation has a token");
    let first = turnloom(&["replay", file, token]);
    assert_eq!(first.status.code(), Some(1));
    assert_eq!(first.stdout, turnloom(&["replay", file, token]).stdout);
    let picture = String::from_utf8_lossy(&first.stdout);
    assert!(picture.contains("✗ nothing-stranded-after-finish"), "{picture}");
}

#[test]
fn a_damaged_token_and_one_of_another_scenario_are_bad_input() {
    for token in ["r08-finish-gap:finish-gap:59bob:000000", "nonsense", "r05-x:-:-:0"] {
        let output = turnloom(&["replay", "scenarios/r08-finish-gap.json", token]);
        assert_eq!(output.status.code(), Some(2), "{token}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

/// What loom sees within its bound, the in-house engine sees too; where loom has room enough, it sees all of it.
#[test]
fn loom_and_the_in_house_engine_agree_on_outcomes() {
    for scenario in ["r05-just-arrived-prompt-replayed", "r08-finish-gap"] {
        let file = format!("scenarios/{scenario}.json");
        let outcomes = |engine: &str| {
            let explored = json(&turnloom(&["explore", &file, "--engine", engine, "--format", "json"]));
            explored["outcomes"].as_array().expect("outcomes are a list").clone()
        };
        assert_eq!(outcomes("turnloom"), outcomes("loom"), "{scenario}");
    }
}

/// A deadlock under loom ends loom's process, not ours: the verdict names the place of every thread.
#[test]
fn a_deadlock_under_loom_is_a_verdict() {
    let file = "scenarios/r31-step-in-executor.json";
    let output = turnloom(&["explore", file, "--defect", "step-in-executor", "--engine", "loom"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("holds state") && said.contains("lock state"), "{said}");
}
