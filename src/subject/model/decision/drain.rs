//! What an interrupt or a time-out does with the prompt in flight.

use super::choices;

choices! {
    CancelledPrompt,
    "What does a turn that is interrupted or times out do with its prompt?",
    "openhands-sdk #3376, review round 1" {
        Drained "drained" "It sends session/cancel and waits for it within a limit, so that its updates come to rest before the next turn.",
        Abandoned "abandoned" "It sends session/cancel and ends; the next turn wires its callbacks to the same bridge.",
        Forgotten "forgotten" "Nothing: the server is not told, and goes on with it.",
    }
    CancelSend,
    "How long may sending session/cancel take?",
    "openhands-sdk #3376, review round 4" {
        Bounded "bounded" "As long as its limit; then the turn's cleanup goes on, and the server is restarted.",
        Limited "limited" "As long as its limit; then the turn's cleanup goes on, and the session is trusted as before.",
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
    CancelledStart,
    "What does the service's interrupt do when the run that it waits for was cancelled before its first step?",
    "found by turnloom in openhands-agent-server 1.25.0: EventService.interrupt, suppress(Exception) around wait_for" {
        Ended "ended" "It takes the run for ended, and returns.",
        PassedOn "passed_on" "It passes the cancellation on to whoever called it.",
    }
    PermissionAnswer,
    "What does the client answer to a permission request that it handles when it has cancelled the turn?",
    "found by turnloom in openhands-sdk 1.25.0: request_permission of the bridge" {
        Cancelled "cancelled" "That the turn was cancelled.",
        Selected "selected" "The first option, as to any other request.",
    }
    SyncTimeout,
    "What becomes of the session after the prompt of a synchronous step has timed out?",
    "found by turnloom in openhands-sdk 1.25.0: ACPAgent.step sends session/cancel and neither drains nor restarts" {
        Restarted "restarted" "The server is restarted before the next step, while nobody holds the state lock.",
        Reused "reused" "The next step prompts it, whatever the server still does.",
    }
}
