//! Engines: what drives a scenario through its interleavings, and what came of it.

mod deciding_wait;
mod dry_run;
mod exploration;
mod find_first;
mod findings;
mod job;
mod locks;
pub(crate) mod loom;
mod program;
mod racing_pair;
mod replay;
mod run;
mod shrink;
mod size;
mod suggest;
mod token;
mod trial;
mod witness;

pub use crate::harness::Firing;
pub use deciding_wait::deciding_waits;
pub use dry_run::own_standstill;
pub use exploration::*;
pub use find_first::{Caught, Hunted, hunt};
pub use job::{Budget, ExploreError, Job, Options, Progress, SAMPLE, SearchKind, Told, size_in_words};
pub use locks::locks;
pub use program::OnProgram;
pub use racing_pair::{RacingPair, Side, racing_pair};
pub use replay::replay;
pub use run::explore;
pub use shrink::{Shrunk, Size, shrink, smaller};
pub use size::size;
pub use suggest::{Place, Suggestion, suggest};
pub use token::{Token, TokenError};
