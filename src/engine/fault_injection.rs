//! Defects of the searches that the tests plant to see that they would be found. Outside tests there are none.

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// A read and a write of one object do not depend on each other.
    ReadsDependOnNothing,
    /// No write depends on anything.
    WritesAreReads,
    /// What one operation reads besides its object is not among its uses.
    WatchedObjectsForgotten,
    /// The footprint of a state that is met again is not held against the path.
    FootprintNotHeldAgainstPath,
    /// What slept when a state was left, and is awake when it is met again, is not tried.
    StoredSleepersForgotten,
    /// A state is met again for good: neither its footprint nor who slept there matters.
    KnownStatesEndTheSearch,
    /// Of a thread that is wanted while it sleeps nothing follows.
    WantedSleepersIgnored,
    /// Steps are not held against those who wait for several objects.
    JointWaitsIgnored,
    /// A race with an operation that cannot be taken is none.
    BlockedRacesIgnored,
    /// Objects that are waited for together are objects of their own.
    GroupsForgotten,
    /// What a logical task read of the data of its thread does not count as learned.
    ReadsOfLocalsForgotten,
    /// What the logical tasks of a thread share is no part of the state.
    LocalsForgotten,
    /// Of an operation with alternatives the first is tried and no other.
    OnlyTheFirstAlternative,
    /// An operation with alternatives commutes with all that others can do before it.
    ChoicesAreSettled,
    /// A state is in the table as soon as somebody comes to it.
    KnownOnEntry,
    /// A thread of the program panics.
    ThreadPanics,
    /// The engine panics before it begins an execution.
    EnginePanics,
}

#[cfg(test)]
thread_local! {
    static NOW: std::cell::Cell<Option<Planted>> = const { std::cell::Cell::new(None) };
}

/// Whether a defect is planted.
#[cfg(test)]
pub(crate) fn planted(defect: Planted) -> bool {
    NOW.get() == Some(defect)
}

/// Whether a defect is planted.
#[cfg(not(test))]
pub(crate) const fn planted(_: Planted) -> bool {
    false
}

/// The defect that is planted in this thread.
#[cfg(test)]
pub(crate) fn now() -> Option<Planted> {
    NOW.get()
}

/// Plants a defect in this thread, for as long as it lives.
#[cfg(test)]
pub(crate) fn set(defect: Option<Planted>) {
    NOW.set(defect);
}

/// Runs `body` with a defect planted.
#[cfg(test)]
pub(crate) fn with<R>(defect: Option<Planted>, body: impl FnOnce() -> R) -> R {
    NOW.set(defect);
    let result = body();
    NOW.set(None);
    result
}
