//! What `turnloom audit --format json` prints, and whether an audit holds.

use serde::{Deserialize, Serialize};

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
///       "replayed": true,
///       "token": "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700",
///       "schedules": 12,
///       "verdict_without": "proved"
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// The rules that the scenario says.
    #[serde(skip)]
    pub expected: Vec<String>,
    /// The scenario's file, as it was given.
    #[serde(skip)]
    pub file: String,
    /// The token of the canonical witness; none if nothing broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How many schedules were run until the witness was there.
    pub schedules: u64,
    /// The verdict with the defect off.
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

#[cfg(test)]
mod tests {
    use super::{AuditDocument, AuditRow};
    use crate::report::json::text;

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
            file: String::new(),
            token: None,
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
              "replayed": true,
              "schedules": 1,
              "verdict_without": "proved"
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
              "replayed": true,
              "schedules": 1,
              "verdict_without": "proved"
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
