//! The table of the rules: a rule of an execution is its file, its `mod` line and its row here. The rules of a transcript
//! alone have a row too; `verify` knows what they look at.

use std::sync::LazyLock;

use super::profile::{Basis, Profile, Side};
use super::{
    Rule, accept_is_honoured, asked_run_happens, callback_on_lock_owner, closed_service_begins_no_run,
    completed_turn_is_kept, dispatch_by_agent, every_chunk_published, failed_message_comes_again,
    failed_start_is_told, final_events_together, final_state_last, last_state_is_true, lock_order,
    loop_goes_on, no_deadlock, no_hang, no_lock_across_prompt, no_open_card, no_replay,
    no_restart_under_lock, no_run_unasked, no_step_after_pause, nothing_after_turn_end,
    nothing_stranded_after_finish, one_prompt_a_session, one_terminal_event_a_card,
    permissions_are_cancelled, prompts_in_message_order, restart_between_turns, run_stops_after_error,
    session_survives_restart, stop_leaves_a_trace, stop_returns_well, suffix_once_a_session,
    superseded_prompt_is_cancelled, superseded_prompt_is_not_repeated, switched_model_stays,
    tool_calls_are_answered_once, tool_sees_its_cancel, usage_kept_apart, user_stop_wins,
};

/// A rule of an execution, if it is one, and what it rests on.
struct Row {
    rule: Option<&'static dyn Rule>,
    basis: Basis,
}

const fn of_execution(rule: &'static dyn Rule, basis: Basis) -> Row {
    Row { rule: Some(rule), basis }
}

const fn of_transcript(basis: Basis) -> Row {
    Row { rule: None, basis }
}

const CLIENT: &[Side] = &[Side::Client];
const AGENT: &[Side] = &[Side::Agent];
const BOTH: &[Side] = &[Side::Client, Side::Agent];

/// Of the protocol: read out of a transcript.
const fn acp(
    rule: &'static str,
    profile: Profile,
    binds: &'static [Side],
    pages: &'static [&'static str],
) -> Basis {
    Basis { rule, profile, binds, pages, rows: &[] }
}

