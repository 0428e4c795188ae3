//! What becomes of tool calls that wait for a user.

use super::choices;

choices! {
    PendingActions,
    "When does a rejection look which tool calls wait for an answer?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.reject_pending_actions" {
        ReadUnderLock "read_under_lock" "Once it has the state lock, so that nobody else answers them before it does.",
        ReadBeforeLock "read_before_lock" "Before it asks for the state lock; whoever has it meanwhile may answer them too.",
    }
}
