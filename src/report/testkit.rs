//! What the tests of the reports tell of: executions, written as one line a step, and scenarios of a check, one of each
//! standing. Only the tests know it.

use super::json::{BrokenRule, CheckedScenario, CheckedSnapshot, Standing};
use crate::engine::execution::Schedule;
use crate::explore::{Anchor, EngineKind, Replay, TraceStep};
use crate::observation::{Observations, Waiting};
use crate::rules::{Mark, Side, Violation};

/// A step from `thread: operation object detail… [locks] {anchor}`; an anchor is `e0` (event) or `s0` (server).
fn step(line: &str) -> TraceStep {
    let (thread, rest) = line.split_once(": ").unwrap();
    let (rest, anchors) =
        rest.split_once(" {").map_or((rest, ""), |(rest, all)| (rest, all.trim_end_matches('}')));
    let (rest, holds) = rest.split_once(" [").unwrap_or((rest, ""));
    let mut words = rest.splitn(3, ' ').map(str::to_owned);
    let anchor = |word: &str| match word.split_at(1) {
        ("e", index) => Anchor::Event(index.parse().unwrap()),
        (_, index) => Anchor::Server(index.parse().unwrap()),
    };
    TraceStep {
        thread: thread.to_owned(),
        operation: words.next().unwrap(),
        object: words.next().unwrap(),
        detail: words.next().unwrap_or_default(),
        alternative: None,
        holds: holds.trim_end_matches(']').split_whitespace().map(str::to_owned).collect(),
        anchors: anchors.split_whitespace().map(anchor).collect(),
        notes: Vec::new(),
    }
}

/// The steps of these lines.
pub(super) fn steps(lines: &str) -> Vec<TraceStep> {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect()
}

/// An execution of these threads and steps in which nothing is seen.
pub(super) fn replay(threads: &[&str], lines: &str) -> Replay {
    Replay {
        threads: threads.iter().map(ToString::to_string).collect(),
        steps: steps(lines),
        outcome: Observations::default(),
        violations: Vec::new(),
        schedule: Schedule::default(),
        drift: Vec::new(),
    }
}

/// A broken rule.
pub(super) fn violation(rule: &'static str, marks: Vec<Mark>) -> Violation {
    Violation { rule, side: Side::Client, message: String::new(), marks }
}

/// A thread that is not done.
pub(super) fn waiting(thread: &str, operation: &str, holds: &[&str]) -> Waiting {
    Waiting {
        thread: thread.into(),
        place: Vec::new(),
        operation: operation.into(),
        holds: holds.iter().map(ToString::to_string).collect(),
        waits_for: Vec::new(),
        step: None,
        needs: Vec::new(),
    }
}

/// A scenario of a check that is clean.
pub(super) fn scenario(name: &str) -> CheckedScenario {
    CheckedScenario {
        name: name.into(),
        verdict: "proved".into(),
        engine: EngineKind::Turnloom,
        outcomes: 1,
        violations: Vec::new(),
        regressions: Vec::new(),
        file: format!("scenarios/{name}.json"),
        exit: 0,
        reduced: Vec::new(),
        snapshot: None,
        executions: None,
        states: None,
        seconds: None,
        share: None,
    }
}

/// One that breaks a rule with a token and one without, in words that every format has to escape.
pub(super) fn violated(name: &str) -> CheckedScenario {
    let broken = |rule: &str, token: Option<&str>| BrokenRule {
        rule: rule.into(),
        token: token.map(Into::into),
        message: "message \"a\"\nwas <lost> & 100% gone, twice".into(),
        side: Side::Client,
        cites: String::new(),
        line: 3,
    };
    let violations = vec![broken("lock-order", None), broken("no-replay", Some("r08:-:bob@ann.run:0"))];
    CheckedScenario { verdict: "violated".into(), violations, exit: 1, ..scenario(name) }
}

/// One that is not as in its snapshot.
pub(super) fn different(name: &str) -> CheckedScenario {
    let snapshot = CheckedSnapshot {
        file: format!("snapshots/{name}.snap"),
        standing: Standing::Different,
        line: 7,
        words: "-a\n+b\n".into(),
        proposed: false,
    };
    CheckedScenario { snapshot: Some(snapshot), exit: 1, ..scenario(name) }
}

/// One that could not all be run.
pub(super) fn incomplete(name: &str) -> CheckedScenario {
    let verdict = "incomplete: the budget of 5 schedules was used up".into();
    CheckedScenario { verdict, exit: 3, ..scenario(name) }
}
