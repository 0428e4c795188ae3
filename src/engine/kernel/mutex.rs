//! A mutual exclusion lock, as `std::sync::Mutex` without poisoning. Under loom it is loom's own.

use std::cell::{Cell, RefCell, RefMut};
use std::hash::Hash;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::book::Doing;
use super::engine;
use super::engine::{Engine, ObjectCore, Request};
use crate::engine::fingerprint::digest;

/// A lock around data.
///
/// What the data is counts as learned by the thread that takes the lock, so `T: Hash`.
pub struct Mutex<T> {
    pub(super) engine: Rc<dyn Engine>,
    pub(super) core: Rc<ObjectCore>,
    owner: Rc<RefCell<Option<Rc<str>>>>,
    data: RefCell<T>,
    /// Whether its operations are steps of a schedule, or only part of one (inside a written-out FIFO lock).
    visible: Cell<bool>,
}

impl<T: Hash> Mutex<T> {
    /// A new lock.
    #[must_use]
    pub fn new(name: &str, data: T) -> Self {
        let engine = engine::current();
        let core = engine.object(name.into());
        let mutex =
            Self { engine, core, owner: Rc::default(), data: RefCell::new(data), visible: Cell::new(true) };
        mutex.note_content();
        mutex
    }

    /// A lock whose operations are no steps of their own.
    pub(super) fn internal(name: &str, data: T) -> Self {
        let mutex = Self::new(name, data);
        mutex.visible.set(false);
        mutex
    }

    /// Takes the lock; waits until it is free.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        let book = self.engine.book();
        if self.visible.get() {
            book.acquires(&self.core.name);
        }
        let guard = match &self.core.loom {
            Some(parts) => {
                let guard = self.blocking("lock", || parts.mutex.lock());
                self.taken("lock");
                Some(guard.unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            None => {
                self.take_whole();
                None
            }
        };
        MutexGuard { mutex: self, data: Some(self.data.borrow_mut()), loom: guard }
    }

    /// Runs a call that may block this thread in loom, with the book kept.
    pub(super) fn blocking<R>(&self, operation: &'static str, call: impl FnOnce() -> R) -> R {
        let book = self.engine.book();
        let role = book.current();
        if !self.visible.get() {
            let result = call();
            book.set_current(role);
            return result;
        }
        let operation = Some((operation, self.core.name.clone()));
        book.set_doing(role, Doing { operation, waits_for: Vec::new(), idle: false });
        let result = call();
        book.set_current(role);
        book.set_doing(role, Doing::default());
        result
    }

    /// Under loom: the lock was taken.
    pub(super) fn taken(&self, operation: &'static str) {
        let book = self.engine.book();
        *self.owner.borrow_mut() = Some(book.name(book.current()));
        if self.visible.get() {
            book.holds(&self.core.name);
            book.record(operation, &self.core.name, String::new());
        }
    }

    /// In-house: takes the lock as one operation.
    pub(super) fn take_whole(&self) {
        let owner = self.owner.clone();
        let request = Request {
            object: &self.core,
            operation: "lock",
            ready: Some(Rc::new(move || owner.borrow().is_none())),
            alternatives: None,
            idle: false,
            settled: false,
            reads: false,
            watches: &[],
            waits_for: &Vec::new,
        };
        self.engine.perform(request, &mut |_| {
            let book = self.engine.book();
            *self.owner.borrow_mut() = Some(book.name(book.current()));
            if self.visible.get() {
                book.holds(&self.core.name);
            }
            self.note_content();
            let learned = if self.engine.digests() { digest(&*self.data.borrow()) } else { 0 };
            (learned, String::new())
        });
    }

    /// Lets the lock go without an operation of its own.
    pub(super) fn let_go(&self) {
        *self.owner.borrow_mut() = None;
        if self.visible.get() {
            self.engine.book().drops(&self.core.name);
        }
        self.note_content();
    }

    /// Looks at the data from outside the program, or as a thread that knows that no other can change it.
    pub(super) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.data.borrow())
    }

    /// The data, for a thread that has just taken the lock.
    pub(super) fn data(&self) -> RefMut<'_, T> {
        self.data.borrow_mut()
    }

    fn note_content(&self) {
        if self.engine.digests() {
            let content = match self.data.try_borrow() {
                Ok(data) => digest(&(&*self.owner.borrow(), &*data)),
                Err(_) => digest(&*self.owner.borrow()),
            };
            self.engine.used(&self.core, content);
        }
    }
}

/// Holds a [`Mutex`] until dropped.
pub struct MutexGuard<'a, T: Hash> {
    pub(super) mutex: &'a Mutex<T>,
    pub(super) data: Option<RefMut<'a, T>>,
    pub(super) loom: Option<loom::sync::MutexGuard<'a, ()>>,
}

impl<T: Hash> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.data.as_ref().expect("a guard has its data until it is dropped")
    }
}

impl<T: Hash> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.data.as_mut().expect("a guard has its data until it is dropped")
    }
}

impl<T: Hash> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.data.take().is_none() || self.mutex.engine.is_over() {
            return;
        }
        let mutex = self.mutex;
        let book = mutex.engine.book();
        if let Some(guard) = self.loom.take() {
            mutex.let_go();
            if mutex.visible.get() {
                book.record("unlock", &mutex.core.name, String::new());
            }
            drop(guard);
            return;
        }
        let request = Request {
            object: &mutex.core,
            operation: "unlock",
            ready: None,
            alternatives: None,
            idle: false,
            settled: true,
            reads: false,
            watches: &[],
            waits_for: &Vec::new,
        };
        mutex.engine.perform(request, &mut |_| {
            mutex.let_go();
            (0, String::new())
        });
    }
}
