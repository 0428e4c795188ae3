//! The rules: named properties of one execution, each a file, and of the lock graph over all executions.
//!
//! A rule reads observations and nothing else. It must not know the runtime, the engines or the scenario's script.

use crate::observation::{Context, Observations};

/// What a rule says, and where the rule comes from.
pub trait Rule: Sync {
    /// The rule's name in scenario files, reports and on the command line.
    fn name(&self) -> &'static str;
    /// What must hold, in one line.
    fn title(&self) -> &'static str;
    /// A page: what the rule means, what breaks it, and its source.
    fn page(&self) -> &'static str;
    /// The violations of one execution; empty if the rule holds.
    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation>;
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// What happened, in words: names of actors, texts of messages.
    pub message: String,
    /// The observations that break the rule.
    pub marks: Vec<Mark>,
}

/// An observation that a violation points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// An entry of the event log, counted from 0.
    Event(usize),
    /// An entry of the server's log, counted from 0.
    Server(usize),
    /// A thread that is not done.
    Thread(String),
}
