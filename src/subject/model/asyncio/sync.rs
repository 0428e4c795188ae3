//! `asyncio.Lock` and `asyncio.Event`: for the tasks of one loop, in FIFO order, as in CPython 3.12.

use std::collections::VecDeque;

use super::{EventLoop, Exception, Future, Result};
use crate::engine::kernel::{Local, Mark, learns_only};

/// A lock for the tasks of one loop.
#[derive(Clone)]
pub struct Lock {
    event_loop: EventLoop,
    state: Local<LockState>,
}

#[derive(Hash, Default)]
struct LockState {
    locked: bool,
    waiters: VecDeque<Future<()>>,
}

impl Lock {
    /// A lock that is free.
    #[must_use]
    pub fn new(event_loop: &EventLoop) -> Self {
        Self { event_loop: event_loop.clone(), state: Local::new(LockState::default()) }
    }

    /// Takes the lock until the guard is dropped (`async with lock`).
    ///
    /// # Errors
    ///
    /// If the task is cancelled while it waits.
    pub async fn acquire(&self) -> Result<LockGuard> {
        let asked = Mark::here();
        let nobody_waits = |state: &LockState| state.waiters.iter().all(Future::cancelled);
        if self.state.read(|state| state.locked || !nobody_waits(state)) {
            let turn = self.event_loop.future();
            self.state.move_on(|state| state.waiters.push_back(turn.clone()));
            let result = turn.clone().await;
            self.state.move_on(|state| state.waiters.retain(|waiter| !waiter.is(&turn)));
            if let Err(error) = result {
                if !self.state.read(|state| state.locked) {
                    self.wake_up_first();
                }
                asked.keep(&error);
                return Err(error);
            }
        }
        self.state.move_on(|state| state.locked = true);
        asked.keep(&"acquired");
        Ok(LockGuard { lock: self.clone() })
    }

    fn wake_up_first(&self) {
        learns_only(|| {
            let first = self.state.inspect(|state| state.waiters.front().cloned());
            if let Some(first) = first.filter(|first| !first.done()) {
                first.set_result(());
            }
        });
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
        self.lock.state.move_on(|state| state.locked = false);
        if !crate::engine::kernel::thread::is_over() {
            self.lock.wake_up_first();
        }
    }
}

/// An event that tasks of one loop wait for.
#[derive(Clone)]
pub struct Event {
    event_loop: EventLoop,
    state: Local<EventState>,
}

#[derive(Hash, Default)]
struct EventState {
    set: bool,
    waiters: Vec<Future<()>>,
}

impl Event {
    /// An event that has not happened.
    #[must_use]
    pub fn new(event_loop: &EventLoop) -> Self {
        Self { event_loop: event_loop.clone(), state: Local::new(EventState::default()) }
    }

    /// It has happened: whoever waits goes on.
    pub fn set(&self) {
        learns_only(|| {
            let waiters = self.state.update(|state| {
                state.set = true;
                std::mem::take(&mut state.waiters)
            });
            for waiter in waiters.into_iter().filter(|waiter| !waiter.done()) {
                waiter.set_result(());
            }
        });
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.state.read(|state| state.set)
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
        self.state.move_on(|state| state.waiters.push(waiter.clone()));
        waiter.await
    }
}
