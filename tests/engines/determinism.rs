//! The same steps do the same: for every scenario to the byte, and a program of which that is not true is told.

use std::cell::Cell as Plain;
use std::ops::ControlFlow;
use std::process::Command;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Ended;
use turnloom::engine::kernel::{Cell, thread};
use turnloom::engine::search::Limits;
use turnloom::engine::search::{Search, Visit, dpor, run_search};
use turnloom::explore::{ExploreError, Job};

use crate::sizes::sized;

/// How a search ended on a program whose first thread writes how often the program was run.
fn ended(engine: impl Fn(&Coroutines, &mut Visit<'_>) -> Search) -> (Ended, Search) {
    let runs = Rc::new(Plain::new(0));
    let program = Coroutines::new(move || {
        runs.set(runs.get() + 1);
        let cell = Cell::new("cell", 0);
        for (name, value) in [("a", 100), ("counter", runs.get()), ("b", 200)] {
            let cell = cell.clone();
            thread::spawn_detached(name, move || cell.set(value));
        }
    });
    let mut last = None;
    let found = engine(&program, &mut |execution| {
        last = Some(execution.ended.clone());
        ControlFlow::Continue(())
    });
    (last.expect("an execution ended"), found)
}

#[test]
fn a_program_that_reads_what_is_no_kernel_object_is_told_with_the_first_step_that_differs() {
    let bounded = Limits { preemptions: Some(5), ..Limits::default() };
    let ends = [
        ended(|program, visit| run_search(&Limits::default(), program, visit)),
        ended(|program, visit| run_search(&bounded, program, visit)),
        ended(|program, visit| dpor(&Limits::default(), program, visit)),
    ];
    for (ended, found) in ends {
        assert!(!found.exhausted);
        let Ended::NotDeterministic { step, first, now } = ended else { panic!("{ended:?}") };
        assert!(step <= 1, "{step}");
        assert_eq!((first.as_str(), now.as_str()), ("counter: write cell", "counter: write cell"));
    }
}

/// A program that does something else each time it is run.
#[test]
fn a_thread_that_is_gone_when_it_should_move_again_is_told() {
    let runs = Rc::new(Plain::new(0));
    let program = Coroutines::new(move || {
        runs.set(runs.get() + 1);
        let cell = Cell::new("cell", 0);
        let names: &[&str] = if runs.get() == 1 { &["a", "b"] } else { &["a"] };
        for name in names {
            let cell = cell.clone();
            thread::spawn_detached(name, move || cell.set(1));
        }
    });
    let mut last = None;
    run_search(&Limits::default(), &program, &mut |execution| {
        last = Some(execution.ended.clone());
        ControlFlow::Continue(())
    });
    assert!(matches!(last, Some(Ended::NotDeterministic { step: 0, .. })), "{last:?}");
}

#[test]
fn the_command_line_would_say_so() {
    let (first, now) = ("bob: lock state".to_owned(), "bob: read status".to_owned());
    let scenario = "r08".to_owned();
    let error = ExploreError::NotDeterministic { scenario, step: 14, first: first.clone(), now };
    assert_eq!(
        error.to_string(),
        "failed to run `r08`: the same schedule did not do the same twice, and first differs at step 14: it was \
         `bob: lock state`, then `bob: read status`"
    );
    let error =
        ExploreError::NotDeterministic { scenario: "r08".to_owned(), step: 14, now: first.clone(), first };
    assert!(error.to_string().ends_with("it was `bob: lock state`, then the same with another result"));
}

#[test]
fn every_scenario_gives_the_same_bytes_twice() {
    for Job { name, .. } in crate::shipped::jobs() {
        let explore = || {
            Command::new(env!("CARGO_BIN_EXE_turnloom"))
                .arg("explore")
                .arg(format!("scenarios/{name}.json"))
                .args(["--format", "json", "--budget", sized("200", "2000")])
                .output()
                .expect("turnloom runs")
                .stdout
        };
        let first = explore();
        assert!(!first.is_empty());
        assert_eq!(first, explore(), "{name}");
    }
}
