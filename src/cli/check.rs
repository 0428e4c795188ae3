//! `turnloom check`: every scenario under every interleaving, held against the rules and the reviewed snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};

use super::console::Console;
use super::environment::InstaUpdate;
use super::files;
use super::files::{File, For};
use super::outputs::Tells;
use super::progress::Progress;
use super::regressions;
use super::regressions::Regression;
use super::snapshot_gate as gate;
use super::snapshot_gate::Writing;
use super::{Check, Exit, Format, backend, jobs, sharding};
use crate::atomic_write;
use crate::explore::{Exploration, ExploreError, Job, Options, Progress as Telling, Verdict};
use crate::harness::Firing;
use crate::report::checked;
use crate::report::checked::Table;
use crate::report::json::{BrokenRule, CheckDocument, CheckedScenario, CheckedSnapshot, ShardHead, Standing};
use crate::report::shards;
use crate::report::{broken_rules, is_finding, shown, words};
use crate::rules::{Basis, basis};

/// Runs the scenarios and tells how each stands.
pub(super) fn run(console: &mut Console, arguments: &Check) -> Exit {
    let writing = match writing(console, arguments) {
        Ok(writing) => writing,
        Err((why, help)) => return console.refuse(&format!("failed to update snapshots: {why}"), help),
    };
    let options = match arguments.engine.options() {
        Ok(options) => options,
        Err((what, help)) => return console.refuse(&format!("failed to check: {what}"), &help),
    };
    if !arguments.outputs.usable(console) {
        return Exit::Bad;
    }
    let Some(files) = files::load(console, &arguments.paths, For::Engine) else { return Exit::Bad };
    if files.is_empty() {
        return console.refuse("failed to find scenarios: no file there ends in .json", "");
    }
    if !gate::usable(console, &files) {
        return Exit::Bad;
    }
    if writing == Writing::Snapshots {
        files
            .iter()
            .map(File::snapshots)
            .collect::<BTreeSet<_>>()
            .iter()
            .for_each(|folder| atomic_write::sweep(folder));
    }
    match part(console, arguments, files) {
        Ok((files, shard)) => check(console, arguments, &options, writing, &files, shard),
        Err(exit) => exit,
    }
}

/// The scenarios that this process runs: all of them, or those of its shard.
fn part(
    console: &mut Console,
    arguments: &Check,
    files: Vec<File>,
) -> Result<(Vec<File>, Option<ShardHead>), Exit> {
    let sharded = match console.environment.shard(arguments.shard, arguments.shards) {
        Ok(Some(sharded)) => sharded,
        Ok(None) => return Ok((files, None)),
        Err((what, help)) => return Err(console.refuse(&format!("failed to find the shard: {what}"), help)),
    };
    if let Some(path) = &sharded.status_file {
        // Whoever asked looks at when it was changed, so what is there stays.
        if let Err(error) = OpenOptions::new().create(true).append(true).open(path).and_then(touch) {
            let what = format!("failed to touch the file of TEST_SHARD_STATUS_FILE: {}", error.kind());
            return Err(console.refuse(&what, ""));
        }
    }
    let mut options = arguments.engine.words();
    for (is_on, option) in [(arguments.shape.stats, " --stats"), (arguments.update, " --update")] {
        options += if is_on { option } else { "" };
    }
    let bounded = arguments.engine.is_partial();
    let (files, head) = sharding::part(sharded.shard, files, arguments.jobs.jobs, options, bounded);
    Ok((files, Some(head)))
}

fn touch(file: fs::File) -> std::io::Result<()> {
    file.set_modified(std::time::SystemTime::now())
}

