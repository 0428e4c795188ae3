//! The seam is real: the searches give the same of a program of the kernel, of an interpreter with fingerprints and without,
//! and of that interpreter in another process.
//!
//! `TURNLOOM_TABLES=10000 cargo test --release --test engines systems` looks at ten times as many programs as a common run.

mod on_kernel;
mod pipe;
mod table;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use turnloom::engine::execution::{
    Ended, Execution, RacingPair, Schedule, drop_departures, follow, racing_pair,
};
use turnloom::engine::locks::{LockGraph, lock_graph};
use turnloom::engine::search::{
    Least, Limits, Sample, Sampler, Search, SearchOf, bounded_search, dpor, least, run_search, sample,
};
use turnloom::engine::system::{Run, System};

use on_kernel::on_kernel;
use pipe::{Pipe, Piped};
use table::{Do, Failing, Program, Table, crossings, programs};

/// How many programs a common run looks at.
const PROGRAMS: u32 = 1_000;
/// Beyond so many executions a program is too large to be worth its time.
const MOST: u64 = 400;

/// A system whose outcomes are told in words.
trait Told: System<Run: Run<Seen = String>> {}

impl<S: System<Run: Run<Seen = String>>> Told for S {}

fn limits() -> Limits {
    Limits { executions: Some(MOST), ..Limits::default() }
}

/// Has `check` look at a share of the programs of a run, always the same ones; a failure is shrunk.
fn for_each_program(
    programs: impl Strategy<Value = Program>,
    (seed, share): (u8, u32),
    check: impl Fn(Program) -> Result<(), TestCaseError>,
) {
    let cases = super::random::number("TURNLOOM_TABLES", PROGRAMS) / share;
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    if let Err(failure) = runner.run(&programs, check) {
        panic!("{failure}");
    }
}

/// The outcomes under a search; none if there are too many executions.
fn outcomes<S: Told>(search: SearchOf<S>, system: &S) -> Option<BTreeSet<String>> {
    let mut seen = BTreeSet::new();
    let found = search(&limits(), system, &mut |execution| {
        seen.insert(execution.seen());
        ControlFlow::Continue(())
    });
    found.exhausted.then_some(seen)
}

/// Every order, by a bound of preemptions that bounds nothing.
fn every_order<S: Told>(
    limits: &Limits,
    system: &S,
    visit: &mut turnloom::engine::search::Visit<'_, S::Run>,
) -> Search {
    let limits = Limits { preemptions: Some(1_000), executions: Some(10 * MOST), ..limits.clone() };
    bounded_search(&limits, system, visit)
}

#[test]
fn every_system_gives_the_same_outcomes_of_random_programs() {
    let pipe = Rc::<Pipe>::default();
    let held = Cell::new(0_u32);
    let without_states = Cell::new(0_u32);
    let deadlocks = Cell::new(0_u32);
    let looked_at = Cell::new(0_u32);
    for_each_program(programs(), (1, 1), |program| {
        looked_at.set(looked_at.get() + 1);
        let Some(all) = outcomes(run_search, &on_kernel(program.clone())) else { return Ok(()) };
        let table = Table::<true> { program: program.clone() };
        let found = outcomes(run_search, &table);
        prop_assert_eq!(found.as_ref(), Some(&all), "the interpreter by states");
        let plain = Table::<false> { program: program.clone() };
        if let Some(found) = outcomes(dpor, &plain) {
            prop_assert_eq!(&found, &all, "the interpreter without fingerprints by dpor");
        }
        if let Some(found) = outcomes(every_order, &plain) {
            prop_assert_eq!(&found, &all, "the interpreter without fingerprints in every order");
            without_states.set(without_states.get() + 1);
        }
        let piped = Piped::new(program.clone(), &pipe);
        let found = outcomes(run_search, &piped);
        prop_assert_eq!(found.as_ref(), Some(&all), "the interpreter behind a pipe");
        held.set(held.get() + 1);
        deadlocks.set(deadlocks.get() + u32::from(all.iter().any(|outcome| outcome.starts_with("deadlock"))));
        Ok(())
    });
    let (programs, held) = (looked_at.get(), held.get());
    eprintln!(
        "{held} of {programs} programs held, {} in every order, {} with a deadlock",
        without_states.get(),
        deadlocks.get()
    );
    assert!(held >= programs / 100 * 90, "too many programs are too large: only {held} held");
    assert!(
        without_states.get() >= programs / 2,
        "too many are too large for every order: {}",
        without_states.get()
    );
    assert!(deadlocks.get() > programs / 20, "too few programs deadlock: {}", deadlocks.get());
}

