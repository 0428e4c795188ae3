//! The kernel's objects on the in-house engine, litmus-test style: small programs whose outcomes are known.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use turnloom::engine::execution::{Ended, follow};
use turnloom::engine::kernel::{Cell, Condvar, FifoLock, Flag, Mutex, Queue, thread};
use turnloom::engine::search::{Limits, search};
use turnloom::engine::search::{Sample, Sampler, Stopped, run_search, sample};

/// How to look at an outcome when the execution is over.
type Look<T> = Box<dyn Fn() -> T>;

/// The values that `program` can end with.
fn outcomes<T: Ord + Clone + 'static>(program: impl Fn() -> Box<dyn Fn() -> T> + 'static) -> BTreeSet<T> {
    let last: Rc<RefCell<Option<Look<T>>>> = Rc::default();
    let slot = last.clone();
    let program: Rc<dyn Fn()> = Rc::new(move || {
        let look = program();
        *slot.borrow_mut() = Some(look);
    });
    let mut seen = BTreeSet::new();
    let found = run_search(&Limits::default(), &program, &mut |execution| {
        assert_eq!(execution.ended, Ended::Complete);
        seen.insert(last.borrow().as_ref().expect("the program ran")());
        ControlFlow::Continue(())
    });
    assert!(found.exhausted);
    seen
}

#[test]
fn a_read_and_a_write_of_an_attribute_are_two_steps() {
    let seen = outcomes(|| {
        let counter = Cell::new("counter", 0);
        for name in ["a", "b"] {
            let counter = counter.clone();
            thread::spawn_detached(name, move || counter.set(counter.get() + 1));
        }
        Box::new(move || counter.inspect(|value| *value))
    });
    assert_eq!(seen, BTreeSet::from([1, 2]));
}

#[test]
fn a_lock_makes_them_one() {
    let seen = outcomes(|| {
        let counter = Cell::new("counter", 0);
        let lock = FifoLock::new("lock");
        for name in ["a", "b"] {
            let (counter, lock) = (counter.clone(), lock.clone());
            thread::spawn_detached(name, move || {
                let _held = lock.lock();
                let _again = lock.lock();
                counter.set(counter.get() + 1);
            });
        }
        Box::new(move || counter.inspect(|value| *value))
    });
    assert_eq!(seen, BTreeSet::from([2]));
}

#[test]
fn a_condition_variable_wakes_who_waits() {
    let seen = outcomes(|| {
        let shared = Rc::new((Mutex::new("items", 0), Condvar::new("more")));
        let taken = Cell::new("taken", 0);
        let (producer, consumer, result) = (shared.clone(), shared, taken.clone());
        thread::spawn_detached("producer", move || {
            for _ in 0..2 {
                *producer.0.lock() += 1;
                producer.1.notify_one();
            }
        });
        thread::spawn_detached("consumer", move || {
            for _ in 0..2 {
                let mut items = consumer.0.lock();
                while *items == 0 {
                    items = consumer.1.wait(items);
                }
                *items -= 1;
                drop(items);
                taken.update("add", |taken| *taken += 1);
            }
        });
        Box::new(move || result.inspect(|value| *value))
    });
    assert_eq!(seen, BTreeSet::from([2]));
}

#[test]
fn a_queue_keeps_the_order_of_each_producer() {
    let seen = outcomes(|| {
        let queue = Queue::new("queue");
        let got = Cell::new("got", Vec::new());
        for (name, items) in [("a", [1, 2]), ("b", [3, 4])] {
            let queue = queue.clone();
            thread::spawn_detached(name, move || items.iter().for_each(|item| queue.push(*item, *item)));
        }
        let result = got.clone();
        thread::spawn_daemon("consumer", move || {
            while let Some(item) = queue.pop_idle() {
                got.update("append", |got| got.push(item));
            }
        });
        Box::new(move || result.inspect(Clone::clone))
    });
    assert_eq!(seen.len(), 6);
    assert!(seen.iter().all(|got| got.iter().position(|x| *x == 1) < got.iter().position(|x| *x == 2)));
}

#[test]
fn the_fifo_lock_written_out_gives_what_it_gives_as_one_operation() {
    let program = |make: fn(&str) -> FifoLock| {
        move || {
            let lock = make("lock");
            let order = Cell::new("order", String::new());
            for name in ["a", "b", "c"] {
                let (lock, order) = (lock.clone(), order.clone());
                thread::spawn_detached(name, move || {
                    let _held = lock.lock();
                    order.update("append", |order| order.push_str(name));
                });
            }
            Box::new(move || order.inspect(Clone::clone)) as Box<dyn Fn() -> String>
        }
    };
    let whole = outcomes(program(FifoLock::new));
    assert_eq!(whole.len(), 6);
    assert_eq!(whole, outcomes(program(FifoLock::written_out)));
}

