//! The searches over the interleavings of a program: complete, within a bound of preemptions, and sampled.

pub(crate) mod complete;
pub(crate) mod deepening;
pub(crate) mod dpor;
pub(crate) mod footprint;
pub(crate) mod min_switch_search;
pub(crate) mod parallel;
pub(crate) mod path;
pub(crate) mod preemption_bounded;
pub(crate) mod sampling;
#[cfg(test)]
pub(crate) mod soundness_tests;
pub(crate) mod stateful_dpor;
pub(crate) mod visited_states;
pub(crate) mod wakeup;
pub(crate) mod worker;

pub use super::execution::ending::Visit;
pub use super::limits::{Limits, Search};
pub use super::trace::Stopped;
pub use complete::{SearchOf, bounded_search, run_search, search};
pub use deepening::{Deepened, deepen};
pub use dpor::dpor;
pub use min_switch_search::{Least, least};
pub use parallel::{Work, search_together};
pub use sampling::{Sample, Sampler, sample};
pub use worker::{Cores, Worker};
