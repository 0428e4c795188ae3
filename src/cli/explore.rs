//! `turnloom explore`: the distinct outcomes of one scenario, and what leads to those that break a rule.

use std::fmt::Write;

use super::console::Console;
use super::export::Failed;
use super::files;
use super::files::File;
use super::program::Runs;
use super::progress::Progress;
use super::{Exit, Explore, Format, Shape, jobs, locks, names, racing, shrink, suggest};
use crate::engine::locks::LockGraph;
use crate::explore::{EngineKind, Exploration, ExploreError, Job, Options, RacingPair, Token};
use crate::harness::Firing;
use crate::report::json;
use crate::report::json::{ExploreDocument, ExploredOutcome, ToldViolation};
use crate::report::{Shown, shown, words};

/// Explores the scenario and tells what came of it.
pub(super) fn run(console: &mut Console, arguments: &Explore) -> Exit {
    if let Some(what) = arguments.reading.wrong() {
        return console.refuse(&format!("failed to explore: {what}"), "");
    }
    if let Some((what, help)) = names::wrong(arguments.revision.as_deref(), &arguments.defects) {
        return console.refuse(&format!("failed to explore: {what}"), &help);
    }
    let Some(file) = files::load_one(console, &arguments.file, arguments.on.purpose()) else {
        return Exit::Bad;
    };
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: arguments.revision.clone(),
        defects: each_once(&arguments.defects),
        timers: arguments.engine.timers,
        subject: match arguments.on.program() {
            Ok(subject) => subject,
            Err((what, help)) => return console.refuse(&what, &help),
        },
    };
    if let Some((what, help)) = not_on_a_program(&job, arguments) {
        return console.refuse(&format!("failed to explore: {what}"), help);
    }
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
    let runs = match Runs::of(console, &job) {
        Ok(runs) => runs,
        Err(exit) => return exit,
    };
    let progress = Progress::new(console, 1);
    let running = progress.begin(&job.name);
    let explored = runs.explore(&job, &options, &mut |told| running.ran(told));
    drop(progress);
    let format = if arguments.reading.takes_stdout() { Format::Text } else { arguments.shape.format };
    let exploration = match explored {
        Ok(exploration) => exploration,
        Err(error) => return console.could_not_run_as(&job.name, &error, format),
    };
    let outcomes = shown(&exploration, &job.scenario.observe);
    let pairs = match pairs(&runs, &job, &outcomes) {
        Ok(pairs) => pairs,
        Err(error) => return console.could_not_run_as(&job.name, &error, format),
    };
    let lone = outcomes.iter().zip(&pairs).any(|(outcome, pair)| outcome.token.is_some() && pair.is_none());
    let waits = match if lone { runs.deciding_waits(&job, None) } else { Ok(Vec::new()) } {
        Ok(waits) => waits,
        Err(error) => return console.could_not_run(&error),
    };
    let outcomes: Vec<_> =
        outcomes.into_iter().zip(pairs).map(|(outcome, pair)| (outcome, pair, &waits[..])).collect();
    let graph = match runs.locks(&job, &options, &exploration) {
        Ok(graph) => graph,
        Err(error) => return console.could_not_run_as(&job.name, &error, format),
    };
    if !arguments.reading.takes_stdout() {
        console.out(&match arguments.shape.format {
            Format::Text => told(&file, (&job, &runs), &exploration, &outcomes, &graph, arguments.shape),
            Format::Json => {
                json::text(&document((&job, &runs), &exploration, outcomes, &graph, arguments.shape))
            }
        });
    }
    match arguments.reading.write_finding(console, (&file, &job, &runs), &exploration, &graph) {
        Ok(()) => Exit::of_exploration(&exploration),
        Err(Failed::Run(error)) => console.could_not_run(&error),
        Err(Failed::Write) => Exit::Bad,
    }
}

