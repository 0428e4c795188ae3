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
];

/// Every revision.
pub const REVISIONS: &[Revision] = &[
    Revision {
        name: "fixed",
        meaning: "release 1.25.0 with the decisions changed that its own remaining findings need: tool_token, live_update",
        changes: &[],
    },
    Revision {
        name: "1.25.0",
        meaning: "openhands-sdk and openhands-agent-server 1.25.0: the merged state of #3376 and #3395",
        changes: &[("tool_token", "current"), ("live_update", "unserialized")],
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
