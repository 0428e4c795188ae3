//! `asyncio.Task`: a coroutine in steps. A cancellation is an exception at the next suspension point.
//!
//! As `Task.__step` and `Task.cancel` of CPython 3.12 (`asyncio/tasks.py`): cancelling a task cancels what it waits
//! for, and if that is over, the exception is thrown at the next step. A task cancelled before its first step never
//! runs its body.

use std::cell::{Cell, RefCell};
use std::future::Future as StdFuture;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::future::{Cancellable, Future};
use super::{EventLoop, Exception, Result};

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

struct Header {
    /// The task's name, for whoever debugs.
    name: String,
    started: Cell<bool>,
    done: Cell<bool>,
    must_cancel: Cell<bool>,
    /// Whether the step that runs now throws.
    thrown: Cell<bool>,
    cancel_requests: Cell<u32>,
    waiting_on: RefCell<Option<Rc<dyn Cancellable>>>,
    step: RefCell<Option<Rc<dyn Fn()>>>,
}

type Body<T> = Pin<Box<dyn StdFuture<Output = Result<T>>>>;

impl<T: Clone + 'static> Task<T> {
    pub(super) fn begin(
        event_loop: &EventLoop,
        name: &str,
        body: impl StdFuture<Output = Result<T>> + 'static,
    ) -> Self {
        let header = Rc::new(Header {
            name: name.to_owned(),
            started: Cell::new(false),
            done: Cell::new(false),
            must_cancel: Cell::new(false),
            thrown: Cell::new(false),
            cancel_requests: Cell::new(0),
            waiting_on: RefCell::default(),
            step: RefCell::default(),
        });
        let task = Self { header, future: event_loop.future() };
        let body: RefCell<Option<Body<T>>> = RefCell::new(Some(Box::pin(body)));
        let (weak, future) = (Rc::downgrade(&task.header), task.future.clone());
        let step = Rc::new(move || step(&weak, &future, &body));
        *task.header.step.borrow_mut() = Some(step);
        let first = task.handle();
        event_loop.call_soon(move || first.step());
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

/// One step: polls the body up to its next suspension point.
fn step<T: Clone + 'static>(header: &Weak<Header>, future: &Future<T>, body: &RefCell<Option<Body<T>>>) {
    let Some(header) = header.upgrade().filter(|header| !header.done.get()) else { return };
    let throw = header.must_cancel.replace(false);
    header.waiting_on.borrow_mut().take();
    let started = header.started.replace(true);
    let result = if throw && !started {
        Poll::Ready(Err(Exception::Cancelled))
    } else {
        let Some(mut running) = body.borrow_mut().take() else { return };
        header.thrown.set(throw);
        let event_loop = future.event_loop();
        let before = event_loop.set_current_task(Some(TaskRef { header: header.clone() }));
        let result = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        event_loop.set_current_task(before);
        if result.is_pending() {
            *body.borrow_mut() = Some(running);
        }
        result
    };
    match result {
        Poll::Ready(result) => {
            body.borrow_mut().take();
            header.done.set(true);
            header.step.borrow_mut().take();
            let cancelled_at_the_end = result.is_ok() && header.must_cancel.get();
            future.settle(if cancelled_at_the_end { Err(Exception::Cancelled) } else { result });
        }
        Poll::Pending if header.must_cancel.get() => {
            let waiting_on = header.waiting_on.borrow().clone();
            if waiting_on.is_some_and(|future| future.cancel()) {
                header.must_cancel.set(false);
            }
        }
        Poll::Pending => {}
    }
}

impl TaskRef {
    /// Requests that the task be cancelled; false if it is done.
    pub fn cancel(&self) -> bool {
        if self.header.done.get() {
            return false;
        }
        self.header.cancel_requests.set(self.header.cancel_requests.get() + 1);
        let waiting_on = self.header.waiting_on.borrow().clone();
        if !waiting_on.is_some_and(|future| future.cancel()) {
            self.header.must_cancel.set(true);
        }
        true
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn done(&self) -> bool {
        self.header.done.get()
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// How many requests to cancel are not taken back.
    #[must_use]
    pub fn cancelling(&self) -> u32 {
        self.header.cancel_requests.get()
    }

    /// Takes one request to cancel back; how many are left.
    pub fn uncancel(&self) -> u32 {
        let left = self.header.cancel_requests.get().saturating_sub(1);
        self.header.cancel_requests.set(left);
        left
    }

    /// Lets go of the coroutine, when the execution is over.
    pub(super) fn abandon(&self) {
        self.header.step.take();
        self.header.waiting_on.take();
    }

    pub(super) fn take_thrown(&self) -> bool {
        self.header.thrown.replace(false)
    }

    pub(super) fn set_waiting_on(&self, future: Rc<dyn Cancellable>) {
        *self.header.waiting_on.borrow_mut() = Some(future);
    }

    pub(super) fn step(&self) {
        let step = self.header.step.borrow().clone();
        if let Some(step) = step {
            step();
        }
    }
}

impl<T: Clone + 'static> StdFuture for Task<T> {
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
}

impl<T> Unpin for Task<T> {}
