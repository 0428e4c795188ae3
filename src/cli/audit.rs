//! `turnloom audit`: can every rule fail? Each defect that a scenario says it catches is switched on, and must break
//! exactly the rules the scenario says, in a way that replays; with it off nothing may break.

mod demands;

pub(super) use demands::DEMANDS;

use std::collections::BTreeSet;
use std::fmt::Write;

use super::console::Console;
use super::files;
use super::files::{File, For};
use super::progress::{Progress, Running};
use super::{Audit, Exit, Format, Jobs, backend, jobs, outputs};
use crate::explore::{EngineKind, Exploration, Job, Options, OutcomeReport, Token, Verdict};
use crate::harness::Firing;
use crate::observation::Observations;
use crate::report::json;
use crate::report::json::{AuditDocument, AuditRow};
use crate::report::{annotations, is_finding, junit, witness, words};
use crate::scenario::Catch;
use crate::snapshot::project;

/// Audits the scenarios and tells which rows hold.
pub(super) fn run(console: &mut Console, arguments: &Audit) -> Exit {
    if arguments.junit.as_ref().is_some_and(|path| !outputs::usable(console, path)) {
        return Exit::Bad;
    }
    let Some(files) = files::load(console, &arguments.paths, For::Engine) else { return Exit::Bad };
    let rows = audit(console, &files, arguments.engine, arguments.jobs);
    let whole = !rows.is_empty() && arguments.paths.iter().any(|path| path.is_dir());
    let document = AuditDocument::new(rows, if whole { DEMANDS.to_vec() } else { Vec::new() });
    console.out(&match arguments.format {
        Format::Json => json::text(&document),
        Format::Text => table(&document),
    });
    let told = arguments
        .junit
        .as_ref()
        .map_or(Exit::Clean, |path| outputs::write(console, path, &junit::of_audit(&document)));
    let summary = annotations::summary_of_audit(&document);
    let on_github = outputs::tell_github(console, &annotations::of_audit(&document), Some(summary));
    exit(&document).or(told).or(on_github)
}

/// Audits every row that these scenarios catch.
pub(super) fn audit(console: &mut Console, files: &[File], engine: EngineKind, jobs: Jobs) -> Vec<AuditRow> {
    let progress = Progress::new(console, files.len());
    let mut rows = Vec::new();
    let audit = |file: &File| {
        let running = progress.begin(&file.loaded.name);
        let mut auditor = Auditor { file, engine, running, failures: Vec::new() };
        (auditor.rows(), auditor.failures)
    };
    jobs::in_order(jobs.jobs, files, audit, |(of_file, failures)| {
        rows.extend(of_file);
        progress.end();
        progress.aside(|| failures.iter().for_each(|failure| console.fail(failure, "")));
    });
    rows
}

/// What the rows say about the exit code.
pub(super) fn exit(document: &AuditDocument) -> Exit {
    if document.holds() {
        Exit::Clean
    } else if document.is_incomplete() {
        Exit::Incomplete
    } else {
        Exit::Findings
    }
}

/// The audit of one scenario.
struct Auditor<'a> {
    file: &'a File,
    engine: EngineKind,
    running: Running<'a>,
    failures: Vec<String>,
}

impl Auditor<'_> {
    fn rows(&mut self) -> Vec<AuditRow> {
        let catches = &self.file.loaded.scenario.catches;
        if catches.is_empty() {
            return Vec::new();
        }
        let without = self.explore(&self.job(&[]), false);
        catches.iter().map(|caught| self.row(caught, without.as_ref())).collect()
    }

    fn row(&mut self, caught: &Catch, without: Result<&Exploration, &String>) -> AuditRow {
        let job = self.job(std::slice::from_ref(&caught.defect));
        let explored = self.explore(&job, true);
        let incomplete = [without, explored.as_ref()].into_iter().find_map(reason);
        let (without, explored) = (without.ok(), explored.ok());
        let witness = explored.as_ref().and_then(witness);
        let broken = witness.map(|(_, report)| rules(&report.violations)).unwrap_or_default();
        let expected: BTreeSet<&str> = caught.rules.iter().map(String::as_str).collect();
        AuditRow {
            id: caught.row.clone(),
            defect: caught.defect.clone(),
            scenario: self.file.loaded.name.clone(),
            rules: broken.iter().map(ToString::to_string).collect(),
            found: !broken.is_empty() && broken == expected,
            clean_without: without.is_some_and(is_clean),
            replayed: witness.is_some_and(|(seen, report)| self.replays(&job, seen, report)),
            incomplete,
            expected: expected.into_iter().map(ToOwned::to_owned).collect(),
            file: self.file.shown(),
            token: witness.and_then(|(_, report)| report.token.clone()),
            schedules: explored.as_ref().map_or(0, |explored| explored.statistics.executions),
            verdict_without: without.map(|without| words::verdict(&without.verdict)).unwrap_or_default(),
        }
    }

    fn job(&self, defects: &[String]) -> Job {
        let (name, scenario) = (self.file.loaded.name.clone(), self.file.loaded.scenario.clone());
        let defects = defects.to_vec();
        Job { name, scenario, revision: None, defects, timers: Firing::Clock, subject: None }
    }

    /// Explores the scenario; if that failed, why.
    fn explore(&mut self, job: &Job, first_violation: bool) -> Result<Exploration, String> {
        let options = Options { engine: self.engine, first_violation, ..Options::default() };
        let explored = backend::explore(job, &options, &mut |told| self.running.ran(told));
        explored.map_err(|error| {
            let failure = words::plain(&error.to_string());
            self.failures.push(failure.clone());
            failure
        })
    }

    /// Whether the token of a witness breaks the same rules with the same outcome once more. The words of the token
    /// are read back as a user's would be.
    fn replays(&mut self, job: &Job, seen: &Observations, report: &OutcomeReport) -> bool {
        let Some(Ok(token)) = report.token.as_ref().map(|token| token.parse::<Token>()) else { return false };
        let is_of_job = token.scenario == job.name && token.defects == job.defects;
        match backend::replay(job, &token.schedule) {
            Ok(replay) => {
                let observe = &job.scenario.observe;
                is_of_job
                    && rules(&replay.violations) == rules(&report.violations)
                    && project(&replay.outcome, observe) == project(seen, observe)
            }
            Err(error) => {
                let job = words::changes(None, &job.defects, job.timers);
                let scenario = &self.file.loaded.name;
                self.failures
                    .push(format!("failed to replay the witness of `{scenario}` with {job}: {error}"));
                false
            }
        }
    }
}

