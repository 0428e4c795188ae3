//! `turnloom verify`: what a real session did, held against the protocol and against the model.

use std::collections::BTreeSet;
use std::path::Path;

use super::console::Console;
use super::files;
use super::files::For;
use super::{Exit, Verify, backend, names};
use crate::explore::{Budget, ExploreError, Hunted, Job, Options, SearchKind, Verdict};
use crate::harness::Firing;
use crate::observation::Observations;
use crate::report::words;
use crate::rules::{Side, Violation};
use crate::scenario::Scenario;
use crate::snapshot::project;
use crate::verify::observed::{Observed, Seen};
use crate::verify::protocol as rules;
use crate::wire::transcript::{End, Entry, What, is_of};

/// How many schedules a search for a session may run.
const MOST_SCHEDULES: u64 = 200_000;

/// How many preemptions beyond the bound of its scenario a session is looked for before it is looked for everywhere.
const BEYOND: u32 = 2;

/// Judges the transcript and tells what is wrong.
pub(super) fn run(console: &mut Console, arguments: &Verify) -> Exit {
    if let Some((what, help)) = names::wrong(arguments.revision.as_deref(), &[]) {
        return console.refuse(&format!("failed to verify: {what}"), &help);
    }
    let entries = match crate::wire::transcript::read(&arguments.transcript) {
        Ok(entries) if entries.is_empty() => {
            let shown = arguments.transcript.display();
            return console.refuse(&format!("failed to verify: transcript `{shown}` is empty"), "");
        }
        Ok(entries) => entries,
        Err(error) => return console.refuse(&error.to_string(), ""),
    };
    let exit = by_the_rules(console, arguments, &entries);
    match &arguments.scenario {
        Some(scenario) => exit.or(by_the_model(console, arguments, scenario, &entries)),
        None => exit,
    }
}

fn by_the_rules(console: &mut Console, arguments: &Verify, entries: &[Entry]) -> Exit {
    let violations = rules::judge(entries).into_iter().filter(|one| arguments.profile.holds(one.rule.name));
    let violations: Vec<_> = violations.collect();
    let held = rules::RULES.iter().filter(|rule| arguments.profile.holds(rule.name)).count();
    let entries_in_words = words::count(entries.len() as u64, "entry").replace("entrys", "entries");
    let broken = words::count(violations.len() as u64, "violation");
    console.out(&format!("{entries_in_words} against {}: {broken}\n", words::count(held as u64, "rule")));
    for violation in &violations {
        console.out(&format!("✗ {violation}\n"));
    }
    let is_finding = violations.iter().any(|violation| violation.side == Side::Client);
    let inconclusive = |entry: &Entry| matches!(entry.what, What::End { why: End::Inconclusive, .. });
    if is_finding {
        Exit::Findings
    } else if entries.iter().any(inconclusive) {
        console.out("inconclusive: the watchdog ended the session\n");
        Exit::Incomplete
    } else {
        Exit::Clean
    }
}

fn by_the_model(console: &mut Console, arguments: &Verify, scenario: &Path, entries: &[Entry]) -> Exit {
    let Some(file) = files::load_one(console, scenario, For::Engine) else { return Exit::Bad };
    let scenario = &file.loaded.scenario;
    if !is_of(scenario, entries) && !crate::import::is_from(scenario, entries) {
        let help = "give the file that was served, or what `turnloom import` made of the transcript";
        return console.refuse(
            "failed to verify: the transcript is of another scenario, or it has changed since",
            help,
        );
    }
    let observed = match arguments.observed.as_deref().map(observed).transpose() {
        Ok(observed) => observed.unwrap_or_default(),
        Err(why) => return console.refuse(&why, ""),
    };
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: scenario.clone(),
        revision: arguments.revision.clone(),
        defects: Vec::new(),
        timers: Firing::Clock,
        subject: None,
    };
    let seen = Seen::of(scenario, entries, observed);
    let (hunted, outcomes) = match look_for(&job, &seen) {
        Ok(found) => found,
        Err(error) => return console.could_not_run(&error),
    };
    let revision = job.revision.as_ref().unwrap_or(&scenario.revision);
    match &hunted.caught {
        Some(caught) => {
            let token = words::replay(&caught.token.to_string(), &file.shown(), "  ");
            console.out(&format!("among the outcomes of {revision}\n{token}"));
            news(console, &seen, &caught.violations)
        }
        None => {
            let of = format!("{revision}{}", searched(&hunted.searched));
            not_among(console, &seen, &of, &outcomes);
            match hunted.searched {
                // Only a search of every interleaving can say that there is no such outcome.
                Verdict::ProvedUpTo(_) | Verdict::Incomplete(_) => Exit::Incomplete,
                _ => Exit::Findings,
            }
        }
    }
}

