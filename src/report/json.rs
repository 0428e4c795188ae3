//! The documents that `--format json` prints, one a command, and nothing else on that stream.
//!
//! They are a promise to programs: a field is never renamed and never goes away; there may be new ones. Seconds and counts of executions are there only with `--stats`, so without it the same input gives the same
//! bytes. Nothing here may decide what is in a document.

use serde::Serialize;

use crate::explore::{EngineKind, Shrunk, Size};
use crate::observation::Observations;
use crate::scenario::Scenario;

/// What `turnloom check --format json` prints.
///
/// ```json
/// {
///   "scenarios": [
///     {
///       "name": "r08-finish-gap",
///       "verdict": "violated",
///       "engine": "turnloom",
///       "outcomes": 3,
///       "violations": [{ "rule": "nothing-stranded-after-finish", "token": "r08-finish-gap:-:bob@alice.lock-state.7:139700" }]
///     }
///   ],
///   "summary": { "scenarios": 1, "clean": 0, "failed": 1 }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckDocument {
    /// Every scenario, in the order in which it was run.
    pub scenarios: Vec<CheckedScenario>,
    /// How many there are.
    pub summary: CheckSummary,
}

/// One scenario of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedScenario {
    /// The stem of its file.
    pub name: String,
    /// `proved`, `proved up to 2 preemptions`, `violated`, `deadlock`, `hang` or `incomplete: …`.
    pub verdict: String,
    /// The engine.
    pub engine: EngineKind,
    /// How many distinct outcomes there are.
    pub outcomes: usize,
    /// Each broken rule once; with the token of a regression, if one breaks it.
    pub violations: Vec<BrokenRule>,
    /// What came of the tokens that the scenario keeps; not there if it keeps none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<ReplayedRegression>,
    /// With `--stats`: executions begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions: Option<u64>,
    /// With `--stats`: wall-clock seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A token that a scenario keeps, replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedRegression {
    /// The token.
    pub token: String,
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// Where it no longer fits, in words.
    pub drift: Vec<String>,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrokenRule {
    /// Its name.
    pub rule: String,
    /// The least schedule that breaks it; null if it takes more than one execution to break it.
    pub token: Option<String>,
}

/// How a check ended. A scenario that is not clean has failed: a rule broke, its snapshot is missing or different, or
/// not all of it could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckSummary {
    /// How many scenarios were run.
    pub scenarios: usize,
    /// How many of them are clean.
    pub clean: usize,
    /// How many of them are not.
    pub failed: usize,
}

/// What `turnloom explore --format json` prints.
///
/// ```json
/// {
///   "name": "r08-finish-gap",
///   "verdict": "violated",
///   "engine": "turnloom",
///   "revision": "fixed",
///   "defects": ["finish-gap"],
///   "outcomes": [
///     {
///       "violations": [{ "rule": "nothing-stranded-after-finish", "message": "…" }],
///       "token": "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700",
///       "observations": { "events": [], "server": [], "calls": {}, "stream": [], "tokens": {}, "end": {} }
///     }
///   ],
///   "lock_violations": []
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExploreDocument {
    /// The stem of the scenario's file.
    pub name: String,
    /// As in [`CheckedScenario::verdict`].
    pub verdict: String,
    /// The engine.
    pub engine: EngineKind,
    /// The revision that was run.
    pub revision: String,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// Every distinct outcome as the scenario observes it, in canonical order.
    pub outcomes: Vec<ExploredOutcome>,
    /// What breaks a rule of the lock order merged over all executions, which no single token shows.
    pub lock_violations: Vec<ToldViolation>,
    /// The lock order merged over all executions, with a schedule for each edge; empty under loom.
    pub lock_graph: ToldLockGraph,
    /// With `--stats`: executions begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions: Option<u64>,
    /// With `--stats`: wall-clock seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// One outcome of an exploration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExploredOutcome {
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// The least schedule that leads to it; null if nothing is broken.
    pub token: Option<String>,
    /// The two operations whose order decides it; null if nothing is broken or no single reversal passes.
    pub racing_pair: Option<ToldRacingPair>,
    /// What the scenario observes of it; the rest is empty.
    pub observations: Observations,
    /// With `--stats`: how many executions ended in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedules: Option<u64>,
}