/// Why not all was run, if so.
fn reason(explored: Result<&Exploration, &String>) -> Option<String> {
    match explored.map(|exploration| &exploration.verdict) {
        Ok(Verdict::Incomplete(reason)) | Err(reason) => Some(reason.clone()),
        Ok(_) => None,
    }
}

/// Whether nothing broke in all that was to be run.
fn is_clean(exploration: &Exploration) -> bool {
    !is_finding(exploration) && !matches!(exploration.verdict, Verdict::Incomplete(_))
}

/// The names of the rules that are broken.
pub(super) fn rules(violations: &[crate::rules::Violation]) -> BTreeSet<&str> {
    violations.iter().map(|violation| violation.rule).collect()
}

/// The rows for people; below one that is not found, what was to break.
pub(super) fn table(document: &AuditDocument) -> String {
    if document.rows.is_empty() {
        return "no scenario says which defects it catches\n".to_owned();
    }
    let head =
        ["row", "defect", "scenario", "found", "clean without", "replayed", "rules"].map(str::to_owned);
    let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
    let line = |row: &AuditRow| {
        let rules = if row.rules.is_empty() { "nothing broke".to_owned() } else { row.rules.join(", ") };
        let (id, defect, scenario) = (row.id.clone(), row.defect.clone(), row.scenario.clone());
        [id, defect, scenario, yes(row.found), yes(row.clean_without), yes(row.replayed), rules]
    };
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(document.rows.iter().map(line)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("   ").trim_end());
        let Some(row) = place.checked_sub(1).map(|row| &document.rows[row]) else { continue };
        if let Some(reason) = &row.incomplete {
            let _ = writeln!(text, "  incomplete: {reason}");
        } else if !row.found {
            let _ = writeln!(text, "  ✗ expected to break: {}", row.expected.join(", "));
        }
    }
    let summary = document.summary;
    let rows = words::count(summary.rows as u64, "row");
    let _ = writeln!(
        text,
        "\n{rows}: {} found, {} clean without the defect, {} replayed",
        summary.found, summary.clean, summary.replayed
    );
    for demand in &document.shown_by_tests {
        let tests = demand.shown_by.join(", ");
        let _ = writeln!(text, "{} {} is shown by {tests}", demand.id, demand.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::report::json::{AuditDocument, AuditRow};

    #[test]
    fn a_row_that_does_not_hold_says_what_was_to_break() {
        let row = |id: &str, defect: &str, rules: &[&str], found| AuditRow {
            id: id.into(),
            defect: defect.into(),
            scenario: format!("{}-{defect}", id.to_lowercase()),
            rules: rules.iter().map(ToString::to_string).collect(),
            found,
            clean_without: true,
            replayed: found,
            incomplete: None,
            expected: vec!["no-replay".into()],
            file: format!("scenarios/{}-{defect}.json", id.to_lowercase()),
            token: None,
            schedules: 1,
            verdict_without: "proved".into(),
        };
        let reason = Some("7 threads are needed, and loom has 5".to_owned());
        let not_run = AuditRow { incomplete: reason, clean_without: false, ..row("R13", "wait", &[], false) };
        let rows = vec![
            row("R08", "finish-gap", &[], false),
            row("R05", "just-arrived", &["no-replay"], true),
            not_run,
        ];
        insta::assert_snapshot!(table(&AuditDocument::new(rows, Vec::new())), @r#"
        row   defect         scenario           found   clean without   replayed   rules
        R05   just-arrived   r05-just-arrived   yes     yes             yes        no-replay
        R08   finish-gap     r08-finish-gap     no      yes             no         nothing broke
          ✗ expected to break: no-replay
        R13   wait           r13-wait           no      no              no         nothing broke
          incomplete: 7 threads are needed, and loom has 5

        3 rows: 1 found, 2 clean without the defect, 1 replayed
        "#);
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        assert_eq!(
            table(&AuditDocument::new(Vec::new(), Vec::new())),
            "no scenario says which defects it catches\n"
        );
    }
}
