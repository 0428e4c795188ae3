//! A schedule without the departures that it can spare.

use super::record::{Execution, Question};
use super::replay::follow;
use super::schedule::Schedule;
use crate::engine::limits::Limits;
use crate::engine::system::System;

/// So many departures are many: they are left out in stretches first.
const MANY: usize = 64;
/// How many steps the executions may have, all together, that find out what can be spared.
pub(super) const STEPS: usize = 2_000_000;

/// Leaves out of a schedule, one after another, each departure without which `wanted` still makes something of the
/// execution, as far as the number of steps, and that of executions in the limits, allow. Of very many departures whole
/// stretches are left out first, each half as long as the ones before. `first` is the schedule, and what was made of its execution; the same
/// of what is left is given back.
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
    let all = first.0.departures.len();
    let (mut least, mut left) = (first, STEPS);
    let mut tries = limits.executions.unwrap_or(u64::MAX);
    let mut stretch = if all > MANY { all / 2 } else { 1 };
    let mut index = 0;
    while left > 0 && tries > 0 {
        let departures = least.0.departures.len();
        if index >= departures {
            if stretch == 1 {
                break;
            }
            (stretch, index) = (stretch / 2, 0);
            continue;
        }
        let mut fewer = least.0.clone();
        fewer.departures.drain(index..departures.min(index + stretch));
        tries -= 1;
        let along = |execution: &Execution<'_, S::Run>| {
            left = left.saturating_sub(execution.steps());
            let made = wanted(execution)?;
            Ok(made.map(|made| (execution.schedule(), made)))
        };
        match follow(limits, system, &fewer, along).0? {
            Some(ran) if ran.0.departures.len() < departures => {
                (least, index) = (ran, if stretch == 1 { 0 } else { index });
            }
            _ => index += stretch,
        }
    }
    Ok(least)
}
