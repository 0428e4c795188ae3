//! `asyncio.Future`: a result to come, on one loop.

use std::fmt;
use std::future::Future as StdFuture;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::event_loop::{Label, Ready};
use super::task::TaskRef;
use super::{EventLoop, Exception, Result};
use crate::engine::kernel::{Local, LogicalTask, learns_only};

/// A result to come.
pub struct Future<T> {
    inner: Rc<Inner<T>>,
    /// Whether this handle's waiter is among the callbacks.
    registered: bool,
}

struct Inner<T> {
    event_loop: EventLoop,
    state: Local<State<T>>,
}

struct State<T> {
    result: Option<Result<T>>,
    callbacks: Callbacks<T>,
}

impl<T: Hash> Hash for State<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.result.hash(state);
        self.callbacks.hash(state);
    }
}

/// Who is told, in order.
struct Callbacks<T>(Vec<Callback<T>>);

enum Callback<T> {
    Task(TaskRef),
    Waker(Waker),
    Call(LogicalTask, Box<dyn FnOnce(Future<T>)>),
}

impl<T> Hash for Callbacks<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for callback in &self.0 {
            match callback {
                Callback::Task(task) => (0_u8, task).hash(state),
                Callback::Waker(_) => 1_u8.hash(state),
                Callback::Call(logical_task, _) => (2_u8, logical_task).hash(state),
            }
        }
    }
}

/// Something that a cancelled task can pass its cancellation on to.
pub(super) trait Cancellable {
    fn cancel(&self) -> bool;
    /// Tells it from others.
    fn key(&self) -> u128;
}

impl<T: Clone + Hash + 'static> Cancellable for Future<T> {
    fn cancel(&self) -> bool {
        Self::cancel(self)
    }

    fn key(&self) -> u128 {
        self.inner.state.key()
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), registered: false }
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("future")
    }
}

/// A future in data stands for itself, whatever its result.
impl<T> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.state.hash(state);
    }
}

impl<T> Future<T> {
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
}

impl<T: Clone + Hash + 'static> Future<T> {
    pub(super) fn new(event_loop: &EventLoop) -> Self {
        let state = Local::new(State { result: None, callbacks: Callbacks(Vec::new()) });
        // Who waits is told by the future, and holds it.
        state.let_go_at_end(|state| std::mem::take(&mut state.callbacks.0));
        Self { inner: Rc::new(Inner { event_loop: event_loop.clone(), state }), registered: false }
    }

    /// Whether there is a result, an exception or a cancellation.
    #[must_use]
    pub fn done(&self) -> bool {
        self.inner.state.read(|state| state.result.is_some())
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.inner.state.read(|state| matches!(state.result, Some(Err(Exception::Cancelled))))
    }

    /// The result, if it is done.
    #[must_use]
    pub fn result(&self) -> Option<Result<T>> {
        self.inner.state.read(|state| state.result.clone())
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
        learns_only(|| {
            let callbacks = self.inner.state.update(|state| {
                let is_open = state.result.is_none();
                is_open.then(|| {
                    state.result = Some(result);
                    std::mem::replace(&mut state.callbacks, Callbacks(Vec::new()))
                })
            });
            let Some(Callbacks(callbacks)) = callbacks else { return false };
            callbacks.into_iter().for_each(|callback| self.schedule(callback));
            true
        })
    }

    fn schedule(&self, callback: Callback<T>) {
        let event_loop = &self.inner.event_loop;
        match callback {
            Callback::Task(task) => event_loop.append(Ready::Step(task)),
            Callback::Waker(waker) => waker.wake(),
            Callback::Call(logical_task, call) => {
                let future = self.clone();
                event_loop.append(Ready::Call(logical_task, Box::new(move || call(future))));
            }
        }
    }

    /// Has a callback run on the loop, an iteration after the future is done.
    pub fn add_done_callback(&self, callback: impl FnOnce(Future<T>) + 'static) {
        self.call_back(LogicalTask::branch(), callback);
    }

    /// As [`Future::add_done_callback`], of a callback that the label says everything about.
    pub(super) fn when_done(&self, label: impl Label, callback: impl FnOnce(Future<T>) + 'static) {
        self.call_back(LogicalTask::labelled(&label), callback);
    }

    pub(super) fn call_back(&self, logical_task: LogicalTask, callback: impl FnOnce(Future<T>) + 'static) {
        learns_only(|| {
            let callback = Callback::Call(logical_task, Box::new(callback));
            if self.done() {
                self.schedule(callback);
            } else {
                self.inner.state.move_on(|state| state.callbacks.0.push(callback));
            }
        });
    }
}

impl<T: Clone + Hash + 'static> StdFuture for Future<T> {
    type Output = Result<T>;

    /// A task that is woken has learned the result, and not that it had to wait for it.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let task = self.inner.event_loop.current_task();
        if task.as_ref().is_some_and(TaskRef::take_thrown) {
            return Poll::Ready(Err(Exception::Cancelled));
        }
        if self.inner.state.inspect(|state| state.result.is_some())
            && let Some(result) = self.result()
        {
            return Poll::Ready(result);
        }
        let callback = match &task {
            Some(task) => Callback::Task(task.clone()),
            None => Callback::Waker(cx.waker().clone()),
        };
        if let Some(task) = task {
            task.set_waiting_on(Rc::new(self.clone()));
        }
        if !self.registered {
            self.inner.state.move_on(|state| state.callbacks.0.push(callback));
        }
        self.registered = true;
        Poll::Pending
    }
}

impl<T> Unpin for Future<T> {}
