//! `--subject`: the arguments that name a real program, and where the executions of a command come from.

use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::files::For;
use super::{Exit, backend};
use crate::engine::execution::Schedule;
use crate::engine::locks::LockGraph;
use crate::explore::{Exploration, ExploreError, Job, OnProgram, Options, Progress, RacingPair, Replay};
use crate::harness::python::{Adapter, Executor, OPENHANDS, PythonSubject, Ready};
use crate::report::json::ToldSubject;
use crate::report::words;
use crate::terms::word;

/// What a scenario is run on.
#[derive(Args, Default)]
pub(super) struct Subject {
    /// run the scenario on the program that is installed there instead of the model: the folder of a virtual environment, or a
    /// Python
    #[arg(long, value_name = "PATH")]
    subject: Option<PathBuf>,
    /// who translates between the scenario and the program: `openhands`, `acp`, or a Python file [default: openhands]
    #[arg(long, value_name = "NAME|FILE", requires = "subject")]
    adapter: Option<String>,
    /// what the threads of the program run on [default: greenlets, if the environment has them]
    #[arg(long, value_enum, requires = "subject")]
    executor: Option<Executor>,
}

impl Subject {
    /// What the scenario is loaded for: a program can do more than the model.
    pub(super) fn purpose(&self) -> For {
        if self.subject.is_some() { For::Client } else { For::Engine }
    }

    /// The program, if one is named; else, why it cannot be, with what to do.
    pub(super) fn program(&self) -> Result<Option<PythonSubject>, (String, String)> {
        let Some(python) = &self.subject else { return Ok(None) };
        let adapter = self.adapter.as_deref().unwrap_or(OPENHANDS);
        let is_file = adapter.contains(['/', '\\']) || Path::new(adapter).extension().is_some();
        let adapter = if is_file { from_file(adapter)? } else { Adapter::Named(adapter.to_owned()) };
        Ok(Some(PythonSubject { python: python.clone(), adapter, executor: self.executor }))
    }
}

fn from_file(file: &str) -> Result<Adapter, (String, String)> {
    match std::fs::read_to_string(file) {
        Ok(source) => Ok(Adapter::File { file: file.to_owned(), source }),
        Err(error) => Err((
            format!("failed to read the adapter `{}`: {}", words::plain(file), error.kind()),
            "name `openhands`, `acp` or a Python file".to_owned(),
        )),
    }
}

/// Where the executions of a command come from.
pub(super) enum Runs<'j> {
    /// From the model.
    Model,
    /// From a program that was started.
    Program(Box<OnProgram<'j>>),
}

impl<'j> Runs<'j> {
    /// Starts the program of a job, if it has one.
    ///
    /// # Errors
    ///
    /// The exit code, if that cannot be done; why has been said.
    pub(super) fn of(console: &mut Console, job: &'j Job) -> Result<Self, Exit> {
        let Some(subject) = &job.subject else { return Ok(Self::Model) };
        match OnProgram::start(job, subject) {
            Ok(program) => Ok(Self::Program(Box::new(program))),
            Err(error) => {
                Err(console.refuse(&words::plain(&error.to_string()), &words::plain(&error.help())))
            }
        }
    }

    pub(super) fn explore(
        &self,
        job: &Job,
        options: &Options,
        progress: &mut Progress<'_>,
    ) -> Result<Exploration, ExploreError> {
        match self {
            Self::Model => backend::explore(job, options, progress),
            Self::Program(program) => program.explore(options, progress),
        }
    }

    pub(super) fn replay(&self, job: &Job, schedule: &Schedule) -> Result<Replay, ExploreError> {
        match self {
            Self::Model => backend::replay(job, schedule),
            Self::Program(program) => program.replay(schedule),
        }
    }

    pub(super) fn racing_pair(
        &self,
        job: &Job,
        schedule: &Schedule,
    ) -> Result<Option<RacingPair>, ExploreError> {
        match self {
            Self::Model => backend::racing_pair(job, schedule),
            Self::Program(program) => program.racing_pair(schedule),
        }
    }

    /// The waits of the scenario that decide, if there is no pair to say so. Of a program they are not looked for.
    pub(super) fn deciding_waits(
        &self,
        job: &Job,
        pair: Option<&RacingPair>,
    ) -> Result<Vec<String>, ExploreError> {
        match self {
            Self::Model if pair.is_none() => backend::deciding_waits(job),
            _ => Ok(Vec::new()),
        }
    }

    /// The lock graph. Of a program its edges are told as they were seen, and its cycles are not attacked.
    pub(super) fn locks(
        &self,
        job: &Job,
        options: &Options,
        seen: &Exploration,
    ) -> Result<LockGraph, ExploreError> {
        match self {
            Self::Model => super::locks::find(job, options, seen),
            Self::Program(_) => Ok(LockGraph::default()),
        }
    }

    /// What was run; none for the model.
    pub(super) fn subject(&self) -> Option<ToldSubject> {
        let Self::Program(program) = self else { return None };
        let Ready { python, executor, packages, not_tracked } = program.ready.clone();
        Some(ToldSubject { packages, python, executor: word(&executor), not_tracked })
    }

    /// The same in words: the packages with their versions, Python, and what is not seen. None for the model.
    pub(super) fn told(&self) -> Option<String> {
        let ToldSubject { packages, python, executor, not_tracked } = self.subject()?;
        let packages: Vec<String> =
            packages.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let (packages, not_tracked) = (packages.join(", "), not_tracked.join(", "));
        Some(format!("  on {packages}, Python {python}, {executor}\n  not tracked: {not_tracked}\n"))
    }
}
