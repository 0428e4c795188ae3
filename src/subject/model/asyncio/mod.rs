//! asyncio on the kernel: event loops, tasks, cancellation, executors, portals, as in CPython 3.12 and anyio 4.
//!
//! A coroutine is an `async` block that returns a [`Result`]; where Python raises, it returns an [`Exception`]. What
//! belongs to one loop is local to its thread; what crosses threads is a kernel object.

pub mod concurrent;
mod event_loop;
mod exception;
mod executor;
mod future;
mod portal;
mod sync;
mod task;
mod wait;

pub use concurrent::wrap_future;
pub use event_loop::{EventLoop, Label, Limit, TimerHandle};
pub use exception::{Exception, Result};
pub use executor::{Coroutine, Executor, run_coroutine_threadsafe};
pub use future::Future;
pub use portal::{Portal, PortalThread};
pub use sync::{Event, Lock, LockGuard};
pub use task::{Task, TaskRef};
pub use wait::{shield, wait_for};
