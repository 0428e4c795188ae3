//! Iterative deepening: a search with no preemptions, then with one, then with two…

use crate::engine::limits::{Limits, Search};

/// What a row of searches with ever more preemptions came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deepened {
    /// Executions begun, in all of them.
    pub executions: u64,
    /// Distinct states, counted anew in each of them.
    pub states: u64,
    /// The most preemptions with which everything was run; none if that is not known of any number.
    pub run_through: Option<u32>,
    /// The last search of the row.
    pub last: Search,
}

impl Deepened {
    /// Whether everything was run without a bound: no interleaving was left out by the last search, and it ended by itself.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.last.exhausted && !self.last.bounded
    }
}

/// Runs one search after another, each with one preemption more than the one before, from none up to `most`, all within
/// the limits of executions together. The row ends with the first search that was stopped, by its limits or by its visitor,
/// or that left no interleaving out.
pub fn deepen(limits: &Limits, most: u32, mut run: impl FnMut(&Limits) -> Search) -> Deepened {
    let mut limits = limits.clone();
    let mut deepened = Deepened { executions: 0, states: 0, run_through: None, last: Search::default() };
    for preemptions in 0..=most {
        limits.preemptions = Some(preemptions);
        let search = run(&limits);
        deepened.executions += search.executions;
        deepened.states += search.states;
        limits.executions = limits.executions.map(|left| left.saturating_sub(search.executions));
        let is_through = search.exhausted && search.stopped.is_none();
        if is_through {
            deepened.run_through = Some(preemptions);
        }
        let is_last = !is_through || !search.bounded;
        deepened.last = search;
        if is_last {
            break;
        }
    }
    deepened
}
