//! A check as a person reads it: a line for each scenario, below it whatever is wrong, and how many there are.
//!
//! All of it is made from the document, so the report that is merged from several machines reads as the one of a single
//! machine does.

use std::fmt::Write;

use super::json::{
    CheckDocument, CheckSummary, CheckedScenario, CheckedSnapshot, ReplayedRegression, Standing,
};
use super::words;
use crate::explore::Statistics;

/// How wide the columns are: known before anything was run, so that each line can be told at once.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    verdict: usize,
    name: usize,
}

impl Table {
    /// The columns for scenarios of these names, whose search has a bound or has none.
    #[must_use]
    pub fn new<'n>(bounded: bool, names: impl Iterator<Item = &'n str>) -> Self {
        Self {
            verdict: if bounded { "proved up to 2 preemptions" } else { "violated" }.len(),
            name: names.map(|name| name.chars().count()).max().unwrap_or(0),
        }
    }

    /// The line of a scenario and what goes below it.
    #[must_use]
    pub fn lines(&self, checked: &CheckedScenario) -> String {
        let CheckedScenario { name, verdict, outcomes, .. } = checked;
        let outcomes = words::count(*outcomes as u64, "outcome");
        let line = format!(
            "{verdict:verdict_width$}   {name:name_width$}   {outcomes}   {}",
            statistics(checked),
            verdict_width = self.verdict,
            name_width = self.name,
        );
        format!("{}\n{}", line.trim_end(), below(checked))
    }
}

/// The numbers of a search, if they were asked for.
fn statistics(checked: &CheckedScenario) -> String {
    let CheckedScenario { executions, states, seconds, share, .. } = *checked;
    let all = (executions, states, seconds);
    let (Some(executions), Some(states), Some(seconds)) = all else { return String::new() };
    words::statistics(&Statistics { executions, states, seconds, share })
}

/// What is wrong with a scenario or worth knowing of it, each line indented; empty if nothing is.
#[must_use]
pub fn below(checked: &CheckedScenario) -> String {
    let mut text = String::new();
    if !checked.reduced.is_empty() {
        let _ = writeln!(text, "  reduced: {}", checked.reduced.join(", "));
    }
    text.extend(checked.regressions.iter().map(|regression| told(regression, &checked.file)));
    for broken in &checked.violations {
        if checked.regressions.iter().any(|regression| Some(&regression.token) == broken.token.as_ref()) {
            continue;
        }
        let _ = writeln!(
            text,
            "  ✗ {}: {}",
            words::attributed(&broken.rule, broken.side),
            words::plain(&broken.message)
        );
        match &broken.token {
            Some(token) => text += &words::replay(token, &checked.file, "    "),
            None => text += "    seen over several executions, so there is no token\n",
        }
    }
    match &checked.snapshot {
        Some(written) if written.standing == Standing::Written => {
            let _ = writeln!(text, "  wrote {}", written.file);
        }
        Some(snapshot) if snapshot.standing != Standing::Refused => {
            text.extend(finding(snapshot).lines().map(|line| format!("  {line}\n")));
        }
        _ => {}
    }
    text
}

/// What came of a token that the scenario keeps: that it breaks a rule, or that it has drifted; nothing if it is well.
fn told(regression: &ReplayedRegression, file: &str) -> String {
    let mut text = String::new();
    if !regression.violations.is_empty() {
        text += "  a regression breaks a rule\n";
        for violation in &regression.violations {
            let _ = writeln!(
                text,
                "  ✗ {}: {}",
                words::attributed(&violation.rule, violation.side),
                words::plain(&violation.message)
            );
        }
        text += &words::replay(&regression.token, file, "    ");
    }
    if !regression.drift.is_empty() {
        let _ = writeln!(text, "  note: the regression {} has drifted", words::plain(&regression.token));
        text.extend(regression.drift.iter().map(|one| format!("    {}\n", words::plain(one))));
    }
    text
}

