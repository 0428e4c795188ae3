//! The orders that a scenario leaves open, told by the waits that would settle them: put before a step, a wait leaves some
//! of the outcomes and takes the others away.
//!
//! Nothing is guessed: each wait is put into the scenario, the scenario is run again, and the wait is proposed only if
//! every outcome that is left is one of those before, and some are gone. So a wait that could last for ever is never
//! proposed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use crate::observation::{Observations, ServerEntry};
use crate::scenario::{
    Action, ClockStep, EventKind, EventSeen, FrameSeen, Happening, Method, Reaction, Scenario, Step,
    StopReason, Trigger,
};

use super::exploration::Verdict;
use super::job::{ExploreError, Job, Options, Progress, Told};
use super::run::explore;

/// The kinds of events that can be waited for, beside messages.
const KINDS: [EventKind; 9] = [
    EventKind::ToolCall,
    EventKind::Interrupt,
    EventKind::Pause,
    EventKind::Error,
    EventKind::Finish,
    EventKind::Action,
    EventKind::Observation,
    EventKind::Rejection,
    EventKind::AgentError,
];

/// Of an event that happens often, so many are told apart.
const COUNTED: u32 = 3;

/// Where a wait would stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Before a step of an actor.
    Actor {
        /// The actor's number in the file, from 0.
        actor: usize,
        /// The step's number, from 0.
        step: usize,
    },
    /// Before a step of the clock.
    Clock {
        /// The step's number, from 0.
        step: usize,
    },
    /// Before an action of the server.
    Server {
        /// The reaction's number in the file, from 0.
        reaction: usize,
        /// The action's number, from 0.
        action: usize,
    },
    /// In a reaction that has to be added, before its answer.
    Prompt {
        /// The text of the prompt.
        text: String,
    },
}

impl Place {
    /// The JSON pointer of what the wait would stand before; for a reaction that has to be added that of all reactions.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::Actor { actor, step } => format!("/actors/{actor}/does/{step}"),
            Self::Clock { step } => format!("/clock/{step}"),
            Self::Server { reaction, action } => format!("/server/{reaction}/do/{action}"),
            Self::Prompt { .. } => "/server".to_owned(),
        }
    }
}

/// A wait that would settle an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Where it would stand.
    pub place: Place,
    /// What it would wait for.
    pub wait: Happening,
    /// The outcomes that are left.
    pub left: BTreeSet<Observations>,
}

/// The waits that would settle an order of the scenario, in the order of its file; of those that leave the same outcomes
/// at the same place the first. Every scenario that is run has to please `is_valid`.
///
/// `outcomes` are those of the scenario as it is, and `options` those under which they were found.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn suggest(
    job: &Job,
    outcomes: &BTreeSet<Observations>,
    options: &Options,
    is_valid: &dyn Fn(&Scenario) -> bool,
    progress: &mut Progress<'_>,
) -> Result<Vec<Suggestion>, ExploreError> {
    let mut found: BTreeMap<(Place, BTreeSet<Observations>), Happening> = BTreeMap::new();
    let mut order = Vec::new();
    if outcomes.len() < 2 {
        return Ok(order);
    }
    let mut tried = 0;
    for place in places(&job.scenario) {
        for wait in happenings(&job.scenario, outcomes) {
            if options.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Ok(order);
            }
            tried += 1;
            progress(Told { executions: tried, share: None });
            let scenario = with(&job.scenario, &place, &wait);
            if !is_valid(&scenario) {
                continue;
            }
            let explored = explore(&Job { scenario, ..job.clone() }, options, &mut |_| ())?;
            let left: BTreeSet<Observations> = explored.outcomes.into_keys().collect();
            let settles = left.len() < outcomes.len() && left.is_subset(outcomes) && !left.is_empty();
            let is_known = matches!(explored.verdict, Verdict::Incomplete(_));
            if settles && !is_known && !found.contains_key(&(place.clone(), left.clone())) {
                found.insert((place.clone(), left.clone()), wait.clone());
                order.push(Suggestion { place: place.clone(), wait, left });
            }
        }
    }
    Ok(order)
}

