//! What permutations under loom leave behind: nothing, though daemons of the program never come to their end.

use std::alloc::System;
use std::cell::RefCell;
use std::rc::Rc;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use turnloom::engine::kernel::{Queue, Record, thread};
use turnloom::engine::loom::{Bounds, permute};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test alone in its process: nobody else allocates meanwhile.
#[test]
fn permutations_leave_nothing_behind() {
    let program = || {
        let queue: Queue<u32, u32> = Queue::new("jobs");
        let jobs = queue.clone();
        thread::spawn_daemon("worker", move || while jobs.pop_idle().is_some() {});
        for (name, job) in [("ann", 1), ("bob", 2)] {
            let queue = queue.clone();
            thread::spawn_detached(name, move || queue.push(job, job));
        }
    };
    let held: Rc<RefCell<Vec<usize>>> = Rc::new(RefCell::new(Vec::with_capacity(10_000)));
    let (told, region) = (held.clone(), Region::new(ALLOCATOR));
    let visit = move |_, _: Record<'_>, _: &str| {
        let change = region.change();
        told.borrow_mut().push(change.bytes_allocated - change.bytes_deallocated);
    };
    let bounds = Bounds { preemptions: None, branches: 1_000, alternatives: 0 };
    permute(bounds, Rc::new(program), Rc::new(visit));
    let held = held.borrow();
    let (early, late) = (held[held.len() / 2], held[held.len() - 1]);
    assert!(held.len() > 20, "too few permutations to tell: {}", held.len());
    assert!(late <= early, "{} permutations: {early} bytes in the middle, {late} at the end", held.len());
}
