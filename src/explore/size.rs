//! How large the search of a scenario is, before it is run: an estimate that is the same on every machine, to share
//! scenarios among machines.

use std::ops::ControlFlow;

use super::job::Job;
use super::trial::Trial;
use crate::engine::search::{Limits, run_search};
use crate::harness::Firing;
use crate::scenario::Scenario;

/// A search that is not through after so many steps is a large one.
const STEPS: u64 = 20_000;

/// No more executions than this are run to find that out, long or short.
const EXECUTIONS: u64 = 400;

/// How many times as large a large one is taken to be: about what the median of those in `scenarios/` is.
const LARGE: u64 = 64;

/// About how many steps a search of every interleaving of the scenario takes; 0 if the scenario cannot be run. The beginning of
/// the search is run to find out, which is a matter of milliseconds.
///
/// ```
/// # let scenario = serde_json::from_value(serde_json::json!({
/// #     "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
/// #     "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}]
/// # })).unwrap();
/// let steps = turnloom::explore::size(&scenario);
/// assert!(steps > 0 && steps == turnloom::explore::size(&scenario));
/// ```
#[must_use]
pub fn size(scenario: &Scenario) -> u64 {
    let job = Job {
        name: String::new(),
        scenario: scenario.clone(),
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        subject: None,
    };
    let Ok(trial) = Trial::of(&job) else { return 0 };
    let mut steps = 0;
    let limits = Limits { preemptions: scenario.preemptions, executions: Some(EXECUTIONS), ..job.limits() };
    let search = run_search(&limits, &trial.system, &mut |execution| {
        steps += execution.steps() as u64;
        if steps < STEPS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if search.exhausted { steps } else { steps.saturating_mul(LARGE) }
}
