//! What GitHub shows of a check or an audit: annotations, which are lines in the log of a step, and the job summary, which
//! is Markdown.
//!
//! GitHub shows ten errors of a step beside the files; the summary and the log have all.

use std::fmt::Write;

use super::checked;
use super::checked::Table;
use super::json::{AuditDocument, AuditRow, CheckDocument, CheckedScenario, Standing};
use super::words;

/// So many bytes of the findings are in a summary: GitHub takes 1 MiB from all steps of a job together.
const MOST: usize = 256 * 1024;

/// The annotations of a check, a line each.
#[must_use]
pub fn of_check(document: &CheckDocument) -> String {
    document.scenarios.iter().map(scenario).collect()
}

/// The annotations of an audit, a line each.
#[must_use]
pub fn of_audit(document: &AuditDocument) -> String {
    let rows = document.rows.iter().filter(|row| !row.holds());
    rows.map(|row| {
        let title = format!("{} {}", row.id, row.defect);
        command("error", &row.file, 1, &title, &audited(row))
    })
    .collect()
}

fn scenario(checked: &CheckedScenario) -> String {
    let CheckedScenario { name, file, .. } = checked;
    let mut text = String::new();
    for broken in &checked.violations {
        let mut message = words::plain(&broken.message);
        if let Some(token) = &broken.token {
            message += "\n";
            message += &words::replay(token, file, "");
        }
        text += &command(
            "error",
            file,
            broken.line,
            &format!("{}: {name}", words::attributed(&broken.rule, broken.side)),
            &message,
        );
    }
    for regression in checked.regressions.iter().filter(|regression| !regression.drift.is_empty()) {
        let message = format!("the regression {} has drifted", words::plain(&regression.token));
        text += &command("notice", file, 1, &format!("drift: {name}"), &message);
    }
    if let Some(snapshot) = &checked.snapshot {
        let title = format!("snapshot: {name}");
        text += &match snapshot.standing {
            Standing::Written => String::new(),
            Standing::Different => {
                command("error", &snapshot.file, snapshot.line, &title, &checked::finding(snapshot))
            }
            Standing::Missing => command("error", file, 1, &title, &checked::finding(snapshot)),
            Standing::Refused => command("error", file, 1, &title, &snapshot.words),
        };
    }
    if checked.verdict.starts_with("incomplete: ") {
        text += &command("error", file, 1, &format!("incomplete: {name}"), &checked.verdict);
    }
    text
}

/// A command of a workflow. What would end it or one of its properties is escaped.
fn command(level: &str, file: &str, line: usize, title: &str, message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let (file, title) = (property(file), property(title));
    format!("::{level} file={file},line={line},title={title}::{}\n", data(message.trim_end()))
}

/// What is wrong with a row of an audit that does not hold, in a line.
#[must_use]
pub fn audited(row: &AuditRow) -> String {
    if let Some(reason) = &row.incomplete {
        return format!("incomplete: {reason}");
    }
    let parts = [
        (row.found, "the defect does not break exactly the rules that the scenario says"),
        (row.clean_without, "something breaks without the defect"),
        (row.replayed, "the token does not replay"),
    ];
    let wrong: Vec<&str> = parts.into_iter().filter_map(|(holds, words)| (!holds).then_some(words)).collect();
    wrong.join("; ")
}

/// The job summary of a check; `bounded` as for [`Table::new`].
#[must_use]
pub fn summary_of_check(document: &CheckDocument, bounded: bool) -> String {
    let failed = document.scenarios.iter().filter(|checked| checked.exit != 0);
    let table = Table::new(bounded, failed.clone().map(|checked| checked.name.as_str()));
    let parts: Vec<String> =
        failed.map(|checked| table.lines(checked) + &checked::aside(checked, true)).collect();
    page("check", &checked::summary(&document.summary), &parts)
}

