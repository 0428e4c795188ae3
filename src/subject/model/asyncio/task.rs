//! `asyncio.Task`: a coroutine in steps. A cancellation is an exception at the next suspension point.
//!
//! As `Task.__step` and `Task.cancel` of CPython 3.12 (`asyncio/tasks.py`): cancelling a task cancels what it waits
//! for, and if that is over, the exception is thrown at the next step. A task cancelled before its first step never
//! runs its body. Each task is a logical task of the loop's thread.

use std::cell::RefCell;
use std::future::Future as StdFuture;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::event_loop::Ready;
use super::future::{Cancellable, Future};
use super::{EventLoop, Exception, Result};
use crate::engine::kernel::{Local, LogicalTask, Mark, learns_only, note};

/// A coroutine that a loop runs.
pub struct Task<T> {
    header: Rc<Header>,
    future: Future<T>,
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self { header: self.header.clone(), future: self.future.clone() }
    }
}

/// A task, whatever it returns.
#[derive(Clone)]
pub struct TaskRef {
    header: Rc<Header>,
}

/// A task in data stands for itself, wherever it is.
impl Hash for TaskRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.header.state.hash(state);
    }
}

struct Header {
    /// The task's name, for whoever debugs.
    name: String,
    state: Local<State>,
    step: RefCell<Option<Rc<dyn Fn()>>>,
}

#[derive(Default)]
struct State {
    started: bool,
    done: bool,
    must_cancel: bool,
    /// Whether the step that runs now throws.
    thrown: bool,
    cancel_requests: u32,
    waiting_on: Option<Rc<dyn Cancellable>>,
    /// The coroutine while it does not run.
    logical_task: LogicalTask,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.started, self.done, self.must_cancel, self.thrown, self.cancel_requests).hash(state);
        self.waiting_on.as_ref().map(|future| future.key()).hash(state);
        self.logical_task.hash(state);
    }
}

type Body<T> = Pin<Box<dyn StdFuture<Output = Result<T>>>>;

impl<T: Clone + Hash + 'static> Task<T> {
    /// Begins a task; `label` says everything about the body, if it is given.
    pub(super) fn begin(
        event_loop: &EventLoop,
        name: &str,
        label: Option<u128>,
        body: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Self {
        let state = Local::new(State::default());
        let logical_task = LogicalTask::with_key(state.key(), label);
        state.move_on(|state| state.logical_task = logical_task);
        let header = Rc::new(Header { name: name.to_owned(), state, step: RefCell::default() });
        let task = Self { header, future: event_loop.future() };
        let body: RefCell<Option<Body<T>>> = RefCell::new(Some(Box::pin(body)));
        let (weak, future) = (Rc::downgrade(&task.header), task.future.clone());
        let step = Rc::new(move || step(&weak, &future, &body));
        *task.header.step.borrow_mut() = Some(step);
        event_loop.append(Ready::Step(task.handle()));
        task
    }

    /// Requests that the task be cancelled; false if it is done.
    pub fn cancel(&self) -> bool {
        self.handle().cancel()
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        self.future.done()
    }

    /// Whether the task has ended by cancellation.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.future.cancelled()
    }

    /// What the task returned, if it has ended.
    #[must_use]
    pub fn result(&self) -> Option<Result<T>> {
        self.future.result()
    }

    /// The task's result to come. Cancelling this future does not cancel the task's coroutine: shield it.
    #[must_use]
    pub fn future(&self) -> Future<T> {
        self.future.clone()
    }

    /// The task, whatever it returns.
    #[must_use]
    pub fn handle(&self) -> TaskRef {
        TaskRef { header: self.header.clone() }
    }
}

/// One step, as the task's logical task: polls the body up to its next suspension point.
fn step<T: Clone + Hash + 'static>(
    header: &Weak<Header>,
    future: &Future<T>,
    body: &RefCell<Option<Body<T>>>,
) {
    let Some(header) = header.upgrade().filter(|header| !header.state.inspect(|state| state.done)) else {
        return;
    };
    let (logical_task, throw, started) = header.state.move_on(|state| {
        state.waiting_on = None;
        let throw = std::mem::take(&mut state.must_cancel);
        (std::mem::take(&mut state.logical_task), throw, std::mem::replace(&mut state.started, true))
    });
    let ((), logical_task) = logical_task.run(|| {
        let result = if throw && !started {
            Poll::Ready(Err(Exception::Cancelled))
        } else {
            poll_body(&header, future, body, throw)
        };
        match result {
            Poll::Ready(result) => end(&header, future, body, result),
            Poll::Pending => pass_cancellation_on(&header),
        }
    });
    header.state.move_on(|state| {
        if !state.done {
            state.logical_task = logical_task;
        }
    });
}

