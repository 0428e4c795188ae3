//! `turnloom explore`: the distinct outcomes of one scenario, and what leads to those that break a rule.

use std::fmt::Write;

use super::console::Console;
use super::export::Failed;
use super::files;
use super::files::{File, For};
use super::progress::Progress;
use super::{Exit, Explore, Format, Shape, backend, jobs, locks, names, racing, shrink, suggest};
use crate::engine::locks::LockGraph;
use crate::explore::{Exploration, ExploreError, Job, Options, RacingPair, Token};
use crate::report::json;
use crate::report::json::{ExploreDocument, ExploredOutcome, FaultDocument, ToldViolation};
use crate::report::{Shown, shown, words};

/// Explores the scenario and tells what came of it.
pub(super) fn run(console: &mut Console, arguments: &Explore) -> Exit {
    if let Some(what) = arguments.reading.wrong() {
        return console.refuse(&format!("failed to explore: {what}"), "");
    }
    if let Some((what, help)) = names::wrong(arguments.revision.as_deref(), &arguments.defects) {
        return console.refuse(&format!("failed to explore: {what}"), &help);
    }
    let Some(file) = files::load_one(console, &arguments.file, For::Engine) else { return Exit::Bad };
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: arguments.revision.clone(),
        defects: each_once(&arguments.defects),
        timers: arguments.engine.timers,
    };
    if arguments.shrink {
        return shrink::run(console, &job, arguments.shape.format);
    }
    let options = match arguments.engine.options() {
        Ok(options) => Options { cores: jobs::spare(arguments.jobs.jobs, 1), ..options },
        Err((what, help)) => return console.refuse(&format!("failed to explore: {what}"), &help),
    };
    if arguments.suggest {
        return suggest::run(console, &file, &job, &options, arguments.shape.format);
    }
    let progress = Progress::new(console, 1);
    let running = progress.begin(&job.name);
    let explored = backend::explore(&job, &options, &mut |told| running.ran(told));
    drop(progress);
    let format = if arguments.reading.takes_stdout() { Format::Text } else { arguments.shape.format };
    let exploration = match explored {
        Ok(exploration) => exploration,
        Err(error) => return failed_as(console, &job, &error, format),
    };
    let outcomes = shown(&exploration, &job.scenario.observe);
    let pairs = match pairs(&job, &outcomes) {
        Ok(pairs) => pairs,
        Err(error) => return failed_as(console, &job, &error, format),
    };
    let outcomes: Vec<_> = outcomes.into_iter().zip(pairs).collect();
    let graph = match locks::find(&job, &options, &exploration) {
        Ok(graph) => graph,
        Err(error) => return failed_as(console, &job, &error, format),
    };
    if !arguments.reading.takes_stdout() {
        console.out(&match arguments.shape.format {
            Format::Text => told(&file, &job, &exploration, &outcomes, &graph, arguments.shape),
            Format::Json => json::text(&document(&job, &exploration, outcomes, &graph, arguments.shape)),
        });
    }
    match arguments.reading.write_finding(console, (&file, &job), &exploration, &graph) {
        Ok(()) => Exit::of_exploration(&exploration),
        Err(Failed::Run(error)) => console.could_not_run(&error),
        Err(Failed::Write) => Exit::Bad,
    }
}

/// The racing pair of each outcome that breaks a rule.
fn pairs(job: &Job, outcomes: &[Shown]) -> Result<Vec<Option<RacingPair>>, ExploreError> {
    let pair = |outcome: &Shown| match outcome.token.as_ref().map(|token| token.parse::<Token>()) {
        Some(Ok(token)) => racing::find(job, &token.schedule),
        _ => Ok(None),
    };
    outcomes.iter().map(pair).collect()
}

/// Says why a scenario could not be run; a program that asked for JSON gets a document that says so.
pub(super) fn failed_as(console: &mut Console, job: &Job, error: &ExploreError, format: Format) -> Exit {
    let exit = console.could_not_run(error);
    if format == Format::Json && exit == Exit::Incomplete {
        console.out(&json::text(&FaultDocument::new(&job.name, words::plain(&error.to_string()))));
    }
    exit
}

fn each_once(names: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}

/// An outcome with its racing pair, if it has one.
type Paired = (Shown, Option<RacingPair>);

fn told(
    file: &File,
    job: &Job,
    exploration: &Exploration,
    outcomes: &[Paired],
    graph: &LockGraph,
    shape: Shape,
) -> String {
    let mut text = format!(
        "{}   {}   {}\n",
        words::verdict(&exploration.verdict),
        job.name,
        words::count(outcomes.len() as u64, "outcome")
    );
    let changes = words::changes(job.revision.as_deref(), &job.defects, job.timers);
    if !changes.is_empty() {
        let _ = writeln!(text, "  with {changes}");
    }
    text += &words::reductions(exploration);
    for (place, (outcome, pair)) in outcomes.iter().enumerate() {
        let _ = write!(text, "\noutcome {}", place + 1);
        if shape.stats {
            let _ = write!(text, "   {}", words::count(outcome.schedules, "schedule"));
        }
        text.push('\n');
        text += &one_outcome(file, job, outcome, pair.as_ref());
    }
    text.push('\n');
    text += &words::lock_order(&exploration.lock_order);
    text += &locks::told(job, graph, file);
    for violation in &exploration.lock_violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    if shape.stats {
        let _ = writeln!(text, "\n{}", words::statistics(&exploration.statistics));
    }
    text
}

fn one_outcome(file: &File, job: &Job, outcome: &Shown, pair: Option<&RacingPair>) -> String {
    let mut text = words::outcome(&outcome.seen, &job.scenario.observe);
    for violation in &outcome.violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    if let Some(token) = &outcome.token {
        text += &words::replay(token, &file.shown(), "    ");
        text += &racing::told(job, pair, file, "    ");
    }
    text
}

fn document(
    job: &Job,
    exploration: &Exploration,
    outcomes: Vec<Paired>,
    graph: &LockGraph,
    shape: Shape,
) -> ExploreDocument {
    let outcome = |(outcome, pair): Paired| ExploredOutcome {
        violations: outcome.violations.iter().map(ToldViolation::from).collect(),
        token: outcome.token,
        racing_pair: pair.map(|pair| racing::document(job, &pair)),
        observations: outcome.seen,
        schedules: shape.stats.then_some(outcome.schedules),
    };
    ExploreDocument {
        name: job.name.clone(),
        verdict: words::verdict(&exploration.verdict),
        engine: exploration.engine,
        revision: job.revision.clone().unwrap_or_else(|| job.scenario.revision.clone()),
        defects: job.defects.clone(),
        timers: job.timers,
        outcomes: outcomes.into_iter().map(outcome).collect(),
        lock_violations: exploration.lock_violations.iter().map(ToldViolation::from).collect(),
        lock_graph: locks::document(job, graph),
        executions: shape.stats.then_some(exploration.statistics.executions),
        seconds: shape.stats.then_some(exploration.statistics.seconds),
    }
}
