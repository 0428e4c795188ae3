//! Whether the searches can be trusted: against a naive enumeration, and with defects planted that must show.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use proptest::prelude::*;

use self::programs::{Look, Program, build, for_each_program, stuck, with_slot};
use super::parallel::in_turn;
use super::{Limits, Search, SearchOf, Visit, dpor, run_search};
use crate::engine::coroutines::Coroutines;
use crate::engine::execution::Ended;
use crate::engine::fault_injection::{Planted, with};
use crate::engine::system::{Begin, Keep, Run, System};

#[path = "../../../tests/engines/loops.rs"]
mod loops;
#[path = "../../../tests/engines/programs.rs"]
mod programs;

/// One of the searches.
type Engine = SearchOf<Coroutines>;

/// The outcomes under a search; none if it did not end.
fn outcomes(engine: Engine, program: &Program) -> Option<BTreeSet<String>> {
    outcomes_of(engine, build(program.clone()))
}

fn outcomes_of(engine: Engine, program: impl Fn() -> Look + 'static) -> Option<BTreeSet<String>> {
    let (runnable, slot) = with_slot(program);
    let mut seen = BTreeSet::new();
    let limits = Limits { executions: Some(3_000), ..Limits::default() };
    let found = engine(&limits, &runnable, &mut |execution| {
        let stuck =
            if execution.ended == Ended::Complete { String::new() } else { stuck(execution.unfinished()) };
        let look = slot.borrow().as_ref().map(|look| look()).unwrap_or_default();
        seen.insert(format!("{look} {stuck}"));
        ControlFlow::Continue(())
    });
    found.exhausted.then_some(seen)
}

/// Branches that are lent by a search whose bound bounds nothing.
fn in_turn_within_a_bound(limits: &Limits, program: &Coroutines, visit: &mut Visit<'_>) -> Search {
    in_turn(&Limits { preemptions: Some(1_000), ..limits.clone() }, program, visit)
}

/// The outcomes of every sequence of steps there is, with nothing known of states, uses or sleepers; none if there are
/// more than so many.
fn naive(program: &Program, most: usize) -> Option<BTreeSet<String>> {
    let (runnable, slot) = with_slot(build(program.clone()));
    let mut seen = BTreeSet::new();
    let mut path: Vec<(Vec<(usize, usize)>, usize)> = Vec::new();
    let limits = Limits::default();
    for _ in 0..most {
        let begin = Begin { numbers: &Rc::default(), limits: &limits, keep: Keep::States, path: &[] };
        let mut run = runnable.begin(begin);
        for depth in 0.. {
            let report = run.report();
            let enabled = report.enabled().to_vec();
            if enabled.is_empty() {
                break;
            }
            if depth == path.len() {
                let ways = |thread: usize| (0..report.alternatives(thread)).map(move |way| (thread, way));
                path.push((enabled.into_iter().flat_map(ways).collect(), 0));
            }
            let (choices, next) = &path[depth];
            let (thread, alternative) = choices[*next];
            run.step(thread, alternative);
        }
        let stuck = if run.report().is_quiescent() { String::new() } else { stuck(run.unfinished()) };
        let look = slot.borrow().as_ref().map(|look| look()).unwrap_or_default();
        seen.insert(format!("{look} {stuck}"));
        while path.last().is_some_and(|(choices, next)| next + 1 == choices.len()) {
            path.pop();
        }
        match path.last_mut() {
            Some((_, next)) => *next += 1,
            None => return Some(seen),
        }
    }
    None
}

#[test]
fn the_searches_find_what_a_naive_enumeration_finds() {
    let held = Cell::new(0);
    let checked = for_each_program(2_000, 3, |program| {
        let Some(all) = naive(&program, 1_500) else { return Ok(()) };
        let all = Some(all);
        prop_assert_eq!(&outcomes(run_search, &program), &all, "the default search");
        prop_assert_eq!(&outcomes(dpor, &program), &all, "dpor");
        prop_assert_eq!(&outcomes(in_turn, &program), &all, "branches that are lent");
        prop_assert_eq!(
            &outcomes(in_turn_within_a_bound, &program),
            &all,
            "branches that are lent, within a bound"
        );
        held.set(held.get() + 1);
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(held.get() > 1_000, "too few programs are small: {}", held.get());
}

/// Counts the programs until a search with a defect planted finds other outcomes than one without.
#[derive(Default)]
struct Hunt {
    looked_at: Cell<u32>,
    found: Cell<Option<u32>>,
}

impl Hunt {
    fn look(&self, defect: Planted, outcomes: impl Fn() -> Option<BTreeSet<String>>) {
        if self.found.get().is_none() {
            self.looked_at.set(self.looked_at.get() + 1);
            let sound = outcomes();
            let planted = with(Some(defect), &outcomes);
            if planted.is_some() && planted != sound {
                self.found.set(Some(self.looked_at.get()));
            }
        }
    }
}

/// How many random programs it takes to see a defect.
fn programs_until_found(engine: Engine, defect: Planted) -> Option<u32> {
    let hunt = Hunt::default();
    let looked = for_each_program(10_000, 1, |program| {
        hunt.look(defect, || outcomes(engine, &program));
        Ok(())
    });
    looked.unwrap_or_else(|failure| panic!("{failure}"));
    hunt.found.get()
}

#[test]
fn a_planted_defect_of_the_data_of_a_loop_shows_in_random_programs() {
    for defect in [Planted::ReadsOfLocalsForgotten, Planted::LocalsForgotten] {
        let hunt = Hunt::default();
        let looked = loops::for_each_program(2_000, 1, |program| {
            hunt.look(defect, || outcomes_of(run_search, loops::build(program.clone())));
            Ok(())
        });
        looked.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(hunt.found.get().is_some(), "not found: {defect:?}");
    }
}

#[test]
fn a_planted_defect_of_a_search_shows_in_random_programs() {
    let planted: [(&str, Engine, Planted); 18] = [
        ("default", run_search, Planted::ReadsDependOnNothing),
        ("default", run_search, Planted::WritesAreReads),
        ("default", run_search, Planted::WatchedObjectsForgotten),
        ("default", run_search, Planted::FootprintNotHeldAgainstPath),
        ("default", run_search, Planted::StoredSleepersForgotten),
        ("default", run_search, Planted::KnownStatesEndTheSearch),
        ("default", run_search, Planted::WantedSleepersIgnored),
        ("default", run_search, Planted::JointWaitsIgnored),
        ("default", run_search, Planted::OnlyTheFirstAlternative),
        ("default", run_search, Planted::ChoicesAreSettled),
        ("lent", in_turn, Planted::KnownOnEntry),
        ("dpor", dpor, Planted::ReadsDependOnNothing),
        ("dpor", dpor, Planted::WritesAreReads),
        ("dpor", dpor, Planted::WatchedObjectsForgotten),
        ("dpor", dpor, Planted::BlockedRacesIgnored),
        ("dpor", dpor, Planted::GroupsForgotten),
        ("dpor", dpor, Planted::OnlyTheFirstAlternative),
        ("dpor", dpor, Planted::ChoicesAreSettled),
    ];
    let found =
        planted.map(|(search, engine, defect)| (search, defect, programs_until_found(engine, defect)));
    let missed: Vec<_> = found.iter().filter(|(_, _, found)| found.is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}, of {found:?}");
}
