//! A place on the path of the default search: who could move there, who is to be tried and who need not be.

use std::rc::Rc;
use std::sync::Arc;

use crate::engine::execution::record::{Left, StepRecord};
use crate::engine::fault_injection::{Planted, planted};
use crate::engine::search::footprint::{Clock, Footprint, Threads, only, seen};
use crate::engine::search::path::{Further, Kind};
use crate::engine::search::worker::Lease;
use crate::engine::system::{Next, Use};

/// A place on the path, and the step that is taken from it now.
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) default: usize,
    /// Who can move, and what each would do.
    pub(super) enabled: Vec<(usize, Next)>,
    /// The threads that are tried here, or need not be because they sleep.
    pub(super) wanted: Vec<usize>,
    /// Those of them that were not tried yet.
    pub(super) todo: Vec<usize>,
    /// Those of them that others try.
    pub(super) lent: Vec<(usize, Arc<Lease>)>,
    /// Whether nothing is left to try but what others do.
    pub(super) waits: bool,
    pub(super) asleep: Vec<Sleeper>,
    /// Who slept when the search came here.
    pub(super) asleep_at_entry: Threads,
    /// Who was tried.
    pub(super) tried: Threads,
    /// The digest of the state, where there is a choice.
    pub(super) state: Option<u128>,
    pub(super) below: Footprint,
    /// The first place on the path to whose state something below leads back; what is below is not all that follows, as
    /// long as that place is not left.
    pub(super) leads_back: usize,
    pub(super) thread: usize,
    /// Which of its alternatives the thread's operation takes now; all of them are tried.
    pub(super) alternative: usize,
    /// What the alternatives before used.
    pub(super) used: Vec<Use>,
    pub(super) step: Option<Step>,
}

/// A thread that need not be tried: all that begins with its next operation was seen on another path.
#[derive(Clone)]
pub(super) struct Sleeper {
    pub(super) thread: usize,
    pub(super) uses: Rc<[Use]>,
}

/// A step that was taken.
pub(super) struct Step {
    pub(super) uses: Rc<[Use]>,
    /// What the thread had seen before.
    pub(super) before: Clock,
    pub(super) threads_before: usize,
    /// The operations that became the next ones of their threads: the mover's own, and those of newborn threads.
    pub(super) fresh: Vec<(usize, Next)>,
    pub(super) left: Left,
}

impl Step {
    pub(super) fn changes(&self, object: u32) -> bool {
        self.uses.iter().any(|one| one.changes && one.object == object)
    }
}

impl Node {
    /// The step that is taken from here now.
    pub(super) fn taken(&self) -> StepRecord {
        StepRecord { thread: self.thread, default: self.default, alternative: self.alternative }
    }

    /// In how many ways the step from here can be taken.
    pub(super) fn alternatives(&self) -> usize {
        let own = self.enabled.iter().find(|(thread, _)| *thread == self.thread);
        own.map_or(1, |(_, next)| next.tried_alternatives())
    }

    /// The thread was tried in every alternative, so all that begins with its next operation was seen.
    pub(super) fn fall_asleep(&mut self, number: u32) {
        let uses = std::mem::take(&mut self.used).into();
        if only(number) != 0 {
            self.asleep.push(Sleeper { thread: self.thread, uses });
            self.tried |= only(number);
        }
        self.alternative = 0;
    }

    /// Turns to the next thread to try, one that others tried at last.
    pub(super) fn turn_to_next(&mut self) -> Further {
        self.waits = false;
        while let Some(thread) = self.todo.pop() {
            if self.is_awake(thread) {
                self.thread = thread;
                return Further::Execution;
            }
        }
        while let Some((thread, lent)) = self.lent.first() {
            if !lent.is_done() {
                self.waits = true;
                return Further::Lease(lent.clone());
            }
            self.thread = *thread;
            self.lent.remove(0);
            if self.is_awake(self.thread) {
                return Further::Execution;
            }
        }
        Further::End
    }

    pub(super) fn is_awake(&self, thread: usize) -> bool {
        self.asleep.iter().all(|sleeper| sleeper.thread != thread)
    }

    /// Where in what is left to try the thread is that will be tried last.
    pub(super) fn last_awake(&self) -> Option<usize> {
        self.todo.iter().position(|thread| self.is_awake(*thread))
    }

    /// Has a thread tried, if it is not yet. One that sleeps will not be, so it would not be seen here with what its step
    /// races; instead everybody is tried.
    pub(super) fn want(&mut self, thread: usize) {
        if self.wanted.contains(&thread) {
            return;
        }
        self.wanted.push(thread);
        self.todo.push(thread);
        let asleep = self.asleep.iter().any(|sleeper| sleeper.thread == thread);
        if asleep && !planted(Planted::WantedSleepersIgnored) {
            self.want_all();
        }
    }

    /// Has everybody tried.
    pub(super) fn want_all(&mut self) {
        let all: Vec<usize> = self.enabled.iter().map(|(able, _)| *able).collect();
        all.into_iter().for_each(|able| self.want(able));
    }

    /// Has the step from here tried after an operation that races with it: by the thread of that operation if it could
    /// have moved, or by a thread that moved on the way to it; if none of them could have, by every thread.
    pub(super) fn turn_round(&mut self, thread: Option<usize>, clock: &[u32], depth: usize) {
        let leads = |able: usize| Some(able) == thread || seen(clock, able) as usize > depth + 1;
        let able = self.enabled.iter().map(|(able, _)| *able);
        let leading: Vec<usize> = able.clone().filter(|able| leads(*able)).collect();
        if leading.iter().any(|able| self.wanted.contains(able)) {
            return;
        }
        let one = leading.iter().copied().find(|able| Some(*able) == thread).or(leading.first().copied());
        match one {
            Some(able) => self.want(able),
            None => self.want_all(),
        }
    }
}
