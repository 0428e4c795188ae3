//! Programs whose number of Mazurkiewicz traces is known: the search without states runs each once.

use std::ops::ControlFlow;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::kernel::{Cell, Mutex, Queue, thread};
use turnloom::engine::search::Limits;
use turnloom::engine::search::dpor;

fn executions(program: impl Fn() + 'static) -> (u64, u64) {
    let program = Coroutines::new(program);
    let found = dpor(&Limits::default(), &program, &mut |_| ControlFlow::Continue(()));
    assert!(found.exhausted);
    (found.executions, found.blocked)
}

#[test]
fn three_threads_that_take_a_mutex_k_times_need_one_execution_for_each_order() {
    let figures = [1, 2, 3].map(|times| {
        executions(move || {
            let mutex = Rc::new(Mutex::new("mutex", 0));
            for name in ["a", "b", "c"] {
                let mutex = mutex.clone();
                thread::spawn_detached(name, move || (0..times).for_each(|_| drop(mutex.lock())));
            }
        })
    });
    assert_eq!(figures, [(6, 0), (90, 0), (1_680, 0)]);
}

#[test]
fn readers_need_one_execution_and_a_writer_among_them_as_many_as_it_has_places() {
    let (executions, blocked) = executions(|| {
        let cell = Cell::new("cell", 0);
        for name in ["a", "b", "c"] {
            let cell = cell.clone();
            thread::spawn_detached(name, move || {
                let _ = cell.get();
            });
        }
        thread::spawn_detached("writer", move || cell.set(1));
    });
    assert_eq!((executions, blocked), (8, 0));
}

#[test]
fn two_producers_of_two_items_each_need_one_execution_for_each_merge() {
    let (executions, blocked) = executions(|| {
        let queue = Queue::new("queue");
        for name in ["a", "b"] {
            let queue = queue.clone();
            thread::spawn_detached(name, move || (0..2).for_each(|item| queue.push(item, item)));
        }
    });
    assert_eq!((executions, blocked), (6, 0));
}
