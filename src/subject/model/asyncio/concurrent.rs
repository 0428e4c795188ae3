//! `concurrent.futures.Future`: a result to come, for any thread. A kernel object; asking and settling are visible.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use super::event_loop::Label;
use super::{EventLoop, Exception, Limit, Result};
use crate::engine::kernel::{LogicalTask, Object, Op, Timers, learns_only, words};

/// A result to come, for any thread.
pub struct Future<T> {
    state: Object<State<T>>,
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone() }
    }
}

struct State<T> {
    running: bool,
    result: Option<Result<T>>,
    callbacks: Vec<Callback<T>>,
}

struct Callback<T> {
    /// Says what it does.
    logical_task: LogicalTask,
    call: Box<dyn FnOnce(Result<T>)>,
}

impl<T: Hash> Hash for State<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.running.hash(state);
        self.result.hash(state);
        self.callbacks.iter().for_each(|callback| callback.logical_task.hash(state));
    }
}

/// What a thread takes out of a future.
struct Settled<T>(bool, Vec<Callback<T>>);

impl<T> Hash for Settled<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.iter().for_each(|callback| callback.logical_task.hash(state));
    }
}

impl<T: Clone + Debug + Hash + 'static> Future<T> {
    /// A future that is not done.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_callbacks(name, Vec::new())
    }

    /// A future whose result goes to a callback, on the thread that settles it.
    pub(super) fn with_callback(
        name: &str,
        logical_task: LogicalTask,
        call: impl FnOnce(Result<T>) + 'static,
    ) -> Self {
        let callback = Callback { logical_task, call: Box::new(call) };
        Self::with_callbacks(name, vec![callback])
    }

    fn with_callbacks(name: &str, callbacks: Vec<Callback<T>>) -> Self {
        let state = Object::new(name, State { running: false, result: None, callbacks });
        // A future that wraps this one is told by it, and tells it of a cancellation.
        state.let_go_at_end(|state| std::mem::take(&mut state.callbacks));
        Self { state }
    }

    /// Tells it from others.
    pub(super) fn key(&self) -> u128 {
        self.state.core().key
    }

    /// Sets the result. Later ones are ignored.
    pub fn set_result(&self, value: T) {
        self.settle(Ok(value));
    }

    /// Sets the exception. Later ones are ignored.
    pub fn set_exception(&self, exception: Exception) {
        self.settle(Err(exception));
    }

    /// Sets the result or the exception; false if it is done already.
    pub fn settle(&self, result: Result<T>) -> bool {
        self.finish("settle", result, |_| true)
    }

    /// Cancels it, on this thread with all that follows from it; false if it is done or under way.
    pub fn cancel(&self) -> bool {
        self.finish("cancel", Err(Exception::Cancelled), |state| !state.running)
    }

    fn finish(
        &self,
        operation: &'static str,
        result: Result<T>,
        may: impl FnOnce(&State<T>) -> bool,
    ) -> bool {
        let words = words(|| format!("{result:?}"));
        let set = result.clone();
        let op = Op::new(operation).says(move |_: &Settled<T>| words.clone());
        learns_only(|| {
            let Settled(settled, callbacks) = self.state.perform(op, |state| {
                if state.result.is_some() || !may(state) {
                    return Settled(false, Vec::new());
                }
                state.result = Some(set);
                Settled(true, std::mem::take(&mut state.callbacks))
            });
            callbacks.into_iter().for_each(|callback| (callback.call)(result.clone()));
            settled
        })
    }

    /// It is under way and can no longer be cancelled; false if it was.
    pub(super) fn set_running(&self) -> bool {
        self.state.perform(Op::new("begin"), |state| {
            state.running = state.result.is_none();
            state.running
        })
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        matches!(self.peek(), Some(Err(Exception::Cancelled)))
    }

    /// Whether it is done.
    #[must_use]
    pub fn done(&self) -> bool {
        self.peek().is_some()
    }

    /// The result, if it is done.
    #[must_use]
    pub fn peek(&self) -> Option<Result<T>> {
        self.state
            .perform(Op::new("read").reads().says(|seen| format!("{seen:?}")), |state| state.result.clone())
    }

    /// Blocks the thread until it is done.
    ///
    /// # Errors
    ///
    /// The exception it was given, or `Cancelled`.
    pub fn result_blocking(&self) -> Result<T> {
        let op = Op::new("result").settled().reads().says(|seen| format!("{seen:?}"));
        let result =
            self.state.perform_when(op, |state| state.result.is_some(), |state| state.result.clone());
        result.unwrap_or(Err(Exception::Cancelled))
    }

    /// As [`Future::result_blocking`], within a limit (`result(timeout=…)`).
    ///
    /// # Errors
    ///
    /// `Timeout` if it is not done when the limit is over; else as above.
    pub fn result_within(&self, timers: &Timers, limit: Limit) -> Result<T> {
        let over = Object::new("limit over", false);
        let due = over.clone();
        let armed = timers.arm(limit.timer, limit.millis, move || {
            due.perform(Op::new("time out"), |over| *over = true);
        });
        let Some(timer) = armed else { return self.result_blocking() };
        let op = Op::new("result").settled().reads().watches(&over).says(|seen| format!("{seen:?}"));
        let is_over = move || over.inspect(|over| *over);
        let ready = move |state: &State<T>| state.result.is_some() || is_over();
        let result = self.state.perform_when(op, ready, |state| state.result.clone());
        if result.is_some() {
            timers.disarm(timer);
        }
        result.unwrap_or(Err(Exception::Timeout))
    }

    /// Has a callback run on the thread that settles it, or at once on this one if it is done.
    pub fn add_done_callback(&self, label: impl Label, call: impl FnOnce(Result<T>) + 'static) {
        self.call_back(LogicalTask::labelled(&label), call);
    }

    /// As [`Future::add_done_callback`], of a callback that a logical task stands for.
    pub(super) fn call_back(&self, logical_task: LogicalTask, call: impl FnOnce(Result<T>) + 'static) {
        let callback = Callback { logical_task, call: Box::new(call) };
        let settled = self.state.perform(Op::new("add callback"), |state| match &state.result {
            None => {
                state.callbacks.push(callback);
                Late(None)
            }
            Some(result) => Late(Some((result.clone(), callback))),
        });
        if let Late(Some((result, callback))) = settled {
            (callback.call)(result);
        }
    }
}

