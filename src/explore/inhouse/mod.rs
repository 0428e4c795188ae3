//! The in-house engine: threads as stackful coroutines on one OS thread, and a search over visited states that ends.

mod coroutines;
mod dependence;
mod dpor;
mod execution;
mod follow;
mod footprint;
mod planted;
mod reduction;
mod schedule;
mod search;
#[cfg(test)]
mod trust;
mod wakeup;

pub use dpor::dpor;
pub use execution::{Ended, Execution};
pub use follow::{Drift, follow, run_once};
pub use schedule::{Schedule, ScheduleError, Switch};
pub use search::{Limits, Search, Visit, run_search, search};
