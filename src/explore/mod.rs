//! Engines: what drives a scenario through its interleavings, and what came of it.

#[cfg(test)]
mod agreement;
pub mod inhouse;
pub mod loom;
mod report;
mod scenario;
mod token;

pub use inhouse::{Limits, Schedule, Search, search};
pub use report::*;
pub use scenario::{ExploreError, Job, Options, Progress, ReplayError, explore, replay};
pub use token::{Token, TokenError};
