//! Is what a real session did among the outcomes of the model? If not: the nearest outcome, and where the two part.
//!
//! The server's log comes from the transcript alone. What the server cannot see (the conversation's log, what calls
//! returned, how it ended) may be told in a file of its own; what is not told is not compared.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::observation::{Call, End, Event, Observations, Published, ServerEntry, TokenView};
use crate::rules::usage_kept_apart::UsageKeptApart;
use crate::rules::{Context, Rule, Violation};
use crate::scenario::{Channel, Scenario};
use crate::snapshot::project;
use crate::terms::ThreadRole;
use crate::wire::transcript::Entry;

/// A part of an outcome with what is in it, in words.
type Part = (String, Vec<String>);

/// What was seen of a session besides its transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// The conversation's event log.
    pub events: Option<Vec<Event>>,
    /// What each actor's calls returned.
    pub calls: Option<BTreeMap<String, Vec<Call>>>,
    /// What a subscriber of the event service saw.
    pub stream: Option<Vec<Published>>,
    /// What each tool saw of its cancel token.
    pub tokens: Option<BTreeMap<String, Vec<TokenView>>>,
    /// How many completions were counted under each usage id.
    pub usage: Option<BTreeMap<String, u32>>,
    /// How the conversation stood at the end.
    pub end: Option<End>,
    /// Whether it came to a stand before every actor was done.
    pub stuck: Option<bool>,
}

/// A session in the form of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was seen.
    pub observations: Observations,
    /// Which parts of it were seen at all, of those that the scenario observes.
    pub channels: Vec<Channel>,
    /// What was counted under a usage id of somebody else's. No channel shows it, only the rule that is about it.
    pub miscounted: Vec<Violation>,
    /// Whether it came to a stand before every actor was done; none if nobody looked.
    pub stuck: Option<bool>,
}

impl Seen {
    /// What a transcript of the scenario and an observer tell together.
    #[must_use]
    pub fn of(scenario: &Scenario, entries: &[Entry], observed: Observed) -> Self {
        let told = [
            (Channel::Events, observed.events.is_some()),
            (Channel::Server, true),
            (Channel::Calls, observed.calls.is_some()),
            (Channel::Stream, observed.stream.is_some()),
            (Channel::Tokens, observed.tokens.is_some()),
            (Channel::Status, observed.end.is_some()),
        ];
        let told = told.into_iter().filter(|(channel, told)| *told && scenario.observe.contains(channel));
        let channels: Vec<Channel> = told.map(|(channel, _)| channel).collect();
        let stuck = observed.stuck;
        let all = Observations {
            server: super::server_log(scenario, entries),
            events: observed.events.unwrap_or_default(),
            calls: observed.calls.unwrap_or_default(),
            stream: observed.stream.unwrap_or_default(),
            tokens: observed.tokens.unwrap_or_default(),
            usage: observed.usage.unwrap_or_default(),
            end: observed.end.unwrap_or_default(),
            ..Observations::default()
        };
        let miscounted = UsageKeptApart.judge(&all, &Context::of(scenario));
        Self { observations: project(&all, &channels), channels, miscounted, stuck }
    }

    /// Whether this outcome is what was seen. Who waits for whom in an outcome cannot be seen from outside, only that somebody
    /// does.
    #[must_use]
    pub fn looks_like(&self, outcome: &Observations) -> bool {
        let projected = Observations { stuck: None, ..self.told_of(outcome) };
        projected == self.observations && self.stuck.is_none_or(|stuck| stuck == came_to_a_stand(outcome))
    }

    /// As much of an outcome as a session can tell. A server that is killed writes nothing more, so the end of the last
    /// process is in a transcript only if its script ended it.
    fn told_of(&self, outcome: &Observations) -> Observations {
        let mut projected = project(outcome, &self.channels);
        let is_end = |entry: Option<&ServerEntry>| matches!(entry, Some(ServerEntry::Ended { .. }));
        if is_end(projected.server.last()) && !is_end(self.observations.server.last()) {
            projected.server.pop();
        }
        projected
    }

    /// The nearest outcome, by its place, and the first difference from it in words.
    #[must_use]
    pub fn nearest(&self, outcomes: &[Observations]) -> Option<(usize, String)> {
        let own = parts(&self.observations);
        let difference = |(at, outcome): (usize, &Observations)| {
            let parts = parts(&self.told_of(outcome));
            (distance(&own, &parts), at, first_difference(&own, &parts))
        };
        let nearest = outcomes.iter().enumerate().map(difference).min_by_key(|(far, at, _)| (*far, *at));
        nearest.map(|(_, at, words)| (at, words))
    }
}

/// The parts of an outcome, each as a list of things in words.
fn parts(seen: &Observations) -> Vec<Part> {
    fn words<T: serde::Serialize>(items: impl IntoIterator<Item = T>) -> Vec<String> {
        // What was read from JSON can be written to it.
        items.into_iter().map(|item| serde_json::to_string(&item).unwrap_or_default()).collect()
    }
    let mut parts =
        vec![("server".to_owned(), words(&seen.server)), ("events".to_owned(), words(&seen.events))];
    parts.extend(seen.calls.iter().map(|(actor, calls)| (actor.clone(), words(calls))));
    parts.push(("stream".to_owned(), words(&seen.stream)));
    parts.push(("tokens".to_owned(), words(&seen.tokens)));
    parts.push(("end".to_owned(), words([&seen.end])));
    parts
}

/// Whether somebody was left waiting. A clock with a timer that nobody arms is no part of the session.
fn came_to_a_stand(outcome: &Observations) -> bool {
    outcome
        .stuck
        .as_ref()
        .is_some_and(|stuck| stuck.threads.iter().any(|thread| thread.role() != Some(ThreadRole::Clock)))
}

fn common(own: &[String], other: &[String]) -> usize {
    own.iter().zip(other).take_while(|(own, other)| own == other).count()
}

fn distance(own: &[Part], other: &[Part]) -> usize {
    let apart = |(own, other): (&Part, &Part)| own.1.len() + other.1.len() - 2 * common(&own.1, &other.1);
    own.iter().zip(other).map(apart).sum()
}

fn first_difference(own: &[Part], other: &[Part]) -> String {
    for ((part, own), (_, other)) in own.iter().zip(other) {
        if own != other {
            let at = common(own, other);
            let word = |list: &[String]| list.get(at).map_or_else(|| "nothing".to_owned(), Clone::clone);
            return format!("{part}, place {}: seen {}, in the model {}", at + 1, word(own), word(other));
        }
    }
    "who is left waiting".to_owned()
}
