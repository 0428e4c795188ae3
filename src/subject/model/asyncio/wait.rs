//! `shield` and `wait_for`: waiting without passing a cancellation on, and waiting within a limit.

use std::future::Future as StdFuture;
use std::hash::Hash;

use super::{EventLoop, Exception, Future, Limit, Result};
use crate::engine::kernel::{Local, LogicalTask};

/// A future that ends as `inner` does, and whose cancellation `inner` does not feel (`asyncio.shield`).
pub fn shield<T: Clone + Hash + 'static>(inner: &Future<T>) -> Future<T> {
    if inner.done() {
        return inner.clone();
    }
    let outer = inner.event_loop().future();
    let shielded = outer.clone();
    let logical_task = LogicalTask::labelled(&("shield", &outer));
    inner.call_back(logical_task, move |inner| {
        if let Some(result) = inner.result() {
            shielded.settle(result);
        }
    });
    outer
}

/// Waits for `what` within a limit, in the same task: when the timer fires the task is cancelled, and that one
/// cancellation comes out as a time-out (`asyncio.wait_for` of CPython 3.12, which is `asyncio.timeout`). A
/// cancellation that others ask for stays one.
///
/// # Errors
///
/// `Timeout`, or what `what` fails with.
pub async fn wait_for<T>(
    event_loop: &EventLoop,
    what: impl StdFuture<Output = Result<T>>,
    limit: Limit,
) -> Result<T> {
    let Some(task) = event_loop.current_task() else { return what.await };
    let cancelling = task.cancelling();
    let expired = Local::new(false);
    let (expiring, cancelled) = (expired.clone(), task.clone());
    let logical_task = LogicalTask::labelled(&("expire", &task, &expired));
    let handle = event_loop.call_later_as(logical_task, limit, move || {
        cancelled.cancel();
        expiring.set(true);
    });
    let result = what.await;
    handle.cancel();
    if !expired.get() {
        return result;
    }
    let left = task.uncancel();
    match result {
        Err(Exception::Cancelled) if left <= cancelling => Err(Exception::Timeout),
        other => other,
    }
}
