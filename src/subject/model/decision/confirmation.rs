//! What becomes of tool calls that wait for a user.

use super::choices;

choices! {
    PendingActions,
    "When does a rejection look which tool calls wait for an answer?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.reject_pending_actions" {
        ReadUnderLock "read_under_lock" "Once it has the state lock, so that nobody else answers them before it does.",
        ReadBeforeLock "read_before_lock" "Before it asks for the state lock; whoever has it meanwhile may answer them too.",
    }
    RefusedAccept,
    "What becomes of an accept that is refused because the run that asked for it is still coming to its end?",
    "openhands-agent-server 1.25.0, found by turnloom: EventService.respond_to_confirmation" {
        RunAfter "run_after" "That run starts the next one when it has ended, if its tool calls still wait then.",
        Dropped "dropped" "Nothing; whoever accepted is told that it worked.",
    }
}
