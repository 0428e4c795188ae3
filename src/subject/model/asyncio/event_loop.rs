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
use crate::engine::kernel::{
    Local, LogicalTask, Mark, Object, Op, TimerId, Timers, at_end, digest, thread, words,
};
use crate::engine::trace::RoleId;

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

/// A callback from another thread, and the logical task that it will be.
struct Posted {
    logical_task: LogicalTask,
    words: String,
    callback: Callback,
}

impl Hash for Posted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.logical_task.hash(state);
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

    fn drain(&mut self) -> Collected {
        Collected { posted: std::mem::take(&mut self.callbacks), from_outside: false, stopping: false }
    }
}

/// What was brought. It becomes data of the loop at once, so whoever collects it learns nothing but where it came from.
struct Collected {
    posted: Vec<Posted>,
    /// Whether there was input or a timer.
    from_outside: bool,
    stopping: bool,
}

impl Hash for Collected {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.from_outside.hash(state);
    }
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
    state: Local<State>,
    /// The task whose step runs now; none but itself asks.
    current_task: RefCell<Option<TaskRef>>,
    /// The role whose thread runs the loop.
    runs_on: Cell<Option<RoleId>>,
}

#[derive(Hash, Default)]
struct State {
    ready: VecDeque<Ready>,
    /// How many of them belong to this iteration.
    batch: usize,
    /// Those that have not ended.
    tasks: Vec<TaskRef>,
    stopping: bool,
}

/// A handle that is ready to run.
pub(super) enum Ready {
    /// The next step of a task.
    Step(TaskRef),
    /// A callback, as a logical task of its own.
    Call(LogicalTask, Callback),
}

impl Hash for Ready {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Step(task) => (0_u8, task).hash(state),
            Self::Call(logical_task, _) => (1_u8, logical_task).hash(state),
        }
    }
}

impl Inner {
    /// Lets go of everything that refers back to the loop, when the execution is over.
    fn clear(&self) {
        let state = self.state.clear(std::mem::take);
        state.tasks.iter().for_each(TaskRef::abandon);
        self.current_task.take();
        self.inbox.clear(|inbox| *inbox = Inbox::default());
        drop(state);
    }
}

