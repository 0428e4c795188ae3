//! How an execution ended, and what is told of it.

use std::ops::ControlFlow;

use super::record::{Execution, diverged};
use crate::engine::coroutines::CoroutineRun;
use crate::engine::limits::Limits;
use crate::engine::system::{Failure, Run};
use crate::engine::trace::{Ended, Stopped};

/// What is told of each execution that came to its end; it may stop the search.
pub type Visit<'v, R = CoroutineRun> = dyn FnMut(&Execution<'_, R>) -> ControlFlow<()> + 'v;

/// How an execution ended that stands like this after so many steps; none if it goes on. Of one that may take no more
/// steps [`at_limit`](super::fair_cycles::at_limit) knows more.
pub(in crate::engine) fn ended<R: Run>(limits: &Limits, run: &R, steps: usize) -> Option<Ended> {
    let report = run.report();
    if let Some(failure) = &report.failure {
        return Some(match failure {
            Failure::Panicked(message) => Ended::Panicked(message.clone()),
            Failure::Crashed(message) => Ended::Crashed(message.clone()),
            Failure::Unresponsive(message) => Ended::Unresponsive(message.clone()),
            Failure::Stopped(stopped) => Ended::Stopped(*stopped),
            Failure::Diverged(at) => diverged(run, *at, None, None),
        });
    }
    if report.enabled().is_empty() {
        return Some(if report.is_quiescent() { Ended::Complete } else { Ended::Deadlock });
    }
    (steps >= limits.steps).then_some(Ended::Stopped(Stopped::Steps))
}
