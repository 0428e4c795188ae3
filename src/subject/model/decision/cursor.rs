//! Which message is prompted next, and what the conversation remembers of those before.

use super::choices;

choices! {
    StepMessage,
    "Which message does a step prompt?",
    "openhands-sdk #3376, review round 1" {
        Given "given" "The message that the loop chose under the lock and will compare with.",
        Newest "newest" "The newest one when the step begins, though the loop compares with the one it read before.",
    }
    FirstPrompt,
    "Which message does a conversation without a cursor begin with?",
    "openhands-sdk #3376, open when captured" {
        Oldest "oldest" "The oldest one.",
        Newest "newest" "The newest one.",
    }
    CursorAdvance,
    "Where does the cursor go after a step?",
    "openhands-sdk #3376, review round 4" {
        Next "next" "To the message that was prompted, so that the next one in order follows.",
        Newest "newest" "After a step with new messages the loop goes to the newest of them.",
        NoCursor "no_cursor" "There is none: every step takes the newest message there is.",
    }
    CaughtUp,
    "What does a run do when no message waits?",
    "openhands-sdk #3376, open when captured" {
        Finish "finish" "It finishes and prompts nothing.",
        Step "step" "It takes a step all the same, with the newest message, and as that was no message of the queue it counts as a new one afterwards.",
    }
    Cursor,
    "Where is the cursor kept, the last message whose prompt was completed?",
    "openhands-sdk #3376, review round 5" {
        State "state" "In the conversation's state: each run takes it up where the one before left it.",
        Run "run" "In the run: the next one begins without.",
    }
    CompletedStep,
    "What tells a run that the prompt of its step was completed?",
    "found by turnloom in openhands-sdk 1.25.0: LocalConversation.arun, after astep" {
        FinishEvent "finish_event" "The finish event among those of the step.",
        Status "status" "The status, which a message and a pause may have changed since the turn ended.",
    }
    CompletedInterrupt,
    "What tells a run that the prompt was completed in which it was interrupted?",
    "found by turnloom in openhands-sdk 1.25.0: LocalConversation.arun, except CancelledError" {
        FinishEvent "finish_event" "The finish event among those of the step.",
        Status "status" "The status, which a message may have changed since the turn ended.",
    }
    FailedMessage,
    "Does the cursor move over a message whose turn has failed?",
    "openhands-sdk #3376, ffeb8816e beside the merged code" {
        Kept "kept" "No: the next run prompts it again.",
        PassedOver "passed_over" "Yes: no run prompts it again.",
    }
    SyncMessage,
    "Which message does a step of a synchronous run of an ACP agent prompt?",
    "openhands-sdk 1.25.0, found by turnloom: ACPAgent.step, reversed(state.events)" {
        Next "next" "The one behind the cursor, which moves on to it: a synchronous run takes up where any run before it left.",
        Newest "newest" "The newest one; the cursor stays where it is.",
    }
}
