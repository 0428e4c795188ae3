//! What `turnloom explore --format json` prints instead of its document if turnloom itself failed.

use serde::Serialize;

/// What is printed if a scenario could not be run through a fault of turnloom. The exit code is 3.
///
/// ```json
/// { "name": "r08-finish-gap", "verdict": "incomplete: failed to run `r08-finish-gap`: …", "fault": "turnloom" }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultDocument {
    /// The stem of the scenario's file.
    pub name: String,
    /// `incomplete: ` and what happened, with what to send to the authors of turnloom.
    pub verdict: String,
    /// Whose fault it is: always `turnloom`.
    pub fault: &'static str,
}

impl FaultDocument {
    /// The document for a scenario of this name.
    #[must_use]
    pub fn new(name: &str, message: String) -> Self {
        Self { name: name.to_owned(), verdict: format!("incomplete: {message}"), fault: "turnloom" }
    }
}