/// What `turnloom explore --shrink --format json` prints; `null` if nothing is broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShrinkDocument {
    /// The stem that the smaller scenario's file needs for its token to be its own.
    pub name: String,
    /// What it breaks.
    pub violations: Vec<ToldViolation>,
    /// The schedule under which it does.
    pub token: String,
    /// How large it is.
    pub size: ToldSize,
    /// How large it was.
    pub before: ToldSize,
    /// The smaller scenario.
    pub scenario: Scenario,
}

/// How large a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ToldSize {
    /// Switches of the schedule.
    pub switches: usize,
    /// Steps of all actors.
    pub actor_steps: usize,
    /// Actions of the server and steps of the clock.
    pub script_steps: usize,
}

impl From<Size> for ToldSize {
    fn from(Size { switches, actor_steps, script_steps }: Size) -> Self {
        Self { switches, actor_steps, script_steps }
    }
}

impl From<&Shrunk> for ShrinkDocument {
    fn from(shrunk: &Shrunk) -> Self {
        Self {
            name: shrunk.job.name.clone(),
            violations: shrunk.violations.iter().map(ToldViolation::from).collect(),
            token: shrunk.token().to_string(),
            size: shrunk.size.into(),
            before: shrunk.before.into(),
            scenario: shrunk.job.scenario.clone(),
        }
    }
}

/// The two operations whose order decides whether rules break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldRacingPair {
    /// In words: `first` before `second`.
    pub words: String,
    /// The operation that comes first where rules break.
    pub first: Option<RacingOperation>,
    /// The operation that comes second there, and first where none break.
    pub second: Option<RacingOperation>,
    /// The failing schedule, without the switches it can spare.
    pub failing: String,
    /// The nearest passing schedule.
    pub passing: String,
}

/// The lock order merged over all executions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ToldLockGraph {
    /// Which lock was taken while which was held.
    pub edges: Vec<ToldLockEdge>,
    /// What can be a deadlock.
    pub cycles: Vec<ToldLockCycle>,
}

/// One edge of the lock order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLockEdge {
    /// The lock that was held.
    pub held: String,
    /// The lock that was taken, or the wait that began.
    pub then: String,
    /// The thread.
    pub thread: String,
    /// A schedule that shows it.
    pub token: String,
}

/// Locks that are taken in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLockCycle {
    /// The circle in words.
    pub words: String,
    /// The schedule that ends in the deadlock; null if none was found.
    pub deadlock: Option<String>,
    /// Why none was found; null if one was.
    pub reason: Option<String>,
}

/// One operation of a racing pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RacingOperation {
    /// The thread.
    pub thread: String,
    /// What it does.
    pub operation: String,
    /// To what.
    pub object: String,
    /// The value, in words; empty if there is nothing to say.
    pub detail: String,
}

/// A violation in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldViolation {
    /// The rule.
    pub rule: String,
    /// What happened.
    pub message: String,
}

impl From<&crate::check::Violation> for ToldViolation {
    fn from(violation: &crate::check::Violation) -> Self {
        Self { rule: violation.rule.to_owned(), message: violation.message.clone() }
    }
}

/// What `turnloom audit --format json` prints.
///
/// ```json
/// {
///   "rows": [
///     {
///       "id": "R08",
///       "defect": "finish-gap",
///       "scenario": "r08-finish-gap",
///       "rules": ["nothing-stranded-after-finish"],
///       "found": true,
///       "clean_without": true,
///       "replayed": true
///     }
///   ],
///   "summary": { "rows": 1, "found": 1, "clean": 1, "replayed": 1 }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditDocument {
    /// Every defect that a scenario says it catches, by row of the race catalogue.
    pub rows: Vec<AuditRow>,
    /// How many rows hold.
    pub summary: AuditSummary,
    /// Rows that are demands on turnloom itself, with the tests that show them; only in an audit of a folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shown_by_tests: Vec<Demand>,
}

