//! A condition variable, as `std::sync::Condvar`; waiters are woken in the order in which they came, as in CPython
//! and in loom. Under loom it is loom's own.

use std::collections::VecDeque;
use std::hash::Hash;

use super::mutex::MutexGuard;
use super::{Object, Op};

/// A condition variable.
pub struct Condvar {
    waiters: Object<Waiters>,
}

#[derive(Hash)]
struct Waiters {
    next: u64,
    queue: VecDeque<u64>,
    woken: Vec<u64>,
}

impl Condvar {
    /// A new condition variable.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let waiters = Waiters { next: 0, queue: VecDeque::new(), woken: Vec::new() };
        Self { waiters: Object::new(name, waiters) }
    }

    /// Lets the lock go, waits until notified, takes the lock again. As one operation each: going to wait, waking up,
    /// taking the lock.
    #[must_use]
    pub fn wait<'a, T: Hash>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex;
        if let (Some(parts), Some(held)) = (&self.waiters.core().loom, guard.loom.take()) {
            drop(guard.data.take());
            mutex.let_go();
            let held = mutex.blocking("wait", || parts.condvar.wait(held));
            mutex.taken("wait");
            guard.loom = Some(held.unwrap_or_else(std::sync::PoisonError::into_inner));
        } else {
            drop(guard.data.take());
            let ticket = self.waiters.perform(Op::new("wait"), |waiters| {
                let ticket = waiters.next;
                waiters.next += 1;
                waiters.queue.push_back(ticket);
                mutex.let_go();
                ticket
            });
            self.waiters.perform_when(
                Op::new("wake"),
                move |waiters| waiters.woken.contains(&ticket),
                |waiters| waiters.woken.retain(|woken| *woken != ticket),
            );
            mutex.take_whole();
        }
        guard.data = Some(mutex.data());
        guard
    }

    /// Wakes the thread that has waited longest.
    pub fn notify_one(&self) {
        if let Some(parts) = &self.waiters.core().loom {
            parts.condvar.notify_one();
            return;
        }
        self.waiters.perform(Op::new("notify"), |waiters| {
            let first = waiters.queue.pop_front();
            waiters.woken.extend(first);
        });
    }

    /// Wakes every thread that waits.
    pub fn notify_all(&self) {
        if let Some(parts) = &self.waiters.core().loom {
            parts.condvar.notify_all();
            return;
        }
        self.waiters.perform(Op::new("notify all"), |waiters| {
            let all: Vec<u64> = waiters.queue.drain(..).collect();
            waiters.woken.extend(all);
        });
    }
}
