//! `every-chunk-published`: holds what a subscriber saw against what the server said.

use super::facts::{all_recorded, turns};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Published, ServerEntry};
use crate::scenario::Need;

/// Each chunk of a completed turn is published once, in order.
pub struct EveryChunkPublished;

impl Rule for EveryChunkPublished {
    fn name(&self) -> &'static str {
        "every-chunk-published"
    }

    fn title(&self) -> &'static str {
        "each chunk of a completed turn reaches the subscribers once, in order"
    }

    fn page(&self) -> &'static str {
        "A subscriber of the event service sees the agent's text while it streams, chunk by chunk, before the finish \
event brings all of it. A token callback that knows only the chunk objects of an LLM raises on the plain string that \
an ACP server's chunk is, and nobody sees anything until the turn is over.

It breaks when the chunks that a subscriber saw are not chunks that the server said, in their order, each at most \
once; or when a chunk of a turn that was completed is not among them. While there are fewer finish events \
than such turns the client may have cut one short, and chunks may be missing. The rule is for ACP agents behind the \
service; an execution that got stuck has not published all yet.

Source: R02 `string-chunk-dropped`, #3376 base."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service, Need::Acp, Need::Chunk]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        if !context.acp || seen.stream.is_empty() || seen.stuck.is_some() {
            return Vec::new();
        }
        let deltas: Vec<&str> = seen.stream.iter().filter_map(delta).collect();
        let said = |(place, entry)| chunk(entry).map(|text| (place, text));
        let all: Vec<(usize, &str)> = seen.server.iter().enumerate().filter_map(said).collect();
        let strange = first_missing(deltas.iter().copied(), all.iter().map(|(_, text)| *text));
        let strange = strange.map(|place| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("the chunk {:?} was published, but not said at that place", deltas[place]),
            marks: all.iter().map(|(place, _)| Mark::Server(*place)).collect(),
        });
        let owed = owed(seen, &all);
        let missing = first_missing(owed.iter().map(|(_, text)| *text), deltas.iter().copied());
        let missing = missing.map(|place| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("the chunk {:?} of a completed turn was not published", owed[place].1),
            marks: vec![Mark::Server(owed[place].0)],
        });
        strange.into_iter().chain(missing).collect()
    }
}

/// The chunks that must have been published: those of completed turns, if all of these were recorded.
fn owed<'a>(seen: &Observations, all: &[(usize, &'a str)]) -> Vec<(usize, &'a str)> {
    let turns = turns(seen);
    let completed: Vec<_> = turns.iter().filter_map(|turn| Some((turn.read, turn.completed()?))).collect();
    if !all_recorded(seen, &turns) {
        return Vec::new();
    }
    let is_owed =
        |(place, _): &&(usize, &str)| completed.iter().any(|(read, answer)| (read..answer).contains(&place));
    all.iter().filter(is_owed).copied().collect()
}

/// The first of `these` that is not found, in order, among `those`.
fn first_missing<'a>(
    mut these: impl Iterator<Item = &'a str>,
    mut those: impl Iterator<Item = &'a str>,
) -> Option<usize> {
    these.position(|this| !those.any(|that| that == this))
}

fn delta(published: &Published) -> Option<&str> {
    match published {
        Published::Delta(text) => Some(text),
        Published::Event(_) | Published::State(_) => None,
    }
}

fn chunk(entry: &ServerEntry) -> Option<&str> {
    match entry {
        ServerEntry::Said { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::EveryChunkPublished;
    use crate::observation::{Observations, Published, ServerEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::{Status, StopReason};

    fn streamed(finished: usize, server: Vec<ServerEntry>, deltas: &[&str]) -> Observations {
        let deltas = deltas.iter().map(|text| Published::Delta((*text).to_owned()));
        let state = |status| std::iter::once(Published::State(status));
        let stream = state(Status::Running).chain(deltas).chain(state(Status::Finished)).collect();
        let events =
            (0..finished).map(|_| crate::observation::Event { text: "ab".into(), ..finish() }).collect();
        Observations { stream, ..seen(events, server) }
    }

    fn turn() -> Vec<ServerEntry> {
        vec![prompt("first"), said("a"), said("b"), completed("first")]
    }

    #[test]
    fn a_chunk_that_nobody_saw_breaks_it() {
        let seen = streamed(1, turn(), &["a"]);
        assert_eq!(
            breaks(&EveryChunkPublished, &seen),
            "the chunk \"b\" of a completed turn was not published"
        );
        assert_eq!(broken(&seen), ["every-chunk-published"].into());
        assert_eq!(EveryChunkPublished.judge(&seen, &native()), []);
    }

    #[test]
    fn chunks_out_of_order_or_twice_break_it() {
        assert!(!EveryChunkPublished.judge(&streamed(1, turn(), &["b", "a"]), &acp()).is_empty());
        assert_eq!(
            EveryChunkPublished.judge(&streamed(1, turn(), &["a", "b", "b"]), &acp())[0].message,
            "the chunk \"b\" was published, but not said at that place"
        );
    }

    #[test]
    fn all_of_them_in_order_are_right() {
        holds(&EveryChunkPublished, &streamed(1, turn(), &["a", "b"]));
    }

    #[test]
    fn a_turn_that_was_cut_short_may_lack_some() {
        holds(&EveryChunkPublished, &streamed(0, turn(), &["a"]));
        let cancelled = vec![prompt("first"), said("a"), answered("first", StopReason::Cancelled)];
        holds(&EveryChunkPublished, &streamed(0, cancelled, &[]));
    }

    #[test]
    fn without_the_service_there_is_nothing_to_see() {
        let seen = Observations { stream: Vec::new(), ..streamed(1, turn(), &[]) };
        holds(&EveryChunkPublished, &seen);
    }
}
