//! The race catalogue through the binary: each race under its row's name is replayed by the token that the page of the
//! races gives, and breaks the rules of its row.

use std::collections::BTreeSet;
use std::process::{Command, Output};

fn turnloom(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CI", "true").args(arguments);
    command.output().expect("the binary starts")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document on stdout")
}

/// The page of the races has this row, with this verdict of its scenario without the defect; and the token there replays
/// an execution that breaks exactly the rules of the row. Whether the page is what an audit finds today, the gate asks
/// (`.ci/run`), which runs the audit of every row once, on both engines.
fn shows(row: &str, scenario: &str, verdict: &str) {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/README.md"));
    let page = page.expect("the page is there");
    let begin = format!("| {row} | ");
    let line = page.lines().find(|line| line.starts_with(&begin)).expect("the page has the row");
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [_, _, link, _, rules, _, without, token] = cells[..] else { panic!("{line}") };
    assert_eq!(link, format!("[{scenario}]({scenario}.json)"));
    assert_eq!(without, verdict, "{line}");
    let output = turnloom(&["replay", &format!("scenarios/{scenario}.json"), token.trim_matches('`')]);
    let replayed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{replayed}{said}");
    let broken: BTreeSet<&str> = replayed
        .lines()
        .filter_map(|line| line.strip_prefix("✗ ")?.split_once(": ").map(|(rule, _)| rule))
        .collect();
    let expected: BTreeSet<&str> = rules.split(", ").map(|rule| rule.trim_matches('`')).collect();
    assert_eq!(broken, expected, "{replayed}");
}

#[test]
fn r01_lock_held_across_prompt() {
    shows("R01", "r01-lock-held-across-prompt", "proved");
}

#[test]
fn r05_just_arrived_prompt_replayed() {
    shows("R05", "r05-just-arrived-prompt-replayed", "proved");
}

#[test]
fn r08_finish_gap() {
    shows("R08", "r08-finish-gap", "proved");
}

#[test]
fn r10_undrained_session_reused() {
    shows("R10", "r10-undrained-session-reused", "proved");
}

#[test]
fn r17_fifo_skip() {
    shows("R17", "r17-fifo-skip", "proved");
}

#[test]
fn r28_drain_result_discarded() {
    shows("R28", "r28-drain-result-discarded", "proved");
}

#[test]
fn r31_step_in_executor() {
    shows("R31", "r31-step-in-executor", "proved");
}

#[test]
fn n01_overtaken_live_update() {
    shows("N01", "n01-overtaken-live-update", "proved");
}

#[test]
fn r02_string_chunk_dropped() {
    shows("R02", "r02-string-chunk-dropped", "proved");
}

#[test]
fn r06_cancelled_updates_leak() {
    shows("R06", "r06-cancelled-updates-leak", "proved");
}

#[test]
fn r09_failed_before_drain() {
    shows("R09", "r09-failed-before-drain", "proved");
}

#[test]
fn r11_timeout_before_drain() {
    shows("R11", "r11-timeout-before-drain", "proved");
}

#[test]
fn r13_unshielded_interrupt_wait() {
    shows("R13", "r13-unshielded-interrupt-wait", "proved");
}

#[test]
fn r14_unbounded_cancel_send() {
    shows("R14", "r14-unbounded-cancel-send", "proved");
}

#[test]
fn r15_stale_suffix_marker() {
    shows("R15", "r15-stale-suffix-marker", "proved");
}

#[test]
fn r16_restart_inside_cancel() {
    shows("R16", "r16-restart-inside-cancel", "proved");
}

#[test]
fn r21_unlocked_timeout_finalization() {
    shows("R21", "r21-unlocked-timeout-finalization", "proved");
}

#[test]
fn r22_session_identity_lost() {
    shows("R22", "r22-session-identity-lost", "proved");
}

#[test]
fn r23_restart_under_lock() {
    shows("R23", "r23-restart-under-lock", "proved");
}

#[test]
fn r29_old_bridge_callbacks() {
    shows("R29", "r29-old-bridge-callbacks", "proved");
}

#[test]
fn r32_portal_thread_tool_event() {
    shows("R32", "r32-portal-thread-tool-event", "proved");
}

#[test]
fn r33_orphaned_cards() {
    shows("R33", "r33-orphaned-cards", "proved");
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
    shows("R12", "r12-cap-strands-message", "proved");
}

#[test]
fn r18_runs_on_after_error() {
    shows("R18", "r18-runs-on-after-error", "proved");
}

