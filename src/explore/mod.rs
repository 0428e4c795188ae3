//! Engines: what drives a scenario through its interleavings, and what came of it.

mod deciding_wait;
mod dry_run;
mod exploration;
mod find_first;
mod findings;
mod job;
pub(crate) mod loom;
mod racing_pair;
mod run;
mod shrink;
mod size;
mod smaller;
mod suggest;
mod token;

pub use crate::harness::Firing;
pub use deciding_wait::deciding_waits;
pub use dry_run::own_standstill;
pub use exploration::*;
pub use find_first::{Caught, Hunted, hunt};
pub use job::{Budget, ExploreError, Job, Options, Progress, SAMPLE, SearchKind, Told, size_in_words};
pub use racing_pair::{RacingPair, Side, racing_pair};
pub use run::{explore, locks, replay};
pub use shrink::{Shrunk, Size, shrink};
pub use size::size;
pub use smaller::smaller;
pub use suggest::{Place, Suggestion, suggest};
pub use token::{Token, TokenError};
