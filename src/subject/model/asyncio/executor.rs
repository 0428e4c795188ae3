//! The default executor: worker threads for jobs that would block a loop, and coroutines called from other threads.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::future::Future as StdFuture;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;

use super::concurrent;
use super::concurrent::{deliver, pass_cancellation_on};
use super::event_loop::Label;
use super::{EventLoop, Exception, Future, Result};
use crate::engine::kernel::{LogicalTask, Object, Op, OrderedCell, thread, words};

/// Worker threads. A job goes to the idle worker with the lowest number: which one it is makes no difference.
#[derive(Clone)]
pub struct Executor {
    queue: Object<Jobs>,
    inline: Option<Rc<str>>,
    apart: Rc<Apart>,
}

/// An executor beside the default one, which begins when somebody wants it.
struct Apart {
    /// An operation of its own: whoever comes second depends on who came first.
    begun: OrderedCell<bool>,
    executor: OnceCell<Executor>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    busy: BTreeSet<usize>,
}

struct Job {
    logical_task: LogicalTask,
    words: String,
    run: Box<dyn FnOnce()>,
}

impl Hash for Job {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.logical_task.hash(state);
    }
}

impl Hash for Jobs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.waiting.hash(state);
        self.busy.hash(state);
    }
}

impl Jobs {
    /// Whether this worker is the one to take the next job.
    fn are_for(&self, worker: usize) -> bool {
        !self.waiting.is_empty() && (0..worker).all(|before| self.busy.contains(&before))
    }

    fn take(&mut self, worker: usize) -> Job {
        self.busy.insert(worker);
        self.waiting.pop_front().expect("a job is taken only when there is one")
    }
}

impl Executor {
    /// So many workers, named `name`, `name-2`, `name-3`… With `inline` there is no thread: a job runs at once on the
    /// thread that hands it in, under the name of the first worker.
    #[must_use]
    pub fn new(name: &str, workers: usize, inline: bool) -> Self {
        let queue = Object::new("jobs", Jobs::default());
        queue.let_go_at_end(std::mem::take);
        let apart = Apart { begun: OrderedCell::new("executor apart", false), executor: OnceCell::new() };
        let executor = Self { queue, inline: inline.then(|| name.into()), apart: Rc::new(apart) };
        for worker in 0..if inline { 0 } else { workers } {
            let executor = executor.clone();
            let name = if worker == 0 { name.to_owned() } else { format!("{name}-{}", worker + 1) };
            thread::spawn_daemon(&name, move || while executor.work(worker) {});
        }
        executor
    }

    /// The executor with one worker of this name beside this one, the same one each time; inline if this one is.
    #[must_use]
    pub fn apart(&self, name: &str) -> Self {
        let Apart { begun, executor } = &*self.apart;
        if !begun.get() {
            begun.set(true);
        }
        executor.get_or_init(|| Self::new(name, 1, self.inline.is_some())).clone()
    }

    /// Takes and runs one job; false at quiescence.
    fn work(&self, worker: usize) -> bool {
        let op = Op::new("pop").says(|job: &Job| job.words.clone());
        let job = self.queue.idle_until(op, move |jobs| jobs.are_for(worker), |jobs| jobs.take(worker));
        let Some(job) = job else { return false };
        job.logical_task.run(job.run);
        // No visible operation: that this worker is idle again can only make the others wait longer.
        self.queue.touch(|jobs| jobs.busy.remove(&worker));
        thread::forget();
        true
    }

    fn submit(&self, logical_task: LogicalTask, label: &impl Label, run: impl FnOnce() + 'static) {
        let words = words(|| format!("{label:?}"));
        let job = Job { logical_task, words: words.clone(), run: Box::new(run) };
        self.queue.perform(Op::new("push").says(move |()| words.clone()), |jobs| jobs.waiting.push_back(job));
        if let Some(name) = &self.inline {
            thread::as_role(name, || {
                let op = Op::new("pop").says(|job: &Job| job.words.clone());
                let job = self.queue.perform(op, |jobs| jobs.take(0));
                job.logical_task.run(job.run);
                self.queue.touch(|jobs| jobs.busy.remove(&0));
            });
        }
    }
}

impl EventLoop {
    /// Runs a job on a worker (`loop.run_in_executor`, `asyncio.to_thread`).
    pub fn run_in_executor<T: Clone + Debug + Hash + 'static>(
        &self,
        executor: &Executor,
        label: impl Label,
        job: impl FnOnce() -> Result<T> + 'static,
    ) -> Future<T> {
        let wrapper = self.future();
        let (on_loop, destination) = (self.clone(), wrapper.clone());
        let logical_task = LogicalTask::labelled(&("set wrapper", &wrapper));
        let future = concurrent::Future::with_callback("job", logical_task, move |result| {
            deliver(&on_loop, destination, result);
        });
        pass_cancellation_on(&wrapper, &future);
        let logical_task = LogicalTask::labelled(&(&label, future.key()));
        executor.submit(logical_task, &label, move || {
            if future.set_running() {
                future.settle(job());
            }
        });
        wrapper
    }
}

/// A coroutine, not begun.
pub type Coroutine<T> = Pin<Box<dyn StdFuture<Output = Result<T>>>>;

/// Runs a coroutine on a loop, from any thread (`asyncio.run_coroutine_threadsafe`).
pub fn run_coroutine_threadsafe<T: Clone + Debug + Hash + 'static>(
    event_loop: &EventLoop,
    label: impl Label,
    make: impl FnOnce() -> Coroutine<T> + 'static,
) -> concurrent::Future<T> {
    let future = concurrent::Future::new("call");
    let (on_loop, settled) = (event_loop.clone(), future.clone());
    let make = RefCell::new(Some(make));
    let logical_task = LogicalTask::labelled(&(&label, future.key()));
    event_loop.call_soon_threadsafe_as(logical_task, label, move || {
        let Some(make) = make.borrow_mut().take() else { return };
        let task = on_loop.create_task("call", make());
        let (cancelled, loop_of_task) = (task.handle(), on_loop.clone());
        // The request to cancel comes behind the task's first step, as in `_chain_future`.
        let logical_task = LogicalTask::labelled(&("cancel task", &cancelled));
        settled.call_back(logical_task, move |result| {
            if matches!(result, Err(Exception::Cancelled)) {
                loop_of_task.call_soon_threadsafe_as(logical_task, "cancel task", move || {
                    cancelled.cancel();
                });
            }
        });
        task.future().when_done(("settle", settled.key()), move |done| {
            if let Some(result) = done.result() {
                settled.settle(result);
            }
        });
    });
    future
}
