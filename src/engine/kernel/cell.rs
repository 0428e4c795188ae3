//! An attribute that threads share without a lock: each read and each write is a visible operation of its own, so
//! whatever another thread does between the two is found. That is where races live.

use std::fmt::Debug;
use std::hash::Hash;

use super::{Object, Op};

/// A shared attribute.
pub struct Cell<T> {
    value: Object<T>,
}

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone() }
    }
}

impl<T: Clone + Debug + Hash + 'static> Cell<T> {
    /// A new attribute.
    #[must_use]
    pub fn new(name: &str, value: T) -> Self {
        Self { value: Object::new(name, value) }
    }

    /// Reads the attribute.
    #[must_use]
    pub fn get(&self) -> T {
        self.value.perform(Op::new("read").reads().says(|value| format!("{value:?}")), |value| value.clone())
    }

    /// Writes the attribute.
    pub fn set(&self, value: T) {
        let words = super::words(|| format!("{value:?}"));
        self.value.perform(Op::new("write").says(move |()| words.clone()), |old| *old = value);
    }

    /// Changes the attribute in one operation, as one bytecode of the original does (an append to a list, say).
    pub fn update<R: Hash>(&self, operation: &'static str, change: impl FnOnce(&mut T) -> R) -> R {
        self.value.perform(Op::new(operation), change)
    }

    /// Looks at the attribute when the execution is over.
    pub fn inspect<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.value.inspect(look)
    }
}