fn check(
    console: &mut Console,
    arguments: &Check,
    options: &Options,
    writing: Writing,
    files: &[File],
    shard: Option<ShardHead>,
) -> Exit {
    let spare = jobs::spare(arguments.jobs.jobs, files.len());
    let options = &Options { cores: spare.clone(), ..options.clone() };
    let mut scenarios = Vec::new();
    let progress = Progress::new(console, files.len());
    let (bounded, is_text) = (arguments.engine.is_partial(), arguments.shape.format == Format::Text);
    let table = Table::new(bounded, files.iter().map(|file| file.loaded.name.as_str()));
    let check = |file: &File| {
        let running = progress.begin(&file.loaded.name);
        let job = job(file, arguments.engine.timers);
        of(file, &job, arguments.shape.stats, options, writing, &mut |told| running.ran(told))
    };
    jobs::in_order_sparing(arguments.jobs.jobs, spare.as_deref(), files, check, |checked| {
        progress.end();
        progress.aside(|| {
            console.err(&checked::aside(&checked, is_text));
            if is_text {
                console.out(&table.lines(&checked));
            }
        });
        scenarios.push(checked);
    });
    drop(progress);
    let tells = if shard.is_some() { Tells::Annotations } else { Tells::All };
    let document = CheckDocument { shard, ..CheckDocument::new(scenarios) };
    console.out(&match arguments.shape.format {
        Format::Json => shards::text(&document),
        Format::Text => format!("\n{}\n", checked::summary(&document.summary)),
    });
    Exit::of(document.exit()).or(arguments.outputs.tell(console, &document, bounded, tells))
}

/// What may be written of what is seen: as the command line says, or else the environment, or else by where it goes.
fn writing(console: &Console, arguments: &Check) -> Result<Writing, (String, &'static str)> {
    let environment = &console.environment;
    if arguments.update && environment.ci {
        let why = "the variable CI is set, and in CI no snapshot is written";
        return Err((why.to_owned(), ""));
    }
    if arguments.update && arguments.engine.is_partial() {
        let why = "a snapshot holds every outcome, so it takes the engine turnloom without a bound, and timers fired by the clock";
        return Err((why.to_owned(), ""));
    }
    if arguments.update {
        return Ok(Writing::Snapshots);
    }
    Ok(match environment.insta_update()? {
        Some(InstaUpdate::Always) => Writing::Snapshots,
        Some(InstaUpdate::Unseen) => Writing::Unseen,
        Some(InstaUpdate::New) => Writing::Proposals,
        Some(InstaUpdate::No) => Writing::Nothing,
        None if environment.ci || arguments.shape.format == Format::Json => Writing::Nothing,
        None => Writing::Proposals,
    })
}

fn job(file: &File, timers: Firing) -> Job {
    Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: None,
        defects: Vec::new(),
        timers,
        subject: None,
    }
}

/// How one scenario stands.
fn of(
    file: &File,
    job: &Job,
    stats: bool,
    options: &Options,
    writing: Writing,
    progress: &mut Telling<'_>,
) -> CheckedScenario {
    let ran = regressions::replay(file).and_then(|regressions| {
        let exploration = backend::explore(job, options, progress)?;
        // What happens when timers race was not reviewed.
        let snapshot = match job.timers {
            Firing::Clock => gate::compare(file, options, &exploration, writing),
            Firing::Race => None,
        };
        Ok(ran(file, stats, &regressions, &exploration, snapshot))
    });
    ran.unwrap_or_else(|error| failed(file, options, &error))
}

fn ran(
    file: &File,
    stats: bool,
    regressions: &[Regression],
    exploration: &Exploration,
    snapshot: Option<CheckedSnapshot>,
) -> CheckedScenario {
    let violations = violations(file, regressions, exploration);
    let broken_again = regressions.iter().any(Regression::is_broken);
    let of_snapshot = match snapshot.as_ref().map(|snapshot| snapshot.standing) {
        None | Some(Standing::Written) => Exit::Clean,
        Some(Standing::Missing | Standing::Different) => Exit::Findings,
        Some(Standing::Refused) => Exit::Bad,
    };
    let of_regressions = if broken_again { Exit::Findings } else { Exit::Clean };
    let exit = Exit::of_exploration(exploration).or(of_regressions).or(of_snapshot);
    // What a bounded search did not come to, a regression may.
    let found =
        if is_finding(exploration) || !broken_again { &exploration.verdict } else { &Verdict::Violated };
    let statistics = stats.then_some(&exploration.statistics);
    CheckedScenario {
        name: file.loaded.name.clone(),
        verdict: words::verdict(found),
        engine: exploration.engine,
        outcomes: shown(exploration, &file.loaded.scenario.observe).len(),
        violations,
        regressions: regressions.iter().map(Regression::document).collect(),
        file: file.shown(),
        exit: exit as u8,
        reduced: exploration.reduced.clone(),
        snapshot,
        executions: statistics.map(|statistics| statistics.executions),
        states: statistics.map(|statistics| statistics.states),
        seconds: statistics.map(|statistics| statistics.seconds),
        share: statistics.and_then(|statistics| statistics.share),
    }
}

