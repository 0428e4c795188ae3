//! Engines: what drives a scenario through its interleavings, and what came of it.

mod report;

pub use report::*;
