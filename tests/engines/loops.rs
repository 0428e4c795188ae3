//! Random programs of an event loop: tasks that share data, futures, a lock and an event, and threads that call in.
//!
//! What the callbacks and coroutines of a loop have learned is kept for each of them, so that states meet which only
//! the history of the loop's thread tells apart. Whether nothing is lost by it, a search that keeps no states must say.
//! The unit tests of the searches use this file too.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use turnloom::engine::kernel::{Cell, Local, OrderedCell, Timers, thread};
use turnloom::subject::model::asyncio;
use turnloom::subject::model::asyncio::{
    EventLoop, Exception, Executor, Limit, Result, Task, run_coroutine_threadsafe, shield, wait_for,
};

use super::programs::Look;

/// What a task does.
#[derive(Debug, Clone)]
pub enum Do {
    /// Read what the tasks share and note it.
    Read,
    Write(u32),
    /// Read, give way, write one more.
    Bump,
    Pause,
    Await(usize),
    Resolve(usize),
    Lock(Vec<Do>),
    Happen,
    WaitEvent,
    /// Begin a task, and wait for it or not.
    Begin(Vec<Do>, bool),
    /// Cancel the task that was begun last.
    Cancel,
    /// Note whether the task that was begun last has ended.
    Ask,
    /// Add to a cell on a worker, and wait for it.
    Job,
    /// Do this, shielded, within a limit.
    Limited(Vec<Do>),
}

/// What a thread does to the loop.
#[derive(Debug, Clone)]
pub enum Call {
    /// Write what the tasks share.
    Soon(u32),
    /// Bring input that does.
    Feed(u32),
    /// Begin a task, and wait for its end or not.
    Run(Vec<Do>, bool),
    /// Read the cell and note it.
    Read,
    Fire,
}

/// The task that is there from the beginning, and the threads.
#[derive(Debug, Clone)]
pub struct Program {
    main: Vec<Do>,
    threads: Vec<Vec<Call>>,
}

fn plain() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    prop_oneof![
        4 => Just(Do::Read),
        2 => (1..3_u32).prop_map(Do::Write),
        3 => Just(Do::Bump),
        1 => Just(Do::Pause),
        2 => two().prop_map(Do::Await),
        3 => two().prop_map(Do::Resolve),
        1 => Just(Do::Happen),
        1 => Just(Do::WaitEvent),
        1 => Just(Do::Cancel),
        1 => Just(Do::Ask),
        1 => Just(Do::Job),
    ]
    .boxed()
}

fn deed() -> BoxedStrategy<Do> {
    let body = || prop::collection::vec(plain(), 1..3);
    prop_oneof![
        8 => plain(),
        2 => body().prop_map(Do::Lock),
        2 => (body(), any::<bool>()).prop_map(|(body, join)| Do::Begin(body, join)),
        1 => body().prop_map(Do::Limited),
    ]
    .boxed()
}

fn call() -> BoxedStrategy<Call> {
    prop_oneof![
        2 => (3..5_u32).prop_map(Call::Soon),
        1 => (5..7_u32).prop_map(Call::Feed),
        3 => (prop::collection::vec(deed(), 1..3), any::<bool>()).prop_map(|(body, wait)| Call::Run(body, wait)),
        1 => Just(Call::Read),
        1 => Just(Call::Fire),
    ]
    .boxed()
}

fn programs() -> impl Strategy<Value = Program> {
    let main = prop::collection::vec(deed(), 0..3);
    let threads = prop::collection::vec(prop::collection::vec(call(), 1..3), 1..3);
    (main, threads).prop_map(|(main, threads)| Program { main, threads })
}

/// Has `check` look at so many programs, always the same ones for the same seed; a failure is shrunk.
pub fn for_each_program(
    count: u32,
    seed: u8,
    check: impl Fn(Program) -> std::result::Result<(), TestCaseError>,
) -> std::result::Result<(), String> {
    let config =
        Config { cases: count, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    runner.run(&programs(), check).map_err(|failure| failure.to_string())
}

struct World {
    event_loop: EventLoop,
    executor: Executor,
    shared: Local<u32>,
    futures: [asyncio::Future<u32>; 2],
    lock: asyncio::Lock,
    event: asyncio::Event,
    cell: Cell<u32>,
    timers: Timers,
    /// What was noted, each note an object of its own, as nobody who notes learns what others did.
    notes: RefCell<Vec<OrderedCell<String>>>,
}

type Coroutine = Pin<Box<dyn Future<Output = Result<()>>>>;

/// The program that these tasks and calls are.
pub fn build(program: Program) -> impl Fn() -> Look + 'static {
    move || {
        let timers = Timers::new(["limit"]);
        let event_loop = EventLoop::new("loop", &timers);
        let world = Rc::new(World {
            executor: Executor::new("worker", 1, false),
            shared: Local::new(0),
            futures: [event_loop.future(), event_loop.future()],
            lock: asyncio::Lock::new(&event_loop),
            event: asyncio::Event::new(&event_loop),
            cell: Cell::new("cell", 0),
            notes: RefCell::default(),
            timers,
            event_loop,
        });
        for (name, calls) in ["a", "b"].into_iter().zip(program.threads.clone()) {
            let world = world.clone();
            thread::spawn_detached(name, move || world.call_in(name, &calls));
        }
        let (begun, main) = (world.clone(), program.main.clone());
        thread::spawn_daemon("loop", move || {
            let body = begun.clone().perform("main".to_owned(), main.clone());
            let task = begun.event_loop.create_task("main", body);
            begun.event_loop.run_forever_idle();
            drop(task);
        });
        Box::new(move || {
            let (cell, shared) = (world.cell.inspect(|value| *value), world.shared.get());
            let mut notes: Vec<String> =
                world.notes.borrow().iter().map(|note| note.inspect(Clone::clone)).collect();
            notes.sort();
            format!("{cell} {shared} {notes:?}")
        })
    }
}

