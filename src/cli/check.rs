//! `turnloom check`: every scenario under every interleaving, held against the rules and the reviewed snapshot.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::console::Console;
use super::files::{self, File, For};
use super::gate::{self, Standing, Writing};
use super::progress::Progress;
use super::regressions::{self, Regression};
use super::{Check, Exit, Format, backend, explore, jobs};
use crate::explore::{Exploration, ExploreError, Job, Options, Progress as Telling, Verdict};
use crate::report::json::{self, BrokenRule, CheckDocument, CheckSummary, CheckedScenario};
use crate::report::{broken_rules, is_finding, shown, words};

/// Runs the scenarios and tells how each stands.
pub(super) fn run(console: &mut Console, arguments: &Check) -> Exit {
    if let Some(why) = forbids_update(console, arguments) {
        return console.refuse(&format!("failed to update snapshots: {why}"), "");
    }
    let Some(files) = files::load(console, &arguments.paths, For::Engine) else { return Exit::Bad };
    if files.is_empty() {
        return console.refuse("failed to find scenarios: no file there ends in .json", "");
    }
    if !gate::usable(console, &files) {
        return Exit::Bad;
    }
    let options = match arguments.engine.options() {
        Ok(options) => options,
        Err((what, help)) => return console.refuse(&format!("failed to check: {what}"), &help),
    };
    let mut exit = Exit::Clean;
    let mut scenarios = Vec::new();
    let mut clean = 0;
    let progress = Progress::new(console, files.len());
    let table = Table::new(arguments, &files);
    let writing = writing(console, arguments);
    let check = |file: &File| {
        let running = progress.begin(&file.loaded.name);
        Checked::of(file, arguments, &options, writing, &mut |told| running.ran(told))
    };
    jobs::in_order(arguments.jobs.jobs, &files, check, |checked| {
        progress.end();
        clean += usize::from(checked.exit == Exit::Clean);
        exit = exit.or(checked.exit);
        progress.aside(|| table.tell(console, &checked));
        scenarios.push(checked.scenario);
    });
    drop(progress);
    let summary = CheckSummary { scenarios: files.len(), clean, failed: files.len() - clean };
    console.out(&match arguments.shape.format {
        Format::Json => json::text(&CheckDocument { scenarios, summary }),
        Format::Text => {
            let scenarios = words::count(files.len() as u64, "scenario");
            format!("\n{scenarios}: {clean} clean, {} failed\n", summary.failed)
        }
    });
    exit
}

/// Why snapshots must not be written, if they were to be.
fn forbids_update(console: &Console, arguments: &Check) -> Option<&'static str> {
    if !arguments.update {
        None
    } else if console.ci {
        Some("the variable CI is set, and in CI no snapshot is written")
    } else if arguments.engine.is_partial() {
        Some("a snapshot holds every outcome, so it takes the engine turnloom without a bound")
    } else {
        None
    }
}

fn writing(console: &Console, arguments: &Check) -> Writing {
    if arguments.update {
        Writing::Snapshots
    } else if console.ci || arguments.shape.format == Format::Json {
        Writing::Nothing
    } else {
        Writing::Proposals
    }
}

/// How one scenario stands.
struct Checked {
    scenario: CheckedScenario,
    exit: Exit,
    /// What goes behind its line: numbers that were asked for.
    numbers: String,
    /// What goes below its line.
    below: String,
    /// What goes to stderr.
    aside: String,
}

impl Checked {
    fn of(
        file: &File,
        arguments: &Check,
        options: &Options,
        writing: Writing,
        progress: &mut Telling<'_>,
    ) -> Self {
        let job = Job {
            name: file.loaded.name.clone(),
            scenario: file.loaded.scenario.clone(),
            revision: None,
            defects: Vec::new(),
        };
        let ran = regressions::replay(file).and_then(|regressions| {
            let exploration = backend::explore(&job, options, progress)?;
            let standing = gate::compare(file, options, &exploration, writing);
            Ok(Self::ran(file, arguments, &regressions, &exploration, standing))
        });
        ran.unwrap_or_else(|error| Self::failed(file, options, &error))
    }

