//! The in-house engine: threads as stackful coroutines on one OS thread, and a search over visited states that ends.

mod coroutines;
mod execution;
mod follow;
mod footprint;
mod reduction;
mod sampling;
mod schedule;
mod search;

pub use execution::{Ended, Execution};
pub use follow::{Drift, follow, run_once};
pub use sampling::{Sample, Sampler, sample};
pub use schedule::{Schedule, ScheduleError, Switch};
pub use search::{Limits, Search, Stopped, Visit, run_search, search};
