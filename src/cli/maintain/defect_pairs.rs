//! Pairs of defects: what becomes of a defect when another one is on as well.
//!
//! Two alternatives of one decision exclude each other. Of any other two, each is looked for in its own scenario while the
//! other is on: either what it breaks alone still breaks, or the other masks it. Each look takes a bounded number of
//! schedules, and says so where that was not enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::cli::console::Console;
use crate::cli::files::File;
use crate::cli::progress::Progress;
use crate::cli::{Exit, Jobs, backend, jobs};
use crate::explore::{Budget, Hunted, Job, Options, SearchKind, Verdict};
use crate::harness::Firing;
use crate::report::words;
use crate::scenario::Catch;
use crate::subject::model::{DECISIONS, DEFECTS, Defect};

/// At most so many schedules of a scenario with two defects.
const SCHEDULES: u64 = 1_000;

/// A defect in its own scenario, with another one on.
struct Meeting<'a> {
    file: &'a File,
    caught: &'a Catch,
    other: &'static Defect,
}

/// What became of the first defect.
enum Became {
    Found,
    /// Every interleaving was run, as the verdict says; these rules broke instead.
    Masked(Verdict, BTreeSet<&'static str>),
    /// Not found in the schedules that were run.
    Unknown(BTreeSet<&'static str>),
    Failed(String),
}

/// Holds every defect that a scenario catches against every other.
pub(super) fn look(console: &mut Console, files: &[File], jobs: Jobs) -> (String, Exit) {
    let mut own: BTreeMap<&str, (&File, &Catch)> = BTreeMap::new();
    for (file, caught) in
        files.iter().flat_map(|file| file.loaded.scenario.catches.iter().map(move |caught| (file, caught)))
    {
        own.entry(&caught.defect).or_insert((file, caught));
    }
    let defects: Vec<&'static Defect> =
        DEFECTS.iter().filter(|defect| own.contains_key(defect.name)).collect();
    let meets = |first: &&'static Defect, other: &&'static Defect| first.decision != other.decision;
    let meetings: Vec<Meeting<'_>> = defects
        .iter()
        .flat_map(|first| {
            defects.iter().filter(move |other| meets(first, other)).map(move |other| (*first, *other))
        })
        .map(|(first, other)| Meeting { file: own[first.name].0, caught: own[first.name].1, other })
        .collect();
    let progress = Progress::new(console, meetings.len());
    let mut became = Vec::new();
    let look = |meeting: &Meeting<'_>| {
        let _running = progress.begin(&meeting.file.loaded.name);
        meeting.look()
    };
    jobs::in_order(jobs.jobs, &meetings, look, |what| {
        progress.end();
        became.push(what);
    });
    drop(progress);
    let failed = became.iter().any(|what| matches!(what, Became::Failed(_)));
    (told(&defects, &meetings, &became), if failed { Exit::Incomplete } else { Exit::Clean })
}

impl Meeting<'_> {
    fn look(&self) -> Became {
        let scenario = self.file.loaded.scenario.clone();
        let options = Options {
            search: SearchKind::FewPreemptions,
            preemptions: scenario.preemptions,
            budget: Budget { schedules: Some(SCHEDULES), seconds: None },
            ..Options::default()
        };
        let defects = vec![self.caught.defect.clone(), self.other.name.to_owned()];
        let job = Job {
            name: self.file.loaded.name.clone(),
            scenario,
            revision: None,
            defects,
            timers: Firing::Clock,
            subject: None,
        };
        let hunted = backend::hunt(&job, &options, &mut |_, violations| {
            let broken = |rule: &String| violations.iter().any(|violation| violation.rule == rule);
            self.caught.rules.iter().all(broken)
        });
        match hunted {
            Err(error) => Became::Failed(words::plain(&error.to_string())),
            Ok(Hunted { caught: Some(_), .. }) => Became::Found,
            Ok(Hunted { searched: Verdict::Incomplete(_), broken, .. }) => Became::Unknown(broken),
            Ok(Hunted { searched, broken, .. }) => Became::Masked(searched, broken),
        }
    }
}

fn told(defects: &[&'static Defect], meetings: &[Meeting<'_>], became: &[Became]) -> String {
    let count = words::count(defects.len() as u64, "defect");
    let mut text = format!(
        "{count}: each in its own scenario with each other one, at most {SCHEDULES} schedules of each pair\n\n\
         exclude each other, as alternatives of one decision\n"
    );
    for decision in DECISIONS {
        let of: Vec<&str> =
            defects.iter().filter(|one| one.decision == decision.name).map(|defect| defect.name).collect();
        if of.len() > 1 {
            let _ = writeln!(text, "  {}: {}", decision.name, of.join(", "));
        }
    }
    let each = || meetings.iter().zip(became);
    text += "\nmasked: not found while the other is on, though all was run\n";
    for (meeting, what) in each() {
        if let Became::Masked(verdict, broken) = what {
            let Defect { name, decision, alternative, .. } = meeting.other;
            let instead = instead(broken);
            let _ = writeln!(
                text,
                "  {} by {name} ({decision}: {alternative}): {}, {instead}",
                meeting.caught.defect,
                words::verdict(verdict).replacen("proved", "every interleaving", 1)
            );
        }
    }
    text += "\nnot found in the schedules that were run, with more to run\n";
    for (meeting, what) in each() {
        let defect = &meeting.caught.defect;
        match what {
            Became::Unknown(broken) => {
                let _ = writeln!(text, "  {defect} with {}: {}", meeting.other.name, instead(broken));
            }
            Became::Failed(why) => {
                let _ = writeln!(text, "  {defect} with {}: {why}", meeting.other.name);
            }
            Became::Found | Became::Masked(..) => {}
        }
    }
    let found = became.iter().filter(|what| matches!(what, Became::Found)).count();
    let _ = writeln!(text, "\n{found} of {} are found as if they were alone", meetings.len());
    text
}

fn instead(broken: &BTreeSet<&'static str>) -> String {
    if broken.is_empty() {
        return "and nothing breaks".to_owned();
    }
    let rules: Vec<&str> = broken.iter().copied().collect();
    format!("and instead breaks {}", rules.join(", "))
}
