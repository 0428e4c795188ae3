//! Asynchronous callbacks called from any thread, with a wait for those still under way.
//!
//! Stands for `AsyncCallbackWrapper` (`sdk/utils/async_utils.py`).

use std::hash::{Hash, Hasher};
use std::pin::Pin;

use super::asyncio::{EventLoop, Exception, Label, Limit, Result, concurrent, run_coroutine_threadsafe};
use crate::engine::kernel::{Object, Op, thread};

/// Calls coroutines on a loop from any thread.
#[derive(Clone)]
pub struct AsyncCallbackWrapper {
    event_loop: EventLoop,
    pending: Object<Pending>,
}

/// The futures of the calls so far, in order; how many there are says which.
#[derive(Default)]
struct Pending(Vec<concurrent::Future<()>>);

impl Hash for Pending {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
    }
}

impl AsyncCallbackWrapper {
    /// A wrapper for callbacks on `event_loop`.
    #[must_use]
    pub fn new(event_loop: &EventLoop) -> Self {
        Self { event_loop: event_loop.clone(), pending: Object::new("pending", Pending::default()) }
    }

    /// Has the coroutine run on the loop.
    pub fn call(
        &self,
        label: impl Label,
        make: impl FnOnce() -> Pin<Box<dyn Future<Output = Result<()>>>> + 'static,
    ) {
        let future = run_coroutine_threadsafe(&self.event_loop, label, make);
        self.pending.perform(Op::new("append"), |pending| pending.0.push(future));
    }

    /// Blocks until every call so far has ended, for each of them no longer than the limit; whether all have ended.
    pub fn wait_for_pending(&self, limit: Limit) -> bool {
        let _place = thread::place("drain pending events");
        let count = self.pending.perform(Op::new("read").reads(), |pending| pending.0.len());
        let mut all_ended = true;
        for index in 0..count {
            let future = self.pending.inspect(|pending| pending.0[index].clone());
            all_ended &= future.result_within(self.event_loop.timers(), limit) != Err(Exception::Timeout);
        }
        all_ended
    }
}
