//! One execution with all that is told of it: what a page or a Markdown text for an issue is made from.

use std::collections::BTreeSet;

use super::{racing, words};
use crate::engine::execution::{Drift, Schedule};
use crate::engine::locks::{Attack, Cycle, LockGraph, cycles};
use crate::explore::{Job, RacingPair, Replay};
use crate::observation::LockEdge;
use crate::rules::Violation;

/// An execution and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What was run.
    pub job: &'a Job,
    /// The scenario's file as the user gave it.
    pub file: &'a str,
    /// The execution.
    pub replay: &'a Replay,
    /// The token that was asked for, if the execution is that one without switches that it can spare.
    pub spared: Option<&'a str>,
    /// Where the schedule that was asked for did not fit.
    pub drift: &'a [Drift],
    /// The nearest passing execution with the pair that parts the two; none if there is none.
    pub passing: Option<(&'a RacingPair, &'a Replay)>,
    /// Where there is no such pair: the waits of the scenario, in words, without one of which an order passes.
    pub deciding_waits: &'a [String],
    /// What breaks a rule of the lock order merged over all executions.
    pub lock_violations: &'a [Violation],
    /// The lock graph merged over all executions, if it was searched for.
    pub locks: Option<&'a LockGraph>,
}

/// What became of a cycle of the lock graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCycle {
    /// The cycle.
    pub cycle: Cycle,
    /// In words, with a token if the cycle became a deadlock; none if it was seen in one execution alone.
    pub became: Option<(String, Option<String>)>,
}

impl Case<'_> {
    /// The token of a schedule of what was run.
    #[must_use]
    pub fn token(&self, schedule: &Schedule) -> String {
        self.job.token(schedule.clone()).to_string()
    }

    /// The command that replays a schedule.
    #[must_use]
    pub fn command(&self, schedule: &Schedule) -> String {
        let (file, token) = (words::shell(self.file), words::shell(&self.token(schedule)));
        format!("turnloom replay {file} {token}{}", self.job.options())
    }

    /// The scenario and what was changed in it: `r08-finish-gap with defect finish-gap`.
    #[must_use]
    pub fn name(&self) -> String {
        let changes = words::changes(self.job.revision.as_deref(), &self.job.defects, self.job.timers);
        let with = if changes.is_empty() { String::new() } else { format!(" with {changes}") };
        words::plain(&format!("{}{with}", self.job.name))
    }

    /// The racing pair as a sentence; none if there is no pair.
    #[must_use]
    pub fn racing_pair(&self) -> Option<String> {
        let actors: Vec<&str> = self.job.scenario.actors.iter().map(|actor| actor.name.as_str()).collect();
        self.passing.map(|(pair, _)| racing::sentence(pair, &actors))
    }

    /// The lock order: merged over all executions if that was searched for, else of this execution.
    #[must_use]
    pub fn lock_edges(&self) -> BTreeSet<LockEdge> {
        let merged = self.locks.map(|graph| graph.edges.keys().cloned().collect());
        merged.unwrap_or_else(|| self.replay.outcome.lock_order.clone())
    }

    /// The schedule that shows an edge, if it was searched for.
    #[must_use]
    pub fn shown_by(&self, edge: &LockEdge) -> Option<String> {
        self.locks?.edges.get(edge).map(|schedule| self.token(schedule))
    }

    /// The cycles of the lock order.
    #[must_use]
    pub fn cycles(&self) -> Vec<KnownCycle> {
        let attacked = |(cycle, attack): &(Cycle, Attack)| {
            let became = match attack {
                Attack::Confirmed(schedule) => ("confirmed deadlock".to_owned(), Some(self.token(schedule))),
                Attack::Potential(reason) => (format!("potential deadlock, not reached: {reason}"), None),
            };
            KnownCycle { cycle: cycle.clone(), became: Some(became) }
        };
        match self.locks {
            Some(graph) => graph.cycles.iter().map(attacked).collect(),
            None => cycles(&self.lock_edges())
                .into_iter()
                .map(|cycle| KnownCycle { cycle, became: None })
                .collect(),
        }
    }
}
