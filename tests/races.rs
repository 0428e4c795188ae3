//! The race catalogue through the binary: each race under its row's name is found, explained and replayed, and the
//! runtime without the defect is clean. What `audit` promises, as a user sees it; the snapshots are for `turnloom check`.

use std::process::{Command, Output};

use turnloom::cli::maintain;

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
        if *engine == "turnloom" {
            is_on_the_page(row, &file, verdict);
            continue;
        }
        let output = turnloom(&["audit", &file, "--engine", engine, "--format", "json"]);
        let audit = json(&output);
        let first = &audit["rows"][0];
        assert_eq!(first["id"], row);
        for proof in ["found", "clean_without", "replayed"] {
            assert_eq!(first[proof], true, "{proof} on {engine}: {audit:#}");
        }
        assert_eq!(output.status.code(), Some(0));
    }
}

/// What an audit prints for the page of the races, if all that it looks at holds, and the page has it.
fn is_on_the_page(row: &str, file: &str, verdict: &str) {
    let (printed, code) = maintain(["maintain", "races", file]);
    assert_eq!(code, 0, "{printed}");
    let begin = format!("| {row} | ");
    let line = printed.lines().find(|line| line.starts_with(&begin)).expect("the scenario catches this row");
    assert!(line.ends_with(&format!(" | {verdict} |")), "{line}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/README.md"));
    let is_there = page.expect("the page is there").lines().any(|other| other == line);
    assert!(
        is_there,
        "scenarios/README.md is due: `cargo run --release --example maintain -- races > scenarios/README.md`\n{line}"
    );
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
fn n01_overtaken_live_update() {
    shows("N01", "n01-overtaken-live-update", &["turnloom"]);
}

#[test]
fn r02_string_chunk_dropped() {
    shows("R02", "r02-string-chunk-dropped", &["turnloom"]);
}

#[test]
fn r06_cancelled_updates_leak() {
    shows("R06", "r06-cancelled-updates-leak", &["turnloom"]);
}

#[test]
fn r09_failed_before_drain() {
    shows("R09", "r09-failed-before-drain", &["turnloom"]);
}

#[test]
fn r11_timeout_before_drain() {
    shows("R11", "r11-timeout-before-drain", &["turnloom"]);
}

#[test]
fn r13_unshielded_interrupt_wait() {
    shows("R13", "r13-unshielded-interrupt-wait", &["turnloom"]);
}

#[test]
fn r14_unbounded_cancel_send() {
    shows("R14", "r14-unbounded-cancel-send", &["turnloom"]);
}

#[test]
fn r15_stale_suffix_marker() {
    shows("R15", "r15-stale-suffix-marker", &["turnloom"]);
}

#[test]
fn r16_restart_inside_cancel() {
    shows("R16", "r16-restart-inside-cancel", &["turnloom"]);
}

#[test]
fn r21_unlocked_timeout_finalization() {
    shows("R21", "r21-unlocked-timeout-finalization", &["turnloom"]);
}

#[test]
fn r22_session_identity_lost() {
    shows("R22", "r22-session-identity-lost", &["turnloom"]);
}

#[test]
fn r23_restart_under_lock() {
    shows("R23", "r23-restart-under-lock", &["turnloom", "loom"]);
}

#[test]
fn r29_old_bridge_callbacks() {
    shows("R29", "r29-old-bridge-callbacks", &["turnloom"]);
}

#[test]
fn r32_portal_thread_tool_event() {
    shows("R32", "r32-portal-thread-tool-event", &["turnloom", "loom"]);
}

#[test]
fn r33_orphaned_cards() {
    shows("R33", "r33-orphaned-cards", &["turnloom"]);
}

/// The race that turnloom found in the release: the model of 1.25.0 has it, the fixed one has not.
#[test]
fn release_1_25_0_loses_a_tool_update_that_overtakes_its_turn() {
    let file = "scenarios/n01-overtaken-live-update.json";
    let explored = json(&turnloom(&["explore", file, "--revision", "1.25.0", "--format", "json"]));
    let outcomes = explored["outcomes"].as_array().expect("outcomes are a list");
    let broken: Vec<_> =
        outcomes.iter().filter_map(|outcome| outcome["violations"][0]["rule"].as_str()).collect();
    assert_eq!(broken, ["no-open-card", "nothing-after-turn-end"], "{explored:#}");
}

