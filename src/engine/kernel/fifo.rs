//! The reentrant FIFO lock: threads get it in the order in which they asked for it.
//!
//! It stands for `FIFOLock` of `openhands-sdk` (`sdk/conversation/fifo_lock.py`), which is a mutex and one condition
//! variable for each waiter; [`FifoLock::written_out`] is that program, and the tests prove it under loom. An engine
//! may take the lock as one visible operation each way instead: since asking is not visible, every order in which
//! the written-out lock can be granted is an order of those operations. Reentrancy goes by thread, not by task.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::book::Doing;
use super::engine;
use super::engine::Engine;
use super::{Condvar, Mutex, Object, Op};

/// A reentrant lock with FIFO order.
#[derive(Clone)]
pub struct FifoLock {
    inner: Rc<Inner>,
}

struct Inner {
    engine: Rc<dyn Engine>,
    name: Rc<str>,
    form: Form,
}

enum Form {
    Whole(Object<Held>),
    WrittenOut(WrittenOut),
}

#[derive(Hash, Default, Clone)]
struct Held {
    owner: Option<Rc<str>>,
    count: u32,
}

struct WrittenOut {
    /// Protects the internal state.
    mutex: Mutex<Held>,
    /// The waiting threads, in the order in which they came.
    waiters: RefCell<VecDeque<Rc<Condvar>>>,
    /// Who asked for the lock and who got it, in order.
    #[cfg(test)]
    history: RefCell<History>,
}

#[cfg(test)]
#[derive(Default, Clone)]
pub(in crate::engine) struct History {
    pub(in crate::engine) asked: Vec<Rc<str>>,
    pub(in crate::engine) granted: Vec<Rc<str>>,
}

impl FifoLock {
    /// A lock in the form that the engine prefers.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let engine = engine::current();
        if !engine.fifo_is_one_operation() {
            return Self::written_out(name);
        }
        let held = Object::new(name, Held::default());
        Self { inner: Rc::new(Inner { engine, name: name.into(), form: Form::Whole(held) }) }
    }

    /// The lock as the original writes it: a mutex, and a condition variable for each waiter.
    #[must_use]
    pub fn written_out(name: &str) -> Self {
        let engine = engine::current();
        let mutex = Mutex::internal(name, Held::default());
        let form = Form::WrittenOut(WrittenOut {
            mutex,
            waiters: RefCell::default(),
            #[cfg(test)]
            history: RefCell::default(),
        });
        Self { inner: Rc::new(Inner { engine, name: name.into(), form }) }
    }

    /// Takes the lock until the guard is dropped; waits for those who asked before.
    pub fn lock(&self) -> FifoGuard {
        self.acquire();
        FifoGuard { lock: self.clone() }
    }

    /// Takes the lock.
    pub fn acquire(&self) {
        let book = self.inner.engine.book();
        let me = book.name(book.current());
        match &self.inner.form {
            Form::Whole(held) => self.acquire_whole(held, &me),
            Form::WrittenOut(lock) => self.acquire_written_out(lock, &me),
        }
    }

    fn acquire_whole(&self, held: &Object<Held>, me: &Rc<str>) {
        if held.inspect(|held| held.owner.as_ref() == Some(me)) {
            held.touch(|held| held.count += 1);
            return;
        }
        let book = self.inner.engine.book();
        book.acquires(&self.inner.name);
        held.perform_when(
            Op::new("lock"),
            |held| held.owner.is_none(),
            |held| {
                *held = Held { owner: Some(me.clone()), count: 1 };
                book.holds(&self.inner.name);
            },
        );
    }

    fn acquire_written_out(&self, lock: &WrittenOut, me: &Rc<str>) {
        let book = self.inner.engine.book();
        let mut held = lock.mutex.lock();
        if held.owner.as_ref() == Some(me) {
            held.count += 1;
            return;
        }
        book.acquires(&self.inner.name);
        #[cfg(test)]
        lock.history.borrow_mut().asked.push(me.clone());
        if held.owner.is_none() && lock.waiters.borrow().is_empty() {
            self.grant(lock, &mut held, me);
            return;
        }
        let ticket = Rc::new(Condvar::new("fifo waiter"));
        lock.waiters.borrow_mut().push_back(ticket.clone());
        loop {
            let first = lock.waiters.borrow().front().is_some_and(|front| Rc::ptr_eq(front, &ticket));
            if first && held.owner.is_none() {
                lock.waiters.borrow_mut().pop_front();
                self.grant(lock, &mut held, me);
                return;
            }
            let operation = Some(("lock", self.inner.name.clone()));
            book.set_doing(book.current(), Doing { operation, ..Doing::default() });
            held = ticket.wait(held);
            book.set_doing(book.current(), Doing::default());
        }
    }

    /// The written-out lock passes to a thread: the step of the acquisition.
    fn grant(
        &self,
        #[cfg_attr(not(test), expect(unused_variables))] lock: &WrittenOut,
        held: &mut Held,
        me: &Rc<str>,
    ) {
        #[cfg(test)]
        lock.history.borrow_mut().granted.push(me.clone());
        let book = self.inner.engine.book();
        *held = Held { owner: Some(me.clone()), count: 1 };
        book.holds(&self.inner.name);
        book.record("lock", &self.inner.name, String::new());
    }

    /// Lets the lock go once.
    ///
    /// # Panics
    ///
    /// If the running thread does not own the lock.
    pub fn release(&self) {
        if self.inner.engine.is_over() {
            return;
        }
        self.assert_owned("release");
        let last = match &self.inner.form {
            Form::Whole(held) => {
                let last = held.inspect(|held| held.count == 1);
                if last {
                    self.inner.engine.book().drops(&self.inner.name);
                    held.perform_in_drop(Op::new("unlock").settled(), |held| *held = Held::default());
                } else {
                    held.touch(|held| held.count -= 1);
                }
                return;
            }
            Form::WrittenOut(lock) => lock,
        };
        let mut held = last.mutex.lock();
        held.count -= 1;
        if held.count == 0 {
            held.owner = None;
            self.inner.engine.book().drops(&self.inner.name);
            self.inner.engine.book().record("unlock", &self.inner.name, String::new());
            let first = last.waiters.borrow().front().cloned();
            if let Some(first) = first {
                first.notify_one();
            }
        }
    }

    /// Whether the running thread owns the lock.
    #[must_use]
    pub fn owned(&self) -> bool {
        let book = self.inner.engine.book();
        self.inner.engine.is_over() || self.owner().is_some_and(|owner| owner == book.name(book.current()))
    }

    /// The role that owns the lock now, for looking at from outside.
    #[must_use]
    pub fn owner(&self) -> Option<Rc<str>> {
        match &self.inner.form {
            Form::Whole(held) => held.inspect(|held| held.owner.clone()),
            Form::WrittenOut(lock) => lock.mutex.peek(|held| held.owner.clone()),
        }
    }

    /// The threads that asked for a lock that is written out, and those that got it.
    #[cfg(test)]
    pub(in crate::engine) fn history(&self) -> History {
        match &self.inner.form {
            Form::Whole(_) => History::default(),
            Form::WrittenOut(lock) => lock.history.borrow().clone(),
        }
    }

    pub(super) fn assert_owned(&self, what: &str) {
        assert!(self.owned(), "`{what}` is touched by a thread that does not own `{}`", self.inner.name);
    }
}

/// Holds a [`FifoLock`] until dropped.
#[must_use]
pub struct FifoGuard {
    lock: FifoLock,
}

impl Drop for FifoGuard {
    fn drop(&mut self) {
        self.lock.release();
    }
}
