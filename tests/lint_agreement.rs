//! `lint` and `explore` agree about random scenarios full of gates, waits and timers: none about which `lint` has nothing to say
//! ends in a deadlock of the scenario's own making, and none that `lint` refuses since a wait never ends can come to an end.
//!
//! A common run takes 400 of them. `TURNLOOM_SCENARIOS=5000 TURNLOOM_SEED=7 cargo test --test suite lint_agreement -- --nocapture`
//! takes more and others, and says what it ran.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use turnloom::cli::vocabulary;
use turnloom::engine::search::{Sample, Sampler};
use turnloom::explore::{Budget, Firing, Job, Options, SearchKind, hunt, own_standstill};
use turnloom::rules::Side;
use turnloom::scenario;
use turnloom::scenario::{Diagnostics, Scenario};

/// How many interleavings of one scenario are run.
const SCHEDULES: u64 = 200;

/// What `lint` calls waits that never end.
const ENDLESS: [&str; 3] = ["impossible-wait", "endless-wait", "gate-never-opened"];

/// What was drawn.
#[derive(Debug, Default)]
struct Drawn {
    scenarios: u64,
    /// With nothing wrong.
    clean: u64,
    /// Played into a standstill of their own making.
    standing: u64,
    /// Refused as an actor or the clock waits for ever.
    endless: u64,
    /// Refused otherwise, or warned about.
    others: u64,
}

#[test]
fn lint_and_explore_agree_about_what_a_scenario_does_to_itself() {
    let mut drawn = Drawn::default();
    for number in 0..setting("TURNLOOM_SCENARIOS", 400) {
        let text = draw(setting("TURNLOOM_SEED", 1), number);
        drawn.scenarios += 1;
        match scenario::parse("random", &text, &vocabulary()) {
            Ok(loaded) if !loaded.warnings.is_empty() => drawn.others += 1,
            Ok(loaded) => {
                let job = job(loaded.scenario);
                if own_standstill(&job).expect("it can be run").is_some() {
                    drawn.standing += 1;
                } else {
                    drawn.clean += 1;
                    stands_still_in_no_order(&job, number, &text);
                }
            }
            Err(found) if never_ends(&found, &text) => {
                drawn.endless += 1;
                let scenario = serde_json::from_str(&text).expect("it is in the format");
                never_comes_to_an_end(&job(scenario), number, &text, &found);
            }
            Err(_) => drawn.others += 1,
        }
    }
    println!("{drawn:?}");
    assert!(drawn.clean * 5 > drawn.scenarios, "too few are clean: {drawn:?}");
    assert!(drawn.endless * 20 > drawn.scenarios, "too few are refused: {drawn:?}");
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}

fn job(scenario: Scenario) -> Job {
    let (revision, defects) = (None, Vec::new());
    Job { name: "random".into(), scenario, revision, defects, timers: Firing::Clock }
}

fn options(search: SearchKind) -> Options {
    Options { search, budget: Budget { schedules: Some(SCHEDULES), seconds: None }, ..Options::default() }
}

/// Whether an actor or the clock is refused since it waits for ever. A reaction that does need never be taken.
fn never_ends(found: &Diagnostics, text: &str) -> bool {
    let server = text.find("\"server\":").expect("a server");
    let is_endless = |one: &scenario::Diagnostic| {
        let first = one.labels().first().map_or(server, |label| label.span.start);
        ENDLESS.contains(&one.code()) && first < server
    };
    found.iter().any(is_endless)
}

fn stands_still_in_no_order(job: &Job, number: u64, text: &str) {
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed: 1 });
    for search in [SearchKind::Complete, drawn] {
        let hunted = hunt(job, &options(search), &mut |_, violations| {
            violations.iter().any(|one| one.rule == "no-deadlock" && one.side == Side::Scenario)
        });
        if let Some(caught) = hunted.expect("it can be run").caught {
            let told =
                caught.violations.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("\n");
            panic!("number {number} lints clean and stands still: {text}\n{told}\n{}", caught.token);
        }
    }
}

fn never_comes_to_an_end(job: &Job, number: u64, text: &str, found: &Diagnostics) {
    for revision in ["fixed", "1.25.0", "1.24.0"] {
        let job = Job { revision: Some(revision.to_owned()), ..job.clone() };
        let hunted = hunt(&job, &options(SearchKind::Complete), &mut |seen, _| seen.stuck.is_none());
        if let Some(caught) = hunted.expect("it can be run").caught {
            let (told, token) = (found.render(false), caught.token);
            panic!(
                "number {number} is refused and can come to an end in {revision}: {text}\n{told}\n{token}"
            );
        }
    }
}

