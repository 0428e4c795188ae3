//! A transcript made into a scenario: what the client did is what the actors do, what the script did is what the server
//! does, with a gate or a wait wherever one of them waited for the other.
//!
//! `transcript_replay` reads the transcript, `decode_actions` turns frames back into actions, `actors` says who acted,
//! and `names` replaces what means something on one machine only.

mod actors;
mod asked;
mod decode_actions;
mod names;
mod transcript_replay;

use std::collections::{BTreeMap, BTreeSet};

use crate::observation::ServerEntry;
use crate::scenario::{
    Action, Actor, Agent, AgentKind, Channel, ClockStep, Happening, Limits, LoomPlan, Reaction, Scenario,
    Session, Step, Through, Trigger, broken_by,
};
use crate::wire::transcript::{Entry, What};
use asked::{Asked, Outcome};
use transcript_replay::{Moment, Story};

/// A scenario that was made of a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The scenario.
    pub scenario: Scenario,
    /// What it cannot say of the session, or says in other words; for people.
    pub notes: Vec<String>,
}

/// Why no scenario can be made of a transcript. Lines and places count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is nothing in it.
    #[error("the transcript is empty")]
    Empty,
    /// The beginning is missing.
    #[error("line 1 is no `begin`: the beginning of the transcript is missing")]
    NoBeginning,
    /// An entry is missing, or stands in the wrong place.
    #[error(
        "line {line} is entry {found} where entry {line} is due: a line is missing, twice there or out of place"
    )]
    OutOfOrder {
        /// The line.
        line: usize,
        /// The entry's own place.
        found: u64,
    },
    /// An entry of a process that did not begin.
    #[error(
        "line {line} is of process {found}, but it is process {due} that lives there: a `begin` is missing or too many"
    )]
    WrongProcess {
        /// The line.
        line: usize,
        /// The process that the entry names.
        found: u32,
        /// The process that began last.
        due: u32,
    },
    /// Nobody said anything.
    #[error("no prompt was read in this session, so there is nobody who could act in a scenario")]
    NoPrompt,
}

/// Makes a scenario of a transcript: the same one every time.
///
/// # Errors
///
/// If entries are missing or out of order, or nothing was said in the session.
///
/// ```
/// use turnloom::import::{Damage, import};
/// assert_eq!(import(&[]), Err(Damage::Empty));
/// ```
pub fn import(entries: &[Entry]) -> Result<Imported, Damage> {
    examine(entries)?;
    let mut story = transcript_replay::read(entries);
    if !story.moments.iter().any(|moment| matches!(moment, Moment::Prompt(_))) {
        return Err(Damage::NoPrompt);
    }
    let server = reactions(&mut story);
    story.notes.extend(left_in_start(&story));
    let session = if server.iter().any(Reaction::is_to_first_start) { Session::Cold } else { Session::Ready };
    let cast = actors::actors(&story);
    // With others beside the one who talks, a search of every interleaving may not end.
    let preemptions = (cast.len() > 1 || actors::through(&story) == Through::Service).then_some(1);
    let limits = limits(&story, &cast);
    let name = &story.scenario;
    let scenario = Scenario {
        schema: None,
        version: 1,
        title: format!("what was seen in a session of {name}"),
        source: format!("imported from a transcript of {name}"),
        agent: Agent {
            kind: AgentKind::Acp,
            session,
            suffix: story.suffix,
            condenser: false,
            confirmation: false,
        },
        through: actors::through(&story),
        revision: "fixed".to_owned(),
        decisions: BTreeMap::new(),
        limits,
        gates: Vec::new(),
        actors: cast,
        clock: actors::clock(&story),
        subscriber: Vec::new(),
        server,
        llm: Vec::new(),
        observe: Channel::all(),
        catches: Vec::new(),
        regressions: Vec::new(),
        preemptions,
        loom: LoomPlan::default(),
    };
    Ok(Imported { scenario: with_gates(scenario), notes: story.notes })
}

/// A client whose prompt went wrong is taken to be one that prompts a message again as often as it was seen to, and a
/// synchronous run to have as many steps as it was seen to take.
fn limits(story: &Story, cast: &[Actor]) -> Limits {
    let is_wrong = |action: &Action| matches!(action, Action::Fail(_) | Action::Exit(_));
    let failed = story.asked.iter().any(|asked| asked.actions.iter().any(is_wrong));
    let closed = cast.iter().any(|actor| actor.does.contains(&Step::Close));
    let limits = Limits::default();
    let retries = if failed || closed { actors::retries(story) } else { limits.retries };
    let iterations = actors::steps_of_a_run(story).unwrap_or(limits.iterations);
    Limits { retries, iterations, ..limits }
}

/// Whether a scenario is what [`import`] makes of the transcript, apart from all that a transcript does not tell: title,
/// source, decisions, limits, what is observed and caught.
#[must_use]
pub fn is_from(scenario: &Scenario, entries: &[Entry]) -> bool {
    import(entries).is_ok_and(|Imported { scenario: own, .. }| {
        (&own.actors, &own.clock, &own.server, &own.gates)
            == (&scenario.actors, &scenario.clock, &scenario.server, &scenario.gates)
    })
}

