//! What several rules read out of the service's book: who asked for runs, and which runs began.

use crate::observation::{Call, CallKind, Cause, Observations, ServiceEntry};

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

/// Whether the service was closed, be it to be started again: from then on it has no subscribers.
pub(super) fn was_closed(seen: &Observations) -> bool {
    let closes = |call: &Call| matches!(call.call, CallKind::Close | CallKind::Reload);
    seen.calls.values().flatten().any(closes)
}

/// Whether no call of `run` was refused: the book does not say which one was.
pub(super) fn are_runs_granted(seen: &Observations) -> bool {
    let mut calls = seen.calls.values().flatten().filter(|call| call.call == CallKind::Run);
    calls.all(Call::went_well)
}

/// Whether a user's stop after this place of the book is the last word: nobody has asked for a run since. A call of `run`
/// counts if no such call was refused.
pub(super) fn stays_stopped(seen: &Observations, place: usize) -> bool {
    let granted = are_runs_granted(seen);
    let counts = |entry: &&ServiceEntry| match entry {
        ServiceEntry::Run => granted,
        // It is about tool calls, whatever else its run takes along.
        ServiceEntry::Accept { .. } => false,
        entry => is_stop_or_asks(entry),
    };
    seen.service[place + 1..].iter().rev().find(counts).is_some_and(ServiceEntry::is_stop)
}

/// Whether an entry asks for a run. An accept does if it found tool calls that wait.
pub(super) fn asks_for_run(entry: &ServiceEntry) -> bool {
    match entry {
        ServiceEntry::Run => true,
        ServiceEntry::Message { run, .. } => *run,
        ServiceEntry::Accept { waiting } => *waiting,
        ServiceEntry::Pause
        | ServiceEntry::Stop
        | ServiceEntry::VainStop
        | ServiceEntry::Began { .. }
        | ServiceEntry::PendingLeft
        | ServiceEntry::Closing
        | ServiceEntry::Opened => false,
    }
}

/// Whether a user has accepted tool calls since the last run of this part of the book began.
pub(super) fn was_accepted(book: &[ServiceEntry]) -> bool {
    let mut since = book.iter().rev().take_while(|entry| !matches!(entry, ServiceEntry::Began { .. }));
    since.any(|entry| *entry == ServiceEntry::Accept { waiting: true })
}

/// Whether a user's stop is the last word of this part of the book: nobody has asked for a run since.
pub(super) fn was_stopped(book: &[ServiceEntry]) -> bool {
    let last = book.iter().rev().find(|entry| is_stop_or_asks(entry));
    last.is_some_and(ServiceEntry::is_stop)
}

fn is_stop_or_asks(entry: &ServiceEntry) -> bool {
    entry.is_stop() || asks_for_run(entry)
}

/// Whether a user stopped the conversation after this place of the book.
pub(super) fn stopped_after(seen: &Observations, place: usize) -> bool {
    seen.service[place..].iter().any(ServiceEntry::is_stop)
}
