//! Logical tasks: the callbacks and coroutines that take turns on one thread.
//!
//! For a search, a state is what everybody has learned and what every object holds. If a thread that runs an event loop
//! learned as a whole, it would remember for ever in which order its callbacks ran, though none of them can tell. So each
//! of them is a logical task: what it learns is its own and is gone when it ends. Data that logical tasks of a thread share is a
//! [`Local`](super::Local): what it holds is part of the state, and what a logical task reads of it the logical task has learned.
//!
//! A logical task is told apart by its *key*, which the logical task that made it gives it, and begins with knowing what it was made
//! of: a label that says all it will do, or else everything that its maker knew.

use std::hash::Hash;

use super::engine;
use crate::engine::fingerprint::{chain, digest};

/// A logical task while it does not run, or the one that runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LogicalTask {
    /// Tells it from others.
    pub(crate) key: u128,
    /// The digest of all it has learned.
    pub(crate) history: u128,
    /// How many objects and logical tasks it has made.
    pub(crate) made: u64,
    /// The digest of the logical tasks of the same thread that wait for it to give way.
    pub(crate) beneath: u128,
}

impl LogicalTask {
    /// A logical task that a label says everything about, made by the one that runs.
    pub(crate) fn labelled(label: &impl Hash) -> Self {
        if engine::current().digests() {
            Self::with_key(next_key(), Some(digest(label)))
        } else {
            Self::default()
        }
    }

    /// A logical task that knows all that the one that makes it knows now.
    pub(crate) fn branch() -> Self {
        Self::with_key(next_key(), None)
    }

    /// A logical task with a key of its own, begun by the one that runs; `label` says everything about it, if it is given.
    pub(crate) fn with_key(key: u128, label: Option<u128>) -> Self {
        if !engine::current().digests() {
            return Self::default();
        }
        let history = label.unwrap_or_else(|| engine::current().logical_task().history);
        Self { key, history: chain(key, history), ..Self::default() }
    }

    /// Runs `body` as this logical task; what it is when it gives way.
    pub(crate) fn run<R>(mut self, body: impl FnOnce() -> R) -> (R, Self) {
        let engine = engine::current();
        if !engine.digests() {
            return (body(), self);
        }
        let before = engine.logical_task();
        self.beneath = chain(before.beneath, before.history);
        engine.set_logical_task(self);
        let result = body();
        let now = engine.logical_task();
        engine.set_logical_task(before);
        (result, Self { beneath: 0, ..now })
    }
}

/// The key of the next thing that the running logical task makes.
fn next_key() -> u128 {
    let engine = engine::current();
    if !engine.digests() {
        return 0;
    }
    let logical_task = engine.logical_task();
    engine.set_logical_task(LogicalTask { made: logical_task.made + 1, ..logical_task });
    chain(logical_task.key, u128::from(logical_task.made))
}

/// A place in a logical task to which it can go back: what it had learned there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    logical_task: LogicalTask,
}

impl Mark {
    /// Here.
    pub(crate) fn here() -> Self {
        let engine = engine::current();
        let logical_task = engine.logical_task();
        if engine.digests() {
            engine.set_logical_task(LogicalTask {
                history: chain(logical_task.history, digest("begun")),
                ..logical_task
            });
        }
        Self { logical_task }
    }

    /// What the logical task learned since matters no more, but for `value`. The caller promises it; a function that returns
    /// `value` and leaves nothing else behind but in objects can.
    pub(crate) fn keep(self, value: &impl Hash) {
        self.back(|| ended(value), Some(self.logical_task.made));
    }

    /// The logical task stands at the head of a loop that begins here, at which nothing it learned matters.
    pub(crate) fn again(self) {
        self.back(|| digest("again"), None);
    }

    /// The logical task gives way here, and when it goes on nothing will depend on what it did since, but in objects.
    pub(crate) fn as_before(self) {
        let engine = engine::current();
        engine.set_logical_task(LogicalTask { history: self.logical_task.history, ..engine.logical_task() });
    }

    /// Goes back by a way that tells from where, and with `made` also to the objects that were made by then.
    fn back(self, way: impl FnOnce() -> u128, made: Option<u64>) {
        let engine = engine::current();
        if engine.digests() {
            let now = engine.logical_task();
            let history = chain(self.logical_task.history, way());
            engine.set_logical_task(LogicalTask { history, made: made.unwrap_or(now.made), ..now });
        }
    }
}

/// Runs a function of which the logical task learns nothing but what it returns.
pub(crate) fn learns_only<R: Hash>(body: impl FnOnce() -> R) -> R {
    let begun = Mark::here();
    let result = body();
    begun.back(|| ended(&result), None);
    result
}

/// The way back from the end of something that came to `value`.
fn ended(value: &impl Hash) -> u128 {
    chain(digest("ended"), digest(value))
}
