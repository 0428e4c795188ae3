//! Random scenarios against the fixed runtime: they cover every pair of a step and an act of the server, for each kind of agent and
//! each interface, and none of them breaks a rule. With a defect the same ones do.
//!
//! A common run takes 1,000 of them, which have every pair. `TURNLOOM_SCENARIOS=10000 TURNLOOM_SEED=7 TURNLOOM_SCHEDULES=40 cargo test --release
//! --test suite random_scenarios -- --nocapture` takes more, others and more schedules of each, and says what it drew and ran.
//! `TURNLOOM_NUMBER=963` prints and runs one of them alone.
//!
//! Each draft is for the cell of the table that was drawn least often so far, so that the table is drawn evenly. Which scenarios there
//! are depends on the seed alone. Of each as many schedules are run, first those with the fewest preemptions, then some drawn by PCT:
//! that can only find, not prove. An execution that stands still by the scenario's own doing says nothing of
//! the runtime; it is counted, and has to be rare.

mod agreement;
mod draft;
mod script;
mod survey;
mod table;

use survey::{Draft, Survey};

#[test]
fn the_fixed_runtime_breaks_no_rule_in_random_scenarios() {
    let survey = Survey {
        scenarios: number("TURNLOOM_SCENARIOS", 1_000),
        seed: number("TURNLOOM_SEED", 1),
        schedules: number("TURNLOOM_SCHEDULES", 20),
        only: std::env::var("TURNLOOM_NUMBER").is_ok().then(|| number("TURNLOOM_NUMBER", 0)),
        defect: None,
    };
    let (table, drafts) = survey.draw();
    println!("{}{}", table.shown(), table.summary());
    let ran = survey.run(&drafts);
    println!("{}", ran.summary());
    let told = survey.tell(&ran, &drafts);
    assert!(told.is_empty(), "random scenarios break rules\n{}", told.join("\n"));
    if survey.only.is_none() {
        let never = table.never_drawn();
        assert!(never.is_empty(), "never drawn:\n{}", never.join("\n"));
        assert!(ran.with_idle * 10 < ran.scenarios, "too many wait for what never comes: {}", ran.summary());
        assert!(ran.proved * 20 > ran.scenarios, "most are too large to be run through: {}", ran.summary());
    }
}

#[test]
fn what_cannot_be_together_has_a_reason() {
    insta::assert_snapshot!(survey::table().refusals());
}

#[test]
fn random_scenarios_find_a_defect() {
    assert_finds("fifo-skip", "prompts-in-message-order", 20, |_| true);
}

#[test]
fn random_scenarios_with_tools_find_a_defect() {
    assert_finds("tool-call-answered-twice", "tool-calls-are-answered-once", 20, |_| true);
}

#[test]
fn random_scenarios_find_a_race_at_the_end_of_a_run() {
    assert_finds("finish-gap", "nothing-stranded-after-finish", 200, Draft::is_crossed);
}

/// That the defect breaks the rule in some of the drafts that are kept, with so many schedules of each.
fn assert_finds(defect: &'static str, rule: &str, schedules: u64, keep: fn(&Draft) -> bool) {
    let survey = Survey { scenarios: 600, seed: 1, schedules, only: None, defect: Some(defect) };
    let (_, mut drafts) = survey.draw();
    drafts.retain(keep);
    let ran = survey.run(&drafts);
    println!("{}", ran.summary());
    let found = ran.found.get(rule).map_or(0, Vec::len);
    assert!(found >= 3, "{defect} was found in {found} scenarios: {}", ran.summary());
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}
