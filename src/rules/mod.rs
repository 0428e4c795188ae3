//! The rules: named properties of one execution, each a file, and of the lock graph over all executions.
//!
//! A rule reads observations and nothing else.

mod accept_is_honoured;
mod asked_run_happens;
mod callback_on_lock_owner;
mod closed_service_begins_no_run;
mod completed_turn_is_kept;
mod context;
mod dispatch_by_agent;
mod every_chunk_published;
mod facts;
mod failed_message_comes_again;
mod failed_start_is_told;
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
mod stop_leaves_a_trace;
mod stop_returns_well;
mod suffix_once_a_session;
mod superseded_prompt_is_cancelled;
mod superseded_prompt_is_not_repeated;
mod switched_model_stays;
mod table;
#[cfg(test)]
mod testkit;
mod tool_calls_are_answered_once;
mod tool_sees_its_cancel;
pub(crate) mod usage_kept_apart;
mod user_stop_wins;
mod waits;

pub use context::Context;
pub use profile::{Basis, PROFILES, Profile, Side};
pub use table::{bases, basis, rule, rules};

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

    use super::{Side, basis, rule, rules};

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
            let basis = basis(one.name()).unwrap_or_else(|| panic!("{} has no row in the table", one.name()));
            let source = one.page().split_once("Source: ").expect("a page has a source").1;
            assert_eq!(basis.rows.iter().copied().collect::<BTreeSet<_>>(), rows(source), "{}", one.name());
            assert!(basis.binds.contains(&Side::Client), "{}", one.name());
        }
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
