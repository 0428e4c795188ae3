//! What is wrong with a scenario that is in the format: names that name nothing, waits that never end, steps that do
//! nothing. Reports only what is certain in every revision of the runtime.

mod facts;
mod gates;
mod head;
mod live;
mod llm;
mod names;
mod protocol;
mod reach;
mod regressions;
mod sequence;
mod server;
mod shows;
mod steps;
mod unmodelled;
mod waits;

pub use protocol::broken_by;

use super::diagnostic::Sink;
use super::spans::Spans;
use super::{Diagnostic, Scenario, Vocabulary};

/// Judges the scenario of this name; all findings go to the sink.
pub(super) fn lint(name: &str, scenario: &Scenario, spans: &Spans, vocabulary: &Vocabulary, sink: &mut Sink) {
    let mut desk = Desk { scenario, spans, sink };
    head::lint(&mut desk);
    names::lint(&mut desk, vocabulary);
    regressions::lint(&mut desk, name, vocabulary);
    let sequences = sequence::sequences(scenario);
    gates::lint(&mut desk, &sequences);
    steps::lint(&mut desk, &sequences);
    server::lint(&mut desk, &sequences);
    llm::lint(&mut desk, &sequences);
    waits::lint(&mut desk, &sequences);
    reach::lint(&mut desk, &sequences);
    protocol::lint(&mut desk, vocabulary);
    shows::lint(&mut desk, vocabulary);
    unmodelled::lint(&mut desk);
}

/// Finds what keeps an engine from running a scenario with which nothing is wrong.
pub(super) fn live_only(scenario: &Scenario, spans: &Spans, sink: &mut Sink) {
    let mut desk = Desk { scenario, spans, sink };
    live::lint(&mut desk, &sequence::sequences(scenario));
}

/// What every check has before it.
struct Desk<'a> {
    scenario: &'a Scenario,
    spans: &'a Spans,
    sink: &'a mut Sink,
}

impl Desk<'_> {
    /// Reports a warning, which finds its places by JSON pointers.
    fn warn(&mut self, finding: impl FnOnce(&Spans) -> Diagnostic) {
        let spans = self.spans;
        self.sink.warn(|| finding(spans));
    }

    /// Reports an error, which finds its places by JSON pointers.
    fn add(&mut self, finding: impl FnOnce(&Spans) -> Diagnostic) {
        let spans = self.spans;
        self.sink.add(|| finding(spans));
    }
}

/// The items that are in the list before, each with the place of the first one and its own.
fn repeated<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<(T, usize, usize)> {
    let mut first = std::collections::BTreeMap::new();
    let mut found = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        match first.get(&item) {
            Some(&earlier) => found.push((item, earlier, at)),
            None => {
                first.insert(item, at);
            }
        }
    }
    found
}
