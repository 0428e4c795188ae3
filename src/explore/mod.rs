//! Engines: what drives a scenario through its interleavings, and what came of it.

pub mod inhouse;
pub mod loom;
mod report;
mod scenario;
mod token;

pub use inhouse::{Limits, Schedule, Search, search};
pub use report::*;
pub use scenario::{
    Budget, ExploreError, Job, Options, Progress, ReplayError, SAMPLE, SearchKind, Told, explore, replay,
};
pub use token::{Token, TokenError};
