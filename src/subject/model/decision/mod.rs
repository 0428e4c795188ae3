//! The decisions of the runtime: design choices with named alternatives, of which each row of the race catalogue is a
//! wrong one. A defect is a name for one wrong alternative, a revision a full set of alternatives.
//!
//! Each file here has the decisions about one thing. The runtime asks "what was decided?", never "is this defect on?".

mod cancel_token;
mod confirmation;
mod cursor;
mod defects;
mod dispatch;
mod drain;
mod finalization;
mod locking;
mod publishing;
mod rerun;
mod restart;
mod revisions;
mod usage;

use std::collections::BTreeMap;

pub use cancel_token::{TokenAtEnd, ToolToken};
pub use confirmation::{PendingActions, RefusedAccept};
pub use cursor::{
    CaughtUp, CompletedInterrupt, CompletedStep, Cursor, CursorAdvance, FailedMessage, FirstPrompt,
    StepMessage,
};
pub use defects::{DEFECTS, Defect};
pub use dispatch::{Dispatch, ToolPool};
pub use drain::{
    CancelSend, CancelledPrompt, CancelledStart, CardClosing, DrainResult, InterruptLimit, PermissionAnswer,
    SecondCancel, SyncTimeout,
};
pub use finalization::{
    AfterError, FailedPrompt, FailedTurn, FinishCheck, FinishedCallbacks, IdlePause, LastIteration,
    LateMessage, LatePause, StuckCheck, SuccessfulTurn, SyncAfterError, TimeoutReport, TurnCallbacks,
    UnfinishedCards,
};
pub use locking::{AcpStep, AgentStart, LiveUpdate, ModelSwitch, PromptLock, RetryDelay, SwitchTool};
pub use publishing::{FinalState, StateUpdate, TokenChunks};
pub use rerun::{
    CloseInFlight, Closing, ExplicitStop, LateStop, OvertakenRerun, RefusedRerun, RefusedRun,
    RerunAfterPause, RerunGeneration, RerunWanted, RerunWhileWaiting, RunningStatus, StopBeforeStart,
    Supersede, SupersedeCheck,
};
pub use restart::{
    FailedStart, RestartSession, ServerDeath, SessionRecord, SuffixMarker, SwitchedModel, SwitchedSession,
    SwitchedSuffix, UndrainedSession,
};
pub use revisions::{Change, REVISIONS, Revision};
pub use usage::CondenserUsage;

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

/// Writes each decision once: its type for the runtime, its words for people.
macro_rules! choices {
    ($($type:ident, $question:literal, $source:literal {
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

            impl $type {
                pub(super) const fn decision(name: &'static str) -> super::Decision {
                    super::Decision {
                        name,
                        question: $question,
                        alternatives: &[
                            super::Alternative { name: $first_name, meaning: $first_meaning },
                            $(super::Alternative { name: $name, meaning: $meaning }),+
                        ],
                        source: $source,
                    }
                }

                pub(super) fn named(alternative: &str) -> Option<Self> {
                    match alternative {
                        $first_name => Some(Self::$first),
                        $($name => Some(Self::$variant),)+
                        _ => None,
                    }
                }
            }
        )+
    };
}
use choices;

/// Lists the decisions: what a decision is called, and its type.
macro_rules! decisions {
    ($($field:ident: $type:ident),+ $(,)?) => {
        /// What was decided.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Decisions {
            $(#[doc = concat!("See [`", stringify!($type), "`].")] pub $field: $type),+
        }

        impl Decisions {
            fn set(&mut self, decision: &str, alternative: &str) -> Option<()> {
                match decision {
                    $(stringify!($field) => self.$field = $type::named(alternative)?,)+
                    _ => return None,
                }
                Some(())
            }
        }

        /// Every decision.
        pub const DECISIONS: &[Decision] = &[$($type::decision(stringify!($field))),+];
    };
}

decisions! {
    prompt_lock: PromptLock,
    step_message: StepMessage,
    finish_check: FinishCheck,
    undrained_session: UndrainedSession,
    cursor_advance: CursorAdvance,
    drain_result: DrainResult,
    acp_step: AcpStep,
    tool_token: ToolToken,
    card_closing: CardClosing,
    interrupt_limit: InterruptLimit,
    second_cancel: SecondCancel,
    restart_session: RestartSession,
    turn_callbacks: TurnCallbacks,
    cancelled_prompt: CancelledPrompt,
    timeout_report: TimeoutReport,
    failed_prompt: FailedPrompt,
    failed_turn: FailedTurn,
    cancel_send: CancelSend,
    live_update: LiveUpdate,
    suffix_marker: SuffixMarker,
    token_chunks: TokenChunks,
    last_iteration: LastIteration,
    after_error: AfterError,
    first_prompt: FirstPrompt,
    caught_up: CaughtUp,
    token_at_end: TokenAtEnd,
    supersede: Supersede,
    explicit_stop: ExplicitStop,
    rerun_after_pause: RerunAfterPause,
    rerun_wanted: RerunWanted,
    supersede_check: SupersedeCheck,
    refused_run: RefusedRun,
    dispatch: Dispatch,
    cursor: Cursor,
    stop_before_start: StopBeforeStart,
    state_update: StateUpdate,
    retry_delay: RetryDelay,
    successful_turn: SuccessfulTurn,
    final_state: FinalState,
    condenser_usage: CondenserUsage,
    agent_start: AgentStart,
    failed_start: FailedStart,
    failed_message: FailedMessage,
    unfinished_cards: UnfinishedCards,
    late_message: LateMessage,
    late_pause: LatePause,
    refused_rerun: RefusedRerun,
    closing: Closing,
    sync_timeout: SyncTimeout,
    sync_after_error: SyncAfterError,
    rerun_generation: RerunGeneration,
    close_in_flight: CloseInFlight,
    server_death: ServerDeath,
    completed_step: CompletedStep,
    completed_interrupt: CompletedInterrupt,
    idle_pause: IdlePause,
    stuck_check: StuckCheck,
    cancelled_start: CancelledStart,
    permission_answer: PermissionAnswer,
    pending_actions: PendingActions,
    session_record: SessionRecord,
    refused_accept: RefusedAccept,
    rerun_while_waiting: RerunWhileWaiting,
    tool_pool: ToolPool,
    overtaken_rerun: OvertakenRerun,
    model_switch: ModelSwitch,
    switched_session: SwitchedSession,
    switched_suffix: SwitchedSuffix,
    running_status: RunningStatus,
    late_stop: LateStop,
    switch_tool: SwitchTool,
    finished_callbacks: FinishedCallbacks,
    switched_model: SwitchedModel,
}

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
    /// use turnloom::subject::model::{Decisions, FinishCheck};
    /// let decisions = Decisions::of("fixed", &Default::default(), &["finish-gap".to_owned()]).unwrap();
    /// assert_eq!(decisions.finish_check, FinishCheck::Split);
    /// ```
    pub fn of(
        revision: &str,
        changes: &BTreeMap<String, String>,
        defects: &[String],
    ) -> Result<Self, DecisionError> {
        let known = Revision::named(revision).ok_or_else(|| DecisionError::Revision(revision.to_owned()))?;
        let mut decisions = Self::default();
        let of_revision = known.all_changes().into_iter().map(|change| (change.decision, change.alternative));
        let changed = changes.iter().map(|(decision, alternative)| (decision.as_str(), alternative.as_str()));
        for (decision, alternative) in of_revision.chain(changed) {
            if decisions.set(decision, alternative).is_none() {
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
