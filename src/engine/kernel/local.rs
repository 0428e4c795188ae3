//! Data that the logical tasks of one thread share. No other thread ever touches it, so an access is no visible operation; but
//! what it holds is part of the state, and what a logical task reads of it the logical task has learned.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::engine;
use super::engine::{Engine, ObjectCore};
use crate::engine::fingerprint::digest;

/// Data of one thread.
pub struct Local<S> {
    shared: Rc<Shared<S>>,
}

struct Shared<S> {
    engine: Rc<dyn Engine>,
    /// None where no states are kept.
    core: Option<Rc<ObjectCore>>,
    content: RefCell<S>,
}

impl<S> Clone for Local<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S> Drop for Shared<S> {
    fn drop(&mut self) {
        if let Some(core) = &self.core {
            self.engine.dropped(core);
        }
    }
}

/// As the content of something else it stands for itself, whatever it holds.
impl<S> Hash for Local<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl<S> Local<S> {
    /// What tells it from other data of the same kind that is there at the same time.
    pub(crate) fn key(&self) -> u128 {
        self.shared.core.as_ref().map_or(0, |core| core.key)
    }

    /// Looks at the data without learning anything: what the logical task does must not depend on it, or everything that it
    /// does must be part of the state anyway.
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.shared.content.borrow())
    }

    /// As [`Object::let_go_at_end`](super::Object::let_go_at_end).
    pub(crate) fn let_go_at_end<R>(&self, take: impl FnOnce(&mut S) -> R + 'static)
    where
        S: 'static,
    {
        engine::let_go_at_end(&self.shared.engine, &self.shared, |shared| {
            take(&mut shared.content.borrow_mut())
        });
    }

    /// Takes what refers to others out of the data, when the execution is over.
    pub(crate) fn clear<R>(&self, clear: impl FnOnce(&mut S) -> R) -> R {
        clear(&mut self.shared.content.borrow_mut())
    }
}

impl<S: Hash> Local<S> {
    /// New data.
    ///
    /// # Panics
    ///
    /// Outside an exploration.
    #[must_use]
    pub fn new(content: S) -> Self {
        let engine = engine::current();
        let core = engine.digests().then(|| engine.object("".into()));
        let local = Self { shared: Rc::new(Shared { engine, core, content: RefCell::new(content) }) };
        local.note();
        local
    }

    /// Reads the data.
    pub fn read<R: Hash>(&self, look: impl FnOnce(&S) -> R) -> R {
        let seen = look(&self.shared.content.borrow());
        self.learn(&seen);
        seen
    }

    /// Changes the data; what is returned counts as read.
    pub fn update<R: Hash>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let seen = change(&mut self.shared.content.borrow_mut());
        self.note();
        self.learn(&seen);
        seen
    }

    /// Changes the data, and learns nothing of what is returned: as with [`Local::inspect`], it is for the caller to see
    /// to it that nothing can come of that.
    pub(crate) fn move_on<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let result = change(&mut self.shared.content.borrow_mut());
        self.note();
        result
    }

    fn learn(&self, seen: &impl Hash) {
        if self.shared.core.is_some() {
            self.shared.engine.learned(digest(seen));
        }
    }

    /// Tells the engine what the data is now.
    fn note(&self) {
        if let Some(core) = &self.shared.core {
            self.shared.engine.holds(core, digest(&*self.shared.content.borrow()));
        }
    }
}

impl<S: Clone + Hash> Local<S> {
    /// Reads the data as a whole.
    #[must_use]
    pub fn get(&self) -> S {
        self.read(Clone::clone)
    }

    /// Writes the data.
    pub fn set(&self, content: S) {
        self.update(|old| *old = content);
    }

    /// Writes the data; what it was.
    pub fn replace(&self, content: S) -> S {
        self.update(|old| std::mem::replace(old, content))
    }
}

impl<S: Hash + Default> Local<S> {
    /// Takes the data out and leaves what a new one holds.
    #[must_use]
    pub fn take(&self) -> S {
        self.update(std::mem::take)
    }
}
