//! Data that a FIFO lock guards. While a thread owns the lock no other can touch the data, so an access is no
//! visible operation: it commutes with everything the others can do before the lock is released.

use std::fmt::Debug;
use std::hash::Hash;

use super::{FifoLock, Object, Op};

/// Data that is written by the owner of a lock and may be read, or waited for, by anybody: a write is a visible
/// operation, a read by the owner is not. Where others write it without the lock, every access is one.
pub struct GuardedCell<T> {
    lock: FifoLock,
    value: Object<T>,
    unlocked_writers: bool,
}

impl<T> Clone for GuardedCell<T> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone(), value: self.value.clone(), unlocked_writers: self.unlocked_writers }
    }
}

impl<T: Clone + Debug + Hash + 'static> GuardedCell<T> {
    /// Data guarded by `lock`, or meant to be, if there are `unlocked_writers`.
    #[must_use]
    pub fn new(name: &str, lock: &FifoLock, value: T, unlocked_writers: bool) -> Self {
        Self { lock: lock.clone(), value: Object::new(name, value), unlocked_writers }
    }

    /// Reads the data as the owner of the lock.
    ///
    /// # Panics
    ///
    /// If the running thread does not own the lock, unless there are unlocked writers.
    pub fn read<R: Hash>(&self, look: impl FnOnce(&T) -> R) -> R {
        if self.unlocked_writers {
            return self.value.perform(Op::new("read").reads(), |value| look(value));
        }
        self.lock.assert_owned(self.value.name());
        self.value.touch(|value| look(value))
    }

    /// Changes the data as the owner of the lock; `words` says how, in a timeline.
    ///
    /// # Panics
    ///
    /// If the running thread does not own the lock, unless there are unlocked writers.
    pub fn write<R: Hash>(
        &self,
        operation: &'static str,
        words: impl Into<String>,
        change: impl FnOnce(&mut T) -> R,
    ) -> R {
        if !self.unlocked_writers {
            self.lock.assert_owned(self.value.name());
        }
        let words = words.into();
        self.value.perform(Op::new(operation).says(move |_| words.clone()), change)
    }

    /// Reads the data without the lock.
    pub fn read_unlocked<R: Debug + Hash>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.value.perform(Op::new("read").reads().says(|seen| format!("{seen:?}")), |value| look(value))
    }

    /// Looks at the data when the execution is over, or in the condition of a wait.
    pub fn inspect<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.value.inspect(look)
    }

    /// The object that holds the data, for operations that watch it.
    pub(crate) fn object(&self) -> &Object<T> {
        &self.value
    }

    /// Waits until the data is as wanted.
    pub fn wait_until(&self, wanted: impl Fn(&T) -> bool + 'static) {
        self.value.perform_when(Op::new("wait").reads(), wanted, |_| ());
    }
}