    fn ran(
        file: &File,
        arguments: &Check,
        regressions: &[Regression],
        exploration: &Exploration,
        standing: Standing,
    ) -> Self {
        let broken = broken_rules(exploration);
        let broken_again = regressions.iter().any(Regression::is_broken);
        let mut exit = explore::exit(exploration).or(if broken_again { Exit::Findings } else { Exit::Clean });
        let mut below = words::reductions(exploration);
        below.extend(regressions.iter().map(|regression| regression.told(file)));
        below += &words::broken(&broken, &file.shown());
        let mut aside = String::new();
        let mut snapshot = None;
        match standing {
            Standing::Clean => {}
            Standing::Written(words) => {
                let _ = writeln!(below, "  {words}");
            }
            Standing::Finding(words) => {
                exit = exit.or(Exit::Findings);
                below += &words.lines().fold(String::new(), |text, line| text + "  " + line + "\n");
                snapshot = Some(words);
            }
            Standing::Refused(words) => {
                exit = exit.or(Exit::Bad);
                let _ = writeln!(aside, "error: {words}");
            }
        }
        let stats = arguments.shape.stats.then_some(&exploration.statistics);
        let mut rules: BTreeMap<&str, Option<&str>> =
            broken.iter().map(|broken| (broken.violation.rule, broken.token.as_deref())).collect();
        let again = regressions.iter().rev().flat_map(Regression::broken);
        rules.extend(again.map(|(rule, token)| (rule, Some(token))));
        let rule = |(rule, token): (&str, Option<&str>)| BrokenRule {
            rule: rule.to_owned(),
            token: token.map(ToOwned::to_owned),
        };
        // What a bounded search did not come to, a regression may.
        let found =
            if is_finding(exploration) || !broken_again { &exploration.verdict } else { &Verdict::Violated };
        let scenario = CheckedScenario {
            name: file.loaded.name.clone(),
            verdict: words::verdict(found),
            engine: exploration.engine,
            outcomes: shown(exploration, &file.loaded.scenario.observe).len(),
            violations: rules.into_iter().map(rule).collect(),
            regressions: regressions.iter().map(Regression::document).collect(),
            snapshot,
            executions: stats.map(|stats| stats.executions),
            seconds: stats.map(|stats| stats.seconds),
        };
        let numbers = stats.map(words::statistics).unwrap_or_default();
        Self { scenario, exit, numbers, below, aside }
    }

    /// Nothing is known of a scenario that could not be run.
    fn failed(file: &File, options: &Options, error: &ExploreError) -> Self {
        let error_in_words = words::plain(&error.to_string());
        let exit = match error {
            ExploreError::Decision(_) | ExploreError::OnlyLive(_) => Exit::Bad,
            ExploreError::Broken { .. }
            | ExploreError::NotDeterministic { .. }
            | ExploreError::Child { .. } => Exit::Incomplete,
        };
        let scenario = CheckedScenario {
            name: file.loaded.name.clone(),
            verdict: format!("incomplete: {error_in_words}"),
            engine: options.engine,
            outcomes: 0,
            violations: Vec::new(),
            regressions: Vec::new(),
            snapshot: None,
            executions: None,
            seconds: None,
        };
        Self { scenario, exit, numbers: String::new(), below: String::new(), aside: String::new() }
    }
}

/// How wide the columns of the text are: known before anything was run, so that each line can be told at once.
struct Table {
    format: Format,
    verdict: usize,
    name: usize,
}

impl Table {
    fn new(arguments: &Check, files: &[File]) -> Self {
        let is_bounded = arguments.engine.is_partial();
        Self {
            format: arguments.shape.format,
            verdict: if is_bounded { "proved up to 2 preemptions" } else { "violated" }.len(),
            name: files.iter().map(|file| file.loaded.name.chars().count()).max().unwrap_or(0),
        }
    }

    fn tell(&self, console: &mut Console, checked: &Checked) {
        console.err(&checked.aside);
        if self.format == Format::Text {
            console.out(&self.lines(checked));
        }
    }

    fn lines(&self, checked: &Checked) -> String {
        let CheckedScenario { name, verdict, outcomes, .. } = &checked.scenario;
        let outcomes = words::count(*outcomes as u64, "outcome");
        let line = format!(
            "{verdict:verdict_width$}   {name:name_width$}   {outcomes}   {}",
            checked.numbers,
            verdict_width = self.verdict,
            name_width = self.name,
        );
        format!("{}\n{}", line.trim_end(), checked.below)
    }
}

#[cfg(test)]
mod tests {
    use super::{Checked, Table};
    use crate::check::Violation;
    use crate::cli::backend::Loaded;
    use crate::cli::files::File;
    use crate::cli::gate::Standing;
    use crate::cli::search::{Engine, Search};
    use crate::cli::{Check, Exit, Format, Jobs, Shape};
    use crate::explore::{EngineKind, Exploration, OutcomeReport, Statistics, Verdict};
    use crate::observation::Observations;

