//! A condition variable, as `std::sync::Condvar`, with the semantics of Mesa: to be notified is a hint and no promise. Who
//! is woken takes the lock again when it can, and until then others may have made untrue what it waited for; of several
//! that wait any may be the one that is woken; and on request a thread is woken that was not notified. So a thread waits
//! in a loop that looks at its condition again, and a program that does not is found out. Under loom it is loom's own,
//! which wakes who has waited longest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::engine::{LoomParts, ObjectCore};
use super::mutex::MutexGuard;
use super::{Mutex, Object, Op, choose, thread};

/// A condition variable.
pub struct Condvar {
    waiters: Object<Waiters>,
    /// How often each thread may be woken without being notified.
    spurious: u32,
}

/// Who waits and who was woken. A thread waits once at a time, so its name says which wait is meant.
#[derive(Default)]
struct Waiters {
    /// Who waits, in the order in which they came.
    waiting: VecDeque<Rc<str>>,
    /// Who was notified and has not gone on yet.
    woken: BTreeSet<Rc<str>>,
    /// How often each thread was woken without being notified.
    unasked: BTreeMap<Rc<str>, u32>,
}

impl Hash for Waiters {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Since any of them may be woken, the order in which they came says nothing.
        self.waiting.iter().collect::<BTreeSet<_>>().hash(state);
        self.woken.hash(state);
        self.unasked.hash(state);
    }
}

impl Waiters {
    /// A thread goes on; one that was not notified no longer waits.
    fn go_on(&mut self, thread: &Rc<str>) {
        if !self.woken.remove(thread) {
            self.waiting.retain(|waiting| waiting != thread);
            *self.unasked.entry(thread.clone()).or_default() += 1;
        }
    }
}

/// Who was woken: words for a timeline, and nothing that the thread that notified learns.
struct Woken(Option<Rc<str>>);

impl Hash for Woken {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

fn parts(core: &ObjectCore) -> &LoomParts {
    core.loom.as_ref().expect("under loom every object has its parts")
}

impl Condvar {
    /// A new condition variable, on which no thread wakes without being notified.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_spurious_wakeups(name, 0)
    }

    /// A new condition variable on which each thread may be woken up to `most` times without being notified, at any
    /// moment: whether it is, is one of the choices that are tried. The number is bounded because a thread that waits in
    /// a loop could otherwise go round for ever; one finds a wait without a loop.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use turnloom::engine::search::{Limits, search};
    /// use turnloom::engine::kernel::{Condvar, Mutex, thread};
    ///
    /// // `if` where `while` belongs: woken for nothing, the thread goes on without the item.
    /// let found = search(&Limits::default(), || {
    ///     let shared = Rc::new((Mutex::new("items", 0), Condvar::with_spurious_wakeups("more", 1)));
    ///     let taker = shared.clone();
    ///     thread::spawn_detached("taker", move || {
    ///         let mut items = taker.0.lock();
    ///         if *items == 0 {
    ///             items = taker.1.wait(items);
    ///         }
    ///         assert_eq!(*items, 1, "there is an item");
    ///     });
    ///     *shared.0.lock() = 1;
    ///     shared.1.notify_one();
    /// });
    /// assert!(found.panics > 0);
    /// ```
    #[must_use]
    pub fn with_spurious_wakeups(name: &str, most: u32) -> Self {
        Self { waiters: Object::new(name, Waiters::default()), spurious: most }
    }

    /// Lets the lock go, waits until notified, takes the lock again. As one operation each: going to wait, waking up,
    /// taking the lock.
    #[must_use]
    pub fn wait<'a, T: Hash>(&self, mut guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex;
        if let Some(held) = guard.loom.take() {
            drop(guard.data.take());
            guard.loom = Some(self.wait_in_loom(mutex, held));
        } else {
            drop(guard.data.take());
            self.wait_whole(|| mutex.let_go());
            mutex.take_whole();
        }
        guard.data = Some(mutex.data());
        guard
    }

    fn wait_whole(&self, let_go: impl FnOnce()) {
        let (me, most) = (thread::name(), self.spurious);
        let left = self.waiters.perform(Op::new("wait"), |waiters| {
            waiters.waiting.push_back(me.clone());
            let_go();
            most - waiters.unasked.get(&me).copied().unwrap_or(0)
        });
        let spuriously = left > 0 && choose(2) == 1;
        let op = Op::new(if spuriously { "wake spuriously" } else { "wake" });
        let ready = {
            let me = me.clone();
            move |waiters: &Waiters| spuriously || waiters.woken.contains(&me)
        };
        self.waiters.perform_when(op, ready, |waiters| waiters.go_on(&me));
    }

    /// A wait that ends without a notification leaves no trace in loom's queue, so the lock is just let go and taken.
    fn wait_in_loom<'a, T: Hash>(
        &self,
        mutex: &'a Mutex<T>,
        held: loom::sync::MutexGuard<'a, ()>,
    ) -> loom::sync::MutexGuard<'a, ()> {
        let me = thread::name();
        let left =
            self.spurious - self.waiters.touch(|waiters| waiters.unasked.get(&me).copied().unwrap_or(0));
        mutex.let_go();
        let spuriously = left > 0 && choose(2) == 1;
        let held = if spuriously {
            self.waiters.touch(|waiters| waiters.go_on(&me));
            drop(held);
            mutex.blocking("wait", || parts(&mutex.core).mutex.lock())
        } else {
            mutex.blocking("wait", || parts(self.waiters.core()).condvar.wait(held))
        };
        mutex.taken("wait");
        held.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Wakes one of the threads that wait, whichever.
    pub fn notify_one(&self) {
        if let Some(parts) = &self.waiters.core().loom {
            parts.condvar.notify_one();
            return;
        }
        let op = Op::new("notify").among(&self.waiters, |waiters| waiters.waiting.len());
        let op = op.says(|woken: &Woken| woken.0.as_ref().map(ToString::to_string).unwrap_or_default());
        self.waiters.perform_one_of(op, |waiters, which| {
            let woken = waiters.waiting.remove(which);
            waiters.woken.extend(woken.clone());
            Woken(woken)
        });
    }

    /// Wakes every thread that waits.
    pub fn notify_all(&self) {
        if let Some(parts) = &self.waiters.core().loom {
            parts.condvar.notify_all();
            return;
        }
        self.waiters.perform(Op::new("notify all"), |waiters| {
            let all = waiters.waiting.drain(..);
            waiters.woken.extend(all);
        });
    }
}
