//! The same random programs under every search: the outcomes must be the same, deadlocks included.
//!
//! `TURNLOOM_PROGRAMS=1000000 cargo test --release --test suite engines::random` looks at more programs than the 1,000 of a
//! common run, and `TURNLOOM_SEED=7` (0 to 255) at others.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::{Ended, Execution};
use turnloom::engine::kernel::Record;
use turnloom::engine::loom::{Bounds, Finished, permute};
use turnloom::engine::search::Limits;
use turnloom::engine::search::{Cores, Search, SearchOf, Visit, dpor, run_search, search_together};

use super::loops;
use super::programs::{Do, Look, Program, Slot, build, for_each_program, for_loom, stuck, with_slot};
use crate::sizes::sized;

/// One of the searches.
type Engine = SearchOf<Coroutines>;

/// Beyond so many executions a program is too large to be worth its time.
const MOST: u64 = 3_000;

/// The outcomes under a search; none if there are too many executions.
fn outcomes(engine: Engine, limits: &Limits, program: &Program) -> Option<BTreeSet<String>> {
    outcomes_of(engine, limits, build(program.clone()))
}

fn outcomes_of(
    engine: Engine,
    limits: &Limits,
    program: impl Fn() -> Look + 'static,
) -> Option<BTreeSet<String>> {
    let (runnable, slot) = with_slot(program);
    let mut seen = BTreeSet::new();
    let found = engine(limits, &runnable, &mut |execution| {
        seen.insert(outcome(execution, &slot));
        ControlFlow::Continue(())
    });
    found.exhausted.then_some(seen)
}

/// The outcome of one execution.
fn outcome(execution: &Execution<'_>, slot: &Slot) -> String {
    let look = slot.borrow().as_ref().map(|look| look()).unwrap_or_default();
    match &execution.ended {
        Ended::Complete => look,
        Ended::Deadlock => format!("deadlock: {}; {look}", stuck(execution.unfinished())),
        other => panic!("a random program ends or deadlocks, not {other:?}"),
    }
}

/// The outcomes that so many threads find together.
fn together(threads: usize, limits: &Limits, program: &Program) -> Option<BTreeSet<String>> {
    let seen = Mutex::new(BTreeSet::new());
    let found = search_together(limits, &Arc::new(Cores::new(threads - 1)), &|worker| {
        let (runnable, slot) = with_slot(build(program.clone()));
        worker.search(&runnable, &mut |execution| {
            seen.lock().expect("nobody panicked").insert(outcome(execution, &slot));
            ControlFlow::Continue(())
        });
    });
    let seen = seen.into_inner().expect("nobody panicked");
    found.filter(|found| found.exhausted).map(|_| seen)
}

/// Which threads take which branches is another matter each time; what they find is not.
#[test]
fn several_threads_find_the_same_outcomes_of_random_programs() {
    let (programs, seed) =
        (number("TURNLOOM_PROGRAMS", sized(1_000, 10_000)) / 5, number("TURNLOOM_SEED", 1));
    let large = std::cell::Cell::new(0_u32);
    let check = |program: Program| {
        let limits = Limits { executions: Some(MOST), ..Limits::default() };
        let Some(one) = outcomes(run_search, &limits, &program) else { return Ok(()) };
        for threads in [2, 4] {
            for preemptions in [None, Some(1_000)] {
                let limits = Limits { preemptions, ..Limits::default() };
                let several = together(threads, &limits, &program);
                prop_assert_eq!(several.as_ref(), Some(&one), "{} threads, {:?}", threads, preemptions);
            }
        }
        large.set(large.get() + u32::from(one.len() > 20));
        Ok(())
    };
    let seed = u8::try_from(seed).expect("TURNLOOM_SEED is a number from 0 to 255");
    if let Err(failure) = for_each_program(programs, seed, check) {
        panic!("{failure}");
    }
    assert!(large.get() > programs / 100, "too few programs have much to share: {}", large.get());
}

/// Every order up to equal states: a bound above the number of steps keeps the reduction off.
fn brute_force(limits: &Limits, program: &Coroutines, visit: &mut Visit<'_>) -> Search {
    run_search(&Limits { preemptions: Some(1_000), ..limits.clone() }, program, visit)
}

pub fn number(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}

#[test]
fn the_searches_find_the_same_outcomes_of_random_programs() {
    let (programs, seed) = (number("TURNLOOM_PROGRAMS", sized(1_000, 10_000)), number("TURNLOOM_SEED", 1));
    let held = std::cell::Cell::new(0_u32);
    let deadlocks = std::cell::Cell::new(0_u32);
    let check = |program: Program| {
        let limits = Limits { executions: Some(MOST), ..Limits::default() };
        let Some(reduced) = outcomes(run_search, &limits, &program) else { return Ok(()) };
        let Some(classes) = outcomes(dpor, &limits, &program) else { return Ok(()) };
        let Some(all) = outcomes(brute_force, &Limits { executions: Some(10 * MOST), ..limits }, &program)
        else {
            return Ok(());
        };
        prop_assert_eq!(&reduced, &all, "the default search against brute force");
        prop_assert_eq!(&classes, &all, "dpor against brute force");
        held.set(held.get() + 1);
        deadlocks.set(deadlocks.get() + u32::from(all.iter().any(|outcome| outcome.starts_with("deadlock"))));
        Ok(())
    };
    let seed = u8::try_from(seed).expect("TURNLOOM_SEED is a number from 0 to 255");
    if let Err(failure) = for_each_program(programs, seed, check) {
        panic!("{failure}");
    }
    eprintln!("{} of {programs} programs held, {} with a deadlock", held.get(), deadlocks.get());
    assert!(held.get() >= programs / 100 * 95, "too many programs are too large: only {} held", held.get());
    assert!(deadlocks.get() > programs / 10, "too few programs deadlock: {}", deadlocks.get());
}

