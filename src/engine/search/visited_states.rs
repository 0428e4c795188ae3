//! The states of which everything below was searched: one table for all who search a program together.
//!
//! It is cut into parts with a lock each, chosen by the digest of the state, so that two who look up different states
//! hardly ever wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::footprint::{Stored, Threads};
use crate::engine::fault_injection::{Planted, planted};

/// How a state was left, by state.
pub(in crate::engine) struct Table<T> {
    parts: Box<[Mutex<FxHashMap<u128, T>>]>,
    /// About how many bytes it takes.
    size: AtomicU64,
}

impl<T: Clone> Table<T> {
    /// An empty table of so many parts.
    pub(in crate::engine) fn new(parts: usize) -> Self {
        Self { parts: (0..parts).map(|_| Mutex::default()).collect(), size: AtomicU64::new(0) }
    }

    fn part(&self, state: u128) -> MutexGuard<'_, FxHashMap<u128, T>> {
        let part = (state >> 64) % self.parts.len() as u128;
        // What is in a part is whole whenever its lock is let go.
        self.parts[usize::try_from(part).unwrap_or(0)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a state was left; none if it was not.
    pub(in crate::engine) fn get(&self, state: u128) -> Option<T> {
        self.part(state).get(&state).cloned()
    }

    /// A state was left like this, which takes so many bytes; unless it was left before in a way that is as good.
    pub(in crate::engine) fn put(
        &self,
        state: u128,
        left: T,
        size: impl Fn(&T) -> u64,
        is_as_good: impl FnOnce(&T, &T) -> bool,
    ) {
        let mut part = self.part(state);
        let before = part.get(&state);
        if before.is_some_and(|before| is_as_good(before, &left)) {
            return;
        }
        let (gone, come) = (before.map_or(0, &size), size(&left));
        part.insert(state, left);
        self.size.fetch_add(come.wrapping_sub(gone), Ordering::Relaxed);
    }

    /// About how many bytes it takes.
    pub(in crate::engine) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }
}

/// How a state was left: see [`super::parallel`].
#[derive(Clone)]
pub(in crate::engine) struct Known {
    pub(super) asleep: Threads,
    pub(super) tried: Threads,
    pub(super) below: Stored,
}

impl Known {
    /// Whether it says all that another entry says.
    pub(super) fn is_as_good_as(&self, other: &Self) -> bool {
        self.asleep & !other.asleep == 0 && !planted(Planted::KnownOnEntry)
    }

    /// About how many bytes it takes, with its place in the map.
    pub(super) fn size(&self) -> u64 {
        96 + 32 * self.below.len() as u64
    }
}
