//! What the engine chooses: each alternative is tried, by every way of searching, and replays.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Schedule;
use turnloom::engine::execution::{Ended, Execution, follow};
use turnloom::engine::kernel::{Cell, Condvar, Mutex, Object, Op, Timers, choose, thread};
use turnloom::engine::search::Limits;
use turnloom::engine::search::{Least, Sample, Sampler, Search, Visit, dpor, least, run_search, sample};

use super::programs::with_slot;

/// A program, and what is left of it.
type Build = fn() -> Box<dyn Fn() -> String>;

/// Two threads choose, and nothing else.
fn two_choices() -> Box<dyn Fn() -> String> {
    let chosen = [("ann", 2), ("bob", 3)].map(|(name, alternatives)| {
        let chosen = Cell::new(name, 9);
        let own = chosen.clone();
        thread::spawn_detached(name, move || own.set(choose(alternatives)));
        chosen
    });
    Box::new(move || format!("{:?}", chosen.each_ref().map(|chosen| chosen.inspect(|value| *value))))
}

/// Two wait, one is woken.
fn two_waiters() -> Box<dyn Fn() -> String> {
    let woken = Cell::new("woken", "nobody");
    let shared = Rc::new((Mutex::new("table", 0), Condvar::new("turn")));
    for name in ["ann", "bob"] {
        let (shared, woken) = (shared.clone(), woken.clone());
        thread::spawn_daemon(name, move || {
            let mut waiting = shared.0.lock();
            *waiting += 1;
            drop(shared.1.wait(waiting));
            woken.set(name);
        });
    }
    let looked = woken.clone();
    thread::spawn_detached("cem", move || {
        if *shared.0.lock() == 2 {
            shared.1.notify_one();
        }
    });
    Box::new(move || looked.inspect(ToString::to_string))
}

fn outcomes(
    build: Build,
    search: impl FnOnce(&Coroutines, &mut Visit<'_>) -> Search,
) -> (BTreeSet<String>, Search) {
    let (program, slot) = with_slot(build);
    let mut seen = BTreeSet::new();
    let found = search(&program, &mut |_| {
        seen.extend(slot.borrow().as_ref().map(|look| look()));
        ControlFlow::Continue(())
    });
    (seen, found)
}

#[test]
fn every_alternative_is_tried_once_by_the_complete_searches() {
    let all: BTreeSet<String> =
        (0..2).flat_map(|ann| (0..3).map(move |bob| format!("[{ann}, {bob}]"))).collect();
    let (seen, found) =
        outcomes(two_choices, |program, visit| run_search(&Limits::default(), program, visit));
    assert_eq!((seen, found.executions), (all.clone(), 6));
    let (seen, found) = outcomes(two_choices, |program, visit| dpor(&Limits::default(), program, visit));
    assert_eq!((seen, found.executions, found.blocked), (all.clone(), 6, 0));
    let none = Limits { preemptions: Some(0), ..Limits::default() };
    let (seen, _) = outcomes(two_choices, |program, visit| run_search(&none, program, visit));
    assert_eq!(seen, all, "a choice costs no preemption");
    for sampler in [Sampler::Random, Sampler::Pct { depth: 3 }, Sampler::Pos] {
        let limits = Limits { executions: Some(200), ..Limits::default() };
        let drawn = Sample { sampler, seed: 1 };
        let (seen, _) = outcomes(two_choices, |program, visit| sample(&limits, program, drawn, visit));
        assert_eq!(seen, all, "{sampler:?}");
    }
}

#[test]
fn whoever_waits_may_be_the_one_that_is_woken() {
    let all: BTreeSet<String> = ["ann", "bob", "nobody"].map(str::to_owned).into();
    let (seen, found) =
        outcomes(two_waiters, |program, visit| run_search(&Limits::default(), program, visit));
    assert!(found.exhausted);
    assert_eq!(seen, all);
    let (seen, found) = outcomes(two_waiters, |program, visit| dpor(&Limits::default(), program, visit));
    assert!(found.exhausted);
    assert_eq!(seen, all);
}

#[test]
fn the_schedule_names_who_chose_and_what_and_replays() {
    let (program, slot) = with_slot(two_choices);
    let wanted = |execution: &Execution<'_>| {
        let look = slot.borrow().as_ref().map(|look| look()).unwrap_or_default();
        (look == "[1, 2]").then(|| execution.schedule())
    };
    let Least::Found(schedule) = least(&Limits::default(), 2, &program, &mut { wanted }) else {
        panic!("the outcome has a schedule");
    };
    assert_eq!(schedule.to_string(), "ann.choose-alternative=1,bob.choose-alternative=2");
    let (told, drift) = follow(&Limits::default(), &program, &schedule, |execution| {
        let steps = execution.trace().steps.into_iter();
        let chosen =
            steps.filter(|step| step.operation.name == "choose").map(|step| (step.detail, step.alternative));
        chosen.collect::<Vec<_>>()
    });
    assert_eq!(told, [("1".to_owned(), Some(1)), ("2".to_owned(), Some(2))]);
    assert!(drift.is_empty());
}

