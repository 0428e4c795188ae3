//! What a tool call sees of its cancel token.

use super::choices;

choices! {
    ToolToken,
    "Which cancel token does a tool call look at?",
    "openhands-sdk #3395, review remark, open in 1.25.0" {
        OwnRun "own_run" "The token of the run it belongs to.",
        Current "current" "Whatever token the conversation has at that moment.",
    }
    TokenAtEnd,
    "What becomes of a run's cancel token when the run ends?",
    "openhands-sdk #3395" {
        KeptIfCancelled "kept_if_cancelled" "A cancelled one stays until the next run; any other is cleared.",
        Cleared "cleared" "It is cleared in any case.",
    }
}
