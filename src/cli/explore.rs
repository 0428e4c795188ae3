//! `turnloom explore`: the distinct outcomes of one scenario, and what leads to those that break a rule.

use std::fmt::Write;

use super::console::Console;
use super::files::{self, File};
use super::progress::Progress;
use super::{Exit, Explore, Format, Shape, backend, names};
use crate::explore::{Exploration, ExploreError, Job, Verdict};
use crate::report::json::{self, ExploreDocument, ExploredOutcome, ToldViolation};
use crate::report::{Shown, is_finding, shown, words};
use crate::scenario::Scenario;

/// Explores the scenario and tells what came of it.
pub(super) fn run(console: &mut Console, arguments: &Explore) -> Exit {
    if let Some((what, help)) = names::wrong(arguments.revision.as_deref(), &arguments.defects) {
        return console.refuse(&format!("failed to explore: {what}"), &help);
    }
    let Some(file) = files::load_one(console, &arguments.file) else { return Exit::Bad };
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: arguments.revision.clone(),
        defects: each_once(&arguments.defects),
    };
    let mut progress = Progress::new(console, 1);
    progress.begin(&job.name);
    let options = arguments.engine.options();
    let explored =
        backend::explore(&job, &options, &mut |executions, states| progress.ran(executions, states));
    drop(progress);
    let exploration = match explored {
        Ok(exploration) => exploration,
        Err(error) => return failed(console, &error),
    };
    let text = match arguments.shape.format {
        Format::Text => told(&file, &job, &exploration, arguments.shape),
        Format::Json => json::text(&document(&job, &exploration, arguments.shape)),
    };
    console.out(&text);
    exit(&exploration)
}

/// What an exploration says about the exit code.
pub(super) fn exit(exploration: &Exploration) -> Exit {
    if is_finding(exploration) {
        Exit::Findings
    } else if let Verdict::Incomplete(_) = exploration.verdict {
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

/// Says why a scenario could not be run at all. What the user named wrongly is bad input; else nothing is known of the
/// scenario, which is as incomplete as can be.
pub(super) fn failed(console: &mut Console, error: &ExploreError) -> Exit {
    match error {
        ExploreError::Decision(unknown) => console.refuse(&format!("failed to explore: {unknown}"), ""),
        ExploreError::Broken { .. } | ExploreError::NotDeterministic { .. } | ExploreError::Child { .. } => {
            console.fail(&words::plain(&error.to_string()), "");
            Exit::Incomplete
        }
    }
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

fn told(file: &File, job: &Job, exploration: &Exploration, shape: Shape) -> String {
    let observe = &job.scenario.observe;
    let outcomes = shown(exploration, observe);
    let mut text = format!(
        "{}   {}   {}\n",
        words::verdict(&exploration.verdict),
        job.name,
        words::count(outcomes.len() as u64, "outcome")
    );
    let changes = words::changes(job.revision.as_deref(), &job.defects);
    if !changes.is_empty() {
        let _ = writeln!(text, "  with {changes}");
    }
    text += &words::reductions(exploration);
    for (place, outcome) in outcomes.iter().enumerate() {
        let _ = write!(text, "\noutcome {}", place + 1);
        if shape.stats {
            let _ = write!(text, "   {}", words::count(outcome.schedules, "schedule"));
        }
        text.push('\n');
        text += &one_outcome(file, outcome, &job.scenario);
    }
    text.push('\n');
    text += &words::lock_order(&exploration.lock_order);
    for violation in &exploration.lock_violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    if shape.stats {
        let _ = writeln!(text, "\n{}", words::statistics(&exploration.statistics));
    }
    text
}

fn one_outcome(file: &File, outcome: &Shown, scenario: &Scenario) -> String {
    let mut text = words::outcome(&outcome.seen, &scenario.observe);
    for violation in &outcome.violations {
        let _ = writeln!(text, "  {}", words::violation(violation));
    }
    if let Some(token) = &outcome.token {
        text += &words::replay(token, &file.shown(), "    ");
    }
    text
}

fn document(job: &Job, exploration: &Exploration, shape: Shape) -> ExploreDocument {
    let outcome = |outcome: Shown| ExploredOutcome {
        violations: outcome.violations.iter().map(ToldViolation::from).collect(),
        token: outcome.token,
        observations: outcome.seen,
        schedules: shape.stats.then_some(outcome.schedules),
    };
    ExploreDocument {
        name: job.name.clone(),
        verdict: words::verdict(&exploration.verdict),
        engine: exploration.engine,
        revision: job.revision.clone().unwrap_or_else(|| job.scenario.revision.clone()),
        defects: job.defects.clone(),
        outcomes: shown(exploration, &job.scenario.observe).into_iter().map(outcome).collect(),
        lock_violations: exploration.lock_violations.iter().map(ToldViolation::from).collect(),
        executions: shape.stats.then_some(exploration.statistics.executions),
        seconds: shape.stats.then_some(exploration.statistics.seconds),
    }
}
