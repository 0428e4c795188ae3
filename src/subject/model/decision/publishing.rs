//! What reaches the subscribers of the service, and in which order.

use super::choices;

choices! {
    TokenChunks,
    "Which chunks of text does the service publish while they stream?",
    "openhands-sdk #3376, base" {
        All "all" "Chunks of an LLM and the plain strings of an ACP server.",
        LlmOnly "llm_only" "Chunks of an LLM; the callback raises on a plain string, and the bridge swallows that.",
    }
    StateUpdate,
    "How does the state get to the subscribers when a run, a pause or an interrupt is over?",
    "found by turnloom in openhands-agent-server 1.25.0" {
        InOrder "in_order" "It is handed to the loop under the state lock, so it is published in the order of the changes.",
        ReadAhead "read_ahead" "A worker reads it, and the loop publishes it when it gets there, however old it is by then.",
    }
    FinalState,
    "When is the state that a run ended in published?",
    "openhands-sdk #3376, merged code" {
        AfterPending "after_pending" "When every event of the run has been taken in by the subscribers.",
        AtOnce "at_once" "At once, whatever a subscriber still has to take in.",
    }
}