/// Each broken rule once, in the order of their names; with the first regression that breaks it, if one does.
fn violations(file: &File, regressions: &[Regression], exploration: &Exploration) -> Vec<BrokenRule> {
    let broken = broken_rules(exploration);
    if broken.is_empty() && !regressions.iter().any(Regression::is_broken) {
        return Vec::new();
    }
    // What was read is what was run, so the file tells the places as long as nobody edits it meanwhile.
    let text = fs::read_to_string(&file.path).unwrap_or_default();
    let line = |part: &str| text.lines().position(|line| line.contains(part)).map_or(1, |line| line + 1);
    let title = line("\"title\"");
    let mut rules: BTreeMap<&str, BrokenRule> = BTreeMap::new();
    for regression in regressions {
        for violation in regression.broken() {
            rules.entry(violation.rule).or_insert_with(|| BrokenRule {
                rule: violation.rule.to_owned(),
                token: Some(regression.token().to_owned()),
                message: violation.message.clone(),
                side: violation.side,
                cites: cites(violation.rule),
                line: line(regression.token()),
            });
        }
    }
    for one in broken {
        rules.entry(one.violation.rule).or_insert_with(|| BrokenRule {
            rule: one.violation.rule.to_owned(),
            token: one.token,
            message: one.violation.message,
            side: one.violation.side,
            cites: cites(one.violation.rule),
            line: title,
        });
    }
    rules.into_values().collect()
}

fn cites(rule: &str) -> String {
    basis(rule).map(Basis::cited).unwrap_or_default()
}

/// Nothing is known of a scenario that could not be run.
fn failed(file: &File, options: &Options, error: &ExploreError) -> CheckedScenario {
    let error_in_words = words::plain(&error.to_string());
    CheckedScenario {
        name: file.loaded.name.clone(),
        verdict: format!("incomplete: {error_in_words}"),
        engine: options.engine,
        outcomes: 0,
        violations: Vec::new(),
        regressions: Vec::new(),
        file: file.shown(),
        exit: Exit::of_error(error) as u8,
        reduced: Vec::new(),
        snapshot: None,
        executions: None,
        states: None,
        seconds: None,
        share: None,
    }
}

#[cfg(test)]
mod tests {
    use super::ran;
    use crate::cli::fixtures::{exploration, file};
    use crate::explore::Verdict;
    use crate::report::json::{CheckedSnapshot, Standing};

    fn exit(verdict: Verdict, rule: Option<&'static str>, standing: Option<Standing>) -> u8 {
        let snapshot = standing.map(|standing| CheckedSnapshot {
            file: "snapshots/r08.snap".into(),
            standing,
            line: 1,
            words: String::new(),
            proposed: false,
        });
        ran(&file("scenarios/r08.json".into()), false, &[], &exploration(verdict, rule), snapshot).exit
    }

    #[test]
    fn the_worst_of_verdict_and_snapshot_is_the_exit_code() {
        let part = || Verdict::Incomplete("12 executions were run".into());
        assert_eq!(exit(Verdict::Proved, None, None), 0);
        assert_eq!(exit(Verdict::Proved, None, Some(Standing::Written)), 0);
        assert_eq!(exit(Verdict::Proved, None, Some(Standing::Missing)), 1);
        assert_eq!(exit(Verdict::Violated, Some("no-replay"), None), 1);
        assert_eq!(exit(Verdict::Violated, Some("no-replay"), Some(Standing::Refused)), 2);
        assert_eq!(exit(part(), None, None), 3);
        assert_eq!(exit(part(), Some("no-replay"), None), 1);
    }

    #[test]
    fn numbers_are_there_when_they_are_asked_for() {
        let (file, proved) = (file("scenarios/r08.json".into()), exploration(Verdict::Proved, None));
        assert_eq!(ran(&file, false, &[], &proved, None).executions, None);
        let checked = ran(&file, true, &[], &proved, None);
        assert_eq!((checked.executions, checked.states, checked.seconds), (Some(12), Some(7), Some(0.25)));
    }
}
