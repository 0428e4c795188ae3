//! What `turnloom explore --shrink --format json` prints.
//!
//! Nothing here may decide what is in the document.

use serde::Serialize;

use super::ToldViolation;
use crate::explore::{Shrunk, Size};
use crate::scenario::Scenario;

/// What `turnloom explore --shrink --format json` prints; `null` if nothing is broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShrinkDocument {
    /// The stem that the smaller scenario's file needs for its token to be its own.
    pub name: String,
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// The schedule under which it does.
    pub token: String,
    /// How large it is.
    pub size: ToldSize,
    /// How large it was.
    pub before: ToldSize,
    /// The smaller scenario.
    pub scenario: Scenario,
}

/// How large a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ToldSize {
    /// Switches of the schedule.
    pub switches: usize,
    /// Steps of all actors.
    pub actor_steps: usize,
    /// Actions of the server and steps of the clock.
    pub script_steps: usize,
}

impl From<Size> for ToldSize {
    fn from(Size { switches, actor_steps, script_steps }: Size) -> Self {
        Self { switches, actor_steps, script_steps }
    }
}

impl From<&Shrunk> for ShrinkDocument {
    fn from(shrunk: &Shrunk) -> Self {
        Self {
            name: shrunk.job.name.clone(),
            violations: shrunk.violations.iter().map(ToldViolation::from).collect(),
            token: shrunk.token().to_string(),
            size: shrunk.size.into(),
            before: shrunk.before.into(),
            scenario: shrunk.job.scenario.clone(),
        }
    }
}
