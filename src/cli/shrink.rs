//! `turnloom explore --shrink`: the smallest scenario that breaks the same rules, and its token.
//!
//! The scenario goes to stdout and nothing else does, so that it can be written to a file; what is to be said of it goes
//! to stderr.

use std::fmt::Write;

use super::console::Console;
use super::progress::Progress;
use super::{Exit, Format, backend};
use crate::explore::{Job, Shrunk, Size};
use crate::report::json;
use crate::report::json::ShrinkDocument;
use crate::report::words;
use crate::scenario;

/// Shrinks what the scenario breaks.
pub(super) fn run(console: &mut Console, job: &Job, format: Format) -> Exit {
    let progress = Progress::new(console, 1);
    let running = progress.begin(&job.name);
    let shrunk = backend::shrink(job, &mut |told| running.ran(told));
    drop(progress);
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(error) => return super::explore::failed_as(console, job, &error, format),
    };
    match (&shrunk, format) {
        (_, Format::Json) => console.out(&json::text(&shrunk.as_ref().map(ShrinkDocument::from))),
        (Some(shrunk), Format::Text) => {
            let text = json::text(&shrunk.job.scenario);
            console.out(&scenario::format(&shrunk.job.name, &text).unwrap_or(text));
            console.err(&told(shrunk));
        }
        (None, Format::Text) => console.err("no rule is broken, so there is nothing to shrink\n"),
    }
    if shrunk.is_some() { Exit::Findings } else { Exit::Clean }
}

fn told(shrunk: &Shrunk) -> String {
    let Shrunk { job, violations, size, before, .. } = shrunk;
    let mut text = format!("shrunk to {}; it was {}\n", large(*size), large(*before));
    let changes = words::changes(job.revision.as_deref(), &job.defects, job.timers);
    if !changes.is_empty() {
        let _ = writeln!(text, "  with {changes}");
    }
    for violation in violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    let file = format!("{}.json", job.name);
    text += &words::replay(&shrunk.token().to_string(), &file, "    ");
    let _ = writeln!(text, "  the token is for a file named {file}");
    text
}

fn large(Size { switches, actor_steps, script_steps }: Size) -> String {
    let switches = if switches == 1 { "1 switch".to_owned() } else { format!("{switches} switches") };
    let (actor_steps, script_steps) = (actor_steps as u64, script_steps as u64);
    let actor_steps = words::count(actor_steps, "actor step");
    format!("{switches}, {actor_steps} and {}", words::count(script_steps, "script step"))
}