/// A callback of a timer that has not run.
pub struct TimerHandle {
    timers: Timers,
    id: Option<TimerId>,
    cancelled: Local<bool>,
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
                state: Local::new(State::default()),
                current_task: RefCell::default(),
                runs_on: Cell::new(None),
            }),
        };
        let inner = event_loop.inner.clone();
        at_end(move || inner.clear());
        event_loop
    }

    /// Runs a callback in the next iteration. On the loop's own thread.
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) {
        self.append(Ready::Call(LogicalTask::branch(), Box::new(callback)));
    }

    /// Appends a handle, behind those that other threads have brought by now.
    pub(super) fn append(&self, ready: Ready) {
        self.drain();
        self.inner.state.move_on(|state| state.ready.push_back(ready));
    }

    /// Takes over the callbacks that other threads have brought.
    fn drain(&self) {
        let collected = self.inner.inbox.perform(Op::new("drain").says(in_words), Inbox::drain);
        self.make_ready(collected);
    }

    fn make_ready(&self, collected: Collected) {
        let ready =
            collected.posted.into_iter().map(|posted| Ready::Call(posted.logical_task, posted.callback));
        self.inner.state.move_on(|state| {
            state.ready.extend(ready);
            state.stopping |= collected.stopping;
        });
    }

    /// Has a callback run on the loop. From any thread; on the loop's own it is [`EventLoop::call_soon`].
    pub fn call_soon_threadsafe(&self, label: impl Label, callback: impl FnOnce() + 'static) {
        self.call_soon_threadsafe_as(LogicalTask::labelled(&label), label, callback);
    }

    /// As [`EventLoop::call_soon_threadsafe`], with the logical task that the callback will be; the label is for those who read.
    pub(super) fn call_soon_threadsafe_as(
        &self,
        logical_task: LogicalTask,
        label: impl Label,
        callback: impl FnOnce() + 'static,
    ) {
        let posted = post(logical_task, &label, callback);
        if self.inner.runs_on.get() == Some(thread::current()) {
            return self.append(Ready::Call(posted.logical_task, posted.callback));
        }
        let words = posted.words.clone();
        let op = Op::new("push").says(move |()| words.clone());
        self.inner.inbox.perform(op, |inbox| inbox.callbacks.push(posted));
    }

    /// Brings input: a callback that is run only once select has looked. From any thread.
    pub fn feed(&self, label: impl Label, callback: impl FnOnce() + 'static) {
        let posted = post(LogicalTask::labelled(&label), &label, callback);
        let words = posted.words.clone();
        let op = Op::new("feed").says(move |()| words.clone());
        self.inner.inbox.perform(op, |inbox| inbox.io.push(posted));
    }

    /// Has a callback run when a timer fires. On the loop's own thread.
    pub fn call_later(&self, limit: Limit, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_later_as(LogicalTask::branch(), limit, callback)
    }

    /// As [`EventLoop::call_later`], with the logical task that the callback will be.
    pub(super) fn call_later_as(
        &self,
        logical_task: LogicalTask,
        limit: Limit,
        callback: impl FnOnce() + 'static,
    ) -> TimerHandle {
        let cancelled = Local::new(false);
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
            let posted = post(logical_task, &("due", limit.timer), run);
            let words = posted.words.clone();
            inbox.perform(Op::new("due").says(move |()| words.clone()), |inbox| inbox.due.push(posted));
        });
        TimerHandle { timers: self.inner.timers.clone(), id, cancelled }
    }

    /// The timers by which its limits run.
    pub(crate) fn timers(&self) -> &Timers {
        &self.inner.timers
    }

    /// A future of this loop.
    #[must_use]
    pub fn future<T: Clone + Hash + 'static>(&self) -> Future<T> {
        Future::new(self)
    }

    /// Begins a task, whose first step runs in the next iteration.
    pub fn create_task<T: Clone + Hash + 'static>(
        &self,
        name: &str,
        body: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Task<T> {
        self.begin(Task::begin(self, name, None, body))
    }

    /// As [`EventLoop::create_task`], of a body that a label says everything about.
    pub fn create_task_of<T: Clone + Hash + 'static>(
        &self,
        name: &str,
        label: impl Label,
        body: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Task<T> {
        self.begin(Task::begin(self, name, Some(digest(&label)), body))
    }

    fn begin<T: Clone + Hash + 'static>(&self, task: Task<T>) -> Task<T> {
        self.inner.state.move_on(|state| state.tasks.push(task.handle()));
        task
    }

    /// A task has ended.
    pub(super) fn ended(&self, task: &TaskRef) {
        self.inner.state.move_on(|state| state.tasks.retain(|other| !other.is(task)));
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
        let slept = Mark::here();
        let woken = self.future();
        let wake = woken.clone();
        let logical_task = LogicalTask::labelled(&("wake", &woken));
        let handle = self.call_later_as(logical_task, limit, move || {
            if !wake.done() {
                wake.set_result(());
            }
        });
        let result = woken.await;
        handle.cancel();
        slept.keep(&result);
        result
    }

    /// Ends the loop after the iteration that runs now. On the loop's own thread.
    pub fn stop(&self) {
        self.inner.state.move_on(|state| state.stopping = true);
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
    pub fn run_until_complete<T: Clone + Hash + 'static>(
        &self,
        name: &str,
        main: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Result<T> {
        let run = Mark::here();
        let task = self.create_task(name, main);
        let result = self.run_until_done(&task);
        let left = self.inner.state.read(|state| state.tasks.clone());
        let cancelled = Mark::here();
        for task in &left {
            task.cancel();
        }
        while left.iter().any(|task| !task.is_over()) {
            self.run_once(cancelled, false);
        }
        run.keep(&result);
        result
    }

    fn run_until_done<T: Clone + Hash + 'static>(&self, task: &Task<T>) -> Result<T> {
        let stopper = self.clone();
        task.future().when_done("stop", move |_| stopper.stop());
        let begun = Mark::here();
        while !self.take_stopping() {
            self.run_once(begun, false);
        }
        task.result().unwrap_or(Err(Exception::Cancelled))
    }

    fn take_stopping(&self) -> bool {
        self.inner.state.move_on(|state| std::mem::take(&mut state.stopping))
    }

    /// Runs until the loop is stopped, or the program has come to quiescence.
    pub fn run_forever_idle(&self) {
        let begun = Mark::here();
        while !self.inner.state.inspect(|state| state.stopping) && self.run_once(begun, true) {}
        begun.keep(&());
    }

    /// One iteration of a loop that began there; false at quiescence. Between two iterations, and between two handles, the
    /// thread knows nothing that is not data of the loop.
    fn run_once(&self, begun: Mark, idle: bool) -> bool {
        self.inner.runs_on.set(Some(thread::current()));
        begun.again();
        if !self.select(idle) {
            return false;
        }
        begun.again();
        self.inner.state.move_on(|state| state.batch = state.ready.len());
        while let Some(ready) = self.next_of_batch() {
            match ready {
                Ready::Step(task) => task.step(),
                Ready::Call(logical_task, callback) => {
                    logical_task.run(callback);
                }
            }
        }
        true
    }

    fn next_of_batch(&self) -> Option<Ready> {
        self.inner.state.move_on(|state| {
            state.batch = state.batch.checked_sub(1)?;
            state.ready.pop_front()
        })
    }

    fn select(&self, idle: bool) -> bool {
        let op = Op::new("select").says(in_words);
        let nothing_to_do = self.inner.state.inspect(|state| state.ready.is_empty() && !state.stopping);
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
        let from_outside = collected.from_outside;
        self.make_ready(collected);
        if from_outside {
            self.drain();
        }
        true
    }
}

fn post(logical_task: LogicalTask, label: &impl Label, callback: impl FnOnce() + 'static) -> Posted {
    Posted { logical_task, words: words(|| format!("{label:?}")), callback: Box::new(callback) }
}
