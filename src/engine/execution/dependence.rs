//! When two operations depend on each other: the one place that says so, for every search that leaves something out.
//!
//! They do if they use the same object and one of them changes it. What an operation used is known once it was taken,
//! and a use that left the content as it was is no change; of an operation to come only what it announced is known,
//! and that is taken for the most it may do. An operation that is settled depends on nothing that can come before it.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::engine::fault_injection::{Planted, planted};
use crate::engine::system::{Next, Use};

impl Next {
    /// How many of its alternatives are tried.
    pub(in crate::engine) fn tried_alternatives(&self) -> usize {
        if planted(Planted::OnlyTheFirstAlternative) { 1 } else { self.alternatives.max(1) }
    }

    /// Whether it commutes with all that others can do before it, as far as it is believed.
    pub(in crate::engine) fn is_settled(&self) -> bool {
        self.settled || (planted(Planted::ChoicesAreSettled) && self.alternatives > 1)
    }

    /// The objects it may use, and whether it may change them.
    pub(in crate::engine) fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        let own = Use { object: self.object, changes: !self.reads };
        let watches = if planted(Planted::WatchedObjectsForgotten) { &[][..] } else { &self.watches };
        std::iter::once(own).chain(watches.iter().map(|object| Use { object: *object, changes: false }))
    }
}

impl Use {
    /// Whether the order of the two uses matters.
    pub(in crate::engine) fn conflicts_with(self, other: Self) -> bool {
        self.object == other.object && either_changes(self.changes, other.changes)
    }
}

/// Whether the order of two uses of one object matters.
pub(in crate::engine) fn either_changes(one: bool, other: bool) -> bool {
    if planted(Planted::WritesAreReads) {
        return false;
    }
    if planted(Planted::ReadsDependOnNothing) {
        return one && other;
    }
    one || other
}

/// Whether two operations depend on each other.
pub(in crate::engine) fn depend(some: impl IntoIterator<Item = Use>, others: &[Use]) -> bool {
    some.into_iter().any(|one| others.iter().any(|other| one.conflicts_with(*other)))
}

/// Objects that one operation waits for together. A search that keeps no states counts them as one object for those who
/// change them, so that whether the operation can be taken hangs on a single order of changes.
#[derive(Debug, Default)]
pub(in crate::engine) struct Groups {
    /// The group of an object, named by one of its objects.
    of: FxHashMap<u32, u32>,
    grown: bool,
}

impl Groups {
    /// Takes in the objects of an operation.
    pub(in crate::engine) fn take_in(&mut self, next: &Next) {
        if !next.waits || next.watches.is_empty() || planted(Planted::GroupsForgotten) {
            return;
        }
        let own = self.group_of(next.object);
        for object in &next.watches {
            let other = self.group_of(*object);
            if other != own {
                self.of.insert(*object, own);
                self.of.values_mut().filter(|group| **group == other).for_each(|group| *group = own);
                self.grown = true;
            }
        }
        self.of.insert(next.object, own);
    }

    fn group_of(&self, object: u32) -> u32 {
        self.of.get(&object).copied().unwrap_or(object)
    }

    /// Whether a group has grown since this was last asked.
    pub(in crate::engine) fn take_grown(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }

    /// Uses, with a change of the group for each change of one of its objects. Objects get even numbers, groups odd ones.
    pub(in crate::engine) fn widen(&self, uses: impl Iterator<Item = Use>) -> Rc<[Use]> {
        let mut wide: Vec<Use> = Vec::new();
        for Use { object, changes } in uses {
            wide.push(Use { object: 2 * object, changes });
            let group = self.of.get(&object).filter(|_| changes).map(|group| 2 * group + 1);
            wide.extend(group.map(|object| Use { object, changes }));
        }
        wide.sort_unstable_by_key(|one| one.object);
        wide.dedup();
        wide.into()
    }
}
