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

use crate::terms::nearest;

pub use cancel_token::{TokenAtEnd, ToolToken};
pub use confirmation::{PendingActions, RefusedAccept};
pub use cursor::{
    CaughtUp, CompletedInterrupt, CompletedStep, Cursor, CursorAdvance, FailedMessage, FirstPrompt,
    StepMessage, SyncMessage,
};
pub use defects::{DEFECTS, Defect};
pub use dispatch::{Dispatch, ToolPool};
pub use drain::{
    CancelSend, CancelledPrompt, CancelledStart, CardClosing, DrainResult, InterruptLimit, PermissionAnswer,
    SecondCancel, SyncTimeout,
};
pub use finalization::{
    AfterError, FailedPrompt, FailedTurn, FinishCheck, FinishedCallbacks, IdlePause, LastIteration,
    LateMessage, LatePause, LoadedHistory, StuckCheck, SuccessfulTurn, SyncAfterError, TimeoutReport,
    TurnCallbacks, UnfinishedCards,
};
pub use locking::{
    AcpStep, AgentStart, LiveUpdate, ModelSwitch, PromptLock, RetryDelay, SwitchTool, SyncPromptLock,
};
pub use publishing::{FinalState, StateUpdate, TokenChunks};
pub use rerun::{
    CloseInFlight, Closing, ExplicitStop, LateStop, OvertakenRerun, RefusedRerun, RefusedRun,
    RerunAfterPause, RerunGeneration, RerunWanted, RerunWhileWaiting, RunningStatus, StopBeforeStart,
    Supersede, SupersedeCheck,
};
pub use restart::{
    FailedStart, InterruptedStart, RestartSession, ServerDeath, SessionRecord, SuffixMarker, SwitchedModel,
    SwitchedSession, SwitchedSuffix, TurnRestart, UndrainedSession,
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
            fn set(&mut self, decision: &str, alternative: &str) -> Result<(), DecisionError> {
                let unknown = || DecisionError::Alternative(decision.to_owned(), alternative.to_owned());
                match decision {
                    $(stringify!($field) => self.$field = $type::named(alternative).ok_or_else(unknown)?,)+
                    _ => return Err(DecisionError::Decision(decision.to_owned())),
                }
                Ok(())
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
    loaded_history: LoadedHistory,
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
    interrupted_start: InterruptedStart,
    turn_restart: TurnRestart,
    sync_message: SyncMessage,
    sync_prompt_lock: SyncPromptLock,
}

/// A name that decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// No such revision.
    #[error("unknown revision `{0}`{near}", near = meant(.0, REVISIONS.iter().map(|revision| revision.name)))]
    Revision(String),
    /// No such defect.
    #[error("unknown defect `{0}`{near}", near = meant(.0, DEFECTS.iter().map(|defect| defect.name)))]
    Defect(String),
    /// No such decision.
    #[error("unknown decision `{0}`{near}", near = meant(.0, DECISIONS.iter().map(|decision| decision.name)))]
    Decision(String),
    /// No such alternative of this decision.
    #[error("decision `{0}` has no alternative `{1}`{near}", near = meant(.1, alternatives(.0)))]
    Alternative(String, String),
}

fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(name, names).map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
}

fn alternatives(decision: &str) -> impl Iterator<Item = &'static str> {
    let decision = DECISIONS.iter().find(|known| known.name == decision);
    decision.into_iter().flat_map(|decision| decision.alternatives).map(|alternative| alternative.name)
}

impl Decisions {
    /// Whether the state lock is free while the step of an ACP agent is under way.
    #[must_use]
    pub fn frees_lock_during_step(&self) -> bool {
        self.prompt_lock == PromptLock::Released && self.acp_step == AcpStep::Native
    }

    /// Whether the state lock is free while a synchronous step of an ACP agent is under way.
    #[must_use]
    pub fn frees_lock_during_sync_step(&self) -> bool {
        self.sync_prompt_lock == SyncPromptLock::Released && self.acp_step == AcpStep::Native
    }

    /// The decisions of a revision, with some changed, then with defects switched on.
    ///
    /// # Errors
    ///
    /// If a name does not exist; the error offers the nearest one.
    ///
    /// ```
    /// use turnloom::subject::model::{Decisions, FinishCheck};
    /// let decisions = Decisions::of("fixed", &Default::default(), &["finish-gap".to_owned()]).unwrap();
    /// assert_eq!(decisions.finish_check, FinishCheck::Split);
    /// let misspelt = Decisions::of("fixed", &Default::default(), &["finish-gpa".to_owned()]).unwrap_err();
    /// assert_eq!(misspelt.to_string(), "unknown defect `finish-gpa`: did you mean `finish-gap`?");
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
            decisions.set(decision, alternative)?;
        }
        for name in defects {
            let defect = DEFECTS.iter().find(|defect| defect.name == name);
            let defect = defect.ok_or_else(|| DecisionError::Defect(name.clone()))?;
            decisions.set(defect.decision, defect.alternative)?;
        }
        Ok(decisions)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{DEFECTS, DecisionError, Decisions, REVISIONS};

    fn changed(decision: &str, alternative: &str) -> String {
        let changes = BTreeMap::from([(decision.to_owned(), alternative.to_owned())]);
        Decisions::of("fixed", &changes, &[]).unwrap_err().to_string()
    }

    #[test]
    fn every_defect_and_every_revision_decides_something() {
        let none = BTreeMap::new();
        let fixed = Decisions::of("fixed", &none, &[]).unwrap();
        for defect in DEFECTS {
            let with = Decisions::of("fixed", &none, &[defect.name.to_owned()]);
            assert_ne!(
                with.unwrap_or_else(|error| panic!("{}: {error}", defect.name)),
                fixed,
                "{}",
                defect.name
            );
        }
        for revision in REVISIONS {
            Decisions::of(revision.name, &none, &[])
                .unwrap_or_else(|error| panic!("{}: {error}", revision.name));
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_refused_with_the_nearest() {
        assert_eq!(
            changed("first_promt", "oldest"),
            "unknown decision `first_promt`: did you mean `first_prompt`?"
        );
        assert_eq!(
            changed("first_prompt", "newst"),
            "decision `first_prompt` has no alternative `newst`: did you mean `newest`?"
        );
        let unknown = Decisions::of("elephant", &BTreeMap::new(), &[]);
        assert_eq!(unknown, Err(DecisionError::Revision("elephant".to_owned())));
        assert_eq!(unknown.unwrap_err().to_string(), "unknown revision `elephant`");
    }
}