/// How many operations a program has, as loom counts them, roughly.
fn weight(body: &[Do]) -> usize {
    body.iter()
        .map(|step| match step {
            Do::Fifo(_, body) => 4 + weight(body),
            Do::Mutex(_, body) | Do::IfOdd(body) => 1 + weight(body),
            // A wait for two objects is beyond the loom engine, as the server's wait for a status is; and loom wakes
            // who has waited longest, so a wait that others may wait beside is no program for it; and only daemons may
            // wait idly there.
            Do::Spawn(..) | Do::TakeAlone(_) | Do::AwaitAlone(_) | Do::Sleep | Do::Doze | Do::FireNext => 100,
            Do::Guarded => 6,
            Do::Bump(_) | Do::Disarm | Do::Wait => 2,
            _ => 1,
        })
        .sum()
}

/// How many choices a program makes, at most.
fn choices(body: &[Do]) -> usize {
    body.iter()
        .map(|step| match step {
            Do::Fifo(_, body) | Do::Mutex(_, body) | Do::IfOdd(body) => choices(body),
            Do::Choose(_) | Do::Draw => 1,
            _ => 0,
        })
        .sum()
}

/// Loom aborts the process on a deadlock, so only programs without one are run on it, and only small ones end in time.
#[test]
fn loom_finds_the_same_outcomes_of_random_programs_that_it_can_hold() {
    let held = std::cell::Cell::new(0_u32);
    let chose = std::cell::Cell::new(0_u32);
    let check = |program: Program| {
        let weights: Vec<usize> = program.iter().map(|body| weight(body)).collect();
        let choices = program.iter().map(|body| choices(body)).sum::<usize>();
        // A choice takes one of the four threads that there are beside the main one.
        if weights.iter().sum::<usize>() > 5 || weights.contains(&0) || (choices > 0 && program.len() > 3) {
            return Ok(());
        }
        let ours = outcomes(run_search, &Limits::default(), &program).unwrap_or_default();
        if ours.iter().any(|outcome| outcome.starts_with("deadlock")) {
            return Ok(());
        }
        let (runnable, slot) = for_loom(build(program));
        let seen: Rc<std::cell::RefCell<BTreeSet<String>>> = Rc::default();
        let theirs = seen.clone();
        let visit = move |finished: Finished, _: Record<'_>, message: &str| {
            assert_eq!(finished, Finished::Complete, "{message}");
            theirs.borrow_mut().extend(slot.borrow().as_ref().map(|look| look()));
        };
        let bounds = Bounds { preemptions: None, branches: 10_000, alternatives: 2 * choices };
        prop_assert!(permute(bounds, runnable, Rc::new(visit)), "every alternative is tried");
        prop_assert_eq!(seen.take(), ours);
        held.set(held.get() + 1);
        chose.set(chose.get() + u32::from(choices > 0));
        Ok(())
    };
    if let Err(failure) = for_each_program(4_000, 2, check) {
        panic!("{failure}");
    }
    eprintln!("{} programs under loom, {} with a choice", held.get(), chose.get());
    assert!(held.get() > 100, "too few programs fit loom: {}", held.get());
    assert!(chose.get() > 20, "too few programs with a choice fit loom: {}", chose.get());
}

/// A search that keeps states takes what each callback and coroutine of a loop has learned for its own. One that keeps none
/// knows nothing of that.
#[test]
fn the_searches_find_the_same_outcomes_of_random_programs_of_a_loop() {
    let (programs, seed) =
        (number("TURNLOOM_PROGRAMS", sized(1_000, 10_000)) / 10, number("TURNLOOM_SEED", 1));
    let held = std::cell::Cell::new(0_u32);
    let several = std::cell::Cell::new(0_u32);
    let check = |program: loops::Program| {
        let limits = Limits { executions: Some(MOST), ..Limits::default() };
        let outcomes = |engine: Engine| outcomes_of(engine, &limits, loops::build(program.clone()));
        let Some(classes) = outcomes(dpor) else { return Ok(()) };
        let Some(states) = outcomes(run_search) else { return Ok(()) };
        prop_assert_eq!(&states, &classes, "the default search against dpor");
        held.set(held.get() + 1);
        several.set(several.get() + u32::from(classes.len() > 1));
        Ok(())
    };
    let seed = u8::try_from(seed).expect("TURNLOOM_SEED is a number from 0 to 255");
    if let Err(failure) = loops::for_each_program(programs, seed, check) {
        panic!("{failure}");
    }
    eprintln!(
        "{} of {programs} programs of a loop held, {} with several outcomes",
        held.get(),
        several.get()
    );
    assert!(held.get() > programs / 2, "too many programs are too large: only {} held", held.get());
    assert!(several.get() > programs / 4, "too few programs have several outcomes: {}", several.get());
}
