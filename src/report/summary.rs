//! What of an exploration is worth telling: the outcomes as a scenario observes them, each broken rule once, and the
//! one execution that stands for all that went wrong.

use std::collections::BTreeMap;

use crate::explore::{Exploration, OutcomeReport, Token, Verdict};
use crate::observation::Observations;
use crate::rules::Violation;
use crate::scenario::Channel;
use crate::snapshot::project;

/// Outcomes that look alike: what the scenario observes of them is the same, and they break the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the scenario observes.
    pub seen: Observations,
    /// What it breaks, as in the execution of the token.
    pub violations: Vec<Violation>,
    /// The least schedule that leads here; only if something is broken.
    pub token: Option<String>,
    /// How many executions ended here (a statistic).
    pub schedules: u64,
}

/// A broken rule, with the least schedule that breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// What is broken, as in the execution of the token.
    pub violation: Violation,
    /// The schedule; none if it takes more than one execution to break the rule.
    pub token: Option<String>,
}

/// The outcomes as the scenario observes them, in canonical order.
#[must_use]
pub fn shown(exploration: &Exploration, observe: &[Channel]) -> Vec<Shown> {
    let mut alike: BTreeMap<(Observations, Vec<&str>), Vec<&OutcomeReport>> = BTreeMap::new();
    for (seen, report) in &exploration.outcomes {
        let mut rules: Vec<_> = report.violations.iter().map(|violation| violation.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        alike.entry((project(seen, observe), rules)).or_default().push(report);
    }
    let one = |((seen, _), reports): ((Observations, _), Vec<&OutcomeReport>)| {
        let least = reports.iter().min_by_key(|report| rank(report.token.as_deref()));
        Shown {
            seen,
            violations: least.map(|least| least.violations.clone()).unwrap_or_default(),
            token: least.and_then(|least| least.token.clone()),
            schedules: reports.iter().map(|report| report.schedules).sum(),
        }
    };
    alike.into_iter().map(one).collect()
}

/// Every broken rule once, in the order of their names; those of the merged lock order have no schedule.
#[must_use]
pub fn broken_rules(exploration: &Exploration) -> Vec<Broken> {
    let mut rules: BTreeMap<&str, Broken> = BTreeMap::new();
    let of_outcomes = exploration
        .outcomes
        .values()
        .flat_map(|report| report.violations.iter().map(|violation| (violation, &report.token)));
    let of_graph = exploration.lock_violations.iter().map(|violation| (violation, &None));
    for (violation, token) in of_outcomes.chain(of_graph) {
        let new = Broken { violation: violation.clone(), token: token.clone() };
        match rules.get(violation.rule) {
            Some(known) if rank(known.token.as_deref()) <= rank(token.as_deref()) => {}
            _ => drop(rules.insert(violation.rule, new)),
        }
    }
    rules.into_values().collect()
}

/// The canonical witness: of all outcomes that break a rule, the one with the least schedule.
#[must_use]
pub fn witness(exploration: &Exploration) -> Option<(&Observations, &OutcomeReport)> {
    let breaking = exploration.outcomes.iter().filter(|(_, report)| report.token.is_some());
    breaking.min_by_key(|(_, report)| rank(report.token.as_deref()))
}

/// Whether something is wrong, whatever was left unseen.
#[must_use]
pub fn is_finding(exploration: &Exploration) -> bool {
    matches!(exploration.verdict, Verdict::Violated | Verdict::Deadlock | Verdict::Hang)
        || !broken_rules(exploration).is_empty()
}

/// Fewest switches first, then in the order of the texts; no schedule last.
fn rank(token: Option<&str>) -> (bool, usize, &str) {
    let Some(text) = token else { return (true, 0, "") };
    let switches = text.parse::<Token>().map_or(0, |token| token.schedule.switches());
    (false, switches, text)
}

#[cfg(test)]
mod tests {
    use super::{broken_rules, is_finding, shown, witness};
    use crate::observation::Observations;
    use crate::report::words::tests::{event, exploration, token, violation};
    use crate::scenario::Channel;

    fn seen(thread: &str, text: &str) -> Observations {
        Observations { events: vec![event(text, thread)], ..Observations::default() }
    }

    #[test]
    fn outcomes_that_nobody_can_tell_apart_are_one() {
        let found =
            exploration([(seen("bob", "a"), None), (seen("loop", "a"), None), (seen("bob", "b"), None)]);
        let shown = shown(&found, &Channel::all());
        assert_eq!(shown.iter().map(|one| one.schedules).collect::<Vec<_>>(), [2, 1]);
        assert!(!is_finding(&found));
    }

    #[test]
    fn an_outcome_that_also_breaks_a_rule_is_shown_apart() {
        let (long, short) = (token("bob@alice.read,alice@bob.read"), token("bob@alice.write"));
        let found = exploration([
            (seen("alice", "a"), None),
            (seen("bob", "a"), Some(long)),
            (seen("loop", "a"), Some(short.clone())),
        ]);
        let shown = shown(&found, &Channel::all());
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0].token, None);
        assert_eq!(shown[1].token, Some(short.clone()));
        assert_eq!(witness(&found).and_then(|(_, report)| report.token.clone()), Some(short));
    }

    #[test]
    fn a_rule_that_breaks_often_is_told_once_with_its_least_schedule() {
        let (long, short) = (token("bob@alice.read,alice@bob.read"), token("bob@alice.write"));
        let mut found = exploration([(seen("a", "a"), Some(long)), (seen("b", "b"), Some(short.clone()))]);
        found.lock_violations = vec![violation("lock-order"), violation("no-replay")];
        let told: Vec<_> =
            broken_rules(&found).into_iter().map(|broken| (broken.violation.rule, broken.token)).collect();
        assert_eq!(told, [("lock-order", None), ("no-replay", Some(short))]);
        assert!(is_finding(&found));
    }
}
