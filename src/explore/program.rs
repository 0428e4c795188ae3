//! A scenario on a real program: some of its schedules are run, none of which proves anything of the rest.
//!
//! The search is a portfolio that finds early: the default schedule and those with few preemptions first, then PCT and POS by turns.
//! Of each set of rules that break, the first schedule is kept, and what it can spare is left out of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::exploration::{Exploration, Replay, Verdict};
use super::findings::{Findings, Judge};
use super::job::{ExploreError, Job, Options, Progress, SearchKind, Told};
use super::racing_pair::{RacingPair, racing_pair_on};
use super::replay::replay_on;
use super::shrink::spare_departures;
use super::trial::Trial;
use crate::engine::execution::{Departure, Execution, Schedule};
use crate::engine::search::{Limits, Sample, Sampler, bounded_search, deepen, sample};
use crate::engine::system::System;
use crate::harness::python::{PythonStage, PythonSubject, Ready, StartError, stage};

/// How many schedules are run if nothing is said.
const SCHEDULES: u64 = 2_000;
/// Of those, this part has few preemptions and no accesses of attributes as operations: it finds which attributes threads share.
const SHARE_OF_FIRST_LOOK: u64 = 16;
/// And this part has few preemptions, at accesses of those attributes too.
const SHARE_OF_FEW_PREEMPTIONS: u64 = 4;
/// How many ordering constraints a bug has that PCT is to find: real programs take one more than the model, whose operations are
/// larger.
const CONSTRAINTS: u32 = 4;
/// How many schedules of a sampler are drawn before it is the other's turn.
const TURN: u64 = 50;
/// How often it is tried to leave something out of a schedule that it can spare.
const EXECUTIONS: u64 = 120;
/// How many reversals are tried to find its racing pair.
const REVERSALS: u64 = 100;

/// A scenario on a program that has been started.
pub struct OnProgram<'j> {
    trial: Trial<'j, PythonStage>,
    /// What the program said of itself.
    pub ready: Ready,
}

/// What was run of a program, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ran {
    schedules: u64,
    /// All schedules with at most so many preemptions were run; none if not even those without.
    up_to: Option<u32>,
    sampled: u64,
}

impl<'j> OnProgram<'j> {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// If there is no Python, or the adapter cannot act the scenario on what is installed.
    pub fn start(job: &'j Job, subject: &PythonSubject) -> Result<Self, StartError> {
        let (system, ready) = stage(&job.scenario, subject)?;
        Ok(Self { trial: Trial::on(job, system, EXECUTIONS), ready })
    }

    /// Runs schedules, as many as the options allow.
    ///
    /// # Errors
    ///
    /// If the program ended itself, or did something that the rig cannot control.
    pub fn explore(
        &self,
        options: &Options,
        progress: &mut Progress<'_>,
    ) -> Result<Exploration, ExploreError> {
        let budget = options.budget.schedules.unwrap_or(SCHEDULES);
        let mut sight = Sight {
            trial: &self.trial,
            judge: Judge::new(&self.trial.job.scenario, options.profile),
            findings: Findings::default(),
            failed: None,
            first_only: options.first_violation,
            seen: 0,
            progress,
        };
        let ran = self.search(options, budget, &mut sight);
        let Sight { mut findings, failed, .. } = sight;
        if let Some(error) = failed {
            return Err(error);
        }
        self.spare(&mut findings)?;
        let clean = self.verdict(options, &ran);
        let mut exploration = findings.report(self.trial.job, options, clean);
        exploration.statistics.executions = ran.schedules;
        Ok(exploration)
    }

    fn search(&self, options: &Options, budget: u64, sight: &mut Sight<'_, '_>) -> Ran {
        let limits = options.limits(self.trial.job);
        let within = |executions| Limits { executions: Some(executions), ..limits.clone() };
        let system = &self.trial.system;
        let mut ran = Ran::default();
        let most = options.preemptions.unwrap_or(u32::MAX);
        let first_look = budget.div_ceil(SHARE_OF_FIRST_LOOK);
        let looked = deepen(&within(first_look), most, |limits| {
            bounded_search(limits, system, &mut |execution| sight.see(execution))
        });
        ran.schedules = looked.executions;
        let racy = system.racy();
        let is_through = looked.is_complete() && racy.is_empty();
        if sight.has_enough() || ran.schedules >= budget || is_through {
            // What happens between two accesses of an attribute that threads share was not looked at.
            return Ran { up_to: looked.run_through.filter(|_| is_through), ..ran };
        }
        system.make_visible(racy);
        if let SearchKind::Sampled(drawn) = options.search {
            let left = within(budget - ran.schedules);
            let found = sample(&left, system, drawn, &mut |execution| sight.see(execution));
            return Ran {
                schedules: ran.schedules + found.executions,
                up_to: None,
                sampled: found.executions,
            };
        }
        let few = match options.search {
            SearchKind::FewPreemptions => budget - ran.schedules,
            _ => budget.div_ceil(SHARE_OF_FEW_PREEMPTIONS),
        };
        let deepened = deepen(&within(few), most, |limits| {
            bounded_search(limits, system, &mut |execution| sight.see(execution))
        });
        ran.schedules += deepened.executions;
        ran.up_to = deepened.run_through;
        let is_through = deepened.is_complete() || options.search == SearchKind::FewPreemptions;
        let mut turn = 0;
        while !is_through && !sight.has_enough() && ran.schedules < budget && !options.is_interrupted() {
            let sampler = [Sampler::Pct { depth: CONSTRAINTS }, Sampler::Pos][(turn % 2) as usize];
            let drawn = Sample { sampler, seed: options.seed.wrapping_add(turn) };
            let executions = TURN.min(budget - ran.schedules);
            let found = sample(&within(executions), system, drawn, &mut |execution| sight.see(execution));
            ran.schedules += found.executions;
            ran.sampled += found.executions;
            turn += 1;
            if found.executions == 0 {
                break;
            }
        }
        ran
    }

