//! Verdicts, outcomes and violations in words, the same on every command.
//!
//! Nothing here may hold a path of this machine, a time or a number that depends on the search, unless it was asked
//! for as a statistic.

use std::collections::BTreeSet;

use crate::engine::execution::Drift;
use crate::explore::Firing;
use crate::explore::{Exploration, Statistics, Verdict};
use crate::observation::{LockEdge, Observations};
use crate::rules::{Side, Violation, basis, rule};
use crate::scenario::Channel;
use crate::snapshot;

/// Where a paragraph of an explanation is wrapped.
const COLUMNS: usize = 100;

/// The verdict: `proved`, `proved up to 2 preemptions`, `incomplete: 100 executions were run`.
///
/// ```
/// use turnloom::explore::Verdict;
/// use turnloom::report::words::verdict;
/// assert_eq!(verdict(&Verdict::Proved), "proved");
/// assert_eq!(verdict(&Verdict::ProvedUpTo(1)), "proved up to 1 preemption");
/// ```
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proved => "proved".to_owned(),
        Verdict::ProvedUpTo(bound) => format!("proved up to {}", count(u64::from(*bound), "preemption")),
        Verdict::Sampled { schedules, seed } => {
            format!("sampled {} (seed {seed})", count(*schedules, "schedule"))
        }
        Verdict::Ran { schedules, up_to, sampled, by, seed } => {
            let few = match up_to {
                Some(bound) => format!("all with at most {}", count(u64::from(*bound), "preemption")),
                None => format!("{} with few preemptions", schedules - sampled),
            };
            let drawn = (*sampled > 0).then(|| format!("{sampled} sampled ({by}, seed {seed})"));
            let parts: Vec<String> = (schedules > sampled).then_some(few).into_iter().chain(drawn).collect();
            format!("no violation in {}: {}", count(*schedules, "schedule"), parts.join(", "))
        }
        Verdict::Violated => "violated".to_owned(),
        Verdict::Deadlock => "deadlock".to_owned(),
        Verdict::Hang => "hang".to_owned(),
        Verdict::Incomplete(reason) => format!("incomplete: {reason}"),
    }
}

/// A number with its noun: `1 outcome`, `3 outcomes`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What the channels show of one outcome, a line each and each indented; a stuck execution with every thread's place.
#[must_use]
pub fn outcome(seen: &Observations, observe: &[Channel]) -> String {
    let page = snapshot::render(std::iter::once(seen), &BTreeSet::new(), observe);
    // A snapshot of one outcome: how many there are, the outcome under its heading, the lock order.
    page.lines()
        .skip(3)
        .take_while(|line| !line.is_empty())
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The acquisition graph merged over all executions.
#[must_use]
pub fn lock_order(edges: &BTreeSet<LockEdge>) -> String {
    let page = snapshot::render(std::iter::empty(), edges, &[]);
    page.lines().skip(2).fold(String::new(), |text, line| text + line + "\n")
}

/// A violation: `✗ no-replay: message "first" was prompted twice`.
#[must_use]
pub fn violation(violation: &Violation) -> String {
    format!("✗ {}: {}", attributed(violation.rule, violation.side), plain(&violation.message))
}

/// A broken rule, and whose doing it is unless it is the runtime's: `no-deadlock (the scenario)`.
#[must_use]
pub fn attributed(rule: &str, side: Side) -> String {
    if side == Side::Client { rule.to_owned() } else { format!("{rule} ({side})") }
}

/// What a rule must hold, how binding it is and where it comes from; nothing for a name that is none.
#[must_use]
pub fn must_hold(name: &str) -> String {
    let (Some(rule), Some(basis)) = (rule(name), basis(name)) else { return String::new() };
    format!("What must hold: {} ({}; {}).", rule.title(), basis.profile.name(), basis.cited())
}

/// The token and the command that replays it.
#[must_use]
pub fn replay(token: &str, file: &str, indent: &str) -> String {
    replay_on(token, file, "", indent)
}

/// As [`replay`], with options of the command that name what is replayed on.
#[must_use]
pub fn replay_on(token: &str, file: &str, options: &str, indent: &str) -> String {
    let (file, quoted) = (shell(file), shell(token));
    format!("{indent}token    {token}\n{indent}replay   turnloom replay {file} {quoted}{options}\n")
}

/// Where a schedule did not fit, a line each.
#[must_use]
pub fn drift(drift: &[Drift], indent: &str) -> String {
    drift.iter().fold(String::new(), |text, one| text + indent + &plain(&one.to_string()) + "\n")
}

/// What makes an exploration less than it seems, indented; empty if nothing does.
#[must_use]
pub fn reductions(exploration: &Exploration) -> String {
    match &exploration.reduced[..] {
        [] => String::new(),
        reduced => format!("  reduced: {}\n", reduced.join(", ")),
    }
}

/// Numbers that depend on the search, only for who asks for them.
#[must_use]
pub fn statistics(statistics: &Statistics) -> String {
    let Statistics { executions, states, seconds, share } = statistics;
    let numbers = format!("{}, {}, {seconds:.3} s", count(*executions, "execution"), count(*states, "state"));
    let in_all = share.filter(|share| *share > 0.0).map(|share| *executions as f64 / share);
    in_all.map_or(numbers.clone(), |all| format!("{numbers}, an estimated {all:.0} executions in all"))
}

/// What was run beside the scenario's own decisions and clock: `revision 1.25.0, defect finish-gap, timers race`; empty if
/// nothing was.
#[must_use]
pub fn changes(revision: Option<&str>, defects: &[String], timers: Firing) -> String {
    let revision = revision.map(|revision| format!("revision {revision}"));
    let defects = defects.iter().map(|defect| format!("defect {defect}"));
    let timers = (timers == Firing::Race).then(|| "timers race".to_owned());
    revision.into_iter().chain(defects).chain(timers).collect::<Vec<_>>().join(", ")
}

/// A text without what a terminal would obey.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() { plain.extend(char.escape_default()) } else { plain.push(char) }
    }
    plain
}

