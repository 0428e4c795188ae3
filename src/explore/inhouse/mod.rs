//! The in-house engine: threads as stackful coroutines on one OS thread, and a search over visited states that ends.

mod coroutines;
mod schedule;
mod search;

pub use schedule::{Schedule, ScheduleError, Switch};
pub use search::{Drift, Ended, Execution, Limits, Search, follow, run_once, run_search, search};