/// What is said of a program that can deadlock.
#[derive(Debug, PartialEq)]
struct Explained {
    /// The schedule with the fewest switches that deadlocks, and the same without what it can spare.
    least: Option<(Schedule, Schedule)>,
    /// What its replay comes to.
    replayed: Option<(String, Schedule)>,
    pair: Option<RacingPair>,
    graph: LockGraph,
}

fn explain<S: Told>(search: SearchOf<S>, system: &S) -> Explained {
    let limits = Limits::default();
    let graph = lock_graph(&limits, system, search);
    let deadlocks = |execution: &Execution<'_, S::Run>| execution.ended == Ended::Deadlock;
    let found =
        least(&limits, 3, system, &mut |execution| deadlocks(execution).then(|| execution.schedule()));
    let Least::Found(schedule) = found else {
        return Explained { least: None, replayed: None, pair: None, graph };
    };
    let wanted = |execution: &Execution<'_, S::Run>| Ok::<_, Infallible>(deadlocks(execution).then_some(()));
    let Ok((spare, ())) = drop_departures(&limits, system, (schedule.clone(), ()), &wanted);
    let (replayed, drift) =
        follow(&limits, system, &spare, |execution| (execution.seen(), execution.schedule()));
    assert_eq!(drift, []);
    let fails = |execution: &Execution<'_, S::Run>| Ok::<_, Infallible>(deadlocks(execution));
    let Ok(pair) = racing_pair(&limits, system, &spare, &fails);
    // Words are kept by the kernel alone.
    let pair = pair.map(|pair| {
        pair.map(|mut step| {
            step.detail.clear();
            step
        })
    });
    Explained { least: Some((schedule, spare)), replayed: Some(replayed), pair, graph }
}

#[test]
fn every_system_explains_a_deadlock_in_the_same_way() {
    let pipe = Rc::<Pipe>::default();
    let (paired, cyclic) = (Cell::new(0_u32), Cell::new(0_u32));
    for_each_program(crossings(), (2, 5), |program| {
        let on_kernel = on_kernel(program.clone());
        let Some(all) = outcomes(run_search, &on_kernel) else { return Ok(()) };
        if !all.iter().any(|outcome| outcome.starts_with("deadlock")) {
            return Ok(());
        }
        let plain = Table::<false> { program: program.clone() };
        if outcomes(dpor, &plain).is_none() {
            return Ok(());
        }
        let expected = explain(run_search, &on_kernel);
        let table = Table::<true> { program: program.clone() };
        prop_assert_eq!(&explain(run_search, &table), &expected, "the interpreter");
        prop_assert_eq!(&explain(dpor, &plain), &expected, "the interpreter without fingerprints");
        let piped = Piped::new(program.clone(), &pipe);
        prop_assert_eq!(&explain(run_search, &piped), &expected, "the interpreter behind a pipe");
        paired.set(paired.get() + u32::from(expected.pair.is_some()));
        cyclic.set(cyclic.get() + u32::from(!expected.graph.cycles.is_empty()));
        Ok(())
    });
    eprintln!("{} programs with a racing pair, {} with a cycle of locks", paired.get(), cyclic.get());
    assert!(paired.get() > 0 && cyclic.get() > 0, "{} pairs, {} cycles", paired.get(), cyclic.get());
}

