//! The lock graph of a scenario.

use std::collections::BTreeSet;

use super::job::{ExploreError, Job, Options};
use super::trial::Trial;
use crate::engine::locks::lock_graph::{LockGraph, known_lock_graph, lock_graph};
use crate::engine::search::run_search;
use crate::observation::LockEdge;

/// The lock graph of a scenario of which an exploration has seen these edges, and its cycles attacked. It is searched
/// for within the same limits as the scenario itself.
///
/// # Errors
///
/// If a name decides nothing.
pub fn locks(job: &Job, options: &Options, seen: &BTreeSet<LockEdge>) -> Result<LockGraph, ExploreError> {
    let trial = Trial::of(job)?;
    let limits = options.limits(job);
    let known = known_lock_graph(&limits, &trial.system, seen);
    Ok(known.unwrap_or_else(|| lock_graph(&limits, &trial.system, run_search)))
}
