//! The in-house engine: threads as stackful coroutines on one OS thread, and a search over visited states that ends.

mod bounded;
mod circle;
mod coroutines;
mod dependence;
mod dpor;
mod execution;
mod follow;
mod footprint;
mod hold_back;
mod least;
mod path;
mod planted;
mod reduction;
mod sampling;
mod schedule;
mod search;
mod table;
mod together;
#[cfg(test)]
mod trust;
mod wakeup;

pub use dpor::dpor;
pub use execution::{Ended, Execution};
pub use follow::{Drift, Fork, Misfit, OutOfOrder, Recorded, follow, forks, run_once};
pub use hold_back::held_back;
pub use least::{Least, least};
pub use sampling::{Sample, Sampler, sample};
pub use schedule::{Choice, Departure, Point, Schedule, ScheduleError, Switch};
pub use search::{Limits, Search, Stopped, Visit, run_search, search};
pub use together::{Cores, Work, Worker, search_together};
