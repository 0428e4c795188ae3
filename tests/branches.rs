//! What of the runtime the scenarios come by: every rare branch that has a mark.
//!
//! Whatever no scenario reaches is listed here with the reason, and whatever is listed and reached all the same is taken
//! off the list.

use std::collections::BTreeSet;

use turnloom::engine::search::{Sample, Sampler};
use turnloom::explore::Firing;
use turnloom::explore::{Budget, Job, Options, SearchKind, explore};
use turnloom::scenario::Scenario;
use turnloom::subject::model::{BRANCHES, Branch, listen};

/// So many schedules of each scenario with few preemptions, the fewest first, and so many that are drawn.
const SCHEDULES: u64 = 200;

/// The branches that no scenario comes by, each with the reason why it is there nevertheless.
const UNREACHED: &[(Branch, &str)] = &[
    (Branch::CancelWithoutServer, "a turn without a server fails before anybody can cancel it"),
    (Branch::NothingToDrain, "a turn has begun its prompt before it waits for the first time"),
    (Branch::UnknownCard, "the script begins every card with `tool_call`, turn by turn"),
    (
        Branch::InflightTaken,
        "a run takes its prompt out of flight however it ends; only a state that was left by a process \
        that died has one",
    ),
    (Branch::MessageAtFinishAndLimit, "the gap of R08 and the limit of R12 have a row each; no row has both"),
    (
        Branch::PromptAbandoned,
        "a prompt is taken off the list only when its connection closes, and that reads no more",
    ),
];

