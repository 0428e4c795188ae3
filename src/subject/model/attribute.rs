//! An attribute of an object that several threads have, as Python's are: nothing guards it.
//!
//! Most attributes of the agent are used by one thread after another, and other operations put them in one order. Where
//! somebody switches the model beside a turn they are raced for, and then each access is a visible operation.

use std::fmt::Debug;
use std::hash::Hash;

use crate::engine::kernel::{Cell, OrderedCell};

/// An attribute; copies of it are the same one.
pub(super) enum Attribute<T> {
    /// Other operations order every access.
    Alone(OrderedCell<T>),
    /// Threads race for it.
    Contested(Cell<T>),
}

impl<T> Clone for Attribute<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Alone(value) => Self::Alone(value.clone()),
            Self::Contested(value) => Self::Contested(value.clone()),
        }
    }
}

impl<T: Clone + Debug + Hash + 'static> Attribute<T> {
    pub(super) fn new(name: &str, value: T, contested: bool) -> Self {
        if contested {
            Self::Contested(Cell::new(name, value))
        } else {
            Self::Alone(OrderedCell::new(name, value))
        }
    }

    pub(super) fn get(&self) -> T {
        match self {
            Self::Alone(value) => value.get(),
            Self::Contested(value) => value.get(),
        }
    }

    pub(super) fn set(&self, new: T) {
        self.set_with(new, || {});
    }

    /// Writes the attribute, and in the same moment something that whoever reads it looks at next.
    pub(super) fn set_with(&self, new: T, also: impl FnOnce()) {
        match self {
            Self::Alone(value) => {
                also();
                value.set(new);
            }
            Self::Contested(value) => value.update("write", |old| {
                also();
                *old = new;
            }),
        }
    }

    /// Looks at it when the execution is over.
    pub(super) fn inspect<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        match self {
            Self::Alone(value) => value.inspect(look),
            Self::Contested(value) => value.inspect(look),
        }
    }

    /// Another attribute that holds the same now.
    pub(super) fn copied(&self, name: &str) -> Self {
        Self::new(name, self.get(), matches!(self, Self::Contested(_)))
    }
}