/// What cannot be asked of a program, with what to do; none if all can.
fn not_on_a_program(job: &Job, arguments: &Explore) -> Option<(String, &'static str)> {
    job.subject.as_ref()?;
    let wrong = [
        (
            arguments.shrink,
            "--shrink",
            "leave it out: of what a program breaks, the schedule alone is made smaller",
        ),
        (arguments.suggest, "--suggest", "leave it out, or leave out --subject"),
        (arguments.revision.is_some(), "--revision", "leave it out: the program is what is installed"),
        (!arguments.defects.is_empty(), "--defect", "leave it out: the program is what is installed"),
        (arguments.engine.engine == EngineKind::Loom, "--engine loom", "leave it out: loom runs the model"),
        (
            arguments.engine.timers == Firing::Race,
            "--timers race",
            "let the scenario's clock fire the timers",
        ),
    ];
    let (_, option, help) = wrong.into_iter().find(|(is_given, ..)| *is_given)?;
    Some((format!("{option} is for the model, and --subject for a program"), help))
}

/// The racing pair of each outcome that breaks a rule.
fn pairs(runs: &Runs<'_>, job: &Job, outcomes: &[Shown]) -> Result<Vec<Option<RacingPair>>, ExploreError> {
    let pair = |outcome: &Shown| match outcome.token.as_ref().map(|token| token.parse::<Token>()) {
        Some(Ok(token)) => runs.racing_pair(job, &token.schedule),
        _ => Ok(None),
    };
    outcomes.iter().map(pair).collect()
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

/// An outcome with its racing pair, if it has one, or the waits that decide where there is none.
type Paired<'a> = (Shown, Option<RacingPair>, &'a [String]);

fn told(
    file: &File,
    (job, runs): (&Job, &Runs<'_>),
    exploration: &Exploration,
    outcomes: &[Paired<'_>],
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
    text += &runs.told().unwrap_or_default();
    text += &words::reductions(exploration);
    for (place, (outcome, pair, waits)) in outcomes.iter().enumerate() {
        let _ = write!(text, "\noutcome {}", place + 1);
        if shape.stats {
            let _ = write!(text, "   {}", words::count(outcome.schedules, "schedule"));
        }
        text.push('\n');
        text += &one_outcome(file, job, outcome, (pair.as_ref(), waits));
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

fn one_outcome(file: &File, job: &Job, outcome: &Shown, pair: (Option<&RacingPair>, &[String])) -> String {
    let mut text = words::outcome(&outcome.seen, &job.scenario.observe);
    for violation in &outcome.violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    if outcome.token.is_none() && !outcome.violations.is_empty() && job.subject.is_some() {
        text += "    another outcome breaks the same rules and has a token\n";
    }
    if let Some(token) = &outcome.token {
        text += &words::replay_on(token, &file.shown(), &job.options(), "    ");
        text += &racing::told(job, pair, file, "    ");
    }
    text
}

fn revision(job: &Job) -> String {
    job.revision.clone().unwrap_or_else(|| job.scenario.revision.clone())
}

fn document(
    (job, runs): (&Job, &Runs<'_>),
    exploration: &Exploration,
    outcomes: Vec<Paired<'_>>,
    graph: &LockGraph,
    shape: Shape,
) -> ExploreDocument {
    let outcome = |(outcome, pair, waits): Paired<'_>| ExploredOutcome {
        violations: outcome.violations.iter().map(ToldViolation::from).collect(),
        token: outcome.token,
        deciding_waits: if outcome.violations.is_empty() || pair.is_some() {
            Vec::new()
        } else {
            waits.to_vec()
        },
        racing_pair: pair.map(|pair| racing::document(job, &pair)),
        observations: outcome.seen,
        schedules: shape.stats.then_some(outcome.schedules),
    };
    ExploreDocument {
        name: job.name.clone(),
        verdict: words::verdict(&exploration.verdict),
        engine: exploration.engine,
        revision: runs.subject().is_none().then(|| revision(job)),
        subject: runs.subject(),
        defects: job.defects.clone(),
        timers: job.timers,
        outcomes: outcomes.into_iter().map(outcome).collect(),
        lock_violations: exploration.lock_violations.iter().map(ToldViolation::from).collect(),
        lock_graph: locks::document(job, graph),
        executions: shape.stats.then_some(exploration.statistics.executions),
        seconds: shape.stats.then_some(exploration.statistics.seconds),
    }
}
