//! What `turnloom explore --suggest --format json` prints.
//!
//! Nothing here may decide what is in the document.

use serde::Serialize;

use crate::explore::Firing;
use crate::scenario::Happening;

/// What `turnloom explore --suggest --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuggestDocument {
    /// The scenario.
    pub name: String,
    /// The verdict on the scenario as it is, as a person reads it.
    pub verdict: String,
    /// The revision that was run.
    pub revision: String,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// Who fired the timers, if not the scenario's clock.
    #[serde(skip_serializing_if = "super::explore::is_clock")]
    pub timers: Firing,
    /// How many outcomes the scenario has as it is, in the order of `turnloom explore`.
    pub outcomes: usize,
    /// The waits that would settle an order, in the order of the file.
    pub suggestions: Vec<ToldSuggestion>,
}

/// A wait that would settle an order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToldSuggestion {
    /// What it would stand before, as a JSON pointer; for a reaction that has to be added that of all reactions.
    pub before: String,
    /// The line of that in the file, counted from 1; `null` if the file cannot be read any more.
    pub line: Option<usize>,
    /// The place in words.
    pub place: String,
    /// What it would wait for.
    pub wait: Happening,
    /// What an author pastes there.
    pub paste: String,
    /// The outcomes that are left, counted from 1.
    pub leaves: Vec<usize>,
}
