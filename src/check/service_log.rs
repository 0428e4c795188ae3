//! What several rules read out of the service's book: who asked for runs, and which runs began.
//!
//! It must not judge.

use crate::observation::{Cause, Observations, ServiceEntry};

/// A message as its sender handed it to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub text: &'a str,
    /// Whether a run was asked for with it.
    pub run: bool,
    /// Where the service's book has it.
    pub place: usize,
}

/// The messages that the service was handed, in its order.
pub(super) fn asked(seen: &Observations) -> Vec<Asked<'_>> {
    let entries = seen.service.iter().enumerate();
    entries
        .filter_map(|(place, entry)| match entry {
            ServiceEntry::Message { text, run } => Some(Asked { text, run: *run, place }),
            _ => None,
        })
        .collect()
}

/// The runs that the service began: where its book has each, and who asked for it. The first is run 1.
pub(super) fn began(seen: &Observations) -> Vec<(usize, Cause)> {
    let entries = seen.service.iter().enumerate();
    entries
        .filter_map(|(place, entry)| match entry {
            ServiceEntry::Began { by } => Some((place, *by)),
            _ => None,
        })
        .collect()
}

/// Whether a user stopped the conversation after this place of the book.
pub(super) fn stopped_after(seen: &Observations, place: usize) -> bool {
    seen.service[place..].contains(&ServiceEntry::Stop)
}