fn poll_body<T: Clone + Hash + 'static>(
    header: &Rc<Header>,
    future: &Future<T>,
    body: &RefCell<Option<Body<T>>>,
    throw: bool,
) -> Poll<Result<T>> {
    let Some(mut running) = body.borrow_mut().take() else { return Poll::Pending };
    header.state.move_on(|state| state.thrown = throw);
    let event_loop = future.event_loop();
    let before = event_loop.set_current_task(Some(TaskRef { header: header.clone() }));
    let result = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    event_loop.set_current_task(before);
    if result.is_pending() {
        *body.borrow_mut() = Some(running);
    }
    result
}

fn end<T: Clone + Hash + 'static>(
    header: &Rc<Header>,
    future: &Future<T>,
    body: &RefCell<Option<Body<T>>>,
    result: Result<T>,
) {
    body.borrow_mut().take();
    header.step.borrow_mut().take();
    let must_cancel = header.state.move_on(|state| {
        let over = State { done: true, cancel_requests: state.cancel_requests, ..State::default() };
        std::mem::replace(state, over).must_cancel
    });
    future.event_loop().ended(&TaskRef { header: header.clone() });
    let cancelled_at_the_end = result.is_ok() && must_cancel;
    future.settle(if cancelled_at_the_end { Err(Exception::Cancelled) } else { result });
}

/// The task was cancelled during the step: what it waits for now is cancelled in its place.
fn pass_cancellation_on(header: &Header) {
    if header.state.inspect(|state| state.must_cancel) {
        let suspended = Mark::here();
        let waiting_on = header.state.inspect(|state| state.waiting_on.clone());
        if waiting_on.is_some_and(|future| future.cancel()) {
            header.state.move_on(|state| state.must_cancel = false);
        }
        suspended.as_before();
    }
}

impl TaskRef {
    /// Requests that the task be cancelled; false if it is done.
    pub fn cancel(&self) -> bool {
        learns_only(|| {
            let waiting_on = self.header.state.move_on(|state| {
                state.cancel_requests += u32::from(!state.done);
                (!state.done).then(|| state.waiting_on.clone())
            });
            let Some(waiting_on) = waiting_on else { return false };
            note(|| format!("cancel task {}", self.name()));
            if !waiting_on.is_some_and(|future| future.cancel()) {
                self.header.state.move_on(|state| state.must_cancel = true);
            }
            true
        })
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        self.header.state.read(|state| state.done)
    }

    /// As [`TaskRef::done`], asked by the loop, which goes on as it finds it.
    pub(super) fn is_over(&self) -> bool {
        self.header.state.inspect(|state| state.done)
    }

    /// Whether both are the same task.
    pub(super) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.header, &other.header)
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// How many requests to cancel are not taken back.
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        self.header.state.read(|state| state.cancel_requests)
    }

    /// Takes one request to cancel back; how many are left.
    pub fn uncancel(&self) -> u32 {
        self.header.state.update(|state| {
            state.cancel_requests = state.cancel_requests.saturating_sub(1);
            state.cancel_requests
        })
    }

    /// Lets go of the coroutine, when the execution is over.
    pub(super) fn abandon(&self) {
        self.header.step.take();
        self.header.state.clear(|state| state.waiting_on.take());
    }

    /// Whether the step that runs now throws; once.
    pub(super) fn take_thrown(&self) -> bool {
        let thrown = self.header.state.inspect(|state| state.thrown);
        thrown && self.header.state.update(|state| std::mem::take(&mut state.thrown))
    }

    pub(super) fn set_waiting_on(&self, future: Rc<dyn Cancellable>) {
        self.header.state.move_on(|state| state.waiting_on = Some(future));
    }

    pub(super) fn step(&self) {
        let step = self.header.step.borrow().clone();
        if let Some(step) = step {
            step();
        }
    }
}

impl<T: Clone + Hash + 'static> StdFuture for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        // Awaiting a task waits for its result to come; a cancellation of the waiter goes on to the task.
        let task = self.future.event_loop().current_task();
        let polled = Pin::new(&mut self.future).poll(cx);
        if let (Poll::Pending, Some(waiter)) = (&polled, task) {
            waiter.set_waiting_on(Rc::new(self.handle()));
        }
        polled
    }
}

impl Cancellable for TaskRef {
    fn cancel(&self) -> bool {
        Self::cancel(self)
    }

    fn key(&self) -> u128 {
        self.header.state.key()
    }
}

impl<T> Unpin for Task<T> {}
