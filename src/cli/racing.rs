//! The racing pair of a failure, as `replay` and `explore` tell it.

use std::fmt::Write;

use super::files::File;
use crate::explore::{Job, RacingPair, Side};
use crate::report::json::{RacingOperation, ToldRacingPair};
use crate::report::{racing, words};

fn actors(job: &Job) -> Vec<&str> {
    job.scenario.actors.iter().map(|actor| actor.name.as_str()).collect()
}

/// The pair in words, the two executions side by side, and the token of the one that passes.
///
/// Without a pair: the waits that decide instead.
pub(super) fn told(
    job: &Job,
    (pair, waits): (Option<&RacingPair>, &[String]),
    file: &File,
    indent: &str,
) -> String {
    let Some(pair) = pair else {
        return format!("{indent}racing pair: {}\n", racing::none(job, waits));
    };
    let mut text = format!("{indent}racing pair: {}\n", racing::sentence(pair, &actors(job)));
    text += &racing::side_by_side(pair, &format!("{indent}  "));
    let token = job.token(pair.passing.schedule.clone()).to_string();
    let _ = writeln!(text, "{indent}  nearest passing schedule");
    text += &words::replay_on(&token, &file.shown(), &job.options(), &format!("{indent}    "));
    text
}

/// The same for programs.
pub(super) fn document(job: &Job, pair: &RacingPair) -> ToldRacingPair {
    let operation = |side: &Side, step: Option<usize>| {
        let step = step.and_then(|step| side.steps.get(step));
        step.map(|step| RacingOperation {
            thread: step.thread.clone(),
            operation: step.operation.clone(),
            object: step.object.clone(),
            detail: step.detail.clone(),
        })
    };
    ToldRacingPair {
        words: racing::sentence(pair, &actors(job)),
        first: operation(&pair.failing, pair.failing.first),
        second: operation(&pair.passing, pair.passing.second),
        failing: job.token(pair.failing.schedule.clone()).to_string(),
        passing: job.token(pair.passing.schedule.clone()).to_string(),
    }
}