#[test]
fn two_locks_in_two_orders_deadlock_and_the_schedule_replays() {
    let program: Rc<dyn Fn()> = Rc::new(|| {
        let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
        for (name, first, second) in [("ab", a.clone(), b.clone()), ("ba", b, a)] {
            thread::spawn_detached(name, move || {
                let _first = first.lock();
                let _second = second.lock();
            });
        }
    });
    let mut schedule = None;
    let found = run_search(&Limits::default(), &program, &mut |execution| {
        if execution.ended == Ended::Deadlock {
            schedule = Some(execution.schedule());
        }
        ControlFlow::Continue(())
    });
    assert!(found.exhausted && found.deadlocks > 0);
    let schedule = schedule.expect("the deadlock was shown");
    let (stuck, drift) = follow(&Limits::default(), &program, &schedule, |execution| {
        assert_eq!(execution.ended, Ended::Deadlock);
        execution.book().unfinished()
    });
    assert_eq!(drift, []);
    let ab = stuck.iter().find(|thread| thread.thread == "ab").expect("ab is stuck");
    assert_eq!((ab.operation.as_str(), ab.waits_for.as_slice()), ("lock b", &["ba".to_owned()][..]));
}

#[test]
fn a_thread_that_waits_for_a_flag_nobody_sets_is_a_deadlock() {
    let found = search(&Limits::default(), || Flag::new("never").wait());
    assert_eq!((found.deadlocks, found.exhausted), (1, true));
}

#[test]
fn a_thread_that_never_ends_is_a_hang() {
    let limits = Limits { steps: 100, ..Limits::default() };
    let program: Rc<dyn Fn()> = Rc::new(|| {
        let cell = Cell::new("cell", 0);
        loop {
            cell.set(1);
            thread::forget();
        }
    });
    let mut ends = Vec::new();
    run_search(&limits, &program, &mut |execution| {
        ends.push(execution.ended.clone());
        ControlFlow::Break(())
    });
    assert_eq!(ends, [Ended::Hang]);
}

#[test]
fn a_thread_that_learns_for_ever_is_no_hang_and_ends_the_search() {
    let limits = Limits { steps: 100, ..Limits::default() };
    let program: Rc<dyn Fn()> = Rc::new(|| {
        let cell = Cell::new("cell", 0);
        for count in 0.. {
            cell.set(count);
        }
    });
    let mut shown = 0;
    let found = run_search(&limits, &program, &mut |_| {
        shown += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((shown, found.stopped, found.exhausted), (0, Some(Stopped::Steps), false));
    let sampled = Limits { executions: Some(3), ..limits };
    for sampler in [Sampler::Random, Sampler::Pos] {
        let found =
            sample(&sampled, &program, Sample { sampler, seed: 0 }, &mut |_| unreachable!("none ends"));
        assert_eq!((found.executions, found.out_of_steps), (3, 3));
    }
}

/// Threads that are begun when nothing more may be begun stand still, and the search ends.
#[test]
fn a_search_can_be_interrupted_and_runs_out_of_memory_while_an_execution_begins() {
    const THREADS: usize = 2_000;
    let interrupted = Arc::new(AtomicBool::new(false));
    let begun = Rc::new(std::cell::Cell::new(0));
    let (flag, count) = (interrupted.clone(), begun.clone());
    let program: Rc<dyn Fn()> = Rc::new(move || {
        for number in 0..THREADS {
            let (flag, count) = (flag.clone(), count.clone());
            thread::spawn_detached(&format!("t{number}"), move || {
                count.set(count.get() + 1);
                flag.store(count.get() == 10, Ordering::Relaxed);
                Cell::new("cell", 0).set(1);
            });
        }
    });
    let limits = Limits { interrupted: Some(interrupted), ..Limits::default() };
    let found = run_search(&limits, &program, &mut |_| ControlFlow::Continue(()));
    assert_eq!((found.stopped, begun.replace(0)), (Some(Stopped::Interrupted), 10));
    let limits = Limits { memory: 4 << 20, ..Limits::default() };
    let found = run_search(&limits, &program, &mut |_| ControlFlow::Continue(()));
    assert!(found.stopped == Some(Stopped::Memory) && begun.get() < 200, "{found:?}, {}", begun.get());
}
