//! Executions that never end although they do nothing new: told where no thread is left out, and only there.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Schedule;
use turnloom::engine::execution::{Ended, follow};
use turnloom::engine::kernel::{Cell, thread};
use turnloom::engine::search::Limits;
use turnloom::engine::search::{Cores, Search, run_search, search_together};

/// A thread that looks at a cell until it holds this value, and remembers nothing of how often it looked.
fn poll(name: &str, cell: &Cell<u32>, wanted: u32) {
    let cell = cell.clone();
    thread::spawn_detached(name, move || {
        while cell.get() != wanted {
            thread::forget();
        }
    });
}

/// How the executions of a program end, with the schedules of those that never do, and the search.
type Ends = (Vec<Ended>, Vec<(Schedule, BTreeSet<String>)>, Search);

fn ends(limits: &Limits, program: &Coroutines) -> Ends {
    let (mut ends, mut hangs) = (Vec::new(), Vec::new());
    let found = run_search(limits, program, &mut |execution| {
        if execution.ended == Ended::Hang {
            let places = execution.unfinished().into_iter();
            let places = places.map(|role| format!("{}: {}", role.thread, role.operation)).collect();
            hangs.push((execution.schedule(), places));
        }
        ends.push(execution.ended.clone());
        ControlFlow::Continue(())
    });
    (ends, hangs, found)
}

fn limits() -> [Limits; 2] {
    [Limits::default(), Limits { preemptions: Some(2), ..Limits::default() }]
}

#[test]
fn who_waits_for_what_never_comes_hangs_and_the_schedule_says_so_again() {
    let program = Coroutines::new(|| {
        let cell = Cell::new("cell", 0);
        poll("ann", &cell, 1);
        poll("bob", &cell, 2);
    });
    for limits in limits() {
        let (ends, hangs, found) = ends(&limits, &program);
        assert!(found.exhausted && ends.iter().all(|ended| *ended == Ended::Hang), "{ends:?}");
        for (schedule, places) in hangs {
            assert_eq!(places, BTreeSet::from(["ann: read cell", "bob: read cell"].map(str::to_owned)));
            let (told, drift) = follow(&limits, &program, &schedule, |execution| {
                (execution.ended.clone(), execution.steps())
            });
            assert!(drift.is_empty());
            assert!(told.0 == Ended::Hang && told.1 < 20, "{told:?}");
        }
    }
}

#[test]
fn who_waits_for_what_somebody_could_do_does_not_hang() {
    let program = Coroutines::new(|| {
        let cell = Cell::new("cell", 0);
        poll("ann", &cell, 1);
        poll("bob", &cell, 1);
        thread::spawn_detached("cem", move || cell.set(1));
    });
    for limits in limits() {
        let (ends, _, found) = ends(&limits, &program);
        assert!(found.exhausted && !ends.is_empty());
        assert!(ends.iter().all(|ended| *ended == Ended::Complete), "{ends:?}");
    }
}

/// Each of them undoes what the other waits for: two that are polite for ever.
#[test]
fn two_that_give_way_to_each_other_for_ever_hang_though_they_also_can_get_by() {
    let program = Coroutines::new(|| {
        let wants = [Cell::new("ann wants", false), Cell::new("bob wants", false)];
        for (mine, name) in ["ann", "bob"].into_iter().enumerate() {
            let (own, other) = (wants[mine].clone(), wants[1 - mine].clone());
            thread::spawn_detached(name, move || {
                loop {
                    own.set(true);
                    if !other.get() {
                        break;
                    }
                    own.set(false);
                    thread::forget();
                }
                own.set(false);
            });
        }
    });
    let (ends, hangs, found) = ends(&Limits::default(), &program);
    assert!(found.exhausted && !hangs.is_empty());
    assert!(ends.contains(&Ended::Complete), "{ends:?}");
}

#[test]
fn a_program_that_can_go_round_is_left_to_one_thread() {
    let found = search_together(&Limits::default(), &std::sync::Arc::new(Cores::new(1)), &|worker| {
        let program = Coroutines::new(|| {
            let cell = Cell::new("cell", 0);
            poll("ann", &cell, 1);
            thread::spawn_detached("bob", move || cell.set(1));
        });
        worker.search(&program, &mut |_| ControlFlow::Continue(()));
    });
    assert_eq!(found, None);
}
