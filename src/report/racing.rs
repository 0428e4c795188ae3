//! The racing pair in words, and the two executions side by side.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::words::plain;
use crate::explore::{Job, RacingPair, Side, TraceStep};

/// The widest step that is shown beside another one; longer ones are cut.
const WIDEST: usize = 44;

/// The pair as a sentence: "client `bob` takes the state lock before client `alice` writes status finished".
#[must_use]
pub fn sentence(pair: &RacingPair, actors: &[&str]) -> String {
    let first = pair.failing.first.map(|step| deed(&pair.failing.steps, step, actors));
    let second = pair.passing.second.map(|step| purpose(&pair.passing.steps, step, actors));
    format!("{} before {}", first.unwrap_or_default(), second.unwrap_or_default())
}

/// That there is no pair, and the waits of the scenario that decide instead. Of a program only the last reversals are tried.
#[must_use]
pub fn none(job: &Job, waits: &[String]) -> String {
    let none = match job.subject {
        None => "none, as no single reversal of two operations passes",
        Some(_) => "none, as no single reversal of two operations that was tried passes",
    };
    match waits {
        [] => none.to_owned(),
        [wait] => format!("{none}; without {} an order passes", plain(wait)),
        waits => format!("{none}; without one of these an order passes: {}", plain(&waits.join(", "))),
    }
}

/// The failing execution beside the passing one, around the steps that matter; the two operations are marked.
#[must_use]
pub fn side_by_side(pair: &RacingPair, indent: &str) -> String {
    let (fails, passes) = (rows(&pair.failing, pair.parting), rows(&pair.passing, pair.parting));
    let width = fails.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    let heads = ["  this order breaks the rule".to_owned(), "  this order passes".to_owned()];
    let width = width.max(heads[0].chars().count());
    let empty = String::new();
    let [fails_head, passes_head] = heads;
    let left = std::iter::once(&fails_head).chain(&fails);
    let right = std::iter::once(&passes_head).chain(&passes);
    for line in 0..1 + fails.len().max(passes.len()) {
        let left = left.clone().nth(line).unwrap_or(&empty);
        let right = right.clone().nth(line).unwrap_or(&empty);
        let _ = writeln!(text, "{}", format!("{indent}{left:width$}   {right}").trim_end());
    }
    text
}

fn rows(side: &Side, parting: usize) -> Vec<String> {
    let marked = [side.first, side.second];
    let around = |step: usize, reach: usize| step.saturating_sub(reach)..=step + reach;
    let mut shown: BTreeSet<usize> = around(parting, 2).collect();
    shown.extend(marked.into_iter().flatten().flat_map(|step| around(step, 1)));
    let mut rows = Vec::new();
    let mut before = None;
    for step in shown.into_iter().take_while(|step| *step < side.steps.len()) {
        if before.is_some_and(|before| before + 1 < step) {
            rows.push("  ⋮".to_owned());
        }
        before = Some(step);
        let mark = if marked.contains(&Some(step)) { '▸' } else { ' ' };
        let TraceStep { thread, operation, object, detail, .. } = &side.steps[step];
        let words = format!("{mark} {step:>3}  {thread}: {operation} {object} {detail}");
        rows.push(cut(&plain(words.trim_end())));
    }
    rows
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

/// What a thread does in a step.
fn deed(steps: &[TraceStep], step: usize, actors: &[&str]) -> String {
    let Some(step) = steps.get(step) else { return String::new() };
    let TraceStep { thread, operation, object, detail, .. } = step;
    let who = if actors.contains(&thread.as_str()) {
        format!("client `{thread}`")
    } else {
        format!("the {thread}")
    };
    let what = match operation.as_str() {
        "lock" => format!("takes the {object} lock"),
        "unlock" => format!("lets the {object} lock go"),
        "read" => format!("reads {object}"),
        "write" => format!("writes {object} {detail}"),
        "append" => format!("appends {detail} to {object}"),
        "pop" => format!("takes {detail} from {object}"),
        "push" => format!("puts {detail} into {object}"),
        "fire" => format!("fires the timer {detail}"),
        "wait" if detail.is_empty() => format!("gets past its wait for {object}"),
        "wait" => format!("gets past its wait for {detail}"),
        _ => format!("is through with `{}`", format!("{operation} {object}").trim_end()),
    };
    plain(&format!("{who} {}", what.trim_end()))
}

/// What a thread does in a step; where it takes a lock, the first thing that it changes while it has it.
fn purpose(steps: &[TraceStep], step: usize, actors: &[&str]) -> String {
    let Some(taken) = steps.get(step).filter(|taken| taken.operation == "lock") else {
        return deed(steps, step, actors);
    };
    let own = steps.iter().enumerate().skip(step + 1).filter(|(_, later)| later.thread == taken.thread);
    let mut held = own.take_while(|(_, later)| later.holds.contains(&taken.object));
    let change = held.find(|(_, later)| matches!(later.operation.as_str(), "write" | "append"));
    deed(steps, change.map_or(step, |(change, _)| change), actors)
}

#[cfg(test)]
mod tests {
    use super::{sentence, side_by_side};
    use crate::engine::execution::Schedule;
    use crate::explore::{RacingPair, Side, TraceStep};

    fn steps(lines: &[&str]) -> Vec<TraceStep> {
        let step = |line: &&str| {
            let (thread, rest) = line.split_once(": ").expect("a thread");
            let (rest, holds) = rest.split_once(" [").unwrap_or((rest, ""));
            let mut words = rest.splitn(3, ' ').map(str::to_owned);
            TraceStep {
                thread: thread.to_owned(),
                operation: words.next().unwrap_or_default(),
                object: words.next().unwrap_or_default(),
                detail: words.next().unwrap_or_default(),
                alternative: None,
                holds: holds.trim_end_matches(']').split_whitespace().map(str::to_owned).collect(),
                anchors: Vec::new(),
                notes: Vec::new(),
            }
        };
        lines.iter().map(step).collect()
    }

    fn pair() -> RacingPair {
        let bob = ["bob: lock state [state]", "bob: append events \"b\" [state]", "bob: unlock state"];
        let the_loop =
            ["loop: lock state [state]", "loop: write status finished [state]", "loop: unlock state"];
        let side = |order: [&[&str]; 2], first, second| Side {
            schedule: Schedule::default(),
            steps: steps(&[&["loop: read events"], order[0], order[1]].concat()),
            first: Some(first),
            second: Some(second),
        };
        RacingPair {
            parting: 1,
            failing: side([&bob, &the_loop], 1, 4),
            passing: side([&the_loop, &bob], 4, 1),
        }
    }

    #[test]
    fn a_pair_is_a_sentence() {
        let expected = "client `bob` takes the state lock before the loop writes status finished";
        assert_eq!(sentence(&pair(), &["bob"]), expected);
    }

    #[test]
    fn the_two_executions_stand_side_by_side() {
        insta::assert_snapshot!(side_by_side(&pair(), "  "), @r#"
          this order breaks the rule           this order passes
            0  loop: read events                 0  loop: read events
        ▸   1  bob: lock state               ▸   1  loop: lock state
            2  bob: append events "b"            2  loop: write status finished
            3  bob: unlock state                 3  loop: unlock state
        ▸   4  loop: lock state              ▸   4  bob: lock state
            5  loop: write status finished       5  bob: append events "b"
        "#);
    }
}
