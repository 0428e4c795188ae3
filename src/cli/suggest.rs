//! `turnloom explore --suggest`: which orders a scenario leaves open, and the wait that would settle each, to be pasted by
//! a person or put in by a program.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use super::console::Console;
use super::files::File;
use super::progress::Progress;
use super::{Exit, Format, backend};
use crate::explore::{Exploration, Job, Options, Place, Suggestion, Verdict};
use crate::observation::Observations;
use crate::report::json;
use crate::report::json::{SuggestDocument, ToldSuggestion};
use crate::report::{Shown, shown, words};
use crate::scenario::{EventSeen, FrameSeen, Happening, Method, Scenario, Step, word};

/// Explores the scenario, then with each wait that might settle something, and tells those that do.
pub(super) fn run(console: &mut Console, file: &File, job: &Job, options: &Options, format: Format) -> Exit {
    let progress = Progress::new(console, 1);
    let running = progress.begin(&job.name);
    let explored = backend::explore(job, options, &mut |_| ());
    let found = explored.and_then(|exploration| {
        let outcomes = exploration.outcomes.keys().cloned().collect();
        let found = backend::suggest(job, &outcomes, options, &mut |told| running.ran(told))?;
        Ok((exploration, found))
    });
    drop(progress);
    let (exploration, found) = match found {
        Ok(found) => found,
        Err(error) => return super::explore::failed_as(console, job, &error, format),
    };
    console.out(&match format {
        Format::Text => told(file, job, &exploration, &found),
        Format::Json => json::text(&document(file, job, &exploration, found)),
    });
    Exit::of_exploration(&exploration)
}

fn document(file: &File, job: &Job, exploration: &Exploration, found: Vec<Suggestion>) -> SuggestDocument {
    let outcomes = shown(exploration, &job.scenario.observe);
    let suggestion = |Suggestion { place, wait, left }: Suggestion| ToldSuggestion {
        line: line(file, &place),
        before: place.pointer(),
        place: describe(&job.scenario, &place),
        paste: pasted(&place, &wait),
        wait,
        leaves: numbers(&outcomes, &left),
    };
    SuggestDocument {
        name: job.name.clone(),
        verdict: words::verdict(&exploration.verdict),
        revision: job.revision.clone().unwrap_or_else(|| job.scenario.revision.clone()),
        defects: job.defects.clone(),
        timers: job.timers,
        suggestions: found.into_iter().map(suggestion).collect(),
        outcomes: outcomes.len(),
    }
}

fn told(file: &File, job: &Job, exploration: &Exploration, found: &[Suggestion]) -> String {
    let outcomes = shown(exploration, &job.scenario.observe);
    let verdict = words::verdict(&exploration.verdict);
    let mut text = format!("{verdict}   {}   {}\n", job.name, words::count(outcomes.len() as u64, "outcome"));
    let changes = words::changes(job.revision.as_deref(), &job.defects, job.timers);
    if !changes.is_empty() {
        let _ = writeln!(text, "  with {changes}");
    }
    if let Verdict::Incomplete(_) = exploration.verdict {
        text += "\nnot all outcomes are known, so more waits than these may settle something\n";
    }
    if found.is_empty() {
        text += "\nno wait that could be added settles an order\n";
        return text;
    }
    let _ = writeln!(text, "\n{} would settle an order:", words::count(found.len() as u64, "wait"));
    let mut before = None;
    for Suggestion { place, wait, left } in found {
        if before != Some(place) {
            let line = line(file, place);
            let line = line.map(|line| format!("{}:{line}, ", file.shown())).unwrap_or_default();
            let _ = writeln!(text, "\n{line}{}", describe(&job.scenario, place));
        }
        before = Some(place);
        let _ = writeln!(text, "  {}: {}", after(wait), leaves(&outcomes, left));
        let _ = writeln!(text, "    {}", pasted(place, wait));
    }
    text
}

/// The line of the step before which the wait would stand.
fn line(file: &File, place: &Place) -> Option<usize> {
    file.loaded.lines.as_ref().map(|lines| lines.of(&place.pointer()))
}

/// Where the wait would stand.
fn describe(scenario: &Scenario, place: &Place) -> String {
    match place {
        Place::Actor { actor, step } => {
            let actor = &scenario.actors[*actor];
            let does = match &actor.does[*step] {
                Step::Send(send) => format!("sends {:?}", send.text),
                Step::Run => "runs".to_owned(),
                Step::Interrupt => "interrupts".to_owned(),
                Step::Pause => "pauses".to_owned(),
                Step::Accept => "accepts".to_owned(),
                Step::Reject => "rejects".to_owned(),
                Step::Close => "closes".to_owned(),
                Step::Reload => "reloads".to_owned(),
                Step::SwitchModel(model) => format!("switches the model to {model:?}"),
                step => word(step),
            };
            format!("before {} {does}", actor.name)
        }
        Place::Clock { step } => format!("before the clock does {}", written(&scenario.clock[*step])),
        Place::Server { reaction, action } => {
            let reaction = &scenario.server[*reaction];
            format!(
                "before the server, on {}, does {}",
                written(&reaction.on),
                written(&reaction.actions[*action])
            )
        }
        Place::Prompt { text } => format!("in a reaction to add, before the server answers {text:?}"),
    }
}

fn after(wait: &Happening) -> String {
    match wait {
        Happening::Frame(FrameSeen { method: Method::Prompt, text: Some(text), .. }) => {
            format!("after the server has read the prompt {text:?}")
        }
        Happening::Frame(frame) => format!("after the server has read {}", word(&frame.method)),
        Happening::Event(EventSeen { text: Some(text), .. }) => format!("after {text:?} is in the event log"),
        Happening::Event(EventSeen { kind, count: 1, .. }) => {
            format!("after a {} is in the event log", word(kind))
        }
        Happening::Event(EventSeen { kind, count, .. }) => {
            format!("after {count} {} are in the event log", word(kind))
        }
        other => format!("after {}", word(other)),
    }
}

/// The outcomes that are left, by the numbers that `explore` gives them.
fn numbers(outcomes: &[Shown], left: &BTreeSet<Observations>) -> Vec<usize> {
    let numbers = (1..).zip(outcomes).filter(|(_, outcome)| left.contains(&outcome.seen));
    numbers.map(|(number, _)| number).collect()
}

fn leaves(outcomes: &[Shown], left: &BTreeSet<Observations>) -> String {
    let numbers: Vec<String> = numbers(outcomes, left).iter().map(ToString::to_string).collect();
    let noun = if numbers.len() == 1 { "outcome" } else { "outcomes" };
    format!("leaves {noun} {} of {}", numbers.join(", "), outcomes.len())
}

/// What an author pastes.
fn pasted(place: &Place, wait: &Happening) -> String {
    let wait = spaced(&serde_json::json!({ "wait": wait }));
    match place {
        Place::Prompt { text } => {
            let on = spaced(&serde_json::json!({ "prompt": text }));
            format!("{{\"on\": {on}, \"do\": [{wait}, {{\"answer\": \"end_turn\"}}]}}")
        }
        _ => format!("{wait},"),
    }
}

/// A part of the scenario as it is written in the file.
fn written(part: &impl Serialize) -> String {
    serde_json::to_value(part).map(|value| spaced(&value)).unwrap_or_default()
}

/// The value on one line, as `fmt` writes it.
fn spaced(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{key:?}: {}", spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