/// The scenario of this number.
fn draw(seed: u64, number: u64) -> String {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    scenarios().new_tree(&mut runner).expect("a scenario").current()
}

fn scenarios() -> impl Strategy<Value = String> {
    let others = prop::collection::vec(prop::collection::vec(step(), 1..4), 0..3);
    let head = (any::<bool>(), prop::bool::weighted(0.2), 0..3_u32);
    let clock = prop::collection::vec(clock_step(), 0..2);
    let server = (prop::option::weighted(0.8, reaction()), prop::option::weighted(0.5, on_cancel()));
    (head, prop::option::weighted(0.4, step()), others, clock, server).prop_map(
        |((service, cold, retries), behind, others, clock, (reaction, on_cancel))| {
            let send = |text: &str| json!({"send": {"text": text}});
            let mut first = if service {
                vec![json!({"send": {"text": "m1", "run": true}})]
            } else {
                vec![send("m1"), json!("run")]
            };
            first.extend(behind);
            let all = std::iter::once(first).chain(others);
            let actors: Vec<Value> = ["ann", "bob", "cem"]
                .iter()
                .zip(all)
                .map(|(name, does)| json!({"name": name, "does": does}))
                .collect();
            let reaction = reaction.map(|acts| json!({"on": {"prompt": "m1"}, "do": acts}));
            let on_cancel = on_cancel.map(|acts| json!({"on": "cancel", "do": acts}));
            let server: Vec<Value> = reaction.into_iter().chain(on_cancel).collect();
            let mut written = json!({
                "version": 1, "title": "lint and explore agree", "source": "random",
                "agent": {"kind": "acp", "session": if cold { "cold" } else { "ready" }},
                "through": if service { "service" } else { "conversation" },
                "actors": actors, "clock": clock, "server": server, "limits": {"retries": retries},
            });
            let text = written.to_string();
            let gates = ["g", "h"].into_iter().filter(|gate| text.contains(&format!("\"{gate}\"")));
            written["gates"] = gates.collect();
            written.to_string()
        },
    )
}

fn step() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => wait(),
        3 => gate().prop_map(|gate| json!({"open": gate})),
        2 => Just(json!("interrupt")),
        1 => Just(json!("pause")),
    ]
}

fn clock_step() -> impl Strategy<Value = Value> {
    let timer = prop::sample::select(vec!["prompt", "drain", "cancel_send", "retry", "interrupt_wait"]);
    prop_oneof![1 => wait(), 3 => timer.prop_map(|timer| json!({"fire": timer}))]
}

fn wait() -> impl Strategy<Value = Value> {
    let frame = |method: &str| json!({"frame": {"method": method}});
    let happening = prop_oneof![
        3 => gate().prop_map(|gate| json!({"gate": gate})),
        3 => Just(frame("session/prompt")),
        2 => Just(frame("session/cancel")),
        1 => Just(frame("session/load")),
        1 => Just(json!({"status": "running"})),
        1 => Just(json!({"status": "paused"})),
        1 => Just(json!({"event": {"kind": "finish"}})),
        1 => Just(json!({"event": {"kind": "interrupt"}})),
    ];
    happening.prop_map(|happening| json!({"wait": happening}))
}

fn gate() -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just("g"), 1 => Just("h")]
}

fn reaction() -> impl Strategy<Value = Vec<Value>> {
    let act = prop_oneof![
        2 => wait(),
        1 => gate().prop_map(|gate| json!({"open": gate})),
        1 => Just(json!({"say": "x"})),
        1 => Just(json!("stop_reading")),
    ];
    let end = prop_oneof![
        5 => Just(Some(json!({"answer": "end_turn"}))),
        2 => Just(Some(json!({"fail": "x"}))),
        1 => Just(Some(json!({"exit": 1}))),
        2 => Just(None),
    ];
    (prop::collection::vec(act, 0..2), end)
        .prop_map(|(acts, end)| acts.into_iter().chain(end).collect())
        .prop_filter("it does something", |acts: &Vec<Value>| !acts.is_empty())
}

fn on_cancel() -> impl Strategy<Value = Vec<Value>> {
    let act = gate().prop_map(|gate| json!({"open": gate}));
    (prop::option::of(act), Just(json!({"answer": "cancelled"})))
        .prop_map(|(act, end)| act.into_iter().chain([end]).collect())
}
