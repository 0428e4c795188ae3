//! `--html` and `--markdown`: one execution for who reads a failure without a terminal.

use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::files::File;
use super::program::Runs;
use crate::atomic_write as whole_file;
use crate::engine::execution::Schedule;
use crate::engine::locks::{Attack, LockGraph};
use crate::explore::{Exploration, ExploreError, Job, RacingPair, Replay, Token};
use crate::report;
use crate::report::{Case, witness};
use crate::rules::Violation;

/// Where the execution goes.
#[derive(Args, Default)]
pub(super) struct Reading {
    /// write the execution as one web page that loads nothing; `-` is stdout, instead of the text
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// write it as Markdown for an issue, with a Mermaid diagram; `-` is stdout, instead of the text
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// An execution that is to be written, and what is known beside it.
pub(super) struct Found<'a> {
    /// What was run.
    pub(super) job: &'a Job,
    /// Where its executions come from.
    pub(super) runs: &'a Runs<'a>,
    /// The scenario's file.
    pub(super) file: &'a File,
    /// The execution.
    pub(super) replay: &'a Replay,
    /// Its racing pair.
    pub(super) pair: Option<&'a RacingPair>,
    /// What breaks a rule of the lock order merged over all executions.
    pub(super) lock_violations: &'a [Violation],
    /// The lock graph, if it was searched for.
    pub(super) locks: Option<&'a LockGraph>,
}

/// Why nothing was written.
pub(super) enum Failed {
    /// An execution could not be run.
    Run(ExploreError),
    /// The file system refused; that has been said.
    Write,
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

impl Reading {
    /// Whether anything is to be written.
    pub(super) fn is_wanted(&self) -> bool {
        self.html.is_some() || self.markdown.is_some()
    }

    /// Whether stdout is taken, so that the text does not go there.
    pub(super) fn takes_stdout(&self) -> bool {
        [&self.html, &self.markdown].into_iter().flatten().any(|path| is_stdout(path))
    }

    /// What is wrong with the files, if anything is.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        let both = self.html.is_some() && self.html == self.markdown;
        both.then_some("`--html` and `--markdown` cannot go to the same place")
    }

    /// Writes the execution to where it is wanted.
    pub(super) fn write(&self, console: &mut Console, found: &Found<'_>) -> Result<(), Failed> {
        if !self.is_wanted() {
            return Ok(());
        }
        let run = |schedule: &Schedule| found.runs.replay(found.job, schedule).map_err(Failed::Run);
        let passing = found.pair.map(|pair| run(&pair.passing.schedule)).transpose()?;
        // The pair belongs to the execution without switches that it can spare.
        let failing = match found.pair {
            Some(pair) if pair.failing.schedule != found.replay.schedule => {
                Some(run(&pair.failing.schedule)?)
            }
            _ => None,
        };
        let asked = failing.is_some().then(|| found.job.token(found.replay.schedule.clone()).to_string());
        let waits = if found.replay.violations.is_empty() {
            Vec::new()
        } else {
            found.runs.deciding_waits(found.job, found.pair).map_err(Failed::Run)?
        };
        let case = Case {
            deciding_waits: &waits,
            job: found.job,
            file: &found.file.shown(),
            replay: failing.as_ref().unwrap_or(found.replay),
            spared: asked.as_deref(),
            drift: &found.replay.drift,
            passing: found.pair.zip(passing.as_ref()),
            lock_violations: found.lock_violations,
            locks: found.locks,
        };
        let html = self.html.as_ref().map(|path| (path, report::page(&case)));
        let markdown = self.markdown.as_ref().map(|path| (path, report::markdown(&case)));
        for (path, text) in html.into_iter().chain(markdown) {
            if is_stdout(path) {
                console.out(&text);
            } else if let Err(error) = whole_file::write(path, &text) {
                console.fail(&format!("failed to write `{}`: {}", path.display(), error.kind()), "");
                return Err(Failed::Write);
            }
        }
        Ok(())
    }

    /// Writes the execution that stands best for what an exploration found; says so if there is none.
    pub(super) fn write_finding(
        &self,
        console: &mut Console,
        (file, job, runs): (&File, &Job, &Runs<'_>),
        exploration: &Exploration,
        graph: &LockGraph,
    ) -> Result<(), Failed> {
        if !self.is_wanted() {
            return Ok(());
        }
        let Some(schedule) = telling(exploration, graph) else {
            console.err("no rule is broken, so there is no execution to write\n");
            return Ok(());
        };
        let replay = runs.replay(job, &schedule).map_err(Failed::Run)?;
        let pair = if replay.violations.is_empty() {
            None
        } else {
            runs.racing_pair(job, &replay.schedule).map_err(Failed::Run)?
        };
        let lock_violations = &exploration.lock_violations[..];
        let locks = Some(graph);
        self.write(
            console,
            &Found { job, runs, file, replay: &replay, pair: pair.as_ref(), lock_violations, locks },
        )
    }
}

/// The schedule that tells most of what is wrong: the canonical witness or, if only the merged lock order breaks a rule,
/// the deadlock that it leads to, or else an execution that shows an edge of the circle.
fn telling(exploration: &Exploration, graph: &LockGraph) -> Option<Schedule> {
    let token = witness(exploration).and_then(|(_, report)| report.token.as_ref()?.parse::<Token>().ok());
    let deadlock = || {
        graph.cycles.iter().find_map(|(_, attack)| match attack {
            Attack::Confirmed(schedule) => Some(schedule.clone()),
            Attack::Potential(_) => None,
        })
    };
    let edge = || {
        let mut edges = graph.cycles.iter().flat_map(|(cycle, _)| &cycle.edges);
        edges.find_map(|edge| graph.edges.get(edge).cloned())
    };
    token.map(|token| token.schedule).or_else(deadlock).or_else(edge)
}
