//! Exceptions as values: what a coroutine or a job can fail with.

/// What a coroutine returns.
pub type Result<T> = std::result::Result<T, Exception>;

/// An exception of the program under test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exception {
    /// `asyncio.CancelledError`: the task was cancelled.
    Cancelled,
    /// `TimeoutError`: a limit was reached.
    Timeout,
    /// `ValueError`.
    Value(String),
    /// Any other one: the name of its class, and its message.
    Error {
        /// The name of the class.
        kind: String,
        /// The message.
        message: String,
    },
}

impl Exception {
    /// The name of the class.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Cancelled => "CancelledError",
            Self::Timeout => "TimeoutError",
            Self::Value(_) => "ValueError",
            Self::Error { kind, .. } => kind,
        }
    }
}
