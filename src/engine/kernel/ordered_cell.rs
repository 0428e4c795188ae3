//! Data that several threads use, but never at the same time: other operations put every access in one order. An
//! access is no visible operation, yet what it returns counts as learned and what it holds as part of the state.

use std::hash::Hash;

use super::Object;

/// Data whose accesses are ordered by other operations. That they are is a promise of the caller; an attribute that
/// threads really race for is a [`Cell`](super::Cell).
pub struct OrderedCell<T> {
    value: Object<T>,
}

impl<T> Clone for OrderedCell<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone() }
    }
}

impl<T: Clone + Hash + 'static> OrderedCell<T> {
    /// New data.
    #[must_use]
    pub fn new(name: &str, value: T) -> Self {
        Self { value: Object::new(name, value) }
    }

    /// Reads the data.
    #[must_use]
    pub fn get(&self) -> T {
        self.value.touch(|value| value.clone())
    }

    /// Writes the data.
    pub fn set(&self, new: T) {
        self.value.touch(|value| *value = new);
    }

    /// Looks at the data when the execution is over.
    pub fn inspect<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.value.inspect(look)
    }
}
