//! A schedule without the departures that it can spare.

use super::limits::Limits;
use super::record::{Execution, Question};
use super::replay::follow;
use super::schedule::Schedule;
use crate::engine::system::System;

/// Leaves out of a schedule, one after another, each departure without which `wanted` still makes something of the
/// execution. `first` is the schedule, and what was made of its execution; the same of what is left is given back.
///
/// # Errors
///
/// The first that `wanted` gives.
pub fn drop_departures<S: System, T, E>(
    limits: &Limits,
    system: &S,
    first: (Schedule, T),
    wanted: &Question<'_, S::Run, Result<Option<T>, E>>,
) -> Result<(Schedule, T), E> {
    let mut least = first;
    let mut index = 0;
    while index < least.0.departures.len() {
        let mut fewer = least.0.clone();
        fewer.departures.remove(index);
        let along = |execution: &Execution<'_, S::Run>| {
            let made = wanted(execution)?;
            Ok(made.map(|made| (execution.schedule(), made)))
        };
        match follow(limits, system, &fewer, along).0? {
            Some(ran) if ran.0.departures.len() < least.0.departures.len() => (least, index) = (ran, 0),
            _ => index += 1,
        }
    }
    Ok(least)
}
