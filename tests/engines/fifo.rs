//! The FIFO lock written out under loom: it excludes, and gives the orders that it gives as one operation.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use turnloom::engine::execution::Ended;
use turnloom::engine::kernel::{Cell, FifoLock, Record, thread};
use turnloom::engine::loom::{Bounds, Finished, permute};
use turnloom::engine::search::Limits;
use turnloom::engine::search::run_search;

use super::programs::{Look, for_loom, with_slot};

fn in_house(limits: &Limits, build: impl Fn() -> Look + 'static) -> BTreeSet<String> {
    let (program, slot) = with_slot(build);
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
    let (program, slot) = for_loom(build);
    let seen: Rc<RefCell<BTreeSet<String>>> = Rc::default();
    let outcomes = seen.clone();
    let visit = move |finished: Finished, _: Record<'_>, _: &str| {
        assert_eq!(finished, Finished::Complete);
        outcomes.borrow_mut().extend(slot.borrow().as_ref().map(|look| look()));
    };
    let bounds = Bounds { preemptions: bound, branches: 10_000, alternatives: 0 };
    permute(bounds, program, Rc::new(visit));
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
