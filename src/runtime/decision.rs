//! The decisions of the runtime: design choices with named alternatives, of which each row of the race catalogue is a
//! wrong one. A defect is a name for one wrong alternative, a revision a full set of alternatives.
//!
//! The runtime asks "what was decided?", never "is this defect on?". This file must not know what follows from a
//! decision; the place in the runtime that asks does.

use std::collections::BTreeMap;

/// A decision, for the command line and for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Its name in scenario files.
    pub name: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// The answers; the first one is what `fixed` takes.
    pub alternatives: &'static [Alternative],
    /// Where the question came up.
    pub source: &'static str,
}

/// One answer to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alternative {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// A name for one wrong alternative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defect {
    /// Its name in scenario files.
    pub name: &'static str,
    /// The row of the race catalogue.
    pub row: &'static str,
    /// The decision.
    pub decision: &'static str,
    /// The wrong alternative.
    pub alternative: &'static str,
    /// What goes wrong.
    pub harm: &'static str,
    /// Where it was found.
    pub source: &'static str,
}

/// A full set of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What it stands for.
    pub meaning: &'static str,
    /// Where it differs from the first alternatives: decision and alternative.
    pub changes: &'static [(&'static str, &'static str)],
}

/// Writes each decision once: its type for the runtime, its names for people.
macro_rules! decisions {
    ($($field:ident: $type:ident, $question:literal, $source:literal {
        $first:ident $first_name:literal $first_meaning:literal,
        $($variant:ident $name:literal $meaning:literal),+ $(,)?
    })+) => {
        $(
            #[doc = $question]
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $type {
                #[doc = $first_meaning]
                #[default]
                $first,
                $(#[doc = $meaning] $variant),+
            }
        )+

        /// What was decided.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Decisions {
            $(#[doc = $question] pub $field: $type),+
        }

        impl Decisions {
            fn set(&mut self, decision: &str, alternative: &str) -> bool {
                match (decision, alternative) {
                    $(
                        (stringify!($field), $first_name) => self.$field = $type::$first,
                        $((stringify!($field), $name) => self.$field = $type::$variant,)+
                    )+
                    _ => return false,
                }
                true
            }
        }

        /// Every decision.
        pub const DECISIONS: &[Decision] = &[$(Decision {
            name: stringify!($field),
            question: $question,
            alternatives: &[
                Alternative { name: $first_name, meaning: $first_meaning },
                $(Alternative { name: $name, meaning: $meaning }),+
            ],
            source: $source,
        }),+];
    };
}

decisions! {
    prompt_lock: PromptLock,
    "Does the loop keep the state lock while an ACP prompt is in flight?",
    "openhands-sdk #3376, base" {
        Released "released" "The lock is taken for each mutation; messages can be persisted during a turn.",
        Held "held" "The loop holds the lock from before the step until after it, across the prompt.",
        HeldAndAskedFor "held_and_asked_for" "As held, and each event takes the lock for itself, on whatever thread it comes up.",
    }
    step_message: StepMessage,
    "Which message does a step prompt?",
    "openhands-sdk #3376, review round 1" {
        Given "given" "The message that the loop chose under the lock and will compare with.",
        Newest "newest" "The newest one when the step begins, though the loop compares with the one it read before.",
    }
    finish_check: FinishCheck,
    "Are the last look for new messages and the write of FINISHED one critical section?",
    "openhands-sdk #3376, review round 2" {
        Atomic "atomic" "Both happen under one hold of the state lock.",
        Split "split" "The lock is let go between the look and the write.",
    }
    undrained_session: UndrainedSession,
    "What happens to a session whose cancelled prompt did not return within the drain limit?",
    "openhands-sdk #3376, review round 3" {
        RestartNextTurn "restart_next_turn" "It is not used again: the server is restarted before the next prompt.",
        Reuse "reuse" "The next turn prompts it.",
        RestartInHandler "restart_in_handler" "The handler of the interrupt or time-out restarts the server, on the loop, before its run ends.",
        RestartUnderLock "restart_under_lock" "After a time-out its handler restarts the server while it holds the state lock.",
    }
    cursor_advance: CursorAdvance,
    "Where does the cursor go after a step?",
    "openhands-sdk #3376, review round 4" {
        Next "next" "To the message that was prompted, so that the next one in order follows.",
        Newest "newest" "After a step with new messages the loop goes to the newest of them.",
    }
    drain_result: DrainResult,
    "What becomes of a prompt that completes during the drain?",
    "openhands-sdk #3376, open when captured" {
        Finalized "finalized" "Its result is recorded as the turn's end.",
        Discarded "discarded" "Its result is thrown away; the turn is recorded as failed and the session goes on.",
    }
    acp_step: AcpStep,
    "On which thread does the step of an ACP agent run, and with it its callbacks?",
    "openhands-sdk #3358 (#3348, #3350)" {
        Native "native" "On the loop: only the prompt's round trip goes to the portal.",
        Executor "executor" "On a worker of the default executor, while the loop holds the state lock.",
    }
    tool_token: ToolToken,
    "Which cancel token does a tool call look at?",
    "openhands-sdk #3395, review remark, open in 1.25.0" {
        OwnRun "own_run" "The token of the run it belongs to.",
        Current "current" "Whatever token the conversation has at that moment.",
    }
    card_closing: CardClosing,
    "When are the open cards of an interrupted turn closed as failed?",
    "openhands-sdk #3358, review round 1; #3376, review round 2" {
        AfterDrain "after_drain" "When the cancelled prompt has come to rest; the callbacks are unwired first.",
        BeforeDrain "before_drain" "As soon as session/cancel was sent, while the callbacks are still wired.",
        Never "never" "Not at all: the cancellation goes past the handlers that close them.",
    }
    interrupt_limit: InterruptLimit,
    "What does the limit of the service's wait for an interrupted run end?",
    "openhands-sdk #3376, review round 4" {
        Waiting "waiting" "The waiting: the run is shielded from it.",
        Run "run" "The run: its task is cancelled a second time.",
    }
    second_cancel: SecondCancel,
    "What happens when a second cancellation comes in the middle of a turn's cleanup?",
    "openhands-sdk #3376, merged code" {
        Repaired "repaired" "Open cards are closed; a turn that is complete is recorded, and otherwise the session is given up.",
        Escapes "escapes" "It ends the cleanup where it stands.",
    }
    restart_session: RestartSession,
    "Which session does a restarted server get?",
    "openhands-sdk #3376, c3749ff" {
        Loaded "loaded" "The one before, with session/load; a new one only if that fails.",
        New "new" "A new one: the restart forgets the id of the one before.",
    }
    turn_callbacks: TurnCallbacks,
    "When are the callbacks of a turn that fails or is cancelled unwired?",
    "openhands-sdk #3376, open when captured" {
        BeforeFinalEvents "before_final_events" "Before its final events are recorded.",
        AfterRestart "after_restart" "By the last cleanup of the turn, which after a restart reaches the new bridge, not the old one.",
    }
    cancelled_prompt: CancelledPrompt,
    "Does an interrupted turn wait for the prompt that it cancels?",
    "openhands-sdk #3376, review round 1" {
        Drained "drained" "Within a limit, so that its updates come to rest before the next turn.",
        Abandoned "abandoned" "No: it sends session/cancel and ends; the next turn wires its callbacks to the same bridge.",
    }
    timeout_report: TimeoutReport,
    "When is the time-out of a prompt recorded?",
    "openhands-sdk #3376, review round 3" {
        AfterDrain "after_drain" "When the cancelled prompt has come to rest.",
        BeforeDrain "before_drain" "As soon as session/cancel was sent, while the callbacks are still wired.",
    }
    failed_turn: FailedTurn,
    "Are the final events and the status of a turn that failed or timed out one critical section?",
    "openhands-sdk #3376, review round 5" {
        Locked "locked" "The state lock is held across them.",
        Unlocked "unlocked" "Each event takes the state lock for itself, the status takes none.",
    }
    cancel_send: CancelSend,
    "How long may sending session/cancel take?",
    "openhands-sdk #3376, review round 4" {
        Bounded "bounded" "As long as its limit; then the turn's cleanup goes on, and the server is restarted.",
        Unbounded "unbounded" "As long as the server takes to read its pipe.",
    }
    live_update: LiveUpdate,
    "Does a live tool update take the state lock before it looks whether its turn is still on?",
    "openhands-sdk 1.25.0, found by turnloom: session_update of the bridge beside _cancel_inflight_tool_calls (sdk/agent/acp_agent.py)" {
        Serialized "serialized" "Yes: its card and its event change together, or not at all.",
        Unserialized "unserialized" "No: card, callback and event are three steps, and the turn's cleanup may come between them.",
    }
    suffix_marker: SuffixMarker,
    "What does the marker `system suffix installed` belong to?",
    "openhands-sdk #3376, review round 4" {
        Session "session" "The session: a fresh one has no suffix yet.",
        Conversation "conversation" "The conversation: it survives a restart that gets a fresh session.",
    }
    token_chunks: TokenChunks,
    "Which chunks of text does the service publish while they stream?",
    "openhands-sdk #3376, base" {
        All "all" "Chunks of an LLM and the plain strings of an ACP server.",
        LlmOnly "llm_only" "Chunks of an LLM; the callback raises on a plain string, and the bridge swallows that.",
    }
    last_iteration: LastIteration,
    "What does a run do with a message that arrives during its last permitted step?",
    "openhands-sdk #3376, review round 3" {
        LeftIdle "left_idle" "It ends idle, so that a follow-up run prompts the message.",
        Ignored "ignored" "It goes on as if a step were left, and so ends in error at its limit.",
    }
    after_error: AfterError,
    "What does a run do after a step that ended in error?",
    "openhands-sdk #3376, review round 4" {
        Stop "stop" "It ends at once; queued messages stay queued.",
        GoOn "go_on" "It takes another step.",
    }
    first_prompt: FirstPrompt,
    "Which message does a conversation without a cursor begin with?",
    "openhands-sdk #3376, open when captured" {
        Oldest "oldest" "The oldest one.",
        Newest "newest" "The newest one.",
    }
    caught_up: CaughtUp,
    "What does a run do when no message waits?",
    "openhands-sdk #3376, open when captured" {
        Finish "finish" "It finishes and prompts nothing.",
        Step "step" "It takes a step all the same, with the newest message, and as that was no message of the queue it counts as a new one afterwards.",
    }
    token_at_end: TokenAtEnd,
    "What becomes of a run's cancel token when the run ends?",
    "openhands-sdk #3395" {
        KeptIfCancelled "kept_if_cancelled" "A cancelled one stays until the next run; any other is cleared.",
        Cleared "cleared" "It is cleared in any case.",
    }
    supersede: Supersede,
    "What becomes of an older ACP prompt in flight when a message is sent with run=true?",
    "openhands-sdk #3376, base" {
        Cancelled "cancelled" "It is cancelled, and the message is prompted in its place.",
        Left "left" "Nothing: the message waits behind it.",
    }
    explicit_stop: ExplicitStop,
    "Does a user's pause or interrupt revoke the reruns that were asked for before it?",
    "openhands-sdk #3376, merged code" {
        Revokes "revokes" "It revokes them all.",
        Forgotten "forgotten" "It stops the run in flight, and a rerun begins all the same.",
    }
    rerun_after_pause: RerunAfterPause,
    "Is a rerun that was asked for honoured when the old run ended paused?",
    "openhands-sdk #3376, review round 5" {
        IfInternal "if_internal" "Yes, if it was the service itself that interrupted the run to replace its prompt.",
        Never "never" "No: only after a run that ended idle.",
    }
    rerun_wanted: RerunWanted,
    "For how long is a rerun that was asked for wanted?",
    "openhands-sdk #3376, open when captured" {
        MessageWaits "message_waits" "Up to the end of the run in flight, and only while the message that asked for it waits.",
        Idle "idle" "Up to the end of the run in flight; it begins if the conversation is idle then, whatever message waits.",
        KeptForIdle "kept_for_idle" "Until some run ends idle, however late, whatever message waits then.",
    }
    supersede_check: SupersedeCheck,
    "Does the service ask whose prompt is in flight before it supersedes it?",
    "openhands-sdk #3376, merged code" {
        Newest "newest" "A prompt that is the newest message's goes on.",
        None "none" "Any prompt in flight is cancelled.",
    }
    refused_run: RefusedRun,
    "What becomes of the run of a message that is refused because the old run is still coming to its end?",
    "openhands-sdk #3376, merged code" {
        Rerun "rerun" "The old run starts it when it has ended.",
        Dropped "dropped" "Nothing.",
    }
    dispatch: Dispatch,
    "Which runs does the service drive on its loop?",
    "openhands-sdk #3404" {
        ByAgent "by_agent" "Those of an agent with a native asynchronous step; any other runs on a worker.",
        ByConversation "by_conversation" "Those of every agent, since the conversation has an asynchronous run.",
        Worker "worker" "None: every agent runs on a worker.",
    }
    cursor: Cursor,
    "Where is the cursor kept, the last message whose prompt was completed?",
    "openhands-sdk #3376, review round 5" {
        State "state" "In the conversation's state: each run takes it up where the one before left it.",
        Run "run" "In the run: the next one begins without.",
    }
    stop_before_start: StopBeforeStart,
    "What does a user's stop do to a run that the service has begun but that has not come to its first step?",
    "found by turnloom in openhands-agent-server 1.25.0" {
        Holds "holds" "The run does not start.",
        Overridden "overridden" "The run starts, and writes running over paused.",
    }
    state_update: StateUpdate,
    "How does the state get to the subscribers when a run, a pause or an interrupt is over?",
    "found by turnloom in openhands-agent-server 1.25.0" {
        InOrder "in_order" "It is handed to the loop under the state lock, so it is published in the order of the changes.",
        ReadAhead "read_ahead" "A worker reads it, and the loop publishes it when it gets there, however old it is by then.",
    }
}

/// Every defect there is a scenario for.
pub const DEFECTS: &[Defect] = &[
    Defect {
        name: "lock-held-across-prompt",
        row: "R01",
        decision: "prompt_lock",
        alternative: "held",
        harm: "send_message waits for the whole turn; with a hung server, for ever",
        source: "openhands-sdk #3376, base",
    },
    Defect {
        name: "just-arrived-prompt-replayed",
        row: "R05",
        decision: "step_message",
        alternative: "newest",
        harm: "a message that arrives as the step begins is prompted twice",
        source: "openhands-sdk #3376, review round 1",
    },
    Defect {
        name: "finish-gap",
        row: "R08",
        decision: "finish_check",
        alternative: "split",
        harm: "a message persisted between the last look and the write of FINISHED is left unprompted",
        source: "openhands-sdk #3376, review round 2",
    },
    Defect {
        name: "undrained-session-reused",
        row: "R10",
        decision: "undrained_session",
        alternative: "reuse",
        harm: "two prompts run in one session and their updates mix",
        source: "openhands-sdk #3376, review round 3",
    },
    Defect {
        name: "fifo-skip",
        row: "R17",
        decision: "cursor_advance",
        alternative: "newest",
        harm: "messages queued during a step are never prompted, but for the newest",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "drain-result-discarded",
        row: "R28",
        decision: "drain_result",
        alternative: "discarded",
        harm: "the server's history has a completed turn that the event log records as a time-out",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "step-in-executor",
        row: "R31",
        decision: "acp_step",
        alternative: "executor",
        harm: "a callback on the worker waits for the lock whose owner waits for the worker",
        source: "openhands-sdk #3358 (#3348, #3350)",
    },
    Defect {
        name: "failed-before-drain",
        row: "R09",
        decision: "card_closing",
        alternative: "before_drain",
        harm: "the server's late completed follows the runtime's own failed",
        source: "openhands-sdk #3376, review round 2",
    },
    Defect {
        name: "orphaned-cards",
        row: "R33",
        decision: "card_closing",
        alternative: "never",
        harm: "the card of a tool call stays in progress for ever",
        source: "openhands-sdk #3358, review round 1",
    },
    Defect {
        name: "unshielded-interrupt-wait",
        row: "R13",
        decision: "interrupt_limit",
        alternative: "run",
        harm: "a second cancellation ends the cleanup of the interrupted turn in its middle",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "restart-inside-cancel",
        row: "R16",
        decision: "undrained_session",
        alternative: "restart_in_handler",
        harm: "everybody waits for a process start, and one that fails turns the interrupt into an error",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "session-identity-lost",
        row: "R22",
        decision: "restart_session",
        alternative: "new",
        harm: "the restarted server gets an empty session, and the agent has forgotten the conversation",
        source: "openhands-sdk #3376, c3749ff",
    },
    Defect {
        name: "old-bridge-callbacks",
        row: "R29",
        decision: "turn_callbacks",
        alternative: "after_restart",
        harm: "late updates of the old session are recorded after the terminal events",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "cancelled-updates-leak",
        row: "R06",
        decision: "cancelled_prompt",
        alternative: "abandoned",
        harm: "text or tool updates of a cancelled prompt appear in the next turn",
        source: "openhands-sdk #3376, review round 1",
    },
    Defect {
        name: "timeout-before-drain",
        row: "R11",
        decision: "timeout_report",
        alternative: "before_drain",
        harm: "updates of the prompt follow the message that it timed out",
        source: "openhands-sdk #3376, review round 3",
    },
    Defect {
        name: "unlocked-timeout-finalization",
        row: "R21",
        decision: "failed_turn",
        alternative: "unlocked",
        harm: "a message lands between the final events of a failed turn",
        source: "openhands-sdk #3376, review round 5",
    },
    Defect {
        name: "restart-under-lock",
        row: "R23",
        decision: "undrained_session",
        alternative: "restart_under_lock",
        harm: "send_message waits for a process start",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "unbounded-cancel-send",
        row: "R14",
        decision: "cancel_send",
        alternative: "unbounded",
        harm: "an interrupt hangs when the server does not read its pipe",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "overtaken-live-update",
        row: "N01",
        decision: "live_update",
        alternative: "unserialized",
        harm: "a tool update that overtakes the closing of its card leaves it open, or is recorded after the turn",
        source: "openhands-sdk 1.25.0, found by turnloom: session_update of the bridge beside _cancel_inflight_tool_calls (sdk/agent/acp_agent.py)",
    },
    Defect {
        name: "stale-suffix-marker",
        row: "R15",
        decision: "suffix_marker",
        alternative: "conversation",
        harm: "a fresh session never gets the system suffix",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "string-chunk-dropped",
        row: "R02",
        decision: "token_chunks",
        alternative: "llm_only",
        harm: "no chunk of an ACP server's text reaches the subscribers while it streams",
        source: "openhands-sdk #3376, base",
    },
    Defect {
        name: "portal-thread-tool-event",
        row: "R32",
        decision: "prompt_lock",
        alternative: "held_and_asked_for",
        harm: "a live tool update waits on the portal for the lock whose owner waits for the portal",
        source: "openhands-sdk #3358, review round 1",
    },
    Defect {
        name: "cap-strands-message",
        row: "R12",
        decision: "last_iteration",
        alternative: "ignored",
        harm: "a message that arrives in the last permitted step is left behind by a run that ends in error, though nothing failed",
        source: "openhands-sdk #3376, review round 3",
    },
    Defect {
        name: "runs-on-after-error",
        row: "R18",
        decision: "after_error",
        alternative: "go_on",
        harm: "another step runs after a fatal error, and the conversation looks finished",
        source: "openhands-sdk #3376, review round 4",
    },
    Defect {
        name: "initial-cursor-latest",
        row: "R27",
        decision: "first_prompt",
        alternative: "newest",
        harm: "messages queued before the first run are skipped, but for the newest",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "reprompt-spin",
        row: "R24",
        decision: "caught_up",
        alternative: "step",
        harm: "a run without a new message prompts the last one again and again, up to its limit",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "cancel-token-cleared",
        row: "R35",
        decision: "token_at_end",
        alternative: "cleared",
        harm: "a tool that outlives the interrupted run finds no token and goes on",
        source: "openhands-sdk #3395",
    },
    Defect {
        name: "cancel-token-shared",
        row: "R36",
        decision: "tool_token",
        alternative: "current",
        harm: "a tool that outlives the interrupted run sees the next run's fresh token and goes on",
        source: "openhands-sdk #3395, review remark, open in 1.25.0",
    },
    Defect {
        name: "no-cancel-on-supersede",
        row: "R03",
        decision: "supersede",
        alternative: "left",
        harm: "the replacement prompt waits behind the old one; with a hung server, for ever",
        source: "openhands-sdk #3376, base",
    },
    Defect {
        name: "stop-overridden-by-rerun",
        row: "R39",
        decision: "explicit_stop",
        alternative: "forgotten",
        harm: "an automatic rerun starts after the user has pressed stop",
        source: "openhands-sdk #3376, merged code",
    },
    Defect {
        name: "rerun-lost-on-pause",
        row: "R20",
        decision: "rerun_after_pause",
        alternative: "never",
        harm: "the message that replaces an interrupted prompt is stranded",
        source: "openhands-sdk #3376, review round 5",
    },
    Defect {
        name: "stale-rerun-flag",
        row: "R26",
        decision: "rerun_wanted",
        alternative: "kept_for_idle",
        harm: "a message sent with run=false starts a run that nobody asked for",
        source: "openhands-sdk #3376, open when captured",
    },
    Defect {
        name: "supersede-cancels-replacement",
        row: "R40",
        decision: "supersede_check",
        alternative: "none",
        harm: "a message's own prompt is cancelled in its name, and the message never gets its turn",
        source: "openhands-sdk #3376, merged code",
    },
    Defect {
        name: "message-stranded-in-tail",
        row: "R41",
        decision: "refused_run",
        alternative: "dropped",
        harm: "a message sent with run=true while the finished run waits for its callbacks is run by nobody",
        source: "openhands-sdk #3376, merged code",
    },
    Defect {
        name: "sync-agent-on-async-path",
        row: "R37",
        decision: "dispatch",
        alternative: "by_conversation",
        harm: "the steps and callbacks of a sync-only agent run on a worker while the loop holds the state lock",
        source: "openhands-sdk #3404",
    },
    Defect {
        name: "async-agent-on-sync-path",
        row: "R38",
        decision: "dispatch",
        alternative: "worker",
        harm: "a native asynchronous agent blocks a worker, and an interrupt no longer cancels its call",
        source: "openhands-sdk #3404",
    },
    Defect {
        name: "cursor-not-persisted",
        row: "R19",
        decision: "cursor",
        alternative: "run",
        harm: "the next run prompts messages again that were dealt with",
        source: "openhands-sdk #3376, review round 5",
    },
    Defect {
        name: "pause-lost-before-start",
        row: "N02",
        decision: "stop_before_start",
        alternative: "overridden",
        harm: "a pause that is recorded before the run's first step is written over, and the agent goes to work",
        source: "found by turnloom in openhands-agent-server 1.25.0",
    },
    Defect {
        name: "stale-state-published",
        row: "N03",
        decision: "state_update",
        alternative: "read_ahead",
        harm: "a subscriber's last word on the state is an old one: idle, say, though the conversation is finished",
        source: "found by turnloom in openhands-agent-server 1.25.0",
    },
];

/// Every revision.
pub const REVISIONS: &[Revision] = &[
    Revision {
        name: "fixed",
        meaning: "release 1.25.0 with the decisions changed that its own remaining findings need: tool_token, live_update, rerun_wanted, stop_before_start, state_update",
        changes: &[],
    },
    Revision {
        name: "1.25.0",
        meaning: "openhands-sdk and openhands-agent-server 1.25.0: the merged state of #3376 and #3395",
        changes: &[
            ("tool_token", "current"),
            ("live_update", "unserialized"),
            ("rerun_wanted", "idle"),
            ("stop_before_start", "overridden"),
            ("state_update", "read_ahead"),
        ],
    },
];

/// A name that decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// No such revision.
    #[error("unknown revision `{0}`")]
    Revision(String),
    /// No such defect.
    #[error("unknown defect `{0}`")]
    Defect(String),
    /// No such decision, or no such alternative of it.
    #[error("decision `{0}` has no alternative `{1}`")]
    Alternative(String, String),
}

