//! Strands: the callbacks and coroutines that take turns on one thread.
//!
//! For a search, a state is what everybody has learned and what every object holds. If a thread that runs an event loop
//! learned as a whole, it would remember for ever in which order its callbacks ran, though none of them can tell. So each
//! of them is a strand: what it learns is its own and is gone when it ends. Data that strands of a thread share is a
//! [`Local`](super::Local): what it holds is part of the state, and what a strand reads of it the strand has learned. It
//! must not know what an event loop is.
//!
//! A strand is told apart by its *key*, which the strand that made it gives it, and begins with knowing what it was made
//! of: a label that says all it will do, or else everything that its maker knew.

use std::hash::Hash;

use super::digest::{chain, digest};
use super::engine;

/// A strand while it does not run, or the one that runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Strand {
    /// Tells it from others.
    pub(crate) key: u128,
    /// The digest of all it has learned.
    pub(crate) history: u128,
    /// How many objects and strands it has made.
    pub(crate) made: u64,
    /// The digest of the strands of the same thread that wait for it to give way.
    pub(crate) beneath: u128,
}

impl Strand {
    /// A strand that a label says everything about, made by the one that runs.
    pub(crate) fn labelled(label: &impl Hash) -> Self {
        if engine::current().digests() {
            Self::with_key(next_key(), Some(digest(label)))
        } else {
            Self::default()
        }
    }

    /// A strand that knows all that the one that makes it knows now.
    pub(crate) fn branch() -> Self {
        Self::with_key(next_key(), None)
    }

    /// A strand with a key of its own, begun by the one that runs; `label` says everything about it, if it is given.
    pub(crate) fn with_key(key: u128, label: Option<u128>) -> Self {
        if !engine::current().digests() {
            return Self::default();
        }
        let history = label.unwrap_or_else(|| engine::current().strand().history);
        Self { key, history: chain(key, history), ..Self::default() }
    }

    /// Runs `body` as this strand; what it is when it gives way.
    pub(crate) fn run<R>(mut self, body: impl FnOnce() -> R) -> (R, Self) {
        let engine = engine::current();
        if !engine.digests() {
            return (body(), self);
        }
        let before = engine.strand();
        self.beneath = chain(before.beneath, before.history);
        engine.set_strand(self);
        let result = body();
        let now = engine.strand();
        engine.set_strand(before);
        (result, Self { beneath: 0, ..now })
    }
}

/// The key of the next thing that the running strand makes.
fn next_key() -> u128 {
    let engine = engine::current();
    if !engine.digests() {
        return 0;
    }
    let strand = engine.strand();
    engine.set_strand(Strand { made: strand.made + 1, ..strand });
    chain(strand.key, u128::from(strand.made))
}

/// A place in a strand to which it can go back: what it had learned there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    strand: Strand,
}

impl Mark {
    /// Here.
    pub(crate) fn here() -> Self {
        let engine = engine::current();
        let strand = engine.strand();
        if engine.digests() {
            engine.set_strand(Strand { history: chain(strand.history, digest("begun")), ..strand });
        }
        Self { strand }
    }

    /// What the strand learned since matters no more, but for `value`. The caller promises it; a function that returns
    /// `value` and leaves nothing else behind but in objects can.
    pub(crate) fn keep(self, value: &impl Hash) {
        self.back(|| ended(value), Some(self.strand.made));
    }

    /// The strand stands at the head of a loop that begins here, at which nothing it learned matters.
    pub(crate) fn again(self) {
        self.back(|| digest("again"), None);
    }

    /// The strand gives way here, and when it goes on nothing will depend on what it did since, but in objects.
    pub(crate) fn as_before(self) {
        let engine = engine::current();
        engine.set_strand(Strand { history: self.strand.history, ..engine.strand() });
    }

    /// Goes back by a way that tells from where, and with `made` also to the objects that were made by then.
    fn back(self, way: impl FnOnce() -> u128, made: Option<u64>) {
        let engine = engine::current();
        if engine.digests() {
            let now = engine.strand();
            let history = chain(self.strand.history, way());
            engine.set_strand(Strand { history, made: made.unwrap_or(now.made), ..now });
        }
    }
}

/// Runs a function of which the strand learns nothing but what it returns.
pub(crate) fn learns_only<R: Hash>(body: impl FnOnce() -> R) -> R {
    let begun = Mark::here();
    let result = body();
    begun.back(|| ended(&result), None);
    result
}

/// The way back from the end of something that came to `value`.
fn ended(value: &impl Hash) -> u128 {
    chain(digest("ended"), digest(value))
}