    /// Leaves out of each witness what it can spare.
    fn spare(&self, findings: &mut Findings) -> Result<(), ExploreError> {
        for found in findings.outcomes.values_mut() {
            if let Some(schedule) = &found.schedule {
                found.schedule = spare_departures(&self.trial, schedule)?.or_else(|| found.schedule.clone());
            }
        }
        Ok(())
    }

    fn verdict(&self, options: &Options, ran: &Ran) -> Verdict {
        if options.is_interrupted() {
            return Verdict::Incomplete("it was interrupted".to_owned());
        }
        let (by, seed) = match options.search {
            SearchKind::Sampled(Sample { sampler, seed }) => (name(sampler), seed),
            _ => ("pct and pos", options.seed),
        };
        Verdict::Ran { schedules: ran.schedules, up_to: ran.up_to, sampled: ran.sampled, by, seed }
    }

    /// Runs one schedule, with the words of a timeline.
    ///
    /// # Errors
    ///
    /// If the program ended itself, or did something that the rig cannot control.
    pub fn replay(&self, schedule: &Schedule) -> Result<Replay, ExploreError> {
        self.trial.system.make_visible(attributes_of(schedule));
        replay_on(&self.trial, schedule)
    }

    /// The two steps whose order decides whether a schedule breaks rules; none if it breaks none, or if no single reversal helps.
    ///
    /// # Errors
    ///
    /// As for [`replay`](Self::replay).
    pub fn racing_pair(&self, schedule: &Schedule) -> Result<Option<RacingPair>, ExploreError> {
        self.trial.system.make_visible(attributes_of(schedule));
        let limits = Limits { executions: Some(REVERSALS), ..self.trial.limits.clone() };
        racing_pair_on(&self.trial, &limits, schedule)
    }
}

/// The name of a sampler, as on the command line.
fn name(sampler: Sampler) -> &'static str {
    match sampler {
        Sampler::Random => "random",
        Sampler::Pct { .. } => "pct",
        Sampler::Pos => "pos",
    }
}

/// The attributes, by class and name, at whose accesses a schedule departs: to replay it, those have to be operations and no others.
fn attributes_of(schedule: &Schedule) -> Vec<(String, String)> {
    let attribute = |departure: &Departure| {
        let operation = &departure.point().operation;
        let object = operation.strip_prefix("read-").or_else(|| operation.strip_prefix("write-"))?;
        let (class, name) = object.split_once('.')?;
        Some((class.to_owned(), name.to_owned()))
    };
    let attributes: BTreeSet<_> = schedule.departures.iter().filter_map(attribute).collect();
    attributes.into_iter().collect()
}

/// Who looks at the executions of a search.
struct Sight<'s, 'p> {
    trial: &'s Trial<'s, PythonStage>,
    judge: Judge,
    findings: Findings,
    failed: Option<ExploreError>,
    first_only: bool,
    seen: u64,
    progress: &'s mut Progress<'p>,
}

impl Sight<'_, '_> {
    fn has_enough(&self) -> bool {
        self.failed.is_some() || self.first_only && self.findings.is_broken()
    }

    fn see(&mut self, execution: &Execution<'_, <PythonStage as System>::Run>) -> ControlFlow<()> {
        self.seen += 1;
        (self.progress)(Told { executions: self.seen, share: None });
        let seen = match self.trial.seen_or_stop(execution, &mut self.failed) {
            ControlFlow::Continue(seen) => seen,
            ControlFlow::Break(()) => {
                if let Some(ExploreError::Program { message, .. }) = &mut self.failed {
                    let token = self.trial.job.token(execution.schedule());
                    *message = format!("{message}; it happens in this schedule: {token}");
                }
                return ControlFlow::Break(());
            }
        };
        let judged = self.judge.judge(&seen);
        let rules: BTreeSet<&str> = judged.violations.iter().map(|violation| violation.rule).collect();
        let is_new = !rules.is_empty() && !self.findings.has_witness_of(&rules);
        let (found, _) = self.findings.take_in(judged, 1);
        if is_new {
            found.schedule = Some(execution.schedule());
        }
        if self.has_enough() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
