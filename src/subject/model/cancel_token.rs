//! The cancel token: a flag from `interrupt` to tool calls on worker threads.
//!
//! Stands for `CancellationToken` (`sdk/conversation/cancellation.py`).

use crate::engine::kernel::Flag;

/// A flag that is fresh for each run.
#[derive(Clone)]
pub struct CancelToken {
    /// The run it was made for, counted from 1.
    pub run: u32,
    cancelled: Flag,
}

impl std::fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "token of run {}", self.run)
    }
}

impl std::hash::Hash for CancelToken {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.run.hash(state);
    }
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new(run: u32) -> Self {
        Self { run, cancelled: Flag::new(&format!("token {run}")) }
    }

    /// Signals cancellation; idempotent.
    pub fn cancel(&self) {
        self.cancelled.set();
    }

    /// Whether cancellation was signalled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }
}
