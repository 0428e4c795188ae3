//! What an interrupt or a time-out does with the prompt in flight.

use super::choices;

choices! {
    CancelledPrompt,
    "Does an interrupted turn wait for the prompt that it cancels?",
    "openhands-sdk #3376, review round 1" {
        Drained "drained" "Within a limit, so that its updates come to rest before the next turn.",
        Abandoned "abandoned" "No: it sends session/cancel and ends; the next turn wires its callbacks to the same bridge.",
    }
    CancelSend,
    "How long may sending session/cancel take?",
    "openhands-sdk #3376, review round 4" {
        Bounded "bounded" "As long as its limit; then the turn's cleanup goes on, and the server is restarted.",
        Unbounded "unbounded" "As long as the server takes to read its pipe.",
    }
    CardClosing,
    "When are the open cards of an interrupted turn closed as failed?",
    "openhands-sdk #3358, review round 1; #3376, review round 2" {
        AfterDrain "after_drain" "When the cancelled prompt has come to rest; the callbacks are unwired first.",
        BeforeDrain "before_drain" "As soon as session/cancel was sent, while the callbacks are still wired.",
        Never "never" "Not at all: the cancellation goes past the handlers that close them.",
    }
    DrainResult,
    "What becomes of a prompt that completes during the drain?",
    "openhands-sdk #3376, open when captured" {
        Finalized "finalized" "Its result is recorded as the turn's end.",
        Discarded "discarded" "Its result is thrown away; the turn is recorded as failed and the session goes on.",
    }
    SecondCancel,
    "What happens when a second cancellation comes in the middle of a turn's cleanup?",
    "openhands-sdk #3376, merged code" {
        Repaired "repaired" "Open cards are closed; a turn that is complete is recorded, and otherwise the session is given up.",
        Escapes "escapes" "It ends the cleanup where it stands.",
    }
    InterruptLimit,
    "What does the limit of the service's wait for an interrupted run end?",
    "openhands-sdk #3376, review round 4" {
        Waiting "waiting" "The waiting: the run is shielded from it.",
        Run "run" "The run: its task is cancelled a second time.",
    }
}