/// Of the runtime: read out of an execution.
const fn runtime(rule: &'static str, rows: &'static [&'static str]) -> Basis {
    Basis { rule, profile: Profile::Runtime, binds: CLIENT, pages: &[], rows }
}

/// Every rule, those of an execution first.
static TABLE: &[Row] = &[
    of_execution(
        &no_lock_across_prompt::NoLockAcrossPrompt,
        runtime("no-lock-across-prompt", &["R01", "R32"]),
    ),
    of_execution(
        &callback_on_lock_owner::CallbackOnLockOwner,
        runtime("callback-on-lock-owner", &["R31", "R32", "N25", "P02", "N33"]),
    ),
    of_execution(&lock_order::LockOrder, runtime("lock-order", &["R21", "R23", "R31", "R32"])),
    of_execution(
        &no_deadlock::NoDeadlock,
        Basis {
            binds: &[Side::Client, Side::Scenario],
            ..runtime("no-deadlock", &["R14", "R30", "N07", "N08", "N23", "P03"])
        },
    ),
    of_execution(&no_hang::NoHang, runtime("no-hang", &["R30"])),
    of_execution(&no_replay::NoReplay, runtime("no-replay", &["R05", "R19", "R24", "N12", "N13"])),
    of_execution(
        &nothing_stranded_after_finish::NothingStrandedAfterFinish,
        runtime("nothing-stranded-after-finish", &["R08", "R12", "N15"]),
    ),
    of_execution(
        &one_prompt_a_session::OnePromptASession,
        Basis { profile: Profile::Policy, ..runtime("one-prompt-a-session", &["R10", "N04", "N26"]) },
    ),
    of_execution(
        &prompts_in_message_order::PromptsInMessageOrder,
        runtime("prompts-in-message-order", &["R17", "R27", "N32"]),
    ),
    of_execution(&completed_turn_is_kept::CompletedTurnIsKept, runtime("completed-turn-is-kept", &["R28"])),
    of_execution(
        &one_terminal_event_a_card::OneTerminalEventACard,
        runtime("one-terminal-event-a-card", &["R09", "N10"]),
    ),
    of_execution(
        &no_open_card::NoOpenCard,
        Basis {
            profile: Profile::Should,
            pages: &["prompt-turn"],
            ..runtime("no-open-card", &["R13", "R33", "N29"])
        },
    ),
    of_execution(
        &nothing_after_turn_end::NothingAfterTurnEnd,
        runtime("nothing-after-turn-end", &["R06", "R11", "R29", "N01", "N39"]),
    ),
    of_execution(&restart_between_turns::RestartBetweenTurns, runtime("restart-between-turns", &["R16"])),
    of_execution(
        &session_survives_restart::SessionSurvivesRestart,
        runtime("session-survives-restart", &["R22"]),
    ),
    of_execution(&switched_model_stays::SwitchedModelStays, runtime("switched-model-stays", &["N30"])),
    of_execution(&no_restart_under_lock::NoRestartUnderLock, runtime("no-restart-under-lock", &["R23"])),
    of_execution(
        &final_events_together::FinalEventsTogether,
        runtime("final-events-together", &["R07", "R21"]),
    ),
    of_execution(
        &suffix_once_a_session::SuffixOnceASession,
        runtime("suffix-once-a-session", &["R15", "N27"]),
    ),
    of_execution(&every_chunk_published::EveryChunkPublished, runtime("every-chunk-published", &["R02"])),
    of_execution(
        &run_stops_after_error::RunStopsAfterError,
        runtime("run-stops-after-error", &["R18", "N05"]),
    ),
    of_execution(&tool_sees_its_cancel::ToolSeesItsCancel, runtime("tool-sees-its-cancel", &["R35", "R36"])),
    of_execution(
        &superseded_prompt_is_cancelled::SupersededPromptIsCancelled,
        runtime("superseded-prompt-is-cancelled", &["R03"]),
    ),
    of_execution(
        &superseded_prompt_is_not_repeated::SupersededPromptIsNotRepeated,
        runtime("superseded-prompt-is-not-repeated", &["N20"]),
    ),
    of_execution(&user_stop_wins::UserStopWins, runtime("user-stop-wins", &["R39", "N06"])),
    of_execution(
        &asked_run_happens::AskedRunHappens,
        runtime("asked-run-happens", &["R20", "R40", "R41", "N11", "N22", "N28", "P01", "N31"]),
    ),
    of_execution(&no_run_unasked::NoRunUnasked, runtime("no-run-unasked", &["R26", "N24"])),
    of_execution(&dispatch_by_agent::DispatchByAgent, runtime("dispatch-by-agent", &["R37", "R38"])),
    of_execution(&no_step_after_pause::NoStepAfterPause, runtime("no-step-after-pause", &["N02", "N14"])),
    of_execution(&stop_returns_well::StopReturnsWell, runtime("stop-returns-well", &["N16", "N17"])),
    of_execution(
        &tool_calls_are_answered_once::ToolCallsAreAnsweredOnce,
        runtime("tool-calls-are-answered-once", &["N19"]),
    ),
    of_execution(&accept_is_honoured::AcceptIsHonoured, runtime("accept-is-honoured", &["N21"])),
    of_execution(&last_state_is_true::LastStateIsTrue, runtime("last-state-is-true", &["N03"])),
    of_execution(&loop_goes_on::LoopGoesOn, runtime("loop-goes-on", &["R34", "N38"])),
    of_execution(&final_state_last::FinalStateLast, runtime("final-state-last", &["R42"])),
    of_execution(&usage_kept_apart::UsageKeptApart, runtime("usage-kept-apart", &["R04"])),
    of_execution(&stop_leaves_a_trace::StopLeavesATrace, runtime("stop-leaves-a-trace", &["N37"])),
    of_execution(
        &failed_message_comes_again::FailedMessageComesAgain,
        runtime("failed-message-comes-again", &[]),
    ),
    of_execution(&failed_start_is_told::FailedStartIsTold, runtime("failed-start-is-told", &[])),
    of_execution(
        &closed_service_begins_no_run::ClosedServiceBeginsNoRun,
        runtime("closed-service-begins-no-run", &[]),
    ),
    of_transcript(acp("frames-are-valid", Profile::Must, BOTH, &["transports"])),
    of_transcript(acp("answers-have-requests", Profile::Must, BOTH, &["overview"])),
    of_transcript(acp("setup-before-prompt", Profile::Must, CLIENT, &["prompt-turn", "initialization"])),
    of_execution(
        &permissions_are_cancelled::PermissionsAreCancelled,
        Basis {
            rows: &["N18"],
            ..acp("permissions-are-cancelled", Profile::Must, CLIENT, &["prompt-turn", "tool-calls"])
        },
    ),
    of_transcript(acp("cancel-is-answered-cancelled", Profile::Must, AGENT, &["prompt-turn"])),
    of_transcript(acp("cancel-is-no-error", Profile::Must, AGENT, &["prompt-turn"])),
    of_transcript(acp("updates-before-answer", Profile::Must, AGENT, &["prompt-turn"])),
    of_transcript(acp("capabilities-are-advertised", Profile::Must, AGENT, &["initialization"])),
    of_transcript(acp("permitted-tools-report", Profile::Should, AGENT, &["prompt-turn"])),
    of_transcript(acp("one-prompt-a-turn", Profile::Policy, CLIENT, &[])),
    of_transcript(acp("cancel-has-a-turn", Profile::Policy, CLIENT, &[])),
    of_transcript(acp("updates-in-a-turn", Profile::Policy, AGENT, &[])),
];

static RULES: LazyLock<Vec<&'static dyn Rule>> =
    LazyLock::new(|| TABLE.iter().filter_map(|row| row.rule).collect());

/// Every rule of an execution, lock order first, then event order.
///
/// ```
/// let names: Vec<_> = turnloom::rules::rules().iter().map(|rule| rule.name()).collect();
/// assert!(names.contains(&"no-replay"));
/// ```
#[must_use]
pub fn rules() -> &'static [&'static dyn Rule] {
    &RULES
}

/// The rule of an execution with this name, if there is one.
#[must_use]
pub fn rule(name: &str) -> Option<&'static dyn Rule> {
    rules().iter().copied().find(|rule| rule.name() == name)
}

/// What every rule rests on, those of an execution first.
pub fn bases() -> impl Iterator<Item = &'static Basis> {
    TABLE.iter().map(|row| &row.basis)
}

/// What the rule of this name rests on, if there is such a rule.
#[must_use]
pub fn basis(rule: &str) -> Option<&'static Basis> {
    bases().find(|basis| basis.rule == rule)
}

impl Profile {
    /// Whether the rule of this name is one of the profile's. A rule that is in no table is held by none.
    ///
    /// ```
    /// use turnloom::rules::Profile;
    /// assert!(Profile::Runtime.holds("no-replay") && !Profile::Policy.holds("no-replay"));
    /// ```
    #[must_use]
    pub fn holds(self, rule: &str) -> bool {
        basis(rule).is_some_and(|basis| basis.profile <= self)
    }
}
