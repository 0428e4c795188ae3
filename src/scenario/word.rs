//! The names of the format's values in running text. Knows nothing of where the text is shown.

use serde::Serialize;
use serde_json::Value;

/// The name of a value as the scenario file writes it, so that reports and files use one vocabulary.
///
/// ```
/// use turnloom::scenario::{Method, StopReason, word};
/// assert_eq!(word(&StopReason::EndTurn), "end_turn");
/// assert_eq!(word(&Method::Prompt), "session/prompt");
/// ```
#[must_use]
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
