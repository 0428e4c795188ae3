//! A dry run: some interleavings of a scenario that look for a standstill which it makes itself.

use super::exploration::Verdict;
use super::find_first::{Caught, hunt_among};
use super::job::{Budget, ExploreError, Job, Options, SearchKind};
use crate::engine::execution::Ended;
use crate::engine::search::{Sample, Sampler};
use crate::rules::Side;

/// How many schedules are run, those without preemptions first.
const SCHEDULES: u64 = 300;
/// How many are drawn after that.
const DRAWN: u64 = 400;

/// An execution that stands still for ever since the scenario waits for what does not come, or leaves the runtime waiting;
/// none if no such execution is among those that are run.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn own_standstill(job: &Job) -> Result<Option<Caught>, ExploreError> {
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed: 1 });
    for (search, schedules) in [(SearchKind::FewPreemptions, SCHEDULES), (drawn, DRAWN)] {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options { search, budget, ..Options::default() };
        let hunted =
            hunt_among(job, &options, &|ended| !matches!(ended, Ended::Complete), &mut |_, violations| {
                violations.iter().any(|one| one.rule == "no-deadlock" && one.side == Side::Scenario)
            })?;
        if hunted.caught.is_some() || hunted.searched == Verdict::Proved {
            return Ok(hunted.caught);
        }
    }
    Ok(None)
}