/// A row that tests of turnloom show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Demand {
    /// The row of the race catalogue.
    pub id: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What must hold.
    pub demand: &'static str,
    /// The tests: file and function.
    pub shown_by: &'static [&'static str],
}

/// One defect that a scenario says it catches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// The row of the race catalogue.
    pub id: String,
    /// The defect that is switched on.
    pub defect: String,
    /// The scenario.
    pub scenario: String,
    /// The rules that break on the canonical witness; if nothing broke, none.
    pub rules: Vec<String>,
    /// Whether these are exactly the rules that the scenario says.
    pub found: bool,
    /// Whether nothing breaks with the defect off.
    pub clean_without: bool,
    /// Whether the witness's token breaks the same rules with the same outcome once more.
    pub replayed: bool,
    /// Why not all could be run, if so: the scenario does not fit the engine, say. Then the row proves nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// The rules that the scenario says.
    #[serde(skip)]
    pub expected: Vec<String>,
    /// How many schedules were run until the witness was there.
    #[serde(skip)]
    pub schedules: u64,
    /// The verdict with the defect off.
    #[serde(skip)]
    pub verdict_without: String,
}

impl AuditRow {
    /// Whether the row holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.found && self.clean_without && self.replayed
    }
}

/// How many rows of an audit hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AuditSummary {
    /// How many rows there are.
    pub rows: usize,
    /// In how many the defect is found.
    pub found: usize,
    /// In how many nothing breaks without it.
    pub clean: usize,
    /// In how many the token replays.
    pub replayed: usize,
}

impl AuditDocument {
    /// The rows in the order of the race catalogue, counted, with what tests of turnloom show.
    #[must_use]
    pub fn new(mut rows: Vec<AuditRow>, shown_by_tests: Vec<Demand>) -> Self {
        rows.sort_by(|a, b| (&a.id, &a.scenario, &a.defect).cmp(&(&b.id, &b.scenario, &b.defect)));
        let count = |holds: fn(&AuditRow) -> bool| rows.iter().filter(|row| holds(row)).count();
        let summary = AuditSummary {
            rows: rows.len(),
            found: count(|row| row.found),
            clean: count(|row| row.clean_without),
            replayed: count(|row| row.replayed),
        };
        Self { rows, summary, shown_by_tests }
    }

    /// Whether there are rows and all of them hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(AuditRow::holds)
    }

    /// Whether the only rows that do not hold are those that could not all be run.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        let mut broken = self.rows.iter().filter(|row| !row.holds()).peekable();
        broken.peek().is_some() && broken.all(|row| row.incomplete.is_some())
    }
}