/// One thread draws a card of so many, after some steps of its own.
fn drawing(before: usize, cards: usize) -> Coroutines {
    Coroutines::new(move || {
        thread::spawn_detached("ann", move || {
            let own = Cell::new("own", 0);
            (0..before).for_each(|value| own.set(value));
            let cards = Object::new("cards", (0..cards).collect::<Vec<_>>());
            let draw = Op::new("draw").among(&cards, Vec::len);
            cards.perform_one_of(draw, |cards, which| cards.remove(which));
        });
    })
}

fn followed(program: &Coroutines, schedule: &str) -> (String, Vec<String>) {
    let schedule: Schedule = schedule.parse().expect("a schedule");
    let (run, drift) =
        follow(&Limits::default(), program, &schedule, |execution| execution.schedule().to_string());
    (run, drift.iter().map(ToString::to_string).collect())
}

#[test]
fn an_alternative_survives_an_edit_and_is_missed_where_there_is_none() {
    let schedule = "ann.draw-cards=2";
    for before in [0, 3] {
        assert_eq!(followed(&drawing(before, 3), schedule), (schedule.to_owned(), vec![]));
    }
    let (run, said) = followed(&drawing(0, 2), schedule);
    assert_eq!(run, "-");
    let why = "step 0: expected `ann.draw-cards=2`, but there are only the alternatives 0 to 1 there; \
         nothing near was there, so it was left out";
    assert_eq!(said, [why]);
    let (run, said) = followed(&drawing(0, 3), "ann.draw-card=2");
    assert_eq!(run, schedule);
    assert!(said[0].contains("never comes; the nearest there was is `ann.draw-cards=2`"), "{said:?}");
    let (run, said) = followed(&drawing(0, 3), "anne.draw-cards=2");
    assert_eq!(run, schedule);
    assert!(said[0].contains("there is no thread `anne`"), "{said:?}");
}

/// A long and a short timer that race with one who disarms the short one.
fn racing_timers() -> Box<dyn Fn() -> String> {
    let (timers, fired) = (Timers::racing(), Cell::new("fired", Vec::new()));
    let arm = |name, millis| {
        let fired = fired.clone();
        timers.arm(name, millis, move || fired.update("push", |fired| fired.push(name)))
    };
    arm("long", 200);
    let short = arm("short", 100);
    let clock = timers.clone();
    thread::spawn_daemon("clock", move || while clock.fire_next_idle() {});
    thread::spawn_detached("ann", move || timers.disarm(short));
    Box::new(move || format!("{:?}", fired.inspect(Clone::clone)))
}

#[test]
fn timers_that_race_fire_in_the_order_of_their_deadlines_or_are_disarmed_before() {
    let (program, slot) = with_slot(racing_timers);
    let mut seen = BTreeSet::new();
    run_search(&Limits::default(), &program, &mut |execution| {
        assert_eq!(execution.ended, Ended::Complete);
        seen.extend(slot.borrow().as_ref().map(|look| look()));
        ControlFlow::Continue(())
    });
    let expected = [r#"["long"]"#, r#"["short", "long"]"#];
    assert_eq!(seen, expected.map(str::to_owned).into());
}