/// A word as a shell reads it back.
#[must_use]
pub fn shell(word: &str) -> String {
    let is_safe = |char: char| char.is_ascii_alphanumeric() || "-_./:+@,=%".contains(char);
    if !word.is_empty() && word.chars().all(is_safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Paragraphs wrapped between words; what is indented stays as it is.
#[must_use]
pub fn wrap(text: &str, indent: &str) -> String {
    let mut wrapped = String::new();
    for paragraph in text.lines() {
        let own = paragraph.len() - paragraph.trim_start().len();
        let mut line = format!("{indent}{}", &paragraph[..own]);
        let mut is_empty = true;
        for word in paragraph.split_whitespace() {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
                wrapped += &line;
                wrapped.push('\n');
                line = format!("{indent}{}", &paragraph[..own]);
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line += word;
            is_empty = false;
        }
        wrapped += line.trim_end();
        wrapped.push('\n');
    }
    wrapped
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{changes, lock_order, outcome, plain, shell, verdict, wrap};
    use crate::explore::Firing;
    use crate::explore::{EngineKind, Exploration, OutcomeReport, Statistics, Token, Verdict};
    use crate::observation::{Event, LockEdge, Observations, Stuck, Waiting, Why};
    use crate::rules::{Side, Violation};
    use crate::scenario::{Channel, EventKind};

    pub fn event(text: &str, thread: &str) -> Event {
        Event { kind: EventKind::UserMessage, text: text.into(), tool: None, thread: thread.into() }
    }

    pub fn violation(rule: &'static str) -> Violation {
        let message = "message \"a\" was prompted twice".into();
        Violation { rule, side: Side::Client, message, marks: Vec::new() }
    }

    pub fn token(schedule: &str) -> String {
        let (scenario, defects) = ("r05".to_owned(), vec!["just-arrived".to_owned()]);
        let schedule = schedule.parse().unwrap();
        Token { scenario, revision: None, defects, timers: Firing::Clock, schedule }.to_string()
    }

    /// An exploration in which each outcome with a token breaks `no-replay`.
    pub fn exploration(outcomes: impl IntoIterator<Item = (Observations, Option<String>)>) -> Exploration {
        let report = |(seen, token): (Observations, Option<String>)| {
            let violations = token.iter().map(|_| violation("no-replay")).collect();
            (seen, OutcomeReport { violations, token, schedules: 1 })
        };
        let outcomes: BTreeMap<_, _> = outcomes.into_iter().map(report).collect();
        let violated = outcomes.values().any(|outcome| outcome.token.is_some());
        Exploration {
            engine: EngineKind::Turnloom,
            verdict: if violated { Verdict::Violated } else { Verdict::Proved },
            cut_short: false,
            reduced: Vec::new(),
            outcomes,
            lock_order: BTreeSet::new(),
            lock_violations: Vec::new(),
            statistics: Statistics::default(),
        }
    }

    #[test]
    fn a_verdict_is_never_a_bare_ok() {
        let words = [
            Verdict::Proved,
            Verdict::ProvedUpTo(2),
            Verdict::Violated,
            Verdict::Deadlock,
            Verdict::Hang,
            Verdict::Incomplete("10 executions".into()),
        ];
        assert_eq!(
            words.each_ref().map(verdict),
            [
                "proved",
                "proved up to 2 preemptions",
                "violated",
                "deadlock",
                "hang",
                "incomplete: 10 executions"
            ]
        );
    }

    #[test]
    fn an_outcome_is_told_as_its_snapshot_is() {
        let waiting = Waiting {
            thread: "bob".into(),
            place: vec!["send \"b\"".into()],
            operation: "lock state".into(),
            holds: vec!["run".into()],
            waits_for: vec!["loop".into()],
            step: None,
            needs: Vec::new(),
        };
        let seen = Observations {
            events: vec![event("a", "bob")],
            stuck: Some(Stuck { why: Why::Deadlock, threads: vec![waiting] }),
            ..Observations::default()
        };
        insta::assert_snapshot!(outcome(&seen, &[Channel::Events, Channel::Status]), @r#"
          events   user "a"
          end      idle, no cursor, no session
          stuck    deadlock: nobody can move
                   bob in send "b" is at `lock state`, holds run, needs loop
        "#);
    }

    #[test]
    fn the_lock_order_is_told_as_its_snapshot_is() {
        let edge = LockEdge { held: "state".into(), then: "run".into(), thread: "loop".into() };
        assert_eq!(lock_order(&[edge].into()), "lock order\n  state → run   (loop)\n");
        assert_eq!(lock_order(&BTreeSet::new()), "lock order: none\n");
    }

    #[test]
    fn small_words() {
        assert_eq!(changes(None, &[], Firing::Clock), "");
        let changes = changes(Some("1.25.0"), &["a".into(), "b".into()], Firing::Race);
        assert_eq!(changes, "revision 1.25.0, defect a, defect b, timers race");
        assert_eq!(plain("a\u{1b}[0m\nö"), "a\\u{1b}[0m\\nö");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
    }

    #[test]
    fn paragraphs_are_wrapped_between_words() {
        let text = wrap(&format!("{} end\n\n  kept", "word ".repeat(25).trim_end()), "  ");
        assert!(text.lines().all(|line| line.chars().count() <= super::COLUMNS), "{text}");
        assert!(text.ends_with(" end\n\n    kept\n"), "{text}");
    }
}
