//! Engines: what drives a scenario through its interleavings, and what came of it.

pub mod inhouse;
pub mod loom;
mod racing_pair;
mod report;
mod scenario;
mod shrink;
mod smaller;
mod token;

pub use inhouse::{Drift, Limits, Schedule, Search, search};
pub use racing_pair::{RacingPair, Side, racing_pair};
pub use report::*;
pub use scenario::{ExploreError, Job, Options, Progress, explore, replay};
pub use shrink::{Shrunk, Size, shrink};
pub use token::{Token, TokenError};
