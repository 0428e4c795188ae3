//! What a part of the search leaves behind for those who meet its root again: the operations done below it that could
//! race with a step above it.
//!
//! An entry says: below here thread `u` uses object `x`, and nothing between here and there changed `x`. Whether a
//! step above races with it is a question of happens-before, so an entry keeps the clock that `u` had when the
//! operation became its next one. In a stored footprint, where the steps above are another path's, what is left of
//! the clock is the set of threads that moved, below here, before the operation could.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

/// For each thread, one more than the number of its last step that happened before; 0 if none did.
pub(in crate::engine) type Clock = Rc<[u32]>;

/// What a thread has seen.
pub(in crate::engine) fn seen(clock: &[u32], thread: usize) -> u32 {
    clock.get(thread).copied().unwrap_or(0)
}

/// The later of two clocks, thread by thread.
pub(in crate::engine) fn join(into: &mut Vec<u32>, other: &[u32]) {
    if into.len() < other.len() {
        into.resize(other.len(), 0);
    }
    into.iter_mut().zip(other).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
}

/// Who does what to which object: a thread's number, an object's, and whether it may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) struct Deed {
    pub(in crate::engine) thread: u32,
    pub(in crate::engine) object: u32,
    pub(in crate::engine) changes: bool,
}

/// A footprint while the path above it stands.
#[derive(Debug, Default)]
pub(in crate::engine) struct Footprint {
    deeds: FxHashMap<Deed, Vec<Clock>>,
}

/// A footprint on its own: each deed, and the threads that moved before it.
pub(in crate::engine) type Stored = Arc<[(Deed, Threads)]>;

/// A set of threads, by number. A thread whose number is too high for the set is left out, which loses precision but
/// no interleaving.
pub(in crate::engine) type Threads = u64;

/// The set of one thread.
pub(in crate::engine) fn only(thread: u32) -> Threads {
    1_u64.checked_shl(thread).unwrap_or(0)
}

impl Footprint {
    /// Beyond so many clocks for one deed, one that is earlier than all of them stands for all.
    const CLOCKS: usize = 4;

    /// Adds a deed whose thread had this clock.
    pub(in crate::engine) fn add(&mut self, deed: Deed, clock: Clock) {
        let clocks = self.deeds.entry(deed).or_default();
        if clocks.iter().any(|known| is_before(known, &clock)) {
            return;
        }
        clocks.retain(|known| !is_before(&clock, known));
        clocks.push(clock);
        if clocks.len() > Self::CLOCKS {
            let earliest = clocks.iter().skip(1).fold(clocks[0].to_vec(), |earliest, clock| {
                earliest.iter().enumerate().map(|(thread, step)| (*step).min(seen(clock, thread))).collect()
            });
            *clocks = vec![earliest.into()];
        }
    }

    /// Takes in the footprint of what lies below a step that used these objects: what the step itself changed hides
    /// whatever is above it.
    pub(in crate::engine) fn absorb(&mut self, mut below: Self, hidden: impl Fn(u32) -> bool) {
        below.deeds.retain(|deed, _| !hidden(deed.object));
        if self.deeds.len() < below.deeds.len() {
            std::mem::swap(self, &mut below);
        }
        for (deed, clocks) in below.deeds {
            clocks.into_iter().for_each(|clock| self.add(deed, clock));
        }
    }

    /// The footprint for a search that comes here on another path; `depth` steps lie above, and `numbers` are
    /// those of the threads.
    pub(in crate::engine) fn stored(&self, depth: u32, numbers: &[u32]) -> Stored {
        let mut stored: Vec<(Deed, Threads)> = Vec::with_capacity(self.deeds.len());
        for (deed, clocks) in &self.deeds {
            let sets = clocks.iter().map(|clock| {
                let moved = clock.iter().zip(numbers).filter(|(step, _)| **step > depth);
                moved.fold(only(deed.thread), |set, (_, number)| set | only(*number))
            });
            stored.extend(sets.map(|set| (*deed, set)));
        }
        stored.sort_unstable();
        stored.dedup();
        stored.into()
    }
}

fn is_before(earlier: &[u32], later: &[u32]) -> bool {
    earlier.iter().enumerate().all(|(thread, step)| *step <= seen(later, thread))
}
