//! The rules: named properties of one execution, each a file, and of the lock graph over all executions.
//!
//! A rule reads observations and nothing else.

mod accept_is_honoured;
mod asked_run_happens;
mod callback_on_lock_owner;
mod completed_turn_is_kept;
mod context;
mod dispatch_by_agent;
mod every_chunk_published;
mod facts;
mod final_events_together;
mod final_state_last;
mod last_state_is_true;
pub mod lock_order;
mod loop_goes_on;
mod no_deadlock;
mod no_hang;
mod no_lock_across_prompt;
mod no_open_card;
mod no_replay;
mod no_restart_under_lock;
mod no_run_unasked;
mod no_step_after_pause;
mod nothing_after_turn_end;
mod nothing_stranded_after_finish;
mod one_prompt_a_session;
mod one_terminal_event_a_card;
mod permissions_are_cancelled;
mod profile;
mod prompts_in_message_order;
mod restart_between_turns;
mod run_stops_after_error;
mod service_log;
mod session_survives_restart;
mod stop_returns_well;
mod suffix_once_a_session;
mod superseded_prompt_is_cancelled;
mod superseded_prompt_is_not_repeated;
mod switched_model_stays;
#[cfg(test)]
mod testkit;
mod tool_calls_are_answered_once;
mod tool_sees_its_cancel;
mod usage_kept_apart;
mod user_stop_wins;
mod waits;

pub use accept_is_honoured::AcceptIsHonoured;
pub use asked_run_happens::AskedRunHappens;
pub use callback_on_lock_owner::CallbackOnLockOwner;
pub use completed_turn_is_kept::CompletedTurnIsKept;
pub use context::Context;
pub use dispatch_by_agent::DispatchByAgent;
pub use every_chunk_published::EveryChunkPublished;
pub use final_events_together::FinalEventsTogether;
pub use final_state_last::FinalStateLast;
pub use last_state_is_true::LastStateIsTrue;
pub use lock_order::LockOrder;
pub use loop_goes_on::LoopGoesOn;
pub use no_deadlock::NoDeadlock;
pub use no_hang::NoHang;
pub use no_lock_across_prompt::NoLockAcrossPrompt;
pub use no_open_card::NoOpenCard;
pub use no_replay::NoReplay;
pub use no_restart_under_lock::NoRestartUnderLock;
pub use no_run_unasked::NoRunUnasked;
pub use no_step_after_pause::NoStepAfterPause;
pub use nothing_after_turn_end::NothingAfterTurnEnd;
pub use nothing_stranded_after_finish::NothingStrandedAfterFinish;
pub use one_prompt_a_session::OnePromptASession;
pub use one_terminal_event_a_card::OneTerminalEventACard;
pub use permissions_are_cancelled::PermissionsAreCancelled;
pub use profile::{BASES, Basis, PROFILES, Profile, Side, basis};
pub use prompts_in_message_order::PromptsInMessageOrder;
pub use restart_between_turns::RestartBetweenTurns;
pub use run_stops_after_error::RunStopsAfterError;
pub use session_survives_restart::SessionSurvivesRestart;
pub use stop_returns_well::StopReturnsWell;
pub use suffix_once_a_session::SuffixOnceASession;
pub use superseded_prompt_is_cancelled::SupersededPromptIsCancelled;
pub use superseded_prompt_is_not_repeated::SupersededPromptIsNotRepeated;
pub use switched_model_stays::SwitchedModelStays;
pub use tool_calls_are_answered_once::ToolCallsAreAnsweredOnce;
pub use tool_sees_its_cancel::ToolSeesItsCancel;
pub use usage_kept_apart::UsageKeptApart;
pub use user_stop_wins::UserStopWins;

use crate::observation::Observations;
use crate::scenario::Need;

/// What a rule says, and where the rule comes from.
pub trait Rule: Sync {
    /// The rule's name in scenario files, reports and on the command line.
    fn name(&self) -> &'static str;
    /// What must hold, in one line.
    fn title(&self) -> &'static str;
    /// A page: what the rule means, what breaks it, and its source.
    fn page(&self) -> &'static str;
    /// What a scenario must have for the rule to be able to break in it, so that it can be said of one that has not.
    fn needs(&self) -> &'static [Need] {
        &[]
    }
    /// The violations of one execution; empty if the rule holds.
    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation>;
}

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// Whose doing it is.
    pub side: Side,
    /// What happened, in words: names of actors, texts of messages.
    pub message: String,
    /// The observations that break the rule.
    pub marks: Vec<Mark>,
}

/// An observation that a violation points at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// An entry of the event log, counted from 0.
    Event(usize),
    /// An entry of the server's log, counted from 0.
    Server(usize),
    /// A thread that is not done.
    Thread(String),
}

