//! Tokens: a schedule as text is read back as itself, replays to the same outcome, survives edits that leave its
//! places alone, and says where it no longer fits.

use std::cell::RefCell;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

use crate::folder::Folder;
use proptest::prelude::*;
use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Schedule;
use turnloom::engine::execution::{Choice, Departure, Ended, Execution, Misfit, Point, Switch, follow};
use turnloom::engine::kernel::{Cell, FifoLock, Flag, thread};
use turnloom::engine::search::Limits;
use turnloom::engine::search::run_search;
use turnloom::explore::Firing;
use turnloom::explore::Token;

fn departure() -> impl Strategy<Value = Departure> {
    // Whatever a program may call its threads; operations are in the characters of a token already.
    let point = || {
        (".{1,8}", "[a-zA-Z0-9_-]{1,20}", 1..400_usize).prop_map(|(thread, operation, count)| Point {
            thread,
            operation,
            count,
        })
    };
    prop_oneof![
        (".{1,8}", point()).prop_map(|(thread, before)| Departure::Switch(Switch { thread, before })),
        (point(), 1..9_usize).prop_map(|(at, alternative)| Departure::Choice(Choice { at, alternative })),
    ]
}

proptest! {
    #[test]
    fn a_token_is_read_back_as_itself(
        scenario in "[^/]{1,12}",
        revision in prop::option::of("[0-9.a-z]{1,8}"),
        defects in prop::collection::vec("[a-z][a-z-]{1,12}", 0..3),
        departures in prop::collection::vec(departure(), 0..4),
        races in any::<bool>(),
    ) {
        let timers = if races { Firing::Race } else { Firing::Clock };
        let token = Token { scenario, revision, defects, timers, schedule: Schedule { departures } };
        let text = token.to_string();
        prop_assert_eq!(&text.parse::<Token>().expect("a token is a token"), &token);
        let schedule = token.schedule.to_string();
        prop_assert!(schedule.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.,@+%=".contains(&byte)));
    }

    #[test]
    fn a_damaged_token_is_never_taken_for_another(
        departures in prop::collection::vec(departure(), 0..4), at in any::<prop::sample::Index>(), letter in "[a-z0-9@.,:=-]"
    ) {
        let (scenario, schedule) = ("r08".into(), Schedule { departures });
        let token = Token { scenario, revision: None, defects: vec![], timers: Firing::Clock, schedule };
        let mut text: Vec<char> = token.to_string().chars().collect();
        let at = at.index(text.len());
        let letter = letter.chars().next().expect("one letter");
        prop_assume!(text[at] != letter);
        text[at] = letter;
        prop_assert!(text.into_iter().collect::<String>().parse::<Token>().is_err());
    }
}

/// One instruction of a random program.
#[derive(Debug, Clone, Copy)]
enum Do {
    Locked(usize),
    Add(usize),
    Double(usize),
    Set,
    Wait,
}

fn instruction() -> impl Strategy<Value = Do> {
    prop_oneof![
        (0..2_usize).prop_map(Do::Locked),
        (0..2_usize).prop_map(Do::Add),
        (0..2_usize).prop_map(Do::Double),
        Just(Do::Set),
        Just(Do::Wait),
    ]
}

type Look = Rc<RefCell<Option<Box<dyn Fn() -> String>>>>;

fn program(threads: Vec<Vec<Do>>) -> (Coroutines, Look) {
    let slot = Look::default();
    let look = slot.clone();
    let program = Coroutines::new(move || {
        let cells = [Cell::new("first cell", 1), Cell::new("second", 1)];
        let locks = [FifoLock::new("a"), FifoLock::new("b")];
        let flag = Flag::new("flag");
        for (number, body) in threads.clone().into_iter().enumerate() {
            let (cells, locks, flag) = (cells.clone(), locks.clone(), flag.clone());
            thread::spawn_detached(&format!("thread {number}"), move || {
                let mut held = Vec::new();
                for instruction in body {
                    match instruction {
                        Do::Locked(lock) => held.push(locks[lock].lock()),
                        Do::Add(cell) => cells[cell].set(cells[cell].get() + 1),
                        Do::Double(cell) => cells[cell].set(cells[cell].get() * 2),
                        Do::Set => flag.set(),
                        Do::Wait => flag.wait(),
                    }
                }
            });
        }
        let look = move || format!("{:?}", cells.each_ref().map(|cell| cell.inspect(|value| *value)));
        *slot.borrow_mut() = Some(Box::new(look));
    });
    (program, look)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_replays_to_the_same_execution(
        threads in prop::collection::vec(prop::collection::vec(instruction(), 1..4), 2..4)
    ) {
        let (program, look) = program(threads);
        let outcome = |execution: &Execution<'_>| {
            let steps: Vec<_> = execution.trace().steps.into_iter().map(|step| (step.role, step.operation)).collect();
            let seen = look.borrow().as_ref().map(|look| look());
            (execution.ended == Ended::Deadlock, steps, seen)
        };
        let mut found = Vec::new();
        let limits = Limits { executions: Some(60), ..Limits::default() };
        run_search(&limits, &program, &mut |execution| {
            found.push((execution.schedule().to_string(), outcome(execution)));
            ControlFlow::Continue(())
        });
        for (text, before) in found {
            let schedule: Schedule = text.parse().expect("a schedule is read back");
            let ((again, name), drift) = follow(&Limits::default(), &program, &schedule, |execution| {
                (outcome(execution), execution.schedule().to_string())
            });
            prop_assert_eq!(drift, []);
            prop_assert_eq!(again, before);
            prop_assert_eq!(name, text);
        }
    }
}