/// That a snapshot is missing or different, the difference, and what to do.
#[must_use]
pub fn finding(snapshot: &CheckedSnapshot) -> String {
    let file = &snapshot.file;
    let mut text = format!("✗ {}\n", headline(snapshot));
    text.extend(snapshot.words.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n"));
    if snapshot.proposed {
        let _ = writeln!(text, "`cargo insta review` shows {file}.new; `turnloom check --update` takes it");
    } else {
        text += "`turnloom check --update` makes what was seen the snapshot\n";
    }
    text
}

/// How a snapshot stands, in a line.
#[must_use]
pub fn headline(snapshot: &CheckedSnapshot) -> String {
    let file = &snapshot.file;
    match snapshot.standing {
        Standing::Written => format!("wrote {file}"),
        Standing::Missing => format!("there is no snapshot {file}"),
        Standing::Different => format!("not as in the snapshot {file}"),
        Standing::Refused => snapshot.words.clone(),
    }
}

/// What goes to stderr: what the file system refused, and, where stdout is a document, what differs from the snapshot.
#[must_use]
pub fn aside(checked: &CheckedScenario, is_text: bool) -> String {
    let Some(snapshot) = &checked.snapshot else { return String::new() };
    match snapshot.standing {
        Standing::Refused => format!("error: {}\n", snapshot.words),
        Standing::Missing | Standing::Different if !is_text => {
            let told = finding(snapshot).lines().fold(String::new(), |text, line| text + "  " + line + "\n");
            format!("{}\n{told}", checked.name)
        }
        _ => String::new(),
    }
}

/// How many scenarios there are and how they ended, as the last line.
#[must_use]
pub fn summary(summary: &CheckSummary) -> String {
    let scenarios = words::count(summary.scenarios as u64, "scenario");
    let incomplete = match summary.incomplete {
        0 => String::new(),
        some => format!(", {some} incomplete"),
    };
    format!("{scenarios}: {} clean, {} failed{incomplete}", summary.clean, summary.failed)
}

/// The whole check; `bounded` as for [`Table::new`].
#[must_use]
pub fn text(document: &CheckDocument, bounded: bool) -> String {
    let table = Table::new(bounded, document.scenarios.iter().map(|checked| checked.name.as_str()));
    let lines = document.scenarios.iter().map(|checked| table.lines(checked));
    lines.collect::<String>() + "\n" + &summary(&document.summary) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::ToldViolation;
    use crate::report::testkit::{different, scenario, violated};
    use crate::rules::Side;

    fn lines(checked: &CheckedScenario) -> String {
        Table::new(false, [checked.name.as_str()].into_iter()).lines(checked)
    }

    #[test]
    fn a_clean_scenario_is_one_line() {
        assert_eq!(lines(&scenario("r08")), "proved     r08   1 outcome\n");
        let statistics =
            CheckedScenario { executions: Some(12), states: Some(7), seconds: Some(0.25), ..scenario("r08") };
        assert_eq!(lines(&statistics), "proved     r08   1 outcome   12 executions, 7 states, 0.250 s\n");
    }

    #[test]
    fn a_broken_rule_and_a_changed_snapshot_go_below() {
        let both = CheckedScenario { snapshot: different("r08").snapshot, ..violated("r08") };
        insta::assert_snapshot!(lines(&both), @r#"
        violated   r08   1 outcome
          ✗ lock-order: message "a"\nwas <lost> & 100% gone, twice
            seen over several executions, so there is no token
          ✗ no-replay: message "a"\nwas <lost> & 100% gone, twice
            token    r08:-:bob@ann.run:0
            replay   turnloom replay scenarios/r08.json r08:-:bob@ann.run:0
          ✗ not as in the snapshot snapshots/r08.snap
            -a
            +b
          `turnloom check --update` makes what was seen the snapshot
        "#);
    }

    #[test]
    fn a_rule_that_a_regression_breaks_is_told_with_the_regression() {
        let token = "r08:-:bob@ann.run:0".to_owned();
        let side = Side::Scenario;
        let (rule, message) = ("no-deadlock".into(), "it did".into());
        let told = ToldViolation { rule, message, side, cites: String::new() };
        let regression = ReplayedRegression { token, violations: vec![told], drift: vec!["step 3".into()] };
        let both = CheckedScenario { regressions: vec![regression], ..violated("r08") };
        insta::assert_snapshot!(lines(&both), @r#"
        violated   r08   1 outcome
          a regression breaks a rule
          ✗ no-deadlock (the scenario): it did
            token    r08:-:bob@ann.run:0
            replay   turnloom replay scenarios/r08.json r08:-:bob@ann.run:0
          note: the regression r08:-:bob@ann.run:0 has drifted
            step 3
          ✗ lock-order: message "a"\nwas <lost> & 100% gone, twice
            seen over several executions, so there is no token
        "#);
    }

    #[test]
    fn what_is_not_of_the_document_goes_to_stderr() {
        let told = "r08\n  ✗ not as in the snapshot snapshots/r08.snap\n    -a\n    +b\n  `turnloom check";
        assert!(aside(&different("r08"), false).starts_with(told));
        assert_eq!(aside(&different("r08"), true), "");
        let mut refused = different("r08");
        if let Some(snapshot) = &mut refused.snapshot {
            snapshot.standing = Standing::Refused;
            snapshot.words = "failed to write r08.snap".into();
        }
        assert_eq!(aside(&refused, true), "error: failed to write r08.snap\n");
        assert_eq!(below(&refused), "");
    }
}