#[test]
fn every_system_is_sampled_within_its_outcomes() {
    let pipe = Rc::<Pipe>::default();
    for_each_program(programs(), (3, 20), |program| {
        let Some(all) = outcomes(run_search, &on_kernel(program.clone())) else { return Ok(()) };
        fn sampled<S: Told>(system: &S, sampler: Sampler) -> BTreeSet<String> {
            let limits = Limits { executions: Some(20), ..Limits::default() };
            let mut seen = BTreeSet::new();
            sample(&limits, system, Sample { sampler, seed: 1 }, &mut |execution| {
                seen.insert(execution.seen());
                ControlFlow::Continue(())
            });
            seen
        }
        for sampler in [Sampler::Random, Sampler::Pct { depth: 3 }, Sampler::Pos] {
            let here = sampled(&Table::<false> { program: program.clone() }, sampler);
            prop_assert!(here.is_subset(&all), "{:?}: {:?} of {:?}", sampler, here, all);
            let there = sampled(&Piped::new(program.clone(), &pipe), sampler);
            prop_assert_eq!(there, here, "the same seed draws the same schedules");
        }
        Ok(())
    });
}

/// Two threads cross their locks.
fn crossed() -> Program {
    [[0, 1], [1, 0]]
        .map(|[first, second]| vec![Do::Lock(first), Do::Lock(second), Do::Unlock(second), Do::Unlock(first)])
        .to_vec()
}

#[test]
fn a_pipe_is_asked_once_for_an_execution_that_goes_on_as_it_is_left_alone() {
    let pipe = Rc::<Pipe>::default();
    let found = run_search(&limits(), &Piped::new(crossed(), &pipe), &mut |_| ControlFlow::Continue(()));
    assert!(found.exhausted && found.deadlocks > 0);
    // Each execution is begun along its path; then the step that is new is asked for, and the rest came with it.
    assert!(pipe.answers.get() <= 3 * found.executions, "{} answers for {found:?}", pipe.answers.get());
}

#[test]
fn a_system_that_fails_ends_its_execution_and_not_the_search() {
    let pipe = Rc::<Pipe>::default();
    let ends = |failing: Failing| {
        let program = vec![vec![Do::Read(0), Do::UnlessOdd(1), Do::Fail(failing)], vec![Do::Write(0, 1)]];
        fn ends<S: Told>(search: SearchOf<S>, system: &S) -> (Vec<Ended>, Search) {
            let mut ends = Vec::new();
            let found = search(&limits(), system, &mut |execution| {
                ends.push(execution.ended.clone());
                ControlFlow::Continue(())
            });
            (ends, found)
        }
        let here = ends(run_search, &Table::<true> { program: program.clone() });
        let (without, _) = ends(dpor, &Table::<false> { program: program.clone() });
        assert_eq!(without, here.0);
        (here, ends(run_search, &Piped::new(program, &pipe)))
    };
    let words = || "a: on purpose".to_owned();
    for (failing, ended) in
        [(Failing::Panics, Ended::Panicked(words())), (Failing::Hangs, Ended::Unresponsive(words()))]
    {
        let (here, there) = ends(failing);
        assert_eq!(here.0, [Ended::Complete, ended]);
        assert!(here.1.exhausted);
        assert_eq!(here.0, there.0);
    }
    let (here, there) = ends(Failing::Crashes);
    assert_eq!(here.0, [Ended::Complete, Ended::Crashed(words())]);
    assert_eq!(there.0, [Ended::Complete, Ended::Crashed("the interpreter has died".to_owned())]);
    assert!(there.1.exhausted, "the next execution begins another process: {:?}", there.1);
}

/// A system that is not the same twice.
struct Fickle(Cell<u32>);

impl System for Fickle {
    type Run = table::TableRun<false>;

    fn begin(&self, begin: turnloom::engine::system::Begin<'_>) -> Self::Run {
        self.0.set(self.0.get() + 1);
        let first = if self.0.get() == 1 { Do::Read(0) } else { Do::Read(1) };
        Table::<false> { program: vec![vec![first, Do::Write(0, 1)], vec![Do::Write(0, 2)]] }.begin(begin)
    }
}

#[test]
fn a_system_without_fingerprints_that_is_not_the_same_twice_is_told_by_its_operations() {
    let mut last = None;
    let found = dpor(&limits(), &Fickle(Cell::default()), &mut |execution| {
        last = Some(execution.ended.clone());
        ControlFlow::Continue(())
    });
    assert!(!found.exhausted);
    let (first, now) = ("a: read c0".to_owned(), "a: read c1".to_owned());
    assert_eq!(last, Some(Ended::NotDeterministic { step: 0, first, now }));
}