/// Alice writes `writes` times, with as many reads before as were `added`; bob reads once.
fn writer(alice: &'static str, object: &'static str, added: usize, writes: usize) -> Coroutines {
    Coroutines::new(move || {
        let (other, cell) = (Cell::new("other", 0), Cell::new(object, 0));
        let (shared, alice) = (cell.clone(), alice.to_owned());
        thread::spawn_detached(&alice, move || {
            (0..added).for_each(|_| _ = other.get());
            (0..writes).for_each(|value| shared.set(value));
        });
        thread::spawn_detached("bob", move || _ = cell.get());
    })
}

fn followed(program: &Coroutines, schedule: &str) -> (String, Vec<String>) {
    let schedule = schedule.parse().expect("a schedule");
    let (run, drift) =
        follow(&Limits::default(), program, &schedule, |execution| execution.schedule().to_string());
    (run, drift.iter().map(ToString::to_string).collect())
}

#[test]
fn an_edit_elsewhere_leaves_a_schedule_alone() {
    let schedule = "bob@alice.write-cell.2";
    for added in [0, 1, 5] {
        assert_eq!(followed(&writer("alice", "cell", added, 3), schedule), (schedule.to_owned(), vec![]));
    }
}

#[test]
fn where_a_schedule_drifts_the_nearest_place_is_taken() {
    let (run, said) = followed(&writer("alice", "cell", 0, 2), "bob@alice.write-cell.3");
    assert_eq!(run, "bob@alice.write-cell.2");
    let nearest = "step 1: expected `bob@alice.write-cell.3`, but `alice.write-cell.3` never comes; \
         the nearest there was is `bob@alice.write-cell.2`, which was taken";
    assert_eq!(said, [nearest]);
    let renamed = followed(&writer("alise", "cells", 0, 3), "bob@alice.write-cell.2");
    assert_eq!(renamed.0, "bob@alise.write-cells.2");
    let renamed = followed(&writer("alice", "cell", 0, 3), "rob@alice.write-cell.2");
    assert_eq!(renamed.0, "bob@alice.write-cell.2");
    assert!(renamed.1[0].contains("there is no thread `rob`"), "{renamed:?}");
}

#[test]
fn what_has_no_place_is_left_out_and_the_rest_goes_on() {
    let schedule = "bob@zoe.pop-jobs,alice@bob.read-cell,bob@alice.write-cell.2";
    let (run, said) = followed(&writer("alice", "cell", 0, 3), schedule);
    assert_eq!(run, "bob@alice.write-cell.2");
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|said| said.ends_with("nothing near was there, so it was left out")), "{said:?}");
}

#[test]
fn a_thread_that_cannot_move_at_its_place_moves_at_the_nearest() {
    let program = Coroutines::new(|| {
        let (flag, cell) = (Flag::new("flag"), Cell::new("cell", 0));
        let (raised, other) = (flag.clone(), cell.clone());
        thread::spawn_detached("alice", move || {
            other.set(1);
            raised.set();
            other.set(2);
        });
        thread::spawn_detached("bob", move || {
            flag.wait();
            cell.set(3);
        });
    });
    let schedule = "bob@alice.write-cell".parse().expect("a schedule");
    let (run, drift) = follow(&Limits::default(), &program, &schedule, |execution| execution.schedule());
    assert_eq!(run.to_string(), "bob@alice.write-cell.2");
    assert_eq!(drift[0].misfit, Misfit::CannotMove(vec!["alice".into()]));
}

/// A folder of one test with R08 in it, changed by `edit`.
fn r08(test: &str, edit: impl Fn(String) -> String) -> Folder {
    let of_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = fs::read_to_string(of_repository).expect("the scenario is there");
    Folder::new(&format!("tokens-{test}"), &[(FILE, edit(text))])
}

/// Runs a command there: exit code and stdout.
fn run_in(folder: &Folder, arguments: &str) -> (i32, String) {
    let run = folder.run(arguments);
    (run.code, run.out)
}

/// The canonical witness of R08, which the README shows as well.
const R08: &str = "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700";
const FILE: &str = "scenarios/r08-finish-gap.json";

