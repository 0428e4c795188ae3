//! The two engines against each other and against brute force: the same programs must end in the same outcomes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use proptest::prelude::*;
use turnloom::explore::Limits;
use turnloom::explore::inhouse::{Ended, run_search};
use turnloom::explore::loom::{Finished, permute};
use turnloom::kernel::{Cell, FifoLock, Flag, thread};

type Look = Box<dyn Fn() -> String>;
type Slot = Rc<RefCell<Option<Look>>>;

/// A program that leaves a way to look at its outcome.
fn program(build: impl Fn() -> Look + 'static) -> (Rc<dyn Fn()>, Slot) {
    let slot = Slot::default();
    let last = slot.clone();
    (Rc::new(move || *last.borrow_mut() = Some(build())), slot)
}

fn in_house(limits: &Limits, build: impl Fn() -> Look + 'static) -> BTreeSet<String> {
    let (program, slot) = program(build);
    let mut seen = BTreeSet::new();
    let found = run_search(limits, &program, &mut |execution| {
        let outcome = match execution.ended {
            Ended::Complete => slot.borrow().as_ref().map(|look| look()).unwrap_or_default(),
            _ => "stuck".to_owned(),
        };
        seen.insert(outcome);
        ControlFlow::Continue(())
    });
    assert!(found.exhausted);
    seen
}

fn under_loom(bound: Option<u32>, build: impl Fn() -> Look + 'static) -> BTreeSet<String> {
    let (program, slot) = program(build);
    let seen: Rc<RefCell<BTreeSet<String>>> = Rc::default();
    let outcomes = seen.clone();
    let visit = move |finished: Finished, _: &turnloom::kernel::Book, _: &str| {
        assert_eq!(finished, Finished::Complete);
        outcomes.borrow_mut().extend(slot.borrow().as_ref().map(|look| look()));
    };
    permute(bound, 10_000, program, Rc::new(visit));
    seen.take()
}

/// Each thread appends its name while it holds the lock, and counts those inside.
fn fifo(make: fn(&str) -> FifoLock, threads: &'static [&'static str]) -> impl Fn() -> Look + 'static {
    move || {
        let lock = make("lock");
        let order = Cell::new("order", String::new());
        let inside = Cell::new("inside", 0);
        for name in threads {
            let (lock, order, inside) = (lock.clone(), order.clone(), inside.clone());
            thread::spawn_detached(name, move || {
                let _held = lock.lock();
                let _again = lock.lock();
                assert_eq!(
                    inside.update("enter", |count| {
                        *count += 1;
                        *count
                    }),
                    1,
                    "mutual exclusion"
                );
                order.update("append", |order| order.push_str(name));
                inside.update("leave", |count| *count -= 1);
            });
        }
        Box::new(move || order.inspect(Clone::clone))
    }
}

#[test]
fn the_written_out_fifo_lock_excludes_and_wakes_under_loom() {
    let seen = under_loom(Some(3), fifo(FifoLock::written_out, &["a", "b"]));
    assert_eq!(seen, BTreeSet::from(["ab".to_owned(), "ba".to_owned()]));
    let seen = under_loom(Some(2), fifo(FifoLock::written_out, &["a", "b", "c"]));
    assert_eq!(seen, in_house(&Limits::default(), fifo(FifoLock::new, &["a", "b", "c"])));
}

/// One instruction of a random program.
#[derive(Debug, Clone)]
enum Do {
    Lock(usize),
    Unlock(usize),
    Add(usize),
    Double(usize),
    Read(usize),
    Set,
    Wait,
}

fn instruction() -> impl Strategy<Value = Do> {
    prop_oneof![
        (0..2_usize).prop_map(Do::Lock),
        (0..2_usize).prop_map(Do::Unlock),
        (0..2_usize).prop_map(Do::Add),
        (0..2_usize).prop_map(Do::Double),
        (0..2_usize).prop_map(Do::Read),
        Just(Do::Set),
        Just(Do::Wait),
    ]
}

fn random(threads: Vec<Vec<Do>>) -> impl Fn() -> Look + 'static {
    move || {
        let locks = [FifoLock::new("l0"), FifoLock::new("l1")];
        let cells = [Cell::new("c0", 0_u32), Cell::new("c1", 1_u32)];
        let flag = Flag::new("flag");
        let log = Rc::new([Cell::new("log a", String::new()), Cell::new("log b", String::new())]);
        for (index, (name, body)) in ["a", "b"].into_iter().zip(threads.clone()).enumerate() {
            let (locks, cells, flag, log) = (locks.clone(), cells.clone(), flag.clone(), log.clone());
            thread::spawn_detached(name, move || {
                let mut held = [None, None];
                for step in body {
                    match step {
                        Do::Lock(lock) => held[lock] = Some(locks[lock].lock()),
                        Do::Unlock(lock) => held[lock] = None,
                        Do::Add(cell) => cells[cell].update("add", |value| *value += 1),
                        Do::Double(cell) => {
                            let value = cells[cell].get();
                            cells[cell].set(value * 2);
                        }
                        Do::Read(cell) => {
                            let value = cells[cell].get();
                            log[index].update("append", |log| *log += &value.to_string());
                        }
                        Do::Set => flag.set(),
                        Do::Wait => flag.wait(),
                    }
                }
            });
        }
        Box::new(move || {
            let cells = cells.each_ref().map(|cell| cell.inspect(|value| *value));
            let log = log.each_ref().map(|log| log.inspect(Clone::clone));
            format!("{cells:?} {log:?}")
        })
    }
}

/// Every order there is, with nothing merged and nothing left out: a search whose preemptions are bounded by more than
/// there are steps keeps the thread that moved last apart, and so has no use for the reduction.
fn brute_force(threads: Vec<Vec<Do>>) -> BTreeSet<String> {
    in_house(&Limits { preemptions: Some(1_000), ..Limits::default() }, random(threads))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_search_loses_no_outcome_of_a_random_program(
        threads in prop::collection::vec(prop::collection::vec(instruction(), 1..6), 2)
    ) {
        prop_assert_eq!(in_house(&Limits::default(), random(threads.clone())), brute_force(threads));
    }
}