impl Decisions {
    /// Whether the state lock is free while the step of an ACP agent is under way.
    #[must_use]
    pub fn frees_lock_during_step(&self) -> bool {
        self.prompt_lock == PromptLock::Released && self.acp_step == AcpStep::Native
    }

    /// The decisions of a revision, with some changed, then with defects switched on.
    ///
    /// # Errors
    ///
    /// If a name is unknown.
    ///
    /// ```
    /// use turnloom::runtime::{Decisions, FinishCheck};
    /// let decisions = Decisions::of("fixed", &Default::default(), &["finish-gap".to_owned()]).unwrap();
    /// assert_eq!(decisions.finish_check, FinishCheck::Split);
    /// ```
    pub fn of(
        revision: &str,
        changes: &BTreeMap<String, String>,
        defects: &[String],
    ) -> Result<Self, DecisionError> {
        let known = REVISIONS.iter().find(|known| known.name == revision);
        let known = known.ok_or_else(|| DecisionError::Revision(revision.to_owned()))?;
        let mut decisions = Self::default();
        let of_revision = known.changes.iter().map(|(decision, alternative)| (*decision, *alternative));
        let changed = changes.iter().map(|(decision, alternative)| (decision.as_str(), alternative.as_str()));
        for (decision, alternative) in of_revision.chain(changed) {
            if !decisions.set(decision, alternative) {
                return Err(DecisionError::Alternative(decision.to_owned(), alternative.to_owned()));
            }
        }
        for name in defects {
            let defect = DEFECTS.iter().find(|defect| defect.name == name);
            let defect = defect.ok_or_else(|| DecisionError::Defect(name.clone()))?;
            decisions.set(defect.decision, defect.alternative);
        }
        Ok(decisions)
    }
}