/// What a search for the session came to, and the outcomes that it saw.
type Looked = (Hunted, Vec<Observations>);

/// Looks for the session within the bound of its scenario, a little beyond it, and then everywhere: a machine has no such bound.
fn look_for(job: &Job, seen: &Seen) -> Result<Looked, ExploreError> {
    let budget = Budget { schedules: Some(MOST_SCHEDULES), seconds: None };
    let everything = Options { budget, ..Options::default() };
    let Some(bound) = job.scenario.preemptions else { return look(job, &everything, seen) };
    let preemptions = Some(bound.saturating_add(BEYOND));
    let few = Options { search: SearchKind::FewPreemptions, preemptions, ..everything.clone() };
    let near = look(job, &few, seen)?;
    if is_settled(&near) {
        return Ok(near);
    }
    let scenario = Scenario { preemptions: None, ..job.scenario.clone() };
    let everywhere = look(&Job { scenario, ..job.clone() }, &everything, seen)?;
    Ok(if is_settled(&everywhere) { everywhere } else { near })
}

fn look(job: &Job, options: &Options, seen: &Seen) -> Result<Looked, ExploreError> {
    let mut outcomes = BTreeSet::new();
    let hunted = backend::hunt(job, options, &mut |execution, _| {
        let outcome = project(execution, &job.scenario.observe);
        let is_it = seen.looks_like(&outcome);
        outcomes.insert(outcome);
        is_it
    })?;
    Ok((hunted, outcomes.into_iter().collect()))
}

fn is_settled((hunted, _): &Looked) -> bool {
    hunted.caught.is_some() || hunted.searched == Verdict::Proved
}

/// Among which interleavings the session was looked for, if not among all.
fn searched(verdict: &Verdict) -> String {
    match verdict {
        Verdict::ProvedUpTo(bound) => {
            format!(" with at most {}", words::count(u64::from(*bound), "preemption"))
        }
        Verdict::Incomplete(why) => format!(" as far as they were run ({why})"),
        _ => String::new(),
    }
}

/// What the session breaks and the model's execution does not.
fn news(console: &mut Console, seen: &Seen, known: &[Violation]) -> Exit {
    let is_known = |one: &Violation| known.iter().any(|own| own.rule == one.rule);
    let news: Vec<&Violation> = seen.miscounted.iter().filter(|one| !is_known(one)).collect();
    for Violation { rule, message, .. } in &news {
        console.out(&format!("✗ {rule}: {message}, and in the model it is not so\n"));
    }
    if news.is_empty() { Exit::Clean } else { Exit::Findings }
}

fn not_among(console: &mut Console, seen: &Seen, of: &str, outcomes: &[Observations]) {
    let count = words::count(outcomes.len() as u64, "outcome");
    let mut text = format!("✗ not among the outcomes of {of}, {count}\n");
    text += "seen\n";
    text += &words::outcome(&seen.observations, &seen.channels);
    if let Some((at, difference)) = seen.nearest(outcomes) {
        text += &format!("nearest, outcome {}\n", at + 1);
        text += &words::outcome(&outcomes[at], &seen.channels);
        text += &format!("first difference: {difference}\n");
    }
    console.out(&text);
}

fn observed(path: &Path) -> Result<Observed, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("failed to read `{shown}`: {}", error.kind()))?;
    serde_json::from_str(&text).map_err(|error| format!("failed to read `{shown}`: {error}"))
}
