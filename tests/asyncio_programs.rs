//! The model of asyncio against CPython: random programs of tasks, futures, cancellations, shields, limits and threads that
//! call in, each with the order of events that CPython 3.12 gave it (`tests/live/python/asyncio_programs.py` makes them and
//! says what the words mean; `.ci/live` lets CPython run them again).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;

use serde::Deserialize;
use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::{Ended, run_once};
use turnloom::engine::kernel::{Timers, thread};
use turnloom::engine::search::Limits;
use turnloom::subject::model::asyncio::{
    EventLoop, Exception, Future, Limit, Result, Task, shield, wait_for,
};

const PROGRAMS: &str = include_str!("live/python/asyncio_programs.jsonl");
const FUTURES: usize = 3;
const LIMIT: &str = "limit";

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    tasks: Vec<Vec<String>>,
    order: String,
}

/// One run of one program.
struct Program {
    tasks: Vec<Vec<String>>,
    event_loop: EventLoop,
    timers: Timers,
    order: RefCell<Vec<String>>,
    futures: Vec<Future<()>>,
    running: RefCell<Vec<(usize, Task<()>)>>,
    armed: RefCell<VecDeque<u64>>,
    limits: RefCell<u64>,
}

/// Something to wait for, to settle or to cancel.
enum Target {
    Future(Future<()>),
    Task(Task<()>),
}

impl Target {
    fn future(&self) -> Future<()> {
        match self {
            Self::Future(future) => future.clone(),
            Self::Task(task) => task.future(),
        }
    }

    fn cancel(&self) {
        match self {
            Self::Future(future) => future.cancel(),
            Self::Task(task) => task.cancel(),
        };
    }

    async fn wait(self) -> Result<()> {
        match self {
            Self::Future(future) => future.await,
            Self::Task(task) => task.await,
        }
    }
}

fn said(error: &Exception) -> &'static str {
    match error {
        Exception::Cancelled => "!cancelled",
        Exception::Timeout => "!timeout",
        _ => "!error",
    }
}

/// `asyncio.sleep(0)`: gives way for one hop.
async fn pause(event_loop: &EventLoop) -> Result<()> {
    let mut turn = event_loop.future();
    std::future::poll_fn(move |context| {
        let polled = Pin::new(&mut turn).poll(context);
        if polled.is_pending() {
            turn.set_result(());
        }
        polled
    })
    .await
}

impl Program {
    fn note(&self, what: String) {
        self.order.borrow_mut().push(what);
    }

    async fn main(self: Rc<Self>) -> Result<()> {
        // Whatever becomes of it, the rest is ended.
        let _ = self.clone().task(0).await;
        self.finish().await
    }

