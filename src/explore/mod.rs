//! Engines: what drives a scenario through its interleavings, and what came of it.

#[cfg(test)]
mod agreement;
mod findings;
mod hunt;
pub mod inhouse;
mod job;
mod lock_graph;
pub mod loom;
mod racing_pair;
mod report;
mod scenario;
mod shrink;
mod size;
mod smaller;
mod suggest;
mod token;

pub use crate::stage::Firing;
pub use hunt::{Caught, Hunted, hunt};
pub use inhouse::{Drift, Limits, Schedule, Search, search};
pub use job::{Budget, ExploreError, Job, Options, Progress, SAMPLE, SearchKind, Told, size_in_words};
pub use lock_graph::{Attack, LockGraph, Reason, lock_graph};
pub use racing_pair::{RacingPair, Side, racing_pair};
pub use report::*;
pub use scenario::{explore, locks, replay};
pub use shrink::{Shrunk, Size, shrink};
pub use size::size;
pub use smaller::smaller;
pub use suggest::{Place, Suggestion, suggest};
pub use token::{Token, TokenError};
