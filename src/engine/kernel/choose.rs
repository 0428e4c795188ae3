//! A free choice: something that the program leaves open and that is no matter of who moves first.

use super::{Object, Op};

/// Chooses one of so many alternatives, counted from 0: a visible operation of the running thread, of which the engine
/// tries every alternative. What others do has no part in it, so it costs no preemption and races with nothing. With one
/// alternative there is nothing to choose, and no operation. While a program sets itself up the first one is taken.
///
/// Use it for what the world outside may do (an answer that is well or not, a request that is lost or arrives); an order
/// of threads needs none.
///
/// # Panics
///
/// Without an alternative, and outside an exploration.
///
/// ```
/// use std::cell::RefCell;
/// use std::collections::BTreeSet;
/// use std::ops::ControlFlow;
/// use std::rc::Rc;
/// use turnloom::engine::coroutines::Coroutines;
/// use turnloom::engine::search::{Limits, run_search};
/// use turnloom::engine::kernel::{Cell, choose, thread};
///
/// // A server answers at once, late, or not at all; meanwhile the client looks once.
/// let answers: Rc<RefCell<BTreeSet<&str>>> = Rc::default();
/// let seen = answers.clone();
/// let program = Coroutines::new(move || {
///     let answer = Cell::new("answer", "none");
///     let written = answer.clone();
///     thread::spawn_detached("server", move || match choose(3) {
///         0 => written.set("at once"),
///         1 => written.set("late"),
///         _ => {}
///     });
///     seen.borrow_mut().insert(answer.get());
/// });
/// let found = run_search(&Limits::default(), &program, &mut |_| ControlFlow::Continue(()));
/// assert!(found.exhausted);
/// assert_eq!(*answers.borrow(), BTreeSet::from(["at once", "late", "none"]));
/// ```
pub fn choose(alternatives: usize) -> usize {
    assert!(alternatives > 0, "a choice needs an alternative");
    if alternatives == 1 {
        return 0;
    }
    let free = Object::new("alternative", ());
    let op = Op::new("choose").settled().reads().among(&free, move |()| alternatives);
    free.perform_one_of(op.says(ToString::to_string), |(), alternative| alternative)
}