/// A callback that came when the future was done.
struct Late<T>(Option<(Result<T>, Callback<T>)>);

impl<T: Hash> Hash for Late<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().map(|(result, _)| result).hash(state);
    }
}

/// A future of the loop that ends as `future` does (`asyncio.wrap_future`); cancelling it cancels `future`, on the
/// loop's thread.
pub fn wrap_future<T: Clone + Debug + Hash + 'static>(
    event_loop: &EventLoop,
    future: &Future<T>,
) -> super::Future<T> {
    let wrapper = event_loop.future();
    let (on_loop, destination) = (event_loop.clone(), wrapper.clone());
    let logical_task = LogicalTask::labelled(&("set wrapper", &wrapper));
    future.call_back(logical_task, move |result| deliver(&on_loop, destination, result));
    pass_cancellation_on(&wrapper, future);
    wrapper
}

/// Brings a result to a future of a loop, from any thread.
pub(super) fn deliver<T: Clone + Debug + Hash + 'static>(
    event_loop: &EventLoop,
    destination: super::Future<T>,
    result: Result<T>,
) {
    let label = ("done", result.clone());
    let logical_task = LogicalTask::labelled(&(&label, &destination));
    event_loop.call_soon_threadsafe_as(logical_task, label, move || {
        destination.settle(result);
    });
}

pub(super) fn pass_cancellation_on<T: Clone + Debug + Hash + 'static>(
    wrapper: &super::Future<T>,
    future: &Future<T>,
) {
    let source = future.clone();
    wrapper.when_done(("cancel source", future.key()), move |wrapper| {
        if wrapper.cancelled() {
            source.cancel();
        }
    });
}
