//! Timers of virtual time: armed by the program, fired by the scenario's clock as one step among others, or, where they
//! race, by whoever keeps the time, one after another by their deadlines. No clock is read; a timer nobody fires never
//! fires.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::{LogicalTask, Object, Op};

/// A timer, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

/// What a timer does when it fires.
type Due = Rc<dyn Fn()>;

/// All timers of a program.
#[derive(Clone)]
pub struct Timers {
    armed: Object<Armed>,
    /// Timers by name that somebody may fire; the others need no operation at all, as nobody can tell. None: all of them.
    watched: Option<Rc<BTreeSet<&'static str>>>,
    callbacks: Rc<RefCell<BTreeMap<TimerId, Due>>>,
}

#[derive(Default)]
struct Armed {
    next: u64,
    timers: BTreeMap<TimerId, Timer>,
}

/// A timer that is armed.
#[derive(Hash)]
struct Timer {
    name: &'static str,
    /// The milliseconds that are left until its deadline.
    left: u64,
    /// Tells what it does from what others do.
    key: u128,
}

/// Which number a timer got makes no difference; of those that are due at the same time, the order in which they were
/// armed does.
impl Hash for Armed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut timers: Vec<&Timer> = self.timers.values().collect();
        timers.sort_by_key(|timer| timer.left);
        timers.hash(state);
    }
}

/// The number of a timer, for whoever armed or fired it, and what there is to learn of it.
struct Named(Option<(TimerId, u128)>);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.map(|(_, key)| key).hash(state);
    }
}

impl Armed {
    /// Fires the timer with the earliest deadline of those that have this name, or of all; of several, the one that was
    /// armed first.
    fn fire(&mut self, name: Option<&str>) -> Option<(TimerId, Timer)> {
        let named = |timer: &(&TimerId, &Timer)| name.is_none_or(|name| timer.1.name == name);
        let first = self.timers.iter().filter(named).min_by_key(|(id, timer)| (timer.left, **id));
        let id = first.map(|(id, _)| *id)?;
        self.timers.remove(&id).map(|timer| (id, timer))
    }
}

/// A timer that fired: what it does is all that the thread learns.
struct Fired(TimerId, Timer);

impl Hash for Fired {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.key.hash(state);
    }
}

impl Timers {
    /// Timers of which only those in `watched` are ever fired.
    #[must_use]
    pub fn new(watched: impl IntoIterator<Item = &'static str>) -> Self {
        Self::with(Some(Rc::new(watched.into_iter().collect())))
    }

    /// Timers of which any may be fired: those of a program whose time passes by itself ([`Timers::fire_next_idle`]).
    #[must_use]
    pub fn racing() -> Self {
        Self::with(None)
    }

    fn with(watched: Option<Rc<BTreeSet<&'static str>>>) -> Self {
        let armed = Object::new("timers", Armed::default());
        let timers = Self { armed, watched, callbacks: Rc::default() };
        let callbacks = timers.callbacks.clone();
        super::at_end(move || callbacks.borrow_mut().clear());
        timers
    }

    /// Arms a timer; `due` is called on the thread that fires it. None if nobody will ever fire it.
    pub fn arm(&self, name: &'static str, millis: u64, due: impl Fn() + 'static) -> Option<TimerId> {
        if self.watched.as_ref().is_some_and(|watched| !watched.contains(name)) {
            return None;
        }
        let key = LogicalTask::labelled(&name).key;
        let Named(armed) = self.armed.perform(Op::new("arm").says(move |_| name.to_owned()), |armed| {
            let id = TimerId(armed.next);
            armed.next += 1;
            armed.timers.insert(id, Timer { name, left: millis, key });
            Named(Some((id, key)))
        });
        let (id, _) = armed?;
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
        let Named(fired) = self.armed.perform_when(
            Op::new("fire").says(move |_| name.to_owned()),
            move |armed| armed.timers.values().any(|timer| timer.name == name),
            |armed| Named(armed.fire(Some(name)).map(|(id, timer)| (id, timer.key))),
        );
        self.call(fired.map(|(id, _)| id));
    }

    /// Waits as a daemon until any timer is armed, then fires the one with the earliest deadline, to which the time moves
    /// on; false when the program has come to quiescence. A thread that does this over and over lets every timer fire at
    /// any moment, but none before one that is due earlier.
    ///
    /// ```
    /// use turnloom::engine::search::{Limits, search};
    /// use turnloom::engine::kernel::{Cell, Timers, thread};
    ///
    /// let found = search(&Limits::default(), || {
    ///     let (timers, fired) = (Timers::racing(), Cell::new("fired", Vec::new()));
    ///     for (name, millis) in [("long", 200), ("short", 100)] {
    ///         let fired = fired.clone();
    ///         timers.arm(name, millis, move || fired.update("push", |fired| fired.push(name)));
    ///     }
    ///     let clock = timers.clone();
    ///     thread::spawn_daemon("clock", move || while clock.fire_next_idle() {});
    ///     assert!(["short", "long"].starts_with(&fired.get()));
    /// });
    /// assert!(found.exhausted && found.panics == 0);
    /// ```
    #[must_use]
    pub fn fire_next_idle(&self) -> bool {
        let op = Op::new("fire").says(|fired: &Fired| fired.1.name.to_owned());
        let fired = self.armed.idle_until(
            op,
            |armed| !armed.timers.is_empty(),
            |armed| {
                let (id, timer) = armed.fire(None).expect("the clock moves when a timer is armed");
                armed.timers.values_mut().for_each(|later| later.left -= timer.left);
                Fired(id, timer)
            },
        );
        let fired = fired.map(|fired| fired.0);
        self.call(fired);
        fired.is_some()
    }

    /// Does what a timer does when it fires.
    fn call(&self, id: Option<TimerId>) {
        let due = id.and_then(|id| self.callbacks.borrow_mut().remove(&id));
        if let Some(due) = due {
            due();
        }
    }
}
