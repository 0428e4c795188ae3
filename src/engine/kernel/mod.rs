//! The kernel: threads and the objects they share, looking like `std`, with an engine below that is chosen at run time.
//!
//! A program under test is plain code: it spawns [`thread`]s, takes [`Mutex`]es and [`FifoLock`]s, waits on
//! [`Condvar`]s and [`Flag`]s, reads and writes [`Cell`]s, and leaves to the engine what it may [`choose`]. Each such call is a *visible operation*: the engine decides
//! which thread takes its next one, and runs the program again until every order that matters was seen. Two promises
//! make that sound: data shared between threads lives inside kernel objects, and a thread's own data depends on
//! nothing but what its operations returned. Callbacks and coroutines that take turns on one thread are [`LogicalTask`]s: they
//! share data only as [`Local`].
//!
//! This folder is the only door to an engine.

mod book;
mod cell;
mod choose;
mod condvar;
mod engine;
mod fifo;
mod flag;
mod guarded_cell;
mod local;
mod logical_task;
mod mutex;
mod object;
mod ordered_cell;
mod queue;
pub mod thread;
mod timers;

pub(crate) use crate::engine::fingerprint::digest;
pub use book::{Book, Doing, Record, RoleId};
pub use cell::Cell;
pub use choose::choose;
pub use condvar::Condvar;
pub(crate) use engine::install;
pub use engine::{Engine, Installed, LoomParts, ObjectCore, Request, Spawn, Took};
pub use fifo::{FifoGuard, FifoLock};
pub use flag::Flag;
pub use guarded_cell::GuardedCell;
pub use local::Local;
pub use logical_task::LogicalTask;
pub(crate) use logical_task::{Mark, learns_only};
pub use mutex::{Mutex, MutexGuard};
pub use object::{Object, Op};
pub use ordered_cell::OrderedCell;
pub use queue::Queue;
pub use timers::{ArmedTimer, NotedTimer, Timers};

use super::trace::Anchor;

/// Words for a timeline, made only if there will be one.
pub(crate) fn words(make: impl FnOnce() -> String) -> String {
    if engine::current().book().is_detailed() { make() } else { String::new() }
}

/// Ties an observation to the step that the running thread has just taken, for pictures.
pub fn anchor(anchor: Anchor) {
    engine::current().book().anchor(anchor);
}

/// Notes behind the step that the running thread has just taken what it does without an operation, for pictures.
pub(crate) fn note(words: impl FnOnce() -> String) {
    engine::current().book().note(words);
}

/// Runs the part of a program that only sets it up: in one order, whatever threads take part, until none of them can
/// move any more. It is left out of schedules and pictures.
pub fn setup<R>(body: impl FnOnce() -> R) -> R {
    let engine = engine::current();
    engine.explore(false);
    let result = body();
    engine.settle();
    engine.book().record("settle", &"setup".into(), String::new());
    engine.book().end_setup();
    engine.explore(true);
    result
}

/// Has `clear` run when the execution is over. Objects whose content refers to their owner would live for ever without.
pub(crate) fn at_end(clear: impl FnOnce() + 'static) {
    engine::current().at_end(Box::new(clear));
}