    fn file() -> File {
        let scenario = serde_json::json!({
            "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "actors": []
        });
        let scenario = serde_json::from_value(scenario).expect("a scenario needs no more");
        let loaded =
            Loaded { name: "r08".into(), scenario, warnings: String::new(), only_live: String::new() };
        File { path: "scenarios/r08.json".into(), loaded }
    }

    fn arguments(format: Format, stats: bool) -> Check {
        let engine = Engine {
            engine: EngineKind::Turnloom,
            preemptions: None,
            search: Search::Complete,
            seed: 0,
            budget: None,
        };
        let jobs = Jobs { jobs: std::num::NonZero::<usize>::MIN };
        Check { paths: Vec::new(), engine, jobs, update: false, shape: Shape { stats, format } }
    }

    fn exploration(verdict: Verdict, rule: Option<&'static str>) -> Exploration {
        let violation = |rule| Violation { rule, message: "it did".into(), marks: Vec::new() };
        let report = OutcomeReport {
            violations: rule.map(violation).into_iter().collect(),
            token: rule.map(|_| "r08:-:bob@ann.run:0".to_owned()),
            schedules: 4,
        };
        Exploration {
            engine: EngineKind::Turnloom,
            verdict,
            reduced: Vec::new(),
            outcomes: [(Observations::default(), report)].into(),
            lock_order: [].into(),
            lock_violations: Vec::new(),
            statistics: Statistics { executions: 12, states: 7, seconds: 0.25, share: None },
        }
    }

    fn told(
        format: Format,
        stats: bool,
        exploration: &Exploration,
        standing: Standing,
    ) -> (Exit, String, String) {
        let (file, arguments) = (file(), arguments(format, stats));
        let checked = Checked::ran(&file, &arguments, &[], exploration, standing);
        let text = Table::new(&arguments, &[file]).lines(&checked);
        (checked.exit, text, checked.aside)
    }

    #[test]
    fn a_clean_scenario_is_one_line() {
        let proved = exploration(Verdict::Proved, None);
        let (exit, text, _) = told(Format::Text, false, &proved, Standing::Clean);
        assert_eq!((exit, text.as_str()), (Exit::Clean, "proved     r08   1 outcome\n"));
        let (_, text, _) = told(Format::Text, true, &proved, Standing::Clean);
        assert_eq!(text, "proved     r08   1 outcome   12 executions, 7 states, 0.250 s\n");
    }

    #[test]
    fn a_broken_rule_and_a_changed_snapshot_go_below() {
        let violated = exploration(Verdict::Violated, Some("no-replay"));
        let standing = Standing::Finding("✗ not as in the snapshot\n  - a\n  + b".into());
        let (exit, text, _) = told(Format::Text, false, &violated, standing);
        assert_eq!(exit, Exit::Findings);
        insta::assert_snapshot!(text, @r#"
        violated   r08   1 outcome
          ✗ no-replay: it did
            token    r08:-:bob@ann.run:0
            replay   turnloom replay scenarios/r08.json r08:-:bob@ann.run:0
          ✗ not as in the snapshot
            - a
            + b
        "#);
    }

    #[test]
    fn why_a_scenario_is_not_as_reviewed_is_in_the_document() {
        let proved = exploration(Verdict::Proved, None);
        let standing = Standing::Finding("✗ there is no snapshot snapshots/r08.snap".into());
        let checked = Checked::ran(&file(), &arguments(Format::Json, false), &[], &proved, standing);
        assert_eq!((checked.exit, checked.aside.as_str()), (Exit::Findings, ""));
        assert_eq!(checked.scenario.snapshot.as_deref(), Some("✗ there is no snapshot snapshots/r08.snap"));
    }

    #[test]
    fn a_snapshot_that_cannot_be_written_is_worse_than_a_finding() {
        let violated = exploration(Verdict::Violated, Some("no-replay"));
        let standing = Standing::Refused("failed to write r08.snap".into());
        let (exit, _, aside) = told(Format::Text, false, &violated, standing);
        assert_eq!((exit, aside.as_str()), (Exit::Bad, "error: failed to write r08.snap\n"));
    }

    #[test]
    fn what_was_not_all_run_is_incomplete() {
        let part = exploration(Verdict::Incomplete("12 executions were run".into()), None);
        let (exit, text, _) = told(Format::Text, false, &part, Standing::Clean);
        assert_eq!(exit, Exit::Incomplete);
        assert_eq!(text, "incomplete: 12 executions were run   r08   1 outcome\n");
    }
}