/// Conversations that are no race of the catalogue and still come by a rare branch: faults of a server, mostly. Each has
/// what follows `agent`, and a name for who reads a failure.
const BESIDES: &[(&str, &str)] = &[
    (
        "a synchronous run that takes the newest message finds none",
        r#""agent": {"kind": "acp"}, "decisions": {"sync_message": "newest"},
        "actors": [{"name": "alice", "does": ["run_sync"]}]"#,
    ),
    (
        "a synchronous prompt fails twice",
        r#""agent": {"kind": "acp"}, "limits": {"retries": 1}, "clock": [{"fire": "retry"}],
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run_sync"]}],
        "server": [{"on": "any_prompt", "do": [{"fail": "overloaded"}]}]"#,
    ),
    (
        "the model is switched before there is a server",
        r#""agent": {"kind": "acp", "session": "cold"},
        "actors": [{"name": "alice", "does": [{"switch_model": "m2"}, {"send": {"text": "first"}}, "run"]}]"#,
    ),
    (
        "a session that is loaded again is refused the model that it had",
        r#""agent": {"kind": "acp"},
        "actors": [
            {"name": "alice", "does": [{"send": {"text": "first"}}, "run", {"send": {"text": "second"}}, "run"]},
            {"name": "bob", "does": [
                {"wait": {"frame": {"method": "session/prompt"}}}, {"switch_model": "m2"}, "interrupt"]}],
        "clock": [{"wait": {"frame": {"method": "session/cancel"}}}, {"fire": "drain"}],
        "server": [
            {"on": {"prompt": "first"}, "do": [{"wait": {"frame": {"method": "session/load"}}}]},
            {"on": {"request": "session/set_model"}, "process": 2, "do": [{"fail": "unknown model"}]}]"#,
    ),
    (
        "a card is closed twice",
        r#""agent": {"kind": "acp"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}],
        "server": [{"on": "any_prompt", "do": [
            {"tool": {"id": "t1", "status": "in_progress"}}, {"tool": {"id": "t1", "status": "completed"}},
            {"tool": {"id": "t1", "status": "failed"}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "a run in the background fails",
        r#""agent": {"kind": "acp"}, "through": "service", "limits": {"retries": 0},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first", "run": true}}]}],
        "server": [{"on": "any_prompt", "do": [{"fail": "overloaded"}]}]"#,
    ),
    (
        "a run after the end of the service",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "close", "run"]}]"#,
    ),
    (
        "a run beside the end of the service",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "close"]}, {"name": "bob", "does": ["run"]}]"#,
    ),
    (
        "a server that dies when it is to load the session",
        r#""agent": {"kind": "acp"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run", "run"]}],
        "server": [{"on": "any_prompt", "do": [{"exit": 1}]}, {"on": "load", "do": [{"exit": 1}]}]"#,
    ),
    (
        "a server that dies beside an interrupt",
        r#""agent": {"kind": "acp"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]},
            {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]}],
        "server": [{"on": "any_prompt", "do": [{"exit": 1}]}]"#,
    ),
    (
        "an agent that is ended before it has begun",
        r#""agent": {"kind": "acp", "session": "cold"}, "actors": [{"name": "alice", "does": ["close"]}]"#,
    ),
    (
        "an agent that is ended while its server starts",
        r#""agent": {"kind": "acp", "session": "cold"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}, {"name": "bob", "does": ["close"]}]"#,
    ),
    (
        "an agent that is interrupted twice while its server starts",
        r#""agent": {"kind": "acp", "session": "cold"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]},
            {"name": "bob", "does": [{"wait": {"frame": {"method": "initialize"}}}, "interrupt", "interrupt"]}]"#,
    ),
    (
        "two runs that both start the agent",
        r#""agent": {"kind": "llm", "session": "cold"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}, {"name": "bob", "does": ["run"]}]"#,
    ),
    (
        "a pause beside the begin of a step",
        r#""agent": {"kind": "acp"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}, {"name": "bob", "does": ["pause"]}]"#,
    ),
    (
        "a message beside the end of the last permitted step",
        r#""agent": {"kind": "acp"}, "limits": {"iterations": 1},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]},
            {"name": "bob", "does": [{"send": {"text": "second"}}]}]"#,
    ),
    (
        "a stop while a message is persisted",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first", "run": true}}]}, {"name": "bob", "does": ["pause"]}]"#,
    ),
    (
        "messages between two prompts",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, {"send": {"text": "second", "run": true}}]},
            {"name": "bob", "does": [{"wait": {"event": {"kind": "finish"}}}, {"send": {"text": "third", "run": true}}]}]"#,
    ),
    (
        "a message beside the begin of a run",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first", "run": true}}]},
            {"name": "bob", "does": [{"send": {"text": "second", "run": true}}]}]"#,
    ),
    (
        "a run beside a rerun",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first", "run": true}}, {"send": {"text": "second", "run": true}}]},
            {"name": "bob", "does": [{"wait": {"event": {"kind": "finish"}}}, {"send": {"text": "third"}}, "run"]}]"#,
    ),
    (
        "a prompt that times out and fails when it is cancelled",
        r#""agent": {"kind": "acp"}, "clock": [{"fire": "prompt"}],
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}],
        "server": [{"on": "any_prompt", "do": [{"wait": {"frame": {"method": "session/cancel"}}}, {"fail": "gone"}]}]"#,
    ),
    (
        "an interrupt in the drain after a time-out",
        r#""agent": {"kind": "acp"}, "clock": [{"fire": "prompt"}], "gates": ["done"],
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run", {"open": "done"}]},
            {"name": "bob", "does": [{"wait": {"frame": {"method": "session/cancel"}}}, "interrupt"]}],
        "server": [{"on": "any_prompt", "do": [{"wait": {"gate": "done"}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "a message with a run between two prompts",
        r#""agent": {"kind": "acp"}, "through": "service",
        "actors": [{"name": "alice", "does": [{"send": {"text": "first", "run": true}}]},
            {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, {"send": {"text": "second", "run": true}}]}],
        "server": [{"on": {"prompt": "first"}, "do": [
            {"wait": {"event": {"kind": "user_message", "text": "second"}}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "an interrupt beside a tool call",
        r#""agent": {"kind": "llm"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]},
            {"name": "bob", "does": [{"wait": {"event": {"kind": "action"}}}, "interrupt"]}],
        "server": [{"on": {"prompt": "first"}, "do": [
            {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "a tool call whose arguments are cut off",
        r#""agent": {"kind": "sync", "confirmation": true},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]}],
        "server": [{"on": {"prompt": "first"}, "do": [
            {"tool_call": {"id": "t1", "name": "look", "arguments": "{\"at\""}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "tool calls that one accepts and another rejects while the run that asked comes to its end",
        r#""agent": {"kind": "llm", "confirmation": true}, "through": "service",
        "actors": [{"name": "alice", "does": [
                {"send": {"text": "first", "run": true}}, {"wait": {"status": "waiting_for_confirmation"}}, "accept"]},
            {"name": "bob", "does": [{"wait": {"status": "waiting_for_confirmation"}}, "reject"]}],
        "server": [{"on": {"prompt": "first"}, "do": [
            {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "a message and an accept while the run that asked comes to its end, and the LLM asks again",
        r#""agent": {"kind": "sync", "confirmation": true}, "through": "service",
        "actors": [{"name": "alice", "does": [
                {"send": {"text": "first", "run": true}}, {"send": {"text": "second", "run": true}}, "accept"]}],
        "server": [
            {"on": {"prompt": "first"}, "do": [
                {"tool_call": {"id": "t1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]},
            {"on": {"tool_result": "t1"}, "do": [
                {"tool_call": {"id": "t2", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]}]"#,
    ),
    (
        "a second interrupt beside the answer to the first",
        r#""agent": {"kind": "acp"},
        "actors": [{"name": "alice", "does": [{"send": {"text": "first"}}, "run"]},
            {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]},
            {"name": "cem", "does": [{"wait": {"frame": {"method": "session/cancel"}}}, "interrupt"]}],
        "server": [{"on": "any_prompt", "do": [{"wait": {"frame": {"method": "session/cancel"}}}, {"answer": "end_turn"}]}]"#,
    ),
];

/// Every scenario of the catalogue, by name.
fn scenarios() -> impl Iterator<Item = (String, Scenario)> {
    let found = crate::shipped::jobs();
    assert!(found.len() > 40, "only {} scenarios are read", found.len());
    found.into_iter().map(|job| (job.name, job.scenario))
}

/// The conversations of `BESIDES`, by name.
fn besides() -> impl Iterator<Item = (String, Scenario)> {
    BESIDES.iter().map(|(name, rest)| {
        let text = format!(r#"{{"version": 1, "title": "{name}", "source": "tests", {rest}}}"#);
        ((*name).to_owned(), serde_json::from_str(&text).expect(name))
    })
}

fn run(name: &str, scenario: &Scenario, defects: &[String], schedules: u64) {
    let job = Job {
        name: name.to_owned(),
        scenario: scenario.clone(),
        revision: None,
        defects: defects.to_vec(),
        timers: Firing::Clock,
        subject: None,
    };
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed: 1 });
    for search in [SearchKind::FewPreemptions, drawn] {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options { search, budget, ..Options::default() };
        explore(&job, &options, &mut |_| ()).expect("a scenario of the catalogue can be run");
    }
}

#[test]
fn every_rare_branch_is_reached_by_some_scenario_or_says_why_not() {
    let mut reached = BTreeSet::new();
    for (name, scenario) in scenarios() {
        let caught = scenario.catches.iter().map(|caught| vec![caught.defect.clone()]);
        for defects in std::iter::once(Vec::new()).chain(caught) {
            reached.extend(listen(|| run(&name, &scenario, &defects, SCHEDULES)).1);
        }
    }
    for (name, scenario) in besides() {
        reached.extend(listen(|| run(&name, &scenario, &[], 10 * SCHEDULES)).1);
    }
    let listed = |branch: &Branch| UNREACHED.iter().any(|(listed, _)| listed == branch);
    let missing: Vec<String> = BRANCHES
        .iter()
        .filter(|(branch, _)| !reached.contains(branch) && !listed(branch))
        .map(|(branch, happens)| format!("{branch:?}: {happens}"))
        .collect();
    let help = "write a scenario that comes by, or give a reason in UNREACHED";
    assert!(missing.is_empty(), "no scenario comes by\n  {}\n{help}", missing.join("\n  "));
    assert!(UNREACHED.iter().all(|(_, reason)| !reason.is_empty()), "each needs a reason");
    let stale: Vec<&Branch> =
        UNREACHED.iter().map(|(branch, _)| branch).filter(|branch| reached.contains(branch)).collect();
    assert!(stale.is_empty(), "take off UNREACHED what is reached: {stale:?}");
}
