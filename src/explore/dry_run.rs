//! A dry run: a few interleavings of a scenario that look for a standstill which it makes itself.

use super::find_first::{Caught, hunt};
use super::job::{Budget, ExploreError, Job, Options, SearchKind};
use crate::rules::Side;

/// How many schedules are run, those without preemptions first.
const SCHEDULES: u64 = 200;

/// An execution that stands still for ever since the scenario waits for what does not come, or leaves the runtime waiting;
/// none if no such execution is among the first few.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn own_standstill(job: &Job) -> Result<Option<Caught>, ExploreError> {
    let budget = Budget { schedules: Some(SCHEDULES), seconds: None };
    let options = Options { search: SearchKind::FewPreemptions, budget, ..Options::default() };
    let hunted = hunt(job, &options, &mut |seen, violations| {
        let is_own = violations.iter().any(|one| one.rule == "no-deadlock" && one.side == Side::Scenario);
        seen.stuck.is_some() && is_own
    })?;
    Ok(hunted.caught)
}
