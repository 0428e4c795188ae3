//! `asyncio.Future`: a result to come, on one loop. Knows nothing of tasks but how to wake one.

use std::cell::RefCell;
use std::future::Future as StdFuture;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::task::TaskRef;
use super::{EventLoop, Exception, Result};

/// A result to come.
pub struct Future<T> {
    inner: Rc<Inner<T>>,
    /// Whether this handle's waiter is among the callbacks.
    registered: bool,
}

struct Inner<T> {
    event_loop: EventLoop,
    result: RefCell<Option<Result<T>>>,
    callbacks: RefCell<Vec<Callback<T>>>,
}

enum Callback<T> {
    Task(TaskRef),
    Waker(Waker),
    Call(Box<dyn FnOnce(Future<T>)>),
}

/// Something that a cancelled task can pass its cancellation on to.
pub(super) trait Cancellable {
    fn cancel(&self) -> bool;
}

impl<T: Clone + 'static> Cancellable for Future<T> {
    fn cancel(&self) -> bool {
        Self::cancel(self)
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), registered: false }
    }
}

impl<T: Clone + 'static> Future<T> {
    pub(super) fn new(event_loop: &EventLoop) -> Self {
        let event_loop = event_loop.clone();
        let inner = Inner { event_loop, result: RefCell::default(), callbacks: RefCell::default() };
        Self { inner: Rc::new(inner), registered: false }
    }

    /// The loop it belongs to.
    #[must_use]
    pub fn event_loop(&self) -> &EventLoop {
        &self.inner.event_loop
    }

    /// Whether both are the same future.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }

    /// Whether there is a result, an exception or a cancellation.
    #[must_use]
    pub fn done(&self) -> bool {
        self.inner.result.borrow().is_some()
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        matches!(&*self.inner.result.borrow(), Some(Err(Exception::Cancelled)))
    }

    /// The result, if it is done.
    #[must_use]
    pub fn result(&self) -> Option<Result<T>> {
        self.inner.result.borrow().clone()
    }

    /// Sets the result. Later ones are ignored.
    pub fn set_result(&self, value: T) {
        self.settle(Ok(value));
    }

    /// Sets the exception. Later ones are ignored.
    pub fn set_exception(&self, exception: Exception) {
        self.settle(Err(exception));
    }

    /// Cancels it; false if it is done already.
    pub fn cancel(&self) -> bool {
        self.settle(Err(Exception::Cancelled))
    }

    pub(super) fn settle(&self, result: Result<T>) -> bool {
        if self.done() {
            return false;
        }
        *self.inner.result.borrow_mut() = Some(result);
        let callbacks = self.inner.callbacks.take();
        callbacks.into_iter().for_each(|callback| self.schedule(callback));
        true
    }

    fn schedule(&self, callback: Callback<T>) {
        let event_loop = &self.inner.event_loop;
        match callback {
            Callback::Task(task) => event_loop.call_soon(move || task.step()),
            Callback::Waker(waker) => waker.wake(),
            Callback::Call(call) => {
                let future = self.clone();
                event_loop.call_soon(move || call(future));
            }
        }
    }

    /// Has a callback run on the loop, an iteration after the future is done.
    pub fn add_done_callback(&self, callback: impl FnOnce(Future<T>) + 'static) {
        let callback = Callback::Call(Box::new(callback));
        if self.done() {
            self.schedule(callback);
        } else {
            self.inner.callbacks.borrow_mut().push(callback);
        }
    }
}

impl<T: Clone + 'static> StdFuture for Future<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let task = self.inner.event_loop.current_task();
        if task.as_ref().is_some_and(TaskRef::take_thrown) {
            return Poll::Ready(Err(Exception::Cancelled));
        }
        if let Some(result) = self.result() {
            return Poll::Ready(result);
        }
        if let Some(task) = task {
            task.set_waiting_on(Rc::new(self.clone()));
            if !self.registered {
                self.inner.callbacks.borrow_mut().push(Callback::Task(task));
            }
        } else if !self.registered {
            self.inner.callbacks.borrow_mut().push(Callback::Waker(cx.waker().clone()));
        }
        self.registered = true;
        Poll::Pending
    }
}

impl<T> Unpin for Future<T> {}