    async fn task(self: Rc<Self>, number: usize) -> Result<()> {
        self.note(format!("{number}>"));
        for (place, operation) in self.tasks[number].iter().enumerate() {
            let name = format!("{number}.{place}");
            let words: Vec<&str> = operation.trim_end_matches('?').split(' ').collect();
            match self.perform(&words, &name).await {
                Ok(done) => self.note(name + done),
                Err(error) => {
                    self.note(name + said(&error));
                    if !operation.ends_with('?') {
                        self.note(number.to_string() + said(&error));
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    async fn perform(self: &Rc<Self>, words: &[&str], name: &str) -> Result<&'static str> {
        let callback = format!("{name}*");
        match words {
            ["spawn", task] => {
                let number = task[1..].parse().unwrap();
                let body = self.clone().task(number);
                let task = self.event_loop.create_task(task, body);
                self.running.borrow_mut().push((number, task));
                Ok("")
            }
            ["pause"] => pause(&self.event_loop).await.map(|()| ""),
            ["thread", rest @ ..] => {
                self.bring(rest, callback);
                Ok("")
            }
            ["soon"] => {
                let program = self.clone();
                self.event_loop.call_soon(move || program.note(callback));
                Ok("")
            }
            [how @ ("await" | "shield" | "limit" | "limit-shield"), target] => {
                let Some(target) = self.find(target) else { return Ok("-") };
                self.wait(how, target).await.map(|()| "=")
            }
            _ => Ok(self.at_once(words, name)),
        }
    }

    /// Another thread brings a callback, while the loop's own waits for it.
    fn bring(self: &Rc<Self>, words: &[&str], name: String) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (program, label) = (self.clone(), name.clone());
        let callback = move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let done = program.at_once(&words, &name);
            program.note(name + done);
        };
        let event_loop = self.event_loop.clone();
        thread::spawn(&label.clone(), move || event_loop.call_soon_threadsafe(label, callback)).join();
    }

    async fn wait(&self, how: &str, target: Target) -> Result<()> {
        let shielded = how.ends_with("shield").then(|| shield(&target.future()));
        let what = async move {
            match shielded {
                Some(shielded) => shielded.await,
                None => target.wait().await,
            }
        };
        if !how.starts_with("limit") {
            return what.await;
        }
        *self.limits.borrow_mut() += 1;
        let millis = *self.limits.borrow();
        self.armed.borrow_mut().push_back(millis);
        let result = wait_for(&self.event_loop, what, Limit { timer: LIMIT, millis }).await;
        self.armed.borrow_mut().retain(|armed| *armed != millis);
        result
    }

    fn find(&self, target: &str) -> Option<Target> {
        let number: usize = target[1..].parse().unwrap();
        if target.starts_with('f') {
            return Some(Target::Future(self.futures[number].clone()));
        }
        let running = self.running.borrow();
        running.iter().find(|(own, _)| *own == number).map(|(_, task)| Target::Task(task.clone()))
    }

    /// An operation that does not wait; `-` if there is nothing to do.
    fn at_once(self: &Rc<Self>, words: &[&str], name: &str) -> &'static str {
        let [how, target] = words else { return self.fire() };
        let Some(target) = self.find(target).filter(|target| *how == "note" || !target.future().done())
        else {
            return "-";
        };
        match *how {
            "set" => target.future().set_result(()),
            "fail" => target.future().set_exception(Exception::Value(String::new())),
            "cancel" => target.cancel(),
            "twice" => {
                target.cancel();
                target.cancel();
            }
            "note" => {
                let (program, name) = (self.clone(), format!("{name}*"));
                target.future().add_done_callback(move |_| program.note(name));
            }
            other => panic!("no such operation: {other}"),
        }
        ""
    }

    fn fire(&self) -> &'static str {
        match self.armed.borrow_mut().pop_front() {
            Some(_) => {
                self.timers.fire(LIMIT);
                ""
            }
            None => "-",
        }
    }

    /// Ends whatever still waits.
    async fn finish(&self) -> Result<()> {
        for _ in 0..4 {
            self.futures.iter().for_each(|future| future.set_result(()));
            while self.fire() != "-" {}
            for _ in 0..8 {
                pause(&self.event_loop).await?;
            }
        }
        loop {
            let left = |(_, task): &(usize, Task<()>)| (!task.done()).then(|| task.clone());
            let left: Vec<Task<()>> = self.running.borrow().iter().filter_map(left).collect();
            if left.is_empty() {
                return Ok(());
            }
            for task in &left {
                task.cancel();
            }
            for _ in 0..8 {
                pause(&self.event_loop).await?;
            }
        }
    }
}

/// What happens when the model runs the program.
fn order(tasks: Vec<Vec<String>>) -> String {
    let order = Rc::new(RefCell::new(String::new()));
    let result = order.clone();
    let program = Coroutines::new(move || {
        let timers = Timers::new([LIMIT]);
        let event_loop = EventLoop::new("loop", &timers);
        let program = Rc::new(Program {
            tasks: tasks.clone(),
            futures: (0..FUTURES).map(|_| event_loop.future()).collect(),
            timers,
            order: RefCell::default(),
            running: RefCell::default(),
            armed: RefCell::default(),
            limits: RefCell::default(),
            event_loop: event_loop.clone(),
        });
        let main = program.clone().main();
        assert_eq!(event_loop.run_until_complete("main", main), Ok(()));
        *result.borrow_mut() = program.order.borrow().join(" ");
    });
    let ended = run_once(&Limits::default(), &program, &[], |execution| execution.ended == Ended::Complete);
    assert_eq!(ended.ok(), Some(true), "it came to its end");
    order.take()
}

#[test]
fn the_model_has_the_order_of_cpython_in_every_program() {
    let lines = PROGRAMS.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    let mut programs = 0;
    let mut wrong = Vec::new();
    for (at, line) in (1..).zip(lines) {
        programs += 1;
        let seen = order(line.tasks.clone());
        if seen != line.order {
            let program = line.tasks.iter().map(|task| task.join(", ")).collect::<Vec<_>>().join("\n  ");
            wrong.push(format!("line {at}\n  {program}\n  CPython  {}\n  model    {seen}\n", line.order));
        }
    }
    assert!(programs >= 1_000);
    wrong.sort_by_key(String::len);
    assert!(
        wrong.is_empty(),
        "{} of {programs} differ, among them\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].concat()
    );
}
