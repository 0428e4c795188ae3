//! The event loop: a FIFO of ready handles on one thread, and an inbox for what other threads bring.
//!
//! It is `_run_once` of CPython 3.12 (`asyncio/base_events.py`): select collects input and due timers, then exactly the
//! handles that are ready by then are run. Handles made on the loop are local data. Those of other threads go through
//! the inbox, a kernel object; in CPython `call_soon_threadsafe` appends to the very same FIFO, so a foreign handle can
//! come between any two local ones: before each local append the inbox is drained, a visible operation, and once more
//! after a select that found input or timers, before the ready handles are counted. A pop needs none: what comes
//! later comes behind it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future as StdFuture;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::future::Future;
use super::task::{Task, TaskRef};
use super::{Exception, Result};
use crate::kernel::digest::digest;
use crate::kernel::{Object, Op, RoleId, TimerId, Timers, at_end, thread, words};

/// What a callback does, in data: it must say all that the callback will do, as it stands for it in a state.
pub trait Label: Hash + Debug + 'static {}

impl<L: Hash + Debug + 'static> Label for L {}

/// A limit of time: a timer of the kernel, fired by the scenario's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The timer's name.
    pub timer: &'static str,
    /// The span in milliseconds of virtual time.
    pub millis: u64,
}

type Callback = Box<dyn FnOnce()>;

/// A callback from another thread.
struct Posted {
    label: u128,
    words: String,
    callback: Callback,
}

impl Hash for Posted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.label.hash(state);
    }
}

/// What other threads brought and the loop has not collected.
#[derive(Hash, Default)]
struct Inbox {
    callbacks: Vec<Posted>,
    io: Vec<Posted>,
    due: Vec<Posted>,
    stopping: bool,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        self.callbacks.is_empty() && self.io.is_empty() && self.due.is_empty() && !self.stopping
    }

    fn collect(&mut self) -> Collected {
        let from_outside = !self.io.is_empty() || !self.due.is_empty();
        let mut all = std::mem::take(&mut self.callbacks);
        all.append(&mut self.io);
        all.append(&mut self.due);
        Collected { posted: all, from_outside, stopping: self.stopping }
    }
}

#[derive(Hash)]
struct Collected {
    posted: Vec<Posted>,
    /// Whether there was input or a timer.
    from_outside: bool,
    stopping: bool,
}

fn in_words(collected: &Collected) -> String {
    collected.posted.iter().map(|posted| posted.words.as_str()).collect::<Vec<_>>().join(", ")
}

/// An event loop.
#[derive(Clone)]
pub struct EventLoop {
    inner: Rc<Inner>,
}

struct Inner {
    inbox: Object<Inbox>,
    timers: Timers,
    ready: RefCell<VecDeque<Callback>>,
    current_task: RefCell<Option<TaskRef>>,
    tasks: RefCell<Vec<TaskRef>>,
    stopping: Cell<bool>,
    /// The role whose thread runs the loop.
    runs_on: Cell<Option<RoleId>>,
}

impl Inner {
    /// Lets go of everything that refers back to the loop, when the execution is over.
    fn clear(&self) {
        let ready = self.ready.take();
        let tasks = self.tasks.take();
        tasks.iter().for_each(TaskRef::abandon);
        self.current_task.take();
        self.inbox.clear(|inbox| *inbox = Inbox::default());
        drop(ready);
    }
}

/// A callback of a timer that has not run.
pub struct TimerHandle {
    timers: Timers,
    id: Option<TimerId>,
    cancelled: Rc<Cell<bool>>,
}

impl TimerHandle {
    /// The callback will not run.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        if let Some(id) = self.id {
            self.timers.disarm(id);
        }
    }
}

impl EventLoop {
    /// A loop whose inbox has this name in schedules.
    #[must_use]
    pub fn new(name: &str, timers: &Timers) -> Self {
        let event_loop = Self {
            inner: Rc::new(Inner {
                inbox: Object::new(name, Inbox::default()),
                timers: timers.clone(),
                ready: RefCell::default(),
                current_task: RefCell::default(),
                tasks: RefCell::default(),
                stopping: Cell::new(false),
                runs_on: Cell::new(None),
            }),
        };
        let inner = event_loop.inner.clone();
        at_end(move || inner.clear());
        event_loop
    }

