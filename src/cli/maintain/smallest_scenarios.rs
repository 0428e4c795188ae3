//! Scenarios that could be smaller: is each scenario the smallest that finds its defect?
//!
//! Everything in a scenario is left out once, one thing at a time. A wait is let be: it only narrows what may happen, so
//! without it a scenario is shorter and what it shows is more. What is smaller counts if it makes sense, breaks exactly
//! the expected rules with the defect, and breaks nothing without it. Each look takes a bounded number of schedules.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::cli::audit::rules;
use crate::cli::console::Console;
use crate::cli::files::File;
use crate::cli::progress::Progress;
use crate::cli::{Exit, Jobs, backend, jobs};
use crate::explore::{Budget, ExploreError, Hunted, Job, Options, SearchKind, smaller};
use crate::harness::Firing;
use crate::report::words;
use crate::scenario::{Action, Catch, ClockStep, Scenario, Step};

/// At most so many schedules of a smaller scenario, with the defect and without it.
const SCHEDULES: u64 = 5_000;

/// Scenarios that could be smaller, each with the reason why they are not.
const KEPT: &[(&str, &str)] = &[
    (
        "n07-close-waits-for-turn",
        "a completion that comes once the service is closed shows that only the close waits for it",
    ),
    ("n08-server-death-unnoticed", "the second run shows that the server is started again"),
    (
        "n11-run-after-stop-forgotten",
        "the gate keeps the paused run in flight until the message is sent: no other order is meant",
    ),
    ("n13-completed-interrupt-repeated", "the answer is the completed turn that the next run repeats"),
    ("r01-lock-held-across-prompt", "the message that has to wait is what the row is about"),
    (
        "r08-finish-gap",
        "a run that prompts nothing is no conversation, and this one is the first picture in the README",
    ),
    ("r10-undrained-session-reused", "the prompt that overlaps is that of another message, as in the review"),
    (
        "r13-unshielded-interrupt-wait",
        "a server that obeys late leaves the limit as the only thing that is wrong",
    ),
    (
        "r15-stale-suffix-marker",
        "the first run has the suffix, the second loses the session, the third needs the suffix again",
    ),
    ("r17-fifo-skip", "the gate puts both messages into the step, as in the review"),
    ("r24-reprompt-spin", "the gate puts the pause into the step: no other order is meant"),
    ("r28-drain-result-discarded", "the text is the result that is thrown away"),
    (
        "r40-supersede-cancels-replacement",
        "the answer to the first prompt is what lets the second one into flight before it is superseded",
    ),
    (
        "r35-cancel-token-cleared",
        "a completion that comes once the tool has looked shows that only the tool outlives the run",
    ),
];

/// What can be left out of a scenario, thing by thing.
struct Look {
    scenario: String,
    defect: String,
    spare: Result<Vec<String>, String>,
}

/// Looks at every row.
pub(super) fn look(console: &mut Console, files: &[File], jobs: Jobs) -> (String, Exit) {
    let rows: Vec<(&File, &Catch)> = files
        .iter()
        .flat_map(|file| file.loaded.scenario.catches.iter().map(move |caught| (file, caught)))
        .collect();
    let progress = Progress::new(console, rows.len());
    let mut looks = Vec::new();
    let look = |(file, caught): &(&File, &Catch)| {
        let _running = progress.begin(&file.loaded.name);
        Look {
            scenario: file.loaded.name.clone(),
            defect: caught.defect.clone(),
            spare: spare(file, caught).map_err(|error| words::plain(&error.to_string())),
        }
    };
    jobs::in_order(jobs.jobs, &rows, look, |look| {
        progress.end();
        looks.push(look);
    });
    drop(progress);
    let exit = if looks.iter().any(|look| look.spare.is_err()) {
        Exit::Incomplete
    } else if looks.iter().any(Look::is_finding) {
        Exit::Findings
    } else {
        Exit::Clean
    };
    (told(&looks), exit)
}

impl Look {
    fn reason(&self) -> Option<&'static str> {
        KEPT.iter().find(|(scenario, _)| *scenario == self.scenario).map(|(_, reason)| *reason)
    }

    /// Whether something can be left out and nothing says why it is there, or the other way round.
    fn is_finding(&self) -> bool {
        self.spare.as_ref().is_ok_and(|spare| spare.is_empty() == self.reason().is_some())
    }
}

