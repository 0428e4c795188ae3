//! `asyncio.Lock` and `asyncio.Event`: for the tasks of one loop, in FIFO order, as in CPython 3.12.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{EventLoop, Exception, Future, Result};

/// A lock for the tasks of one loop.
#[derive(Clone)]
pub struct Lock {
    inner: Rc<LockInner>,
}

struct LockInner {
    event_loop: EventLoop,
    locked: Cell<bool>,
    waiters: RefCell<VecDeque<Future<()>>>,
}

impl Lock {
    /// A lock that is free.
    #[must_use]
    pub fn new(event_loop: &EventLoop) -> Self {
        let event_loop = event_loop.clone();
        Self {
            inner: Rc::new(LockInner { event_loop, locked: Cell::new(false), waiters: RefCell::default() }),
        }
    }

    /// Takes the lock until the guard is dropped (`async with lock`).
    ///
    /// # Errors
    ///
    /// If the task is cancelled while it waits.
    pub async fn acquire(&self) -> Result<LockGuard> {
        let nobody_waits = self.inner.waiters.borrow().iter().all(Future::cancelled);
        if self.inner.locked.get() || !nobody_waits {
            let turn = self.inner.event_loop.future();
            self.inner.waiters.borrow_mut().push_back(turn.clone());
            let result = turn.clone().await;
            self.leave(&turn);
            if let Err(error) = result {
                if !self.inner.locked.get() {
                    self.wake_up_first();
                }
                return Err(error);
            }
        }
        self.inner.locked.set(true);
        Ok(LockGuard { lock: self.clone() })
    }

    fn leave(&self, turn: &Future<()>) {
        self.inner.waiters.borrow_mut().retain(|waiter| !waiter.is(turn));
    }

    fn wake_up_first(&self) {
        let first = self.inner.waiters.borrow().front().cloned();
        if let Some(first) = first.filter(|first| !first.done()) {
            first.set_result(());
        }
    }
}

/// Holds a [`Lock`] until dropped.
#[must_use]
pub struct LockGuard {
    lock: Lock,
}

impl std::fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard").finish_non_exhaustive()
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.lock.inner.locked.set(false);
        if !crate::kernel::thread::is_over() {
            self.lock.wake_up_first();
        }
    }
}

/// An event that tasks of one loop wait for.
#[derive(Clone)]
pub struct Event {
    event_loop: EventLoop,
    set: Rc<Cell<bool>>,
    waiters: Rc<RefCell<Vec<Future<()>>>>,
}

impl Event {
    /// An event that has not happened.
    #[must_use]
    pub fn new(event_loop: &EventLoop) -> Self {
        Self { event_loop: event_loop.clone(), set: Rc::default(), waiters: Rc::default() }
    }

    /// It has happened: whoever waits goes on.
    pub fn set(&self) {
        if !self.set.replace(true) {
            let waiters = self.waiters.take();
            for waiter in waiters.into_iter().filter(|waiter| !waiter.done()) {
                waiter.set_result(());
            }
        }
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it has happened.
    ///
    /// # Errors
    ///
    /// If the task is cancelled.
    pub async fn wait(&self) -> std::result::Result<(), Exception> {
        if self.is_set() {
            return Ok(());
        }
        let waiter = self.event_loop.future();
        self.waiters.borrow_mut().push(waiter.clone());
        waiter.await
    }
}