/// What the server read and wrote, in the names of the scenario that is made of the transcript.
pub(crate) fn server_log(entries: &[Entry]) -> Vec<ServerEntry> {
    transcript_replay::read(entries).log
}

/// Whether each entry is where it belongs.
fn examine(entries: &[Entry]) -> Result<(), Damage> {
    let first = entries.first().ok_or(Damage::Empty)?;
    let mut due = 0;
    for (line, entry) in (1..).zip(entries) {
        if usize::try_from(entry.n) != Ok(line) {
            return Err(Damage::OutOfOrder { line, found: entry.n });
        }
        if let What::Begin { .. } = entry.what {
            due += 1;
        } else if first.n == entry.n {
            return Err(Damage::NoBeginning);
        }
        if entry.process != due {
            return Err(Damage::WrongProcess { line, found: entry.process, due });
        }
    }
    Ok(())
}

/// The reactions of the server, one for each message; where a message came again and the script did something else, one
/// for each process.
fn reactions(story: &mut Story) -> Vec<Reaction> {
    let mut reactions: Vec<Reaction> = Vec::new();
    for asked in story.asked.iter().filter(|asked| asked.text().is_some() || !asked.actions.is_empty()) {
        let other = |other: &&Asked| other.on == asked.on && other.actions != asked.actions;
        let others = story.asked.iter().filter(other);
        let elsewhere = others.clone().any(|other| other.process != asked.process);
        let beside =
            others.clone().any(|other| other.process == asked.process && other.session != asked.session);
        let mut reaction = Reaction {
            on: asked.on.clone(),
            session: beside.then(|| asked.session.clone()).filter(|session| !session.is_empty()),
            process: elsewhere.then_some(asked.process),
            actions: asked.actions.clone(),
            breaks: Vec::new(),
        };
        // What it did, it is to do again.
        reaction.breaks = broken_by(&reaction);
        let same = |known: &&Reaction| {
            (&known.on, &known.session, known.process) == (&reaction.on, &reaction.session, reaction.process)
        };
        match reactions.iter().find(same) {
            None => reactions.push(reaction),
            Some(known) if did(&known.actions, &story.places) == did(&reaction.actions, &story.places) => {}
            Some(_) => story.notes.push(format!(
                "the server did something else when {} came again in process {}; the file has what it did first",
                said(&asked.on),
                asked.process
            )),
        }
    }
    reactions
}

/// That the client was still starting a process when the log ended. No frame tells who began the run that needed it.
fn left_in_start(story: &Story) -> Option<String> {
    let last = story.asked.last().filter(|asked| asked.outcome == Outcome::Open)?;
    let is_start = last.on.is_to_start() || last.on == Trigger::Load;
    is_start.then(|| {
        format!(
            "{} of process {} has no answer; the file ends before, since no frame says whose run it was for",
            said(&last.on),
            last.process
        )
    })
}

/// The actions of which a transcript tells.
fn did<'a>(actions: &'a [Action], places: &BTreeSet<String>) -> Vec<&'a Action> {
    actions.iter().filter(|action| !matches!(action, Action::Open(gate) if places.contains(gate))).collect()
}

fn said(on: &Trigger) -> String {
    match on {
        Trigger::Prompt(text) => format!("prompt {text:?}"),
        Trigger::Request(method) => method.clone(),
        other => crate::scenario::word(other),
    }
}

/// The scenario with the gates that somebody waits for, and without the opening of any other.
fn with_gates(mut scenario: Scenario) -> Scenario {
    let gate = |happening: &Happening| match happening {
        Happening::Gate(gate) => Some(gate.clone()),
        _ => None,
    };
    let actions = scenario.server.iter().flat_map(|reaction| &reaction.actions);
    let waits = actions.filter_map(|action| match action {
        Action::Wait(happening) => gate(happening),
        _ => None,
    });
    let steps = scenario.actors.iter().flat_map(|actor| &actor.does);
    let steps = steps.filter_map(|step| match step {
        Step::Wait(happening) => gate(happening),
        _ => None,
    });
    let clock = scenario.clock.iter().filter_map(|step| match step {
        ClockStep::Wait(happening) => gate(happening),
        ClockStep::Fire(_) => None,
    });
    let mut seen = BTreeSet::new();
    let gates: Vec<String> =
        waits.chain(steps).chain(clock).filter(|gate| seen.insert(gate.clone())).collect();
    for reaction in &mut scenario.server {
        reaction.actions.retain(|action| !matches!(action, Action::Open(gate) if !seen.contains(gate)));
    }
    for actor in &mut scenario.actors {
        actor.does.retain(|step| !matches!(step, Step::Open(gate) if !seen.contains(gate)));
        let last = actor.does.iter().rposition(|step| !matches!(step, Step::Wait(_)));
        actor.does.truncate(last.map_or(0, |last| last + 1));
    }
    scenario.actors.retain(|actor: &Actor| !actor.does.is_empty());
    scenario.gates = gates;
    scenario
}