/// What can be left out, in words.
fn spare(file: &File, caught: &Catch) -> Result<Vec<String>, ExploreError> {
    let whole = &file.loaded.scenario;
    let job = |scenario: &Scenario, defects: Vec<String>| Job {
        name: file.loaded.name.clone(),
        scenario: scenario.clone(),
        revision: None,
        defects,
        timers: Firing::Clock,
        subject: None,
    };
    let as_it_is = job(whole, Vec::new());
    let makes_sense = backend::no_worse(&as_it_is);
    let expected: BTreeSet<&str> = caught.rules.iter().map(String::as_str).collect();
    let (all, mut spare) = (steps(whole), Vec::new());
    for candidate in smaller(whole) {
        let left: Vec<String> = steps(&candidate);
        if left.len() == all.len() || !makes_sense(&candidate) {
            continue;
        }
        let finds = |hunted: &Hunted| hunted.caught.is_some();
        let with = job(&candidate, vec![caught.defect.clone()]);
        if !finds(&hunt(&with, &mut |broken| *broken == expected)?) {
            continue;
        }
        if !finds(&hunt(&job(&candidate, Vec::new()), &mut |broken| !broken.is_empty())?) {
            spare.push(missing(&all, &left));
        }
    }
    Ok(spare)
}

fn hunt(job: &Job, wanted: &mut dyn FnMut(&BTreeSet<&str>) -> bool) -> Result<Hunted, ExploreError> {
    let options = Options {
        search: SearchKind::FewPreemptions,
        preemptions: job.scenario.preemptions,
        budget: Budget { schedules: Some(SCHEDULES), seconds: None },
        ..Options::default()
    };
    backend::hunt(job, &options, &mut |_, violations| wanted(&rules(violations)))
}

/// The steps of everybody but for the waits, each as it is written in the file.
fn steps(scenario: &Scenario) -> Vec<String> {
    let mut steps = Vec::new();
    let mut add = |who: &str, step: serde_json::Result<String>| {
        steps.push(format!("{who}: {}", step.unwrap_or_default()));
    };
    for actor in &scenario.actors {
        for step in actor.does.iter().filter(|step| !matches!(step, Step::Wait(_))) {
            add(&actor.name, serde_json::to_string(step));
        }
    }
    for step in scenario.clock.iter().filter(|step| !matches!(step, ClockStep::Wait(_))) {
        add("clock", serde_json::to_string(step));
    }
    for reaction in &scenario.server {
        for action in reaction.actions.iter().filter(|action| !matches!(action, Action::Wait(_))) {
            add("server", serde_json::to_string(action));
        }
    }
    for delivery in &scenario.subscriber {
        add("subscriber", serde_json::to_string(delivery));
    }
    steps
}

/// What is in the first list and not in the second.
fn missing(all: &[String], left: &[String]) -> String {
    let mut left = left.iter().peekable();
    let gone = all.iter().filter(|step| left.next_if(|next| next == step).is_none());
    gone.map(|step| words::plain(step)).collect::<Vec<_>>().join(", ")
}

fn told(looks: &[Look]) -> String {
    let rows = words::count(looks.len() as u64, "row");
    let mut text = format!(
        "{rows}: each scenario without one thing at a time, waits aside, at most {SCHEDULES} schedules of each\n"
    );
    for look in looks {
        let Look { scenario, defect, spare } = look;
        match (spare, look.reason()) {
            (Err(why), _) => text += &format!("\n{scenario}: {why}\n"),
            (Ok(spare), None) if spare.is_empty() => {}
            (Ok(spare), Some(_)) if spare.is_empty() => {
                let _ = writeln!(text, "\n✗ {scenario} has a reason not to be smaller, and cannot be");
            }
            (Ok(spare), reason) => {
                let mark = if reason.is_none() { "✗ " } else { "" };
                let _ = writeln!(text, "\n{mark}{scenario} shows {defect} without any one of");
                text.extend(spare.iter().map(|one| format!("  {one}\n")));
                if let Some(reason) = reason {
                    let _ = writeln!(text, "  kept: {reason}");
                }
            }
        }
    }
    let smallest = looks.iter().filter(|look| look.spare.as_ref().is_ok_and(Vec::is_empty)).count();
    let kept = looks.iter().filter(|look| look.reason().is_some() && !look.is_finding()).count();
    let _ = writeln!(text, "\n{rows}: {smallest} smallest, {kept} kept as they are for a reason");
    text
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn what_is_left_out_is_told() {
        let owned = |steps: &[&str]| steps.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = owned(&["ann: \"run\"", "ann: \"run\"", "bob: \"pause\""]);
        assert_eq!(missing(&all, &owned(&["ann: \"run\"", "bob: \"pause\""])), "ann: \"run\"");
        assert_eq!(missing(&all, &owned(&["ann: \"run\""])), "ann: \"run\", bob: \"pause\"");
    }
}