impl World {
    fn note(&self, who: &str, what: &str) {
        self.notes.borrow_mut().push(OrderedCell::new("note", format!("{who} {what}")));
    }

    fn call_in(self: &Rc<Self>, name: &str, calls: &[Call]) {
        for (number, call) in calls.iter().enumerate() {
            let name = format!("{name}{number}");
            match call {
                Call::Soon(value) => {
                    let (shared, value) = (self.shared.clone(), *value);
                    self.event_loop.call_soon_threadsafe(value, move || shared.set(value));
                }
                Call::Feed(value) => {
                    let (shared, value) = (self.shared.clone(), *value);
                    self.event_loop.feed(value, move || shared.set(value));
                }
                Call::Run(body, wait) => {
                    let (world, body, label) = (self.clone(), body.clone(), name.clone());
                    let make = move || world.perform(label, body) as _;
                    let future = run_coroutine_threadsafe(&self.event_loop, name, make);
                    if *wait {
                        let _ended = future.result_blocking();
                    }
                }
                Call::Read => self.read_cell(&name),
                Call::Fire => self.timers.fire("limit"),
            }
        }
    }

    fn read_cell(&self, name: &str) {
        self.note(name, &self.cell.get().to_string());
    }

    /// A task that does this under a name, and notes how it ended.
    fn perform(self: Rc<Self>, name: String, body: Vec<Do>) -> Coroutine {
        Box::pin(async move {
            let result = self.clone().body(name.clone(), body).await;
            match &result {
                Ok(()) => self.note(&name, "ended"),
                Err(error) => self.note(&name, error.kind()),
            }
            result
        })
    }

    fn body(self: Rc<Self>, name: String, body: Vec<Do>) -> Coroutine {
        Box::pin(async move {
            let mut begun: Option<Task<()>> = None;
            for (number, step) in body.into_iter().enumerate() {
                let name = format!("{name}.{number}");
                self.step(step, &name, &mut begun).await?;
            }
            Ok(())
        })
    }

    async fn step(self: &Rc<Self>, step: Do, name: &str, begun: &mut Option<Task<()>>) -> Result<()> {
        match step {
            Do::Read => self.note(name, &self.shared.get().to_string()),
            Do::Write(value) => self.shared.set(value),
            Do::Bump => {
                let value = self.shared.get();
                self.pause().await?;
                self.shared.set(value + 1);
            }
            Do::Pause => self.pause().await?,
            Do::Await(future) => {
                let value = shield(&self.futures[future]).await?;
                self.note(name, &value.to_string());
            }
            Do::Resolve(future) => self.futures[future].set_result(self.shared.get()),
            Do::Lock(body) => {
                let _held = self.lock.acquire().await?;
                self.clone().body(name.to_owned(), body).await?;
            }
            Do::Happen => self.event.set(),
            Do::WaitEvent => self.event.wait().await?,
            Do::Begin(body, join) => {
                let task = self.event_loop.create_task(name, self.clone().perform(name.to_owned(), body));
                *begun = Some(task.clone());
                if join {
                    task.await?;
                }
            }
            Do::Cancel => {
                let cancelled = begun.as_ref().is_some_and(Task::cancel);
                self.note(name, if cancelled { "cancels" } else { "cancels nothing" });
            }
            Do::Ask => {
                let done = begun.as_ref().is_some_and(Task::done);
                self.note(name, if done { "done" } else { "not done" });
            }
            Do::Job => {
                let cell = self.cell.clone();
                let job = move || {
                    cell.update("add", |value| *value += 1);
                    Ok(())
                };
                self.event_loop.run_in_executor(&self.executor, "job", job).await?;
            }
            Do::Limited(body) => {
                let body = self.clone().body(name.to_owned(), body);
                let limited = self.event_loop.create_task(name, body);
                let limit = Limit { timer: "limit", millis: 1 };
                match wait_for(&self.event_loop, shield(&limited.future()), limit).await {
                    Err(Exception::Timeout) => self.note(name, "timed out"),
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// Gives way once.
    async fn pause(&self) -> Result<()> {
        let turn = self.event_loop.future();
        let wake = turn.clone();
        self.event_loop.call_soon(move || wake.set_result(()));
        turn.await
    }
}