#[test]
fn r27_initial_cursor_latest() {
    shows("R27", "r27-initial-cursor-latest", "proved");
}

#[test]
fn r24_reprompt_spin() {
    shows("R24", "r24-reprompt-spin", "proved");
}

#[test]
fn r35_cancel_token_cleared() {
    shows("R35", "r35-cancel-token-cleared", "proved");
}

#[test]
fn r36_cancel_token_shared() {
    shows("R36", "r36-cancel-token-shared", "proved");
}

#[test]
fn r03_no_cancel_on_supersede() {
    shows("R03", "r03-no-cancel-on-supersede", "proved");
}

#[test]
fn r39_stop_overridden_by_rerun() {
    shows("R39", "r39-stop-overridden-by-rerun", "proved");
}

#[test]
fn r20_rerun_lost_on_pause() {
    shows("R20", "r20-rerun-lost-on-pause", "proved");
}

#[test]
fn r26_stale_rerun_flag() {
    shows("R26", "r26-stale-rerun-flag", "proved up to 1 preemption");
}

#[test]
fn r40_supersede_cancels_replacement() {
    shows("R40", "r40-supersede-cancels-replacement", "proved");
}

#[test]
fn r41_message_stranded_in_tail() {
    shows("R41", "r41-message-stranded-in-tail", "proved");
}

#[test]
fn r37_sync_agent_on_async_path() {
    shows("R37", "r37-sync-agent-on-async-path", "proved");
}

#[test]
fn r38_async_agent_on_sync_path() {
    shows("R38", "r38-async-agent-on-sync-path", "proved");
}

#[test]
fn r19_cursor_not_persisted() {
    shows("R19", "r19-cursor-not-persisted", "proved");
}

#[test]
fn n02_pause_lost_before_start() {
    shows("N02", "n02-pause-lost-before-start", "proved");
}

#[test]
fn n10_failed_prompt_updates_leak() {
    shows("N10", "n10-failed-prompt-updates-leak", "proved");
}

#[test]
fn n03_stale_state_published() {
    shows("N03", "n03-stale-state-published", "proved");
}

#[test]
fn r04_shared_usage_id() {
    shows("R04", "r04-shared-usage-id", "proved");
}

#[test]
fn r07_split_finalization() {
    shows("R07", "r07-split-finalization", "proved");
}

#[test]
fn r34_retry_blocks_loop() {
    shows("R34", "r34-retry-blocks-loop", "proved");
}

#[test]
fn r42_final_status_before_events() {
    shows("R42", "r42-final-status-before-events", "proved");
}

#[test]
fn n04_sync_session_reused() {
    shows("N04", "n04-sync-session-reused", "proved");
}

#[test]
fn n05_sync_runs_on_after_error() {
    shows("N05", "n05-sync-runs-on-after-error", "proved");
}

#[test]
fn n06_stop_lost_before_rerun() {
    shows("N06", "n06-stop-lost-before-rerun", "proved up to 0 preemptions");
}

#[test]
fn n07_close_waits_for_turn() {
    shows("N07", "n07-close-waits-for-turn", "proved");
}

#[test]
fn n08_server_death_unnoticed() {
    shows("N08", "n08-server-death-unnoticed", "proved");
}

/// The other half of N08: once the cancel of the prompt that nobody answers has failed to be written, closing the
/// connection leaves that prompt waiting, and the restart waits for it.
#[test]
fn n08_the_restart_waits_for_the_prompt_of_the_dead_server() {
    let scenario = r#"{
        "version": 1, "title": "the restart after a server's death", "source": "N08", "agent": {"kind": "acp"},
        "decisions": {"server_death": "unnoticed", "turn_restart": "loop"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run", {"send": {"text": "second"}}, "run"]}],
        "clock": [{"fire": "prompt"}, {"fire": "drain"}],
        "server": [{"on": {"prompt": "first"}, "process": 1, "do": [{"say": "working"}, {"exit": 1}]}]
    }"#;
    let folder = tempfile::tempdir().expect("a folder for the scenario");
    let file = folder.path().join("death.json");
    std::fs::write(&file, scenario).expect("the scenario is written");
    let found = turnloom(&["explore", &file.display().to_string()]).stdout;
    let found = String::from_utf8_lossy(&found);
    assert!(
        found.contains("alice in step 4 › run › astep › restart server › end server › stop portal"),
        "{found}"
    );
}

