//! What is known of the outcomes of a scenario while it is explored, and what is told of them at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::exploration::{Exploration, OutcomeReport, Statistics, Verdict};
use super::job::{Job, Options};
use crate::engine::execution::Schedule;
use crate::observation::{LockEdge, Observations};
use crate::rules as check;
use crate::rules::{Context, Profile, Violation};
use crate::scenario::{Channel, Scenario};
use crate::snapshot;

/// What executions of a scenario are held against.
pub(super) struct Judge {
    context: Context,
    profile: Profile,
    observe: Vec<Channel>,
}

/// What is to be said of one execution.
pub(super) struct Judged {
    /// What is observed of it.
    pub(super) shown: Observations,
    pub(super) violations: Vec<Violation>,
    lock_order: BTreeSet<LockEdge>,
}

impl Judge {
    /// By the rules of this profile.
    pub(super) fn new(scenario: &Scenario, profile: Profile) -> Self {
        Self { context: Context::of(scenario), profile, observe: scenario.observe.clone() }
    }

    pub(super) fn judge(&self, seen: &Observations) -> Judged {
        Judged {
            shown: snapshot::project(seen, &self.observe),
            violations: check::judge_by(self.profile, seen, &self.context),
            lock_order: seen.lock_order.clone(),
        }
    }
}

/// What is known of the outcomes so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) outcomes: BTreeMap<Observations, Found>,
    pub(super) lock_order: BTreeSet<LockEdge>,
    /// About how many bytes the outcomes take.
    pub(super) size: u64,
}

/// One distinct outcome.
#[derive(Default)]
pub(super) struct Found {
    pub(super) violations: BTreeSet<Violation>,
    pub(super) schedule: Option<Schedule>,
    pub(super) schedules: u64,
}

impl Found {
    /// Whether one execution breaks all that any execution with this outcome breaks.
    pub(super) fn is_shown_by(&self, violations: &[Violation]) -> bool {
        self.violations.iter().all(|violation| violations.contains(violation))
    }
}

impl Findings {
    /// Takes in an execution that ended `times` times like this; what it is found under, and whether it breaks a rule.
    pub(super) fn take_in(&mut self, judged: Judged, times: u64) -> (&mut Found, bool) {
        let broken = !judged.violations.is_empty();
        self.lock_order.extend(judged.lock_order);
        let found = self.outcomes.entry(judged.shown).or_insert_with_key(|shown| {
            self.size += size(shown);
            Found::default()
        });
        found.violations.extend(judged.violations);
        found.schedules += times;
        (found, broken)
    }

    /// Whether an outcome that breaks just these rules has a schedule.
    pub(super) fn has_witness_of(&self, rules: &BTreeSet<&str>) -> bool {
        let broken = |found: &Found| found.violations.iter().map(|one| one.rule).collect::<BTreeSet<_>>();
        self.outcomes.values().any(|found| found.schedule.is_some() && broken(found) == *rules)
    }

    /// Whether an outcome breaks a rule.
    pub(super) fn is_broken(&self) -> bool {
        self.outcomes.values().any(|found| !found.violations.is_empty())
    }

    pub(super) fn report(self, job: &Job, options: &Options, clean: Verdict) -> Exploration {
        let cut_short = matches!(clean, Verdict::Incomplete(_));
        let mut lock_violations = check::lock_order::judge_graph(&self.lock_order);
        lock_violations.retain(|violation| options.profile.holds(violation.rule));
        let mut broken: BTreeSet<&str> = lock_violations.iter().map(|violation| violation.rule).collect();
        let outcomes: BTreeMap<Observations, OutcomeReport> = self
            .outcomes
            .into_iter()
            .map(|(seen, found)| {
                broken.extend(found.violations.iter().map(|violation| violation.rule));
                let token = found.schedule.map(|schedule| job.token(schedule).to_string());
                let violations = found.violations.into_iter().collect();
                (seen, OutcomeReport { violations, token, schedules: found.schedules })
            })
            .collect();
        let verdict = if broken.is_empty() {
            clean
        } else if broken.iter().all(|rule| *rule == "no-deadlock") {
            Verdict::Deadlock
        } else if broken.iter().all(|rule| *rule == "no-hang") {
            Verdict::Hang
        } else {
            Verdict::Violated
        };
        Exploration {
            engine: options.engine,
            cut_short,
            verdict,
            reduced: Vec::new(),
            outcomes,
            lock_order: self.lock_order,
            lock_violations,
            statistics: Statistics::default(),
        }
    }
}

/// About how many bytes an outcome takes: what it says, and as much again for how it is kept.
fn size(seen: &Observations) -> u64 {
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and an outcome is made of what JSON can hold.
    let _ = serde_json::to_writer(&mut count, seen);
    2 * count.0
}