/// Every rule, lock order first, then event order.
///
/// ```
/// let names: Vec<_> = turnloom::rules::rules().iter().map(|rule| rule.name()).collect();
/// assert!(names.contains(&"no-replay"));
/// ```
#[must_use]
pub fn rules() -> &'static [&'static dyn Rule] {
    &[
        &NoLockAcrossPrompt,
        &CallbackOnLockOwner,
        &LockOrder,
        &NoDeadlock,
        &NoHang,
        &NoReplay,
        &NothingStrandedAfterFinish,
        &OnePromptASession,
        &PromptsInMessageOrder,
        &CompletedTurnIsKept,
        &OneTerminalEventACard,
        &NoOpenCard,
        &NothingAfterTurnEnd,
        &RestartBetweenTurns,
        &SessionSurvivesRestart,
        &SwitchedModelStays,
        &NoRestartUnderLock,
        &FinalEventsTogether,
        &SuffixOnceASession,
        &EveryChunkPublished,
        &RunStopsAfterError,
        &ToolSeesItsCancel,
        &SupersededPromptIsCancelled,
        &SupersededPromptIsNotRepeated,
        &UserStopWins,
        &AskedRunHappens,
        &NoRunUnasked,
        &DispatchByAgent,
        &NoStepAfterPause,
        &LastStateIsTrue,
        &LoopGoesOn,
        &FinalStateLast,
        &UsageKeptApart,
        &StopReturnsWell,
        &PermissionsAreCancelled,
        &ToolCallsAreAnsweredOnce,
        &AcceptIsHonoured,
    ]
}

/// The rule of this name, if there is one.
#[must_use]
pub fn rule(name: &str) -> Option<&'static dyn Rule> {
    rules().iter().copied().find(|rule| rule.name() == name)
}

/// The violations of one execution, of all rules, sorted.
///
/// ```
/// use std::collections::BTreeMap;
/// use turnloom::rules::{Context, judge};
/// use turnloom::observation::Observations;
/// use turnloom::scenario::{AgentKind, Limits};
///
/// let (limits, sends, agent) = (Limits::default(), BTreeMap::new(), AgentKind::Acp);
/// let context = Context { limits, sends, acp: true, agent, suffix: false };
/// assert!(judge(&Observations::default(), &context).is_empty());
/// ```
#[must_use]
pub fn judge(seen: &Observations, context: &Context) -> Vec<Violation> {
    let mut violations: Vec<_> = rules().iter().flat_map(|rule| rule.judge(seen, context)).collect();
    violations.sort();
    violations
}

/// As [`judge`], the violations of the rules of a profile and of those before it.
#[must_use]
pub fn judge_by(profile: Profile, seen: &Observations, context: &Context) -> Vec<Violation> {
    let mut violations = judge(seen, context);
    violations.retain(|violation| profile.holds(violation.rule));
    violations
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{BASES, Side, basis, rule, rules};
    use crate::verify::protocol::RULES;

    /// The rows that a text names.
    fn rows(text: &str) -> BTreeSet<&str> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        let is_row = |word: &&str| {
            word.len() == 3
                && word.starts_with(['R', 'N', 'P'])
                && word[1..].bytes().all(|byte| byte.is_ascii_digit())
        };
        words.filter(is_row).collect()
    }

    #[test]
    fn every_rule_rests_on_what_its_page_says() {
        for one in rules() {
            let basis = basis(one.name()).unwrap_or_else(|| panic!("{} has no line in BASES", one.name()));
            let source = one.page().split_once("Source: ").expect("a page has a source").1;
            assert_eq!(basis.rows.iter().copied().collect::<BTreeSet<_>>(), rows(source), "{}", one.name());
            assert!(basis.binds.contains(&Side::Client), "{}", one.name());
        }
        for one in RULES {
            assert!(basis(one.name).is_some(), "{} has no line in BASES", one.name);
        }
        let names = rules().iter().map(|rule| rule.name()).chain(RULES.iter().map(|rule| rule.name));
        assert_eq!(BASES.len(), names.collect::<BTreeSet<_>>().len(), "a line of BASES has no rule");
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_page_with_its_source() {
        for (place, one) in rules().iter().enumerate() {
            assert!(rules()[..place].iter().all(|other| other.name() != one.name()));
            assert!(one.page().contains("Source: "), "{} says where it comes from", one.name());
            assert!(!one.title().ends_with('.') && !one.title().contains('\n'), "{}", one.title());
            assert_eq!(rule(one.name()).map(|found| found.name()), Some(one.name()));
        }
        assert!(rule("no-such-rule").is_none());
    }
}