#[test]
fn a_token_survives_an_actor_more_and_another_title() {
    let zoe = r#"{"name": "zoe", "does": [{"wait": {"status": "running"}}]}, {"name": "bob""#;
    let folder = r08("survives", |text| {
        text.replace("a message that arrives", "what arrives").replacen(r#"{"name": "bob""#, zoe, 1)
    });
    let (code, said) = run_in(&folder, &format!("replay {FILE} {R08}"));
    assert_eq!(code, 1, "{said}");
    assert!(!said.contains("drifted") && said.contains("zoe"), "{said}");
    assert!(said.contains("✗ nothing-stranded-after-finish"), "{said}");
}

#[test]
fn a_token_that_drifted_is_told_from_one_that_is_damaged() {
    let folder = r08("drifts", |text| text.replace("\"bob\"", "\"zoe\""));
    let (code, said) = run_in(&folder, &format!("replay {FILE} {R08}"));
    assert_eq!(code, 3, "nothing broke, and what was asked for was not seen: {said}");
    let drift = "drifted: the scenario or the runtime has changed since the token was made";
    assert!(said.contains(drift) && said.contains("there is no thread `bob`"), "{said}");
    assert!(said.contains("\nno rule is broken\n"), "{said}");
    assert_eq!(
        run_in(&folder, &format!("replay {FILE} {}", R08.replace("lock", "look"))),
        (2, String::new())
    );
}

#[test]
fn a_token_that_drifted_but_still_breaks_its_rule_is_a_finding() {
    let folder = r08("renamed", |text| text.replace("\"alice\"", "\"alyce\""));
    let (code, said) = run_in(&folder, &format!("replay {FILE} {R08}"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("drifted") && said.contains("bob@alyce.lock-state.7"), "{said}");
}

/// R08 with the wrong alternative written into the file, and these regressions.
fn split(regressions: &str) -> Folder {
    r08("regressions", |text| {
        let start = text.find(",\n  \"catches\"").expect("R08 catches a defect");
        let decided = r#", "decisions": {"finish_check": "split"}, "regressions": "#;
        format!("{}{decided}[{regressions}]}}", &text[..start])
    })
}

#[test]
fn a_regression_that_breaks_a_rule_fails_the_check_with_its_token() {
    let explored = split("").run(&format!("explore {FILE} --format json")).out;
    let explored: serde_json::Value = serde_json::from_str(&explored).expect("a document");
    let outcomes = explored["outcomes"].as_array().expect("a list").iter();
    let token = outcomes.filter_map(|outcome| outcome["token"].as_str()).next().expect("a token");
    assert_eq!(token, "r08-finish-gap:-:bob@alice.lock-state.7:c6d3b0");

    // Without preemptions nothing else would have found it.
    let folder = split(&format!("\"{token}\""));
    let (code, said) = run_in(&folder, &format!("check {FILE} --preemptions 0"));
    assert_eq!(code, 1, "{said}");
    insta::assert_snapshot!(said, @r#"
    violated                     r08-finish-gap   3 outcomes
      a regression breaks a rule
      ✗ nothing-stranded-after-finish: message "second" was never prompted, though the conversation is finished
        token    r08-finish-gap:-:bob@alice.lock-state.7:c6d3b0
        replay   turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:-:bob@alice.lock-state.7:c6d3b0

    1 scenario: 0 clean, 1 failed
    "#);
    let (code, said) = run_in(&folder, &format!("check {FILE} --preemptions 0 --format json"));
    let document: serde_json::Value = serde_json::from_str(&said).expect("a document");
    let checked = &document["scenarios"][0];
    assert_eq!((code, &checked["verdict"]), (1, &"violated".into()));
    let rule = "nothing-stranded-after-finish";
    let broken = checked["violations"].as_array().expect("a list");
    assert_eq!(broken.len(), 1, "{said}");
    assert_eq!((&broken[0]["rule"], &broken[0]["token"]), (&rule.into(), &token.into()));
    let file = folder.read(FILE);
    let line = file.lines().position(|line| line.contains(token)).expect("the regression is there");
    assert_eq!(broken[0]["line"], line + 1, "the place of the regression");
    assert_eq!(checked["regressions"][0]["violations"][0]["rule"], rule);
    assert_eq!(checked["regressions"][0]["drift"], serde_json::json!([]));
}

#[test]
fn a_regression_that_drifted_is_a_note() {
    let schedule = "bob@alice.lock-state.70".parse().expect("a schedule");
    let (scenario, timers) = ("r08-finish-gap".into(), Firing::Clock);
    let token = Token { scenario, revision: None, defects: vec![], timers, schedule };
    let folder = r08("note", |text| text.replacen('{', &format!("{{\"regressions\": [\"{token}\"],"), 1));
    let (code, said) = run_in(&folder, &format!("check {FILE} --preemptions 0"));
    assert_eq!(code, 0, "{said}");
    let note = format!("  note: the regression {token} has drifted\n    step ");
    assert!(said.contains(&note) && said.contains("1 clean, 0 failed"), "{said}");
}