/// Every place where something begins that another actor can notice.
fn places(scenario: &Scenario) -> Vec<Place> {
    let mut places = Vec::new();
    for (actor, does) in scenario.actors.iter().map(|actor| &actor.does).enumerate() {
        let acts = |step: &Step| !matches!(step, Step::Wait(_) | Step::Open(_) | Step::Tool(_));
        let steps = does.iter().enumerate().filter(|(_, step)| acts(step));
        places.extend(steps.map(|(step, _)| Place::Actor { actor, step }));
    }
    let fires = scenario.clock.iter().enumerate().filter(|(_, step)| matches!(step, ClockStep::Fire(_)));
    places.extend(fires.map(|(step, _)| Place::Clock { step }));
    for (reaction, actions) in scenario.server.iter().map(|reaction| &reaction.actions).enumerate() {
        let ends = |action: &Action| matches!(action, Action::Answer(_) | Action::Fail(_));
        let ends = actions.iter().enumerate().filter(|(_, action)| ends(action));
        places.extend(ends.map(|(action, _)| Place::Server { reaction, action }));
    }
    let has_reaction = |text: &str| {
        scenario.server.iter().any(|reaction| match &reaction.on {
            Trigger::AnyPrompt => true,
            Trigger::Prompt(wanted) => wanted == text,
            _ => false,
        })
    };
    let alone = texts(scenario).filter(|text| !has_reaction(text));
    places.extend(alone.map(|text| Place::Prompt { text: text.to_owned() }));
    places
}

fn texts(scenario: &Scenario) -> impl Iterator<Item = &str> {
    let steps = scenario.actors.iter().flat_map(|actor| &actor.does);
    steps.filter_map(|step| match step {
        Step::Send(send) => Some(send.text.as_str()),
        _ => None,
    })
}

/// What can be waited for: that a message is there, that the server has read a prompt or a cancel, that something else is
/// in the log of some outcome.
fn happenings(scenario: &Scenario, outcomes: &BTreeSet<Observations>) -> Vec<Happening> {
    let frame = |method, text| Happening::Frame(FrameSeen { method, text, count: 1 });
    let event = |kind, text, count| Happening::Event(EventSeen { kind, text, count });
    let texts: Vec<String> = texts(scenario).map(str::to_owned).collect();
    let mut all: Vec<Happening> = Vec::new();
    all.extend(texts.iter().map(|text| event(EventKind::UserMessage, Some(text.clone()), 1)));
    all.extend(texts.iter().map(|text| frame(Method::Prompt, Some(text.clone()))));
    let reads_cancel =
        |seen: &Observations| seen.server.iter().any(|entry| matches!(entry, ServerEntry::Cancel { .. }));
    if outcomes.iter().any(reads_cancel) {
        all.push(frame(Method::Cancel, None));
    }
    for kind in KINDS {
        let count = |seen: &Observations| seen.events.iter().filter(|event| event.kind == kind).count();
        let most = outcomes.iter().map(count).max().unwrap_or_default();
        all.extend((1..=COUNTED).take(most).map(|count| event(kind, None, count)));
    }
    all
}

fn with(scenario: &Scenario, place: &Place, wait: &Happening) -> Scenario {
    let mut scenario = scenario.clone();
    let wait = wait.clone();
    match place {
        Place::Actor { actor, step } => scenario.actors[*actor].does.insert(*step, Step::Wait(wait)),
        Place::Clock { step } => scenario.clock.insert(*step, ClockStep::Wait(wait)),
        Place::Server { reaction, action } => {
            scenario.server[*reaction].actions.insert(*action, Action::Wait(wait));
        }
        Place::Prompt { text } => scenario.server.push(Reaction {
            on: Trigger::Prompt(text.clone()),
            session: None,
            process: None,
            breaks: Vec::new(),
            actions: vec![Action::Wait(wait), Action::Answer(StopReason::EndTurn)],
        }),
    }
    scenario
}