/// A document as text, with a line end.
#[must_use]
pub fn text(document: &impl Serialize) -> String {
    // Every key of these documents is a string, which is all that could go wrong.
    serde_json::to_string_pretty(document).expect("a document is made of what JSON can hold") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_a_check() {
        let scenario = CheckedScenario {
            name: "r08".into(),
            verdict: "violated".into(),
            engine: EngineKind::Turnloom,
            outcomes: 2,
            violations: vec![
                BrokenRule { rule: "lock-order".into(), token: None },
                BrokenRule { rule: "no-replay".into(), token: Some("r08:-:bob@ann.run:0".into()) },
            ],
            regressions: Vec::new(),
            executions: None,
            seconds: None,
        };
        let summary = CheckSummary { scenarios: 1, clean: 0, failed: 1 };
        insta::assert_snapshot!(text(&CheckDocument { scenarios: vec![scenario], summary }), @r#"
        {
          "scenarios": [
            {
              "name": "r08",
              "verdict": "violated",
              "engine": "turnloom",
              "outcomes": 2,
              "violations": [
                {
                  "rule": "lock-order",
                  "token": null
                },
                {
                  "rule": "no-replay",
                  "token": "r08:-:bob@ann.run:0"
                }
              ]
            }
          ],
          "summary": {
            "scenarios": 1,
            "clean": 0,
            "failed": 1
          }
        }
        "#);
    }

    #[test]
    fn the_document_of_an_exploration() {
        let violation = ToldViolation { rule: "no-replay".into(), message: "twice".into() };
        let document = ExploreDocument {
            name: "r08".into(),
            verdict: "violated".into(),
            engine: EngineKind::Loom,
            revision: "fixed".into(),
            defects: vec!["finish-gap".into()],
            outcomes: vec![ExploredOutcome {
                violations: vec![violation],
                token: Some("r08:finish-gap:bob@ann.run:0".into()),
                racing_pair: None,
                observations: Observations::default(),
                schedules: Some(3),
            }],
            lock_violations: Vec::new(),
            lock_graph: ToldLockGraph::default(),
            executions: Some(7),
            seconds: Some(0.5),
        };
        insta::assert_snapshot!(text(&document), @r#"
        {
          "name": "r08",
          "verdict": "violated",
          "engine": "loom",
          "revision": "fixed",
          "defects": [
            "finish-gap"
          ],
          "outcomes": [
            {
              "violations": [
                {
                  "rule": "no-replay",
                  "message": "twice"
                }
              ],
              "token": "r08:finish-gap:bob@ann.run:0",
              "racing_pair": null,
              "observations": {
                "events": [],
                "server": [],
                "calls": {},
                "stream": [],
                "tokens": {},
                "end": {
                  "status": "idle",
                  "cursor": null,
                  "session": null
                },
                "stuck": null,
                "lock_order": []
              },
              "schedules": 3
            }
          ],
          "lock_violations": [],
          "lock_graph": {
            "edges": [],
            "cycles": []
          },
          "executions": 7,
          "seconds": 0.5
        }
        "#);
    }

    #[test]
    fn an_audit_without_rows_does_not_hold() {
        assert!(!AuditDocument::new(Vec::new(), Vec::new()).holds());
    }

    #[test]
    fn the_document_of_an_audit_is_in_the_order_of_the_catalogue() {
        let row = |id: &str, found| AuditRow {
            id: id.into(),
            defect: "finish-gap".into(),
            scenario: "r08".into(),
            rules: vec!["no-replay".into()],
            found,
            clean_without: true,
            replayed: true,
            incomplete: None,
            expected: Vec::new(),
            schedules: 1,
            verdict_without: "proved".into(),
        };
        let document = AuditDocument::new(vec![row("R10", true), row("R08", false)], Vec::new());
        assert!(!document.holds() && !document.is_incomplete());
        let not_run = || AuditRow { incomplete: Some("6 threads".into()), ..row("R11", false) };
        assert!(AuditDocument::new(vec![row("R10", true), not_run()], Vec::new()).is_incomplete());
        assert!(!AuditDocument::new(vec![row("R08", false), not_run()], Vec::new()).is_incomplete());
        assert!(!AuditDocument::new(Vec::new(), Vec::new()).is_incomplete());
        insta::assert_snapshot!(text(&document), @r#"
        {
          "rows": [
            {
              "id": "R08",
              "defect": "finish-gap",
              "scenario": "r08",
              "rules": [
                "no-replay"
              ],
              "found": false,
              "clean_without": true,
              "replayed": true
            },
            {
              "id": "R10",
              "defect": "finish-gap",
              "scenario": "r08",
              "rules": [
                "no-replay"
              ],
              "found": true,
              "clean_without": true,
              "replayed": true
            }
          ],
          "summary": {
            "rows": 2,
            "found": 1,
            "clean": 2,
            "replayed": 2
          }
        }
        "#);
    }
}
