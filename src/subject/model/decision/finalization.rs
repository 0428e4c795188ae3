//! How a turn and a run come to their end: last looks, final events, status.

use super::choices;

choices! {
    FinishCheck,
    "Are the last look for new messages and the write of FINISHED one critical section?",
    "openhands-sdk #3376, review round 2" {
        Atomic "atomic" "Both happen under one hold of the state lock.",
        Split "split" "The lock is let go between the look and the write.",
    }
    LastIteration,
    "What does a run do with a message that arrives during its last permitted step?",
    "openhands-sdk #3376, review round 3" {
        LeftIdle "left_idle" "It ends idle, so that a follow-up run prompts the message.",
        Ignored "ignored" "It goes on as if a step were left, and so ends in error at its limit.",
    }
    AfterError,
    "What does a run do after a step that ended in error?",
    "openhands-sdk #3376, review round 4" {
        Stop "stop" "It ends at once; queued messages stay queued.",
        GoOn "go_on" "It takes another step.",
    }
    TurnCallbacks,
    "When are the callbacks of a turn that fails or is cancelled unwired?",
    "openhands-sdk #3376, open when captured" {
        BeforeFinalEvents "before_final_events" "Before its final events are recorded.",
        AfterRestart "after_restart" "By the last cleanup of the turn, which after a restart reaches the new bridge, not the old one.",
    }
    FinishedCallbacks,
    "When are the callbacks of a turn that went well unwired?",
    "openhands-sdk 1.25.0, found by turnloom: ACPAgent.astep, finally" {
        BeforeFinish "before_finish" "Before its final events are recorded: what the server says behind its answer goes nowhere.",
        AfterFinish "after_finish" "Afterwards: a tool update behind the answer can be recorded behind the finish event, and nobody closes its card.",
    }
    FailedPrompt,
    "Does a turn whose prompt failed wait for the updates that came before the error?",
    "openhands-sdk 1.25.0, found by turnloom: _do_acp_prompt, which waits for the usage update only when the prompt went well" {
        Settled "settled" "Yes: they are handled, and recorded in their own turn, before the error is.",
        AtOnce "at_once" "No: one that is still to be handled comes up whenever it does, in the next turn maybe.",
    }
    LoadedHistory,
    "Does a start that loads a session wait for the history that the server told before its answer?",
    "openhands-sdk 1.25.0, found by turnloom: ACPAgent._start_acp_server, await conn.load_session" {
        Settled "settled" "Yes: it is handled, and forgotten, before the first turn begins.",
        AtOnce "at_once" "No: what is still to be handled comes up whenever it does, in the first turn maybe.",
    }
    TimeoutReport,
    "When is the time-out of a prompt recorded?",
    "openhands-sdk #3376, review round 3" {
        AfterDrain "after_drain" "When the cancelled prompt has come to rest.",
        BeforeDrain "before_drain" "As soon as session/cancel was sent, while the callbacks are still wired.",
    }
    FailedTurn,
    "Are the final events and the status of a turn that failed or timed out one critical section?",
    "openhands-sdk #3376, review round 5" {
        Locked "locked" "The state lock is held across them.",
        Unlocked "unlocked" "Each event takes the state lock for itself, the status takes none.",
    }
    SuccessfulTurn,
    "Are the final events and the status of a turn that went well one critical section?",
    "openhands-sdk #3376, review round 2" {
        Locked "locked" "The state lock is held across them.",
        Unlocked "unlocked" "Each event takes the state lock for itself, the status takes none.",
    }
    UnfinishedCards,
    "What becomes of a tool call that the server left open when its turn ended well?",
    "openhands-sdk 1.24.0 beside 1.25.0 (ACPAgent._finalize_successful_turn)" {
        Completed "completed" "It is closed as completed.",
        LeftOpen "left_open" "Nothing: it stays open.",
    }
    LateMessage,
    "With which status does a run go on for a message that came when its turn was finished already?",
    "openhands-sdk #3376, review round 2" {
        Running "running" "With running.",
        Idle "idle" "With idle, which the message has left.",
    }
    LatePause,
    "Is a pause honoured that comes after the run has chosen its message?",
    "openhands-sdk #3376, c3749ffa8 beside the merged code" {
        Honoured "honoured" "Yes: the run ends paused.",
        WrittenOver "written_over" "No: the end of the turn writes over it.",
    }
    IdlePause,
    "Is a pause honoured that comes while a run looks for a message and finds none?",
    "found by turnloom in openhands-sdk 1.25.0: LocalConversation.arun, acp_step_user_message is None" {
        Honoured "honoured" "Yes: the run ends paused.",
        WrittenOver "written_over" "No: the run writes finished over it, or running, if a message has come as well.",
    }
    StuckCheck,
    "Since when does the stuck detector count turns that end alike?",
    "found by turnloom in openhands-sdk 1.25.0: StuckDetector.is_stuck looks at all that follows the last user message in the log" {
        SinceFinish "since_finish" "Since the last turn that ended well: that was progress.",
        SinceMessage "since_message" "Since the last message in the log, though a run may have answered many that were there before.",
    }
    SyncAfterError,
    "What does a synchronous run do after a step that ended in error?",
    "found by turnloom in openhands-sdk 1.25.0: LocalConversation.run looks for paused, stuck and finished only" {
        Stop "stop" "It ends at once.",
        GoOn "go_on" "It takes another step, with the same message.",
    }
}
