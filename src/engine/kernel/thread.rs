//! Threads by name, the places they are in, and roles that run inline on another's thread.

use super::RoleId;
use super::engine;
use super::engine::{Engine, Spawn};
use super::{Flag, LogicalTask};
use std::rc::Rc;

/// A handle to wait for a thread.
pub struct JoinHandle {
    done: Flag,
}

impl JoinHandle {
    /// Waits until the thread is done.
    pub fn join(self) {
        self.done.wait();
    }
}

/// Begins a thread. Its name is its identity in schedules, so no two threads of a program may share one.
pub fn spawn(name: &str, body: impl FnOnce() + 'static) -> JoinHandle {
    let done = Flag::new(&format!("{name} done"));
    let finished = done.clone();
    let body = Box::new(move || {
        body();
        finished.set();
    });
    engine::current().spawn(Spawn { name: name.to_owned(), daemon: false, body });
    JoinHandle { done }
}

/// Begins a thread that no other waits for.
pub fn spawn_detached(name: &str, body: impl FnOnce() + 'static) {
    engine::current().spawn(Spawn { name: name.to_owned(), daemon: false, body: Box::new(body) });
}

/// Begins a thread that serves others: the program may end while it is idle.
pub fn spawn_daemon(name: &str, body: impl FnOnce() + 'static) {
    engine::current().spawn(Spawn { name: name.to_owned(), daemon: true, body: Box::new(body) });
}

/// The running role.
#[must_use]
pub fn current() -> RoleId {
    engine::current().book().current()
}

/// The name of the running role.
#[must_use]
pub fn name() -> Rc<str> {
    let engine = engine::current();
    engine.book().name(engine.book().current())
}

/// The last step of the execution, counted from 0 from the end of the setup; none before the first.
pub(super) fn last_step() -> Option<usize> {
    engine::current().book().taken().checked_sub(1)
}

/// Whether this execution is being thrown away, so that destructors have nothing left to do.
#[must_use]
pub fn is_over() -> bool {
    engine::current().is_over()
}

/// Runs `body` on this thread under the name of another role: locks, schedules and pictures count it as that role.
pub fn as_role<R>(name: &str, body: impl FnOnce() -> R) -> R {
    let engine = engine::current();
    let before = engine.book().current();
    engine.book().set_current(engine.book().role(name));
    let result = body();
    engine.book().set_current(before);
    result
}

/// The thread stands where it stood when it began: nothing it learned matters for what it will do. Only a promise of
/// the caller makes that true; a worker between two jobs can give it.
pub fn forget() {
    let engine = engine::current();
    engine.set_logical_task(LogicalTask { history: 0, ..engine.logical_task() });
}

/// Marks a place the thread is in, until the guard is dropped; it is shown when the program gets stuck.
pub fn place(place: impl Into<String>) -> Place {
    Place::enter(place.into(), None)
}

/// As [`place`], and says which role could end a wait in this place.
pub fn place_waiting_for(place: impl Into<String>, role: &str) -> Place {
    Place::enter(place.into(), Some(role.to_owned()))
}

/// Notes that the thread begins a wait that needs other threads, for the acquisition graph: one edge from each lock
/// it holds.
pub fn awaits(what: &str) {
    engine::current().book().acquires(&what.into());
}

/// Keeps a place on the book.
#[must_use]
pub struct Place {
    engine: Rc<dyn Engine>,
    scope: (RoleId, u64),
}

impl Place {
    fn enter(place: String, waits_for: Option<String>) -> Self {
        let engine = engine::current();
        let scope = engine.book().enter(place, waits_for);
        Self { engine, scope }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.engine.book().leave(self.scope);
    }
}
