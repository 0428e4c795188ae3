//! The JUnit report: a suite for a check or an audit, a test case for each scenario or row.
//!
//! What is wrong is a failure; what could not all be run, or not at all, is an error, as it is neither passed nor
//! failed. No times, unless they are in the document because they were asked for.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::checked;
use super::json::{AuditDocument, AuditRow, CheckDocument, CheckedScenario};
use super::words;

/// The report of a check.
#[must_use]
pub fn of_check(document: &CheckDocument) -> String {
    text("check", document.scenarios.iter().map(scenario))
}

/// The report of an audit.
#[must_use]
pub fn of_audit(document: &AuditDocument) -> String {
    text("audit", document.rows.iter().map(row))
}

fn text(suite: &str, cases: impl Iterator<Item = TestCase>) -> String {
    let mut of_suite = TestSuite::new(suite);
    of_suite.add_test_cases(cases);
    let mut report = Report::new("turnloom");
    report.add_test_suite(of_suite);
    // What XML cannot hold was left out when the strings were made, which is all that could go wrong.
    report.to_string().expect("a report is made of what XML can hold")
}

fn scenario(checked: &CheckedScenario) -> TestCase {
    let refused = checked.snapshot.as_ref().map(checked::headline);
    let status = match checked.exit {
        0 => TestCaseStatus::success(),
        1 => non_success(NonSuccessKind::Failure, "finding", &headline(checked), &checked::below(checked)),
        3 => non_success(NonSuccessKind::Error, "incomplete", &checked.verdict, ""),
        _ => {
            let why = refused.unwrap_or_else(|| checked.verdict.clone());
            non_success(NonSuccessKind::Error, "bad input", &why, &checked::below(checked))
        }
    };
    let mut case = TestCase::new(words::plain(&checked.name), status);
    case.set_classname("turnloom.check");
    case.extra.insert("file".into(), words::plain(&checked.file).into());
    if let Some(time) = checked.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        case.set_time(time);
    }
    if checked.exit == 0 {
        case.set_system_out(checked.verdict.clone());
    }
    case
}

/// What is wrong with a scenario, in a line: the rules that broke, and the snapshot.
fn headline(checked: &CheckedScenario) -> String {
    let rules = checked.violations.iter().map(|broken| broken.rule.clone());
    let snapshot = checked.snapshot.as_ref().map(checked::headline);
    let all: Vec<String> = rules.chain(snapshot).collect();
    if all.is_empty() { checked.verdict.clone() } else { all.join(", ") }
}

fn row(row: &AuditRow) -> TestCase {
    let expected = format!("expected to break: {}", row.expected.join(", "));
    let broke = if row.rules.is_empty() { "nothing broke".to_owned() } else { row.rules.join(", ") };
    let status = match &row.incomplete {
        _ if row.holds() => TestCaseStatus::success(),
        Some(reason) => non_success(NonSuccessKind::Error, "incomplete", reason, ""),
        None => non_success(
            NonSuccessKind::Failure,
            "finding",
            &super::annotations::audited(row),
            &format!("{expected}\nbroke: {broke}\n"),
        ),
    };
    let mut case = TestCase::new(words::plain(&format!("{} {}", row.id, row.defect)), status);
    case.set_classname("turnloom.audit");
    case.extra.insert("file".into(), words::plain(&row.file).into());
    case
}

fn non_success(kind: NonSuccessKind, kind_in_words: &str, message: &str, below: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(kind_in_words).set_message(message);
    if !below.is_empty() {
        status.set_description(format!("\n{below}"));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::of_check;
    use crate::report::json::CheckDocument;
    use crate::report::testkit::{different, incomplete, scenario, violated};

    #[test]
    fn findings_are_failures_and_what_was_not_run_is_an_error() {
        let scenarios = vec![scenario("r01"), violated("r08"), different("r09"), incomplete("r10")];
        let report = of_check(&CheckDocument::new(scenarios));
        for part in [
            r#"<testsuites name="turnloom" tests="4" skipped="0" failures="2" errors="1">"#,
            r#"<testcase name="r01" classname="turnloom.check" file="scenarios/r01.json">"#,
            "<system-out>proved</system-out>",
            r#"<failure message="lock-order, no-replay" type="finding">"#,
            "was &lt;lost&gt; &amp; 100% gone, twice",
            r#"<failure message="not as in the snapshot snapshots/r09.snap" type="finding">"#,
            r#"<error message="incomplete: the budget of 5 schedules was used up" type="incomplete"/>"#,
        ] {
            assert!(report.contains(part), "{part}\n{report}");
        }
    }
}