/// What does not fit an engine proves nothing, and is no finding.
#[test]
fn an_audit_says_what_it_could_not_run() {
    let output = turnloom(&["audit", "scenarios/r13-unshielded-interrupt-wait.json", "--engine", "loom"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("incomplete: 7 threads are needed, and loom has 5"), "{said}");
    assert_eq!(output.status.code(), Some(3));
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
    shows("R03", "r03-no-cancel-on-supersede", &["turnloom"]);
}

#[test]
fn r39_stop_overridden_by_rerun() {
    shows("R39", "r39-stop-overridden-by-rerun", &["turnloom"]);
}

#[test]
fn r20_rerun_lost_on_pause() {
    shows("R20", "r20-rerun-lost-on-pause", &["turnloom"]);
}

#[test]
fn r26_stale_rerun_flag() {
    shows_up_to("R26", "r26-stale-rerun-flag", "1 preemption");
}

#[test]
fn r40_supersede_cancels_replacement() {
    shows("R40", "r40-supersede-cancels-replacement", &["turnloom"]);
}

#[test]
fn r41_message_stranded_in_tail() {
    shows("R41", "r41-message-stranded-in-tail", &["turnloom"]);
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
fn n02_pause_lost_before_start() {
    shows("N02", "n02-pause-lost-before-start", &["turnloom"]);
}

#[test]
fn n10_failed_prompt_updates_leak() {
    shows("N10", "n10-failed-prompt-updates-leak", &["turnloom"]);
}

#[test]
fn n03_stale_state_published() {
    shows("N03", "n03-stale-state-published", &["turnloom"]);
}

#[test]
fn r04_shared_usage_id() {
    shows("R04", "r04-shared-usage-id", &["turnloom"]);
}

#[test]
fn r07_split_finalization() {
    shows("R07", "r07-split-finalization", &["turnloom"]);
}

#[test]
fn r34_retry_blocks_loop() {
    shows("R34", "r34-retry-blocks-loop", &["turnloom"]);
}

#[test]
fn r42_final_status_before_events() {
    shows("R42", "r42-final-status-before-events", &["turnloom"]);
}

#[test]
fn n04_sync_session_reused() {
    shows("N04", "n04-sync-session-reused", &["turnloom"]);
}

#[test]
fn n05_sync_runs_on_after_error() {
    shows("N05", "n05-sync-runs-on-after-error", &["turnloom"]);
}

#[test]
fn n06_stop_lost_before_rerun() {
    shows_up_to("N06", "n06-stop-lost-before-rerun", "0 preemptions");
}

#[test]
fn n07_close_waits_for_turn() {
    shows("N07", "n07-close-waits-for-turn", &["turnloom"]);
}

#[test]
fn n08_server_death_unnoticed() {
    shows("N08", "n08-server-death-unnoticed", &["turnloom"]);
}

/// The other half of N08: once the cancel of the prompt that nobody answers has failed to be written, closing the
/// connection leaves that prompt waiting, and the restart waits for it.
#[test]
fn n08_the_restart_waits_for_the_prompt_of_the_dead_server() {
    let scenario = r#"{
        "version": 1, "title": "the restart after a server's death", "source": "N08", "agent": {"kind": "acp"},
        "decisions": {"server_death": "unnoticed"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run", {"send": {"text": "second"}}, "run"]}],
        "clock": [{"fire": "prompt"}, {"fire": "drain"}],
        "server": [{"on": {"prompt": "first"}, "process": 1, "do": [{"say": "working"}, {"exit": 1}]}]
    }"#;
    let folder = tempfile::tempdir().expect("a folder for the scenario");
    let file = folder.path().join("death.json");
    std::fs::write(&file, scenario).expect("the scenario is written");
    let found = turnloom(&["explore", &file.display().to_string()]).stdout;
    let found = String::from_utf8_lossy(&found);
    assert!(found.contains("alice in run › astep › restart server › end server › stop portal"), "{found}");
}

#[test]
fn n11_run_after_stop_forgotten() {
    shows("N11", "n11-run-after-stop-forgotten", &["turnloom"]);
}

#[test]
fn n12_completed_prompt_repeated() {
    shows("N12", "n12-completed-prompt-repeated", &["turnloom"]);
}

#[test]
fn n13_completed_interrupt_repeated() {
    shows("N13", "n13-completed-interrupt-repeated", &["turnloom"]);
}

#[test]
fn n14_idle_pause_written_over() {
    shows("N14", "n14-idle-pause-written-over", &["turnloom"]);
}

#[test]
fn n15_queue_taken_for_loop() {
    shows("N15", "n15-queue-taken-for-loop", &["turnloom"]);
}

#[test]
fn n16_interrupt_fails_at_start() {
    shows("N16", "n16-interrupt-fails-at-start", &["turnloom"]);
}

#[test]
fn n17_close_loses_run() {
    shows("N17", "n17-close-loses-run", &["turnloom"]);
}

#[test]
fn n18_cancelled_permission_granted() {
    shows("N18", "n18-cancelled-permission-granted", &["turnloom"]);
}

#[test]
fn n19_tool_call_answered_twice() {
    shows("N19", "n19-tool-call-answered-twice", &["turnloom", "loom"]);
}

/// Up to the write of a restart that has not read the mark of a worker.
const LOST_MARK: &str = "n20-restart-loses-supersede:restart-loses-supersede:bob@loop.select-loop.39,portal@worker.pop-jobs.11,\
    loop@worker.pop-jobs.11,portal@worker.pop-jobs.11,loop@worker.pop-jobs.11,portal@worker.pop-jobs.11,\
    server@worker.pop-jobs.11,portal@worker.pop-jobs.11,server@worker.pop-jobs.11,portal@worker.pop-jobs.11,\
    loop@worker.pop-jobs.11,worker@loop.write-agent_state.4";

/// Its search takes longer than all others together. What it comes to, an audit of the whole folder shows in the gate; here are
/// the two orders of its racing pair.
#[test]
fn n20_restart_loses_supersede() {
    for (end, breaks) in [(":8126fd", true), (",loop@worker.write-agent_state:8a8314", false)] {
        let token = format!("{LOST_MARK}{end}");
        let output = turnloom(&["replay", "scenarios/n20-restart-loses-supersede.json", &token]);
        let picture = String::from_utf8_lossy(&output.stdout).into_owned();
        let rule = "✗ superseded-prompt-is-not-repeated: message \"first\" was prompted again";
        assert_eq!(picture.contains(rule), breaks, "{picture}");
        assert_eq!(output.status.code(), Some(i32::from(breaks)), "{picture}");
    }
}

#[test]
fn n21_accept_lost_in_tail() {
    shows("N21", "n21-accept-lost-in-tail", &["turnloom"]);
}

#[test]
fn n22_rerun_lost_on_confirmation() {
    shows("N22", "n22-rerun-lost-on-confirmation", &["turnloom"]);
}

#[test]
fn n23_tool_starved_by_waiters() {
    shows("N23", "n23-tool-starved-by-waiters", &["turnloom"]);
}

#[test]
fn n24_overtaken_rerun_executes() {
    shows_up_to("N24", "n24-overtaken-rerun-executes", "1 preemption");
}

#[test]
fn n37_interrupt_at_start_untold() {
    shows("N37", "n37-interrupt-at-start-untold", &["turnloom"]);
}

#[test]
fn n38_restart_blocks_loop() {
    shows_up_to("N38", "n38-restart-blocks-loop", "0 preemptions");
}

/// R19 once more: the cursor survives a reload of what was saved, and without it in the state it does not.
#[test]
fn the_cursor_survives_a_reload() {
    let explore = "explore scenarios/reload-in-session.json --format json";
    let explored =
        |rest: &str| json(&turnloom(&format!("{explore} {rest}").split_whitespace().collect::<Vec<_>>()));
    assert_eq!(explored("")["verdict"], "proved");
    let lost = explored("--defect cursor-not-persisted");
    assert_eq!(lost["outcomes"][0]["violations"][0]["rule"], "no-replay", "{lost}");
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
    for token in ["r08-finish-gap:finish-gap:bob@alice.lock-state.7:000000", "nonsense", "r05-x:-:-:0"] {
        let output = turnloom(&["replay", "scenarios/r08-finish-gap.json", token]);
        assert_eq!(output.status.code(), Some(2), "{token}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

/// What loom sees within a bound, the in-house engine sees too; where it sees all of it, the two tell the same, in the same
/// order.
#[test]
fn loom_and_the_in_house_engine_agree_on_outcomes() {
    // Whether loom sees all within one preemption, within two, and so on.
    for (scenario, sees_all) in [
        ("n05-sync-runs-on-after-error", &[true, true][..]),
        ("n14-idle-pause-written-over", &[false]),
        ("r04-shared-usage-id", &[true, true, true]),
        ("r05-just-arrived-prompt-replayed", &[false, true]),
        ("r07-split-finalization", &[true]),
        ("r08-finish-gap", &[false, true]),
        ("r19-cursor-not-persisted", &[true, true]),
    ] {
        let file = format!("scenarios/{scenario}.json");
        let outcomes = |engine: &[&str]| {
            let explored = json(&turnloom(&[&["explore", &file, "--format", "json"], engine].concat()));
            explored["outcomes"].as_array().expect("outcomes are a list").clone()
        };
        let all = outcomes(&[]);
        for (bound, sees_all) in (1..).zip(sees_all) {
            let seen = outcomes(&["--engine", "loom", "--preemptions", &format!("{bound}")]);
            if *sees_all {
                assert_eq!(seen, all, "{scenario} within {bound}");
            } else {
                assert!(seen.len() < all.len(), "{scenario} within {bound}");
                assert!(seen.iter().all(|one| all.contains(one)), "{scenario} within {bound}");
            }
        }
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

/// The two operations whose order decides: in words, side by side, and with a schedule in which they come the other way
/// round and nothing breaks.
#[test]
fn a_replay_names_the_racing_pair_and_the_nearest_passing_schedule() {
    for (scenario, defect, words) in [
        (
            "r08-finish-gap",
            "finish-gap",
            "client `bob` takes the state lock before client `alice` writes status finished",
        ),
        (
            "r05-just-arrived-prompt-replayed",
            "just-arrived-prompt-replayed",
            "client `bob` appends user_message first to events before client `alice` reads events",
        ),
    ] {
        let file = format!("scenarios/{scenario}.json");
        let explored = json(&turnloom(&["explore", &file, "--defect", defect, "--format", "json"]));
        let mut outcomes = explored["outcomes"].as_array().expect("outcomes are a list").iter();
        let broken = outcomes.find(|outcome| !outcome["token"].is_null()).expect("a violation");
        let pair = &broken["racing_pair"];
        assert_eq!(pair["words"], words);
        let token = broken["token"].as_str().expect("a token");
        let picture = String::from_utf8(turnloom(&["replay", &file, token]).stdout).expect("text");
        let told = picture.split_once("racing pair: ").expect("the pair is told").1;
        assert!(told.starts_with(words), "{told}");
        let passing = pair["passing"].as_str().expect("a passing schedule");
        assert!(told.contains(passing), "{told}");
        let passed = turnloom(&["replay", &file, passing]);
        assert_eq!(passed.status.code(), Some(0), "{}", String::from_utf8_lossy(&passed.stdout));
    }
}

#[test]
fn the_failing_and_the_passing_execution_stand_side_by_side() {
    let token = "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700";
    let replayed = turnloom(&["replay", "scenarios/r08-finish-gap.json", token]);
    let picture = String::from_utf8(replayed.stdout).expect("text");
    insta::assert_snapshot!(picture.split_once("racing pair: ").expect("the pair is told").1, @r#"
    client `bob` takes the state lock before client `alice` writes status finished
        this order breaks the rule                     this order passes
         76  alice: write agent_state AgentState …      76  alice: write agent_state AgentState …
         77  alice: unlock state                        77  alice: unlock state
      ▸  78  bob: lock state                         ▸  78  alice: lock state
         79  bob: write status idle                     79  alice: write status finished
         80  bob: append events user_message seco…      80  alice: unlock state
         81  bob: unlock state                         ⋮
      ▸  82  alice: lock state                          88  alice: select loop of alice
         83  alice: write status finished            ▸  89  bob: lock state
                                                        90  bob: write status idle
      nearest passing schedule
        token    r08-finish-gap:finish-gap:-:68ad93
        replay   turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:-:68ad93
    "#);
}

#[test]
fn where_no_reversal_helps_there_is_no_racing_pair() {
    let file = "scenarios/r17-fifo-skip.json";
    let explored = turnloom(&["explore", file, "--defect", "fifo-skip"]);
    let said = String::from_utf8_lossy(&explored.stdout);
    assert!(said.contains("racing pair: none, as no single reversal of two operations passes"), "{said}");
    let explored = json(&turnloom(&["explore", file, "--defect", "fifo-skip", "--format", "json"]));
    assert!(explored["outcomes"][0]["racing_pair"].is_null());
}

#[test]
fn n25_model_switch_under_lock() {
    shows("N25", "n25-model-switch-under-lock", &["turnloom"]);
}

#[test]
fn n26_switched_agent_forgets_restart() {
    shows("N26", "n26-switched-agent-forgets-restart", &["turnloom"]);
}

#[test]
fn n27_switched_agent_repeats_suffix() {
    shows("N27", "n27-switched-agent-repeats-suffix", &["turnloom"]);
}

#[test]
fn n28_ended_run_refuses_run() {
    shows_up_to("N28", "n28-ended-run-refuses-run", "1 preemption");
}

#[test]
fn n29_late_update_after_finish() {
    shows("N29", "n29-late-update-after-finish", &["turnloom"]);
}

#[test]
fn n30_switch_lost_in_restart() {
    shows("N30", "n30-switch-lost-in-restart", &["turnloom"]);
}

#[test]
fn p01_late_stop_loses_run() {
    shows_up_to("P01", "p01-late-stop-loses-run", "0 preemptions");
}

#[test]
fn p02_switch_tool_waits_for_step() {
    shows("P02", "p02-switch-tool-waits-for-step", &["turnloom"]);
}

#[test]
fn p03_start_blocks_loop() {
    shows("P03", "p03-start-blocks-loop", &["turnloom"]);
}

#[test]
fn n31_supersede_cancels_own_prompt() {
    shows_up_to("N31", "n31-supersede-cancels-own-prompt", "1 preemption");
}

#[test]
fn n32_sync_run_skips_queue() {
    shows("N32", "n32-sync-run-skips-queue", &["turnloom", "loom"]);
}

#[test]
fn n33_sync_prompt_under_lock() {
    shows("N33", "n33-sync-prompt-under-lock", &["turnloom"]);
}