/// The job summary of an audit.
#[must_use]
pub fn summary_of_audit(document: &AuditDocument) -> String {
    let failed = document.rows.iter().filter(|row| !row.holds());
    let part = |row: &AuditRow| format!("{} {}: {}\n", row.id, row.defect, audited(row));
    let parts: Vec<String> = failed.map(part).collect();
    let rows = words::count(document.rows.len() as u64, "row");
    let line = format!("{rows}: {} hold, {} do not", document.rows.len() - parts.len(), parts.len());
    page("audit", &line, &parts)
}

/// A heading, a line, and what is wrong as it would stand on a terminal.
fn page(command: &str, line: &str, parts: &[String]) -> String {
    let mut page = format!("### turnloom {command}\n\n{line}\n\n");
    let mut size = 0;
    let fits = |part: &&String| {
        size += part.len();
        size <= MOST
    };
    let told: Vec<&String> = parts.iter().take_while(fits).collect();
    let left = parts.len() - told.len();
    let text: String = told.into_iter().map(String::as_str).collect();
    if !text.is_empty() {
        // A fence is longer than any row of backticks within it.
        let runs = text.split(|letter| letter != '`').map(str::len);
        let fence = "`".repeat(runs.max().unwrap_or(0).max(2) + 1);
        let _ = write!(page, "{fence}text\n{text}{fence}\n\n");
    }
    if left > 0 {
        let _ = write!(page, "{left} more would not fit here; the log has all.\n\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{MOST, of_check, page, summary_of_check};
    use crate::report::json::CheckDocument;
    use crate::report::testkit::{different, incomplete, scenario, violated};

    fn document() -> CheckDocument {
        CheckDocument::new(vec![scenario("r01"), violated("r08, 50%"), different("r09"), incomplete("r10")])
    }

    #[test]
    fn an_annotation_is_one_line_whatever_is_in_it() {
        insta::assert_snapshot!(of_check(&document()), @r#"
        ::error file=scenarios/r08%2C 50%25.json,line=3,title=lock-order%3A r08%2C 50%25::message "a"\nwas <lost> & 100%25 gone, twice
        ::error file=scenarios/r08%2C 50%25.json,line=3,title=no-replay%3A r08%2C 50%25::message "a"\nwas <lost> & 100%25 gone, twice%0Atoken    r08:-:bob@ann.run:0%0Areplay   turnloom replay 'scenarios/r08, 50%25.json' r08:-:bob@ann.run:0
        ::error file=snapshots/r09.snap,line=7,title=snapshot%3A r09::✗ not as in the snapshot snapshots/r09.snap%0A  -a%0A  +b%0A`turnloom check --update` makes what was seen the snapshot
        ::error file=scenarios/r10.json,line=1,title=incomplete%3A r10::incomplete: the budget of 5 schedules was used up
        "#);
    }

    #[test]
    fn the_summary_has_what_is_wrong() {
        insta::assert_snapshot!(summary_of_check(&document(), false), @r#"
        ### turnloom check

        4 scenarios: 1 clean, 2 failed, 1 incomplete

        ```text
        violated   r08, 50%   1 outcome
          ✗ lock-order: message "a"\nwas <lost> & 100% gone, twice
            seen over several executions, so there is no token
          ✗ no-replay: message "a"\nwas <lost> & 100% gone, twice
            token    r08:-:bob@ann.run:0
            replay   turnloom replay 'scenarios/r08, 50%.json' r08:-:bob@ann.run:0
        proved     r09        1 outcome
          ✗ not as in the snapshot snapshots/r09.snap
            -a
            +b
          `turnloom check --update` makes what was seen the snapshot
        incomplete: the budget of 5 schedules was used up   r10        1 outcome
        ```
        "#);
    }

    #[test]
    fn a_summary_is_no_larger_than_it_may_be_and_its_fence_holds() {
        let parts = vec!["a ````` b\n".to_owned(), "x".repeat(MOST), "y".to_owned()];
        let text = page("check", "3 scenarios", &parts);
        assert!(text.contains("\n``````text\na ````` b\n``````\n"), "{text}");
        assert!(text.ends_with("2 more would not fit here; the log has all.\n\n"), "{text}");
    }
}
