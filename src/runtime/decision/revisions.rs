//! The revisions: full sets of decisions, each what one state of the real code decided.

/// A full set of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What it stands for.
    pub meaning: &'static str,
    /// Where it differs from the first alternatives: decision and alternative.
    pub changes: &'static [(&'static str, &'static str)],
}

/// Every revision.
pub const REVISIONS: &[Revision] = &[
    Revision {
        name: "fixed",
        meaning: "release 1.25.0 with the decisions changed that its own remaining findings need: tool_token, live_update, rerun_wanted, stop_before_start, state_update",
        changes: &[],
    },
    Revision {
        name: "1.25.0",
        meaning: "openhands-sdk and openhands-agent-server 1.25.0: the merged state of #3376 and #3395",
        changes: &[
            ("tool_token", "current"),
            ("live_update", "unserialized"),
            ("rerun_wanted", "idle"),
            ("stop_before_start", "overridden"),
            ("state_update", "read_ahead"),
        ],
    },
];
