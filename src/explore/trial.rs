//! A trial: a job as a system that can be run, with how far it may go and what its executions are held against.

use std::ops::ControlFlow;

use super::job::{ExploreError, Job, limit_reached};
use crate::engine::coroutines::Coroutines;
use crate::engine::execution::{Ended, Execution, Schedule, follow};
use crate::engine::search::Limits;
use crate::engine::system::{Run, System};
use crate::observation::Observations;
use crate::rules;
use crate::rules::{Context, Violation};

/// A system whose executions are observed as those of a scenario.
pub(super) trait Observed: System<Run: Run<Seen = Observations>> {}

impl<S: System<Run: Run<Seen = Observations>>> Observed for S {}

/// A job as a system.
pub(super) struct Trial<'j, S = Coroutines<Observations>> {
    pub(super) job: &'j Job,
    pub(super) system: S,
    /// How far a search goes if nothing else is said.
    pub(super) limits: Limits,
    context: Context,
    /// Whether what fails is a program under test, and not turnloom.
    is_program: bool,
}

impl<'j> Trial<'j> {
    /// The job on the model.
    ///
    /// # Errors
    ///
    /// If a name decides nothing, or only a live server can do what the scenario says.
    pub(super) fn of(job: &'j Job) -> Result<Self, ExploreError> {
        let (system, context) = (job.stage()?.system(), Context::of(&job.scenario));
        Ok(Self { job, system, limits: job.limits(), context, is_program: false })
    }
}

impl<'j, S> Trial<'j, S> {
    /// The job on a program that was started for it. What is made of a failing schedule may take so many executions.
    pub(super) fn on(job: &'j Job, system: S, executions: u64) -> Self {
        let limits = Limits { executions: Some(executions), ..job.limits() };
        Self { job, system, limits, context: Context::of(&job.scenario), is_program: true }
    }
}

impl<S: Observed> Trial<'_, S> {
    /// What was seen of an execution that ended.
    ///
    /// # Errors
    ///
    /// If the program broke a promise of its own.
    pub(super) fn seen(&self, execution: &Execution<'_, S::Run>) -> Result<Observations, ExploreError> {
        self.kept_promises(&execution.ended)?;
        Ok(execution.seen())
    }

    /// As [`Trial::seen`], for a search, which breaks off where a promise is broken; `failed` says which.
    pub(super) fn seen_or_stop(
        &self,
        execution: &Execution<'_, S::Run>,
        failed: &mut Option<ExploreError>,
    ) -> ControlFlow<(), Observations> {
        match self.seen(execution) {
            Ok(seen) => ControlFlow::Continue(seen),
            Err(error) => {
                *failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// The rules that break.
    pub(super) fn violations(&self, seen: &Observations) -> Vec<Violation> {
        rules::judge(seen, &self.context)
    }

    /// What an execution breaks; none if nothing.
    pub(super) fn broken(
        &self,
        execution: &Execution<'_, S::Run>,
    ) -> Result<Option<Vec<Violation>>, ExploreError> {
        let seen = self.seen(execution)?;
        let violations = self.violations(&seen);
        Ok((!violations.is_empty()).then_some(violations))
    }

    /// What the execution along a schedule breaks, and the schedule as it was run; none if nothing.
    pub(super) fn along(
        &self,
        schedule: &Schedule,
    ) -> Result<Option<(Schedule, Vec<Violation>)>, ExploreError> {
        let along = follow(&self.limits, &self.system, schedule, |execution| {
            let broken = self.broken(execution)?;
            Ok(broken.map(|broken| (execution.schedule(), broken)))
        });
        along.0
    }

    fn kept_promises(&self, ended: &Ended) -> Result<(), ExploreError> {
        let scenario = self.job.name.clone();
        match ended {
            Ended::Complete | Ended::Deadlock | Ended::Hang => Ok(()),
            Ended::Crashed(message) | Ended::Unresponsive(message) if self.is_program => {
                Err(ExploreError::Program { scenario, message: message.clone() })
            }
            Ended::Panicked(message) | Ended::Crashed(message) | Ended::Unresponsive(message) => {
                Err(ExploreError::Broken { scenario, message: message.clone() })
            }
            Ended::Stopped(stopped) => {
                Err(ExploreError::Limit { scenario, reason: limit_reached(&self.limits, *stopped) })
            }
            Ended::NotDeterministic { step, first, now } => {
                let (step, first, now) = (*step, first.clone(), now.clone());
                Err(ExploreError::NotDeterministic { scenario, step, first, now })
            }
        }
    }
}