    /// Runs a callback in the next iteration. On the loop's own thread.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.drain();
        self.inner.ready.borrow_mut().push_back(Box::new(callback));
    }

    /// Takes over the callbacks that other threads have brought.
    fn drain(&self) {
        let op = Op::new("drain").says(in_words);
        let collected = self.inner.inbox.perform(op, |inbox| Collected {
            posted: std::mem::take(&mut inbox.callbacks),
            from_outside: false,
            stopping: false,
        });
        self.make_ready(collected.posted);
    }

    fn make_ready(&self, posted: Vec<Posted>) {
        self.inner.ready.borrow_mut().extend(posted.into_iter().map(|posted| posted.callback));
    }

    /// Has a callback run on the loop. From any thread; on the loop's own it is [`EventLoop::call_soon`].
    pub fn call_soon_threadsafe(&self, label: impl Label, callback: impl FnOnce() + 'static) {
        if self.inner.runs_on.get() == Some(thread::current()) {
            return self.call_soon(callback);
        }
        let (posted, words) = post(&label, callback);
        let op = Op::new("push").says(move |()| words.clone());
        self.inner.inbox.perform(op, |inbox| inbox.callbacks.push(posted));
    }

    /// Brings input: a callback that is run only once select has looked. From any thread.
    pub fn feed(&self, label: impl Label, callback: impl FnOnce() + 'static) {
        let (posted, words) = post(&label, callback);
        let op = Op::new("feed").says(move |()| words.clone());
        self.inner.inbox.perform(op, |inbox| inbox.io.push(posted));
    }

    /// Has a callback run when a timer fires. On the loop's own thread.
    pub fn call_later(&self, limit: Limit, callback: impl FnOnce() + 'static) -> TimerHandle {
        let cancelled = Rc::new(Cell::new(false));
        let (gone, inbox) = (cancelled.clone(), self.inner.inbox.clone());
        let callback = RefCell::new(Some(callback));
        let id = self.inner.timers.arm(limit.timer, limit.millis, move || {
            let Some(callback) = callback.borrow_mut().take() else { return };
            let gone = gone.clone();
            let run = move || {
                if !gone.get() {
                    callback();
                }
            };
            let (posted, words) = post(&("due", limit.timer), run);
            inbox.perform(Op::new("due").says(move |()| words.clone()), |inbox| inbox.due.push(posted));
        });
        TimerHandle { timers: self.inner.timers.clone(), id, cancelled }
    }

    /// A future of this loop.
    #[must_use]
    pub fn future<T: Clone + 'static>(&self) -> Future<T> {
        Future::new(self)
    }

    /// Begins a task, whose first step runs in the next iteration.
    pub fn create_task<T: Clone + 'static>(
        &self,
        name: &str,
        body: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Task<T> {
        let task = Task::begin(self, name, body);
        self.inner.tasks.borrow_mut().retain(|task| !task.done());
        self.inner.tasks.borrow_mut().push(task.handle());
        task
    }

    /// The task whose step runs now.
    #[must_use]
    pub fn current_task(&self) -> Option<TaskRef> {
        self.inner.current_task.borrow().clone()
    }

    pub(super) fn set_current_task(&self, task: Option<TaskRef>) -> Option<TaskRef> {
        self.inner.current_task.replace(task)
    }

    /// Waits until the timer fires.
    ///
    /// # Errors
    ///
    /// If the task is cancelled.
    pub async fn sleep(&self, limit: Limit) -> Result<()> {
        let woken = self.future();
        let wake = woken.clone();
        let handle = self.call_later(limit, move || {
            if !wake.done() {
                wake.set_result(());
            }
        });
        let result = woken.await;
        handle.cancel();
        result
    }

    /// Ends the loop after the iteration that runs now. On the loop's own thread.
    pub fn stop(&self) {
        self.inner.stopping.set(true);
    }

    /// Ends the loop. From any thread.
    pub fn stop_threadsafe(&self) {
        self.inner.inbox.perform(Op::new("stop"), |inbox| inbox.stopping = true);
    }

    /// Runs a coroutine to its end on this thread, then cancels what is left: `asyncio.run`. The default executor is
    /// not shut down, as it is shared.
    ///
    /// # Errors
    ///
    /// What the coroutine fails with.
    pub fn run_until_complete<T: Clone + 'static>(
        &self,
        name: &str,
        main: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Result<T> {
        let task = self.create_task(name, main);
        let result = self.run_until_done(&task);
        let left: Vec<TaskRef> =
            self.inner.tasks.borrow().iter().filter(|task| !task.done()).cloned().collect();
        for task in &left {
            task.cancel();
        }
        while left.iter().any(|task| !task.done()) {
            self.run_once(false);
        }
        result
    }

    fn run_until_done<T: Clone + 'static>(&self, task: &Task<T>) -> Result<T> {
        let stopper = self.clone();
        task.future().add_done_callback(move |_| stopper.stop());
        while !self.inner.stopping.replace(false) {
            self.run_once(false);
        }
        task.result().unwrap_or(Err(Exception::Cancelled))
    }

    /// Runs until the loop is stopped, or the program has come to quiescence.
    pub fn run_forever_idle(&self) {
        while !self.inner.stopping.get() && self.run_once(true) {}
    }

    /// One iteration; false at quiescence.
    fn run_once(&self, idle: bool) -> bool {
        self.inner.runs_on.set(Some(thread::current()));
        if !self.select(idle) {
            return false;
        }
        let todo = self.inner.ready.borrow().len();
        for _ in 0..todo {
            let callback = self.inner.ready.borrow_mut().pop_front();
            if let Some(callback) = callback {
                callback();
            }
        }
        true
    }

    fn select(&self, idle: bool) -> bool {
        let op = Op::new("select").says(in_words);
        let nothing_to_do = self.inner.ready.borrow().is_empty() && !self.inner.stopping.get();
        let collected = if !nothing_to_do {
            self.inner.inbox.perform(op, Inbox::collect)
        } else if idle {
            match self.inner.inbox.idle_until(op, |inbox| !inbox.is_empty(), Inbox::collect) {
                Some(collected) => collected,
                None => return false,
            }
        } else {
            self.inner.inbox.perform_when(op, |inbox| !inbox.is_empty(), Inbox::collect)
        };
        self.make_ready(collected.posted);
        if collected.from_outside {
            self.drain();
        }
        if collected.stopping {
            self.stop();
        }
        true
    }
}

fn post(label: &impl Label, callback: impl FnOnce() + 'static) -> (Posted, String) {
    let words = words(|| format!("{label:?}"));
    (Posted { label: digest(label), words: words.clone(), callback: Box::new(callback) }, words)
}