#[test]
fn n11_run_after_stop_forgotten() {
    shows("N11", "n11-run-after-stop-forgotten", "proved");
}

#[test]
fn n12_completed_prompt_repeated() {
    shows("N12", "n12-completed-prompt-repeated", "proved");
}

#[test]
fn n13_completed_interrupt_repeated() {
    shows("N13", "n13-completed-interrupt-repeated", "proved");
}

#[test]
fn n14_idle_pause_written_over() {
    shows("N14", "n14-idle-pause-written-over", "proved");
}

#[test]
fn n15_queue_taken_for_loop() {
    shows("N15", "n15-queue-taken-for-loop", "proved");
}

#[test]
fn n16_interrupt_fails_at_start() {
    shows("N16", "n16-interrupt-fails-at-start", "proved");
}

#[test]
fn n17_close_loses_run() {
    shows("N17", "n17-close-loses-run", "proved");
}

#[test]
fn n18_cancelled_permission_granted() {
    shows("N18", "n18-cancelled-permission-granted", "proved");
}

#[test]
fn n19_tool_call_answered_twice() {
    shows("N19", "n19-tool-call-answered-twice", "proved");
}

#[test]
fn n20_restart_loses_supersede() {
    shows("N20", "n20-restart-loses-supersede", "proved up to 1 preemption");
}

#[test]
fn n21_accept_lost_in_tail() {
    shows("N21", "n21-accept-lost-in-tail", "proved");
}

#[test]
fn n22_rerun_lost_on_confirmation() {
    shows("N22", "n22-rerun-lost-on-confirmation", "proved");
}

#[test]
fn n23_tool_starved_by_waiters() {
    shows("N23", "n23-tool-starved-by-waiters", "proved");
}

#[test]
fn n24_overtaken_rerun_executes() {
    shows("N24", "n24-overtaken-rerun-executes", "proved up to 1 preemption");
}

#[test]
fn n37_interrupt_at_start_untold() {
    shows("N37", "n37-interrupt-at-start-untold", "proved");
}

#[test]
fn n38_restart_blocks_loop() {
    shows("N38", "n38-restart-blocks-loop", "proved up to 0 preemptions");
}

#[test]
fn n39_history_leaks_into_turn() {
    shows("N39", "n39-history-leaks-into-turn", "proved");
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
         78  alice: write agent_state AgentState …      78  alice: write agent_state AgentState …
         79  alice: unlock state                        79  alice: unlock state
      ▸  80  bob: lock state                         ▸  80  alice: lock state
         81  bob: write status idle                     81  alice: write status finished
         82  bob: append events user_message seco…      82  alice: unlock state
         83  bob: unlock state                         ⋮
      ▸  84  alice: lock state                          90  alice: select loop of alice
         85  alice: write status finished            ▸  91  bob: lock state
                                                        92  bob: write status idle
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
    shows("N25", "n25-model-switch-under-lock", "proved");
}

#[test]
fn n26_switched_agent_forgets_restart() {
    shows("N26", "n26-switched-agent-forgets-restart", "proved");
}

#[test]
fn n27_switched_agent_repeats_suffix() {
    shows("N27", "n27-switched-agent-repeats-suffix", "proved");
}

#[test]
fn n28_ended_run_refuses_run() {
    shows("N28", "n28-ended-run-refuses-run", "proved up to 1 preemption");
}

#[test]
fn n29_late_update_after_finish() {
    shows("N29", "n29-late-update-after-finish", "proved");
}

#[test]
fn n30_switch_lost_in_restart() {
    shows("N30", "n30-switch-lost-in-restart", "proved");
}

#[test]
fn p01_late_stop_loses_run() {
    shows("P01", "p01-late-stop-loses-run", "proved up to 0 preemptions");
}

#[test]
fn p02_switch_tool_waits_for_step() {
    shows("P02", "p02-switch-tool-waits-for-step", "proved");
}

#[test]
fn p03_start_blocks_loop() {
    shows("P03", "p03-start-blocks-loop", "proved");
}

#[test]
fn n31_supersede_cancels_own_prompt() {
    shows("N31", "n31-supersede-cancels-own-prompt", "proved up to 1 preemption");
}

#[test]
fn n32_sync_run_skips_queue() {
    shows("N32", "n32-sync-run-skips-queue", "proved");
}

#[test]
fn n33_sync_prompt_under_lock() {
    shows("N33", "n33-sync-prompt-under-lock", "proved");
}
