//! Timers of virtual time: armed by the program, fired by the scenario's clock as one step among others. No clock is
//! read; a timer nobody fires never fires.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Object, Op};

/// A timer, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

/// What a timer does when it fires.
type Due = Rc<dyn Fn()>;

/// All timers of a program.
#[derive(Clone)]
pub struct Timers {
    armed: Object<Armed>,
    /// Timers by name that somebody may fire; the others need no operation at all, as nobody can tell.
    watched: Rc<BTreeSet<&'static str>>,
    callbacks: Rc<RefCell<BTreeMap<TimerId, Due>>>,
}

#[derive(Hash, Default)]
struct Armed {
    next: u64,
    timers: BTreeMap<TimerId, (&'static str, u64)>,
}

impl Timers {
    /// Timers of which only those in `watched` are ever fired.
    #[must_use]
    pub fn new(watched: impl IntoIterator<Item = &'static str>) -> Self {
        let timers = Self {
            armed: Object::new("timers", Armed::default()),
            watched: Rc::new(watched.into_iter().collect()),
            callbacks: Rc::default(),
        };
        let callbacks = timers.callbacks.clone();
        super::at_end(move || callbacks.borrow_mut().clear());
        timers
    }

    /// Arms a timer; `due` is called on the thread that fires it. None if nobody will ever fire it.
    pub fn arm(&self, name: &'static str, millis: u64, due: impl Fn() + 'static) -> Option<TimerId> {
        if !self.watched.contains(name) {
            return None;
        }
        let id = self.armed.perform(Op::new("arm").says(move |_| name.to_owned()), |armed| {
            let id = TimerId(armed.next);
            armed.next += 1;
            armed.timers.insert(id, (name, millis));
            id
        });
        self.callbacks.borrow_mut().insert(id, Rc::new(due));
        Some(id)
    }

    /// Blocks the calling thread until the timer fires (`time.sleep`); for ever, if nobody fires it.
    pub fn sleep(&self, name: &'static str, millis: u64) {
        let over = Object::new(name, false);
        let due = over.clone();
        self.arm(name, millis, move || due.perform(Op::new("wake"), |over| *over = true));
        over.perform_when(Op::new("sleep"), |over| *over, |_| ());
    }

    /// Disarms a timer; idempotent, and too late once it has fired.
    pub fn disarm(&self, id: TimerId) {
        self.armed.perform(Op::new("disarm"), |armed| {
            armed.timers.remove(&id);
        });
        self.callbacks.borrow_mut().remove(&id);
    }

    /// Waits until a timer of this name is armed, then fires the one with the earliest deadline.
    pub fn fire(&self, name: &'static str) {
        let id = self.armed.perform_when(
            Op::new("fire").says(move |_| name.to_owned()),
            move |armed| armed.timers.values().any(|timer| timer.0 == name),
            |armed| {
                let first = armed.timers.iter().filter(|timer| timer.1.0 == name);
                let id = first.min_by_key(|(id, timer)| (timer.1, **id)).map(|timer| *timer.0);
                id.inspect(|id| {
                    armed.timers.remove(id);
                })
            },
        );
        let due = id.and_then(|id| self.callbacks.borrow_mut().remove(&id));
        if let Some(due) = due {
            due();
        }
    }
}
