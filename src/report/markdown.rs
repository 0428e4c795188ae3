//! One execution as Markdown for an issue: what broke, a Mermaid sequence diagram of the moments that matter, the racing
//! pair, and the command that replays it.
//!
//! Whatever comes from a scenario stands in code or is escaped, so that no text of a message becomes markup, a mention
//! or a link.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use super::case::Case;
use super::frames::{Frame, frames};
use super::picture::{Moment, Picture};
use super::words;
use super::words::plain;
use super::{racing, words::count};
use crate::explore::Anchor;
use crate::scenario::Channel;

/// The longest text in the diagram; longer ones are cut.
const WIDEST: usize = 60;
/// The most moments in the diagram: the hosts that draw it have limits of their own.
const MOST: usize = 90;
/// How many moments before and after the racing pair are shown in full.
const AROUND: usize = 2;
/// How many moments before a standstill are shown in full.
const BEFORE_END: usize = 8;

/// The Markdown of an execution, the same bytes for the same one.
#[must_use]
pub fn render(case: &Case<'_>) -> String {
    let mut text = format!("### {}\n\n{}\n\n", code(&case.name()), code(&plain(&case.job.scenario.title)));
    for violation in case.replay.violations.iter().chain(case.lock_violations) {
        let _ = writeln!(
            text,
            "- ✗ **{}**: {}",
            words::attributed(violation.rule, violation.side),
            code(&plain(&violation.message))
        );
        let _ = writeln!(text, "  {}", words::must_hold(violation.rule));
    }
    if case.replay.violations.is_empty() && case.lock_violations.is_empty() {
        text += "No rule is broken in this execution.\n";
    }
    if !case.drift.is_empty() {
        text += "\nThe token no longer fits; this is as near as it comes.\n\n";
        text += &fence("text", &words::drift(case.drift, ""));
    }
    if let Some(sentence) = case.racing_pair() {
        let _ = writeln!(text, "\nRacing pair: {}", code(&sentence));
    } else if !case.deciding_waits.is_empty() {
        let _ = writeln!(text, "\nRacing pair: {}", code(&racing::none(case.job, case.deciding_waits)));
    }
    text.push('\n');
    let picture = Picture::of(case.replay);
    text += &fence("mermaid", &Diagram::of(case, &picture).text(&picture.threads));
    text +=
        "\nMoments that left no trace outside, away from the racing pair, are left out of the diagram.\n\n";
    if let Some((pair, _)) = case.passing {
        text += &fence("text", &racing::side_by_side(pair, ""));
        text.push('\n');
    }
    text += "Replay it, and the nearest passing schedule if there is one:\n\n";
    let mut commands = case.command(&case.replay.schedule) + "\n";
    if let Some((_, passing)) = case.passing {
        commands += &(case.command(&passing.schedule) + "\n");
    }
    text += &fence("sh", &commands);
    let _ = write!(text, "\nToken: {}\n", code(&case.token(&case.replay.schedule)));
    text += "\n<details><summary>What was seen</summary>\n\n";
    text += &fence("text", &words::outcome(&case.replay.outcome, &Channel::all()));
    text += "\n</details>\n";
    text
}

/// A text as a code span, whatever backticks are in it.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let needs_room = text.starts_with('`') || text.ends_with('`');
    let room = if needs_room { " " } else { "" };
    format!("{ticks}{room}{text}{room}{ticks}")
}

/// A text as a code block, whatever backticks are in it.
fn fence(language: &str, text: &str) -> String {
    let ticks = "`".repeat((longest_run(text) + 1).max(3));
    format!("{ticks}{language}\n{}\n{ticks}\n", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}

/// A line of the diagram.
struct Line {
    text: String,
    /// How deep it is inside the mark of the racing pair.
    depth: usize,
    /// The lanes of a moment, which may be left out when there are too many; none of a beginning or an end.
    lanes: Vec<usize>,
}

/// A Mermaid sequence diagram.
struct Diagram {
    /// The moments that are shown in full.
    zone: Range<usize>,
    /// The racing pair, in order.
    racing: Option<(usize, usize)>,
    lines: Vec<Line>,
    /// The threads whose bar has begun.
    active: BTreeSet<usize>,
}

impl Diagram {
    fn of(case: &Case<'_>, picture: &Picture) -> Self {
        let frames = frames(case.replay, picture);
        let racing = case.passing.and_then(|(pair, _)| {
            let (first, second) = (pair.failing.first?, pair.failing.second?);
            Some((first.min(second), first.max(second)))
        });
        let zone = zone(case, picture, racing);
        let mut diagram = Self { zone, racing, lines: Vec::new(), active: BTreeSet::new() };
        for (at, moment) in picture.moments.iter().enumerate() {
            if racing.is_some_and(|(first, _)| first == at) {
                diagram.mark("rect rgba(130, 80, 223, 0.15)".to_owned(), 0);
            }
            diagram.moment(at, moment, &frames);
            if racing.is_some_and(|(_, second)| second == at) {
                diagram.mark("end".to_owned(), 0);
            }
            if at + 1 == diagram.zone.end {
                diagram.end_bars(None);
            }
        }
        if let Some(end) = &picture.standstill {
            for (lane, words) in &end.words {
                let mut words = format!("stuck at {}", escape(words));
                words.extend(end.needs[lane].iter().map(|need| format!("<br/>{}", escape(need))));
                diagram.say([*lane], format!("Note over t{lane}: {words}"), 0);
            }
        }
        diagram
    }

    /// What a moment shows: a frame that is read, a note, a bar that begins or ends.
    fn moment(&mut self, at: usize, moment: &Moment, frames: &[Frame]) {
        let depth = usize::from(self.racing.is_some_and(|(first, second)| (first..=second).contains(&at)));
        let lane = moment.thread;
        for frame in frames {
            if let (Some(to), true) = (frame.to, frame.read == Some(at)) {
                let steps = format!("{} to {at}", frame.sent);
                let line = format!("t{}->>t{to}: {steps}: {}", frame.from, escape(&frame.words));
                self.say([frame.from, to], line, depth);
            } else if frame.sent == at && frame.read.is_none() {
                let line = format!("Note over t{}: {at}: never read: {}", frame.from, escape(&frame.words));
                self.say([frame.from], line, depth);
            }
        }
        let in_zone = self.zone.contains(&at);
        if in_zone {
            let notes = moment.notes.iter();
            notes.for_each(|note| self.say([lane], format!("Note over t{lane}: {}", escape(note)), depth));
        }
        if in_zone && moment.lanes[lane].has_any() && self.active.insert(lane) {
            self.mark(format!("activate t{lane}"), depth);
        }
        // What the server says and reads is told by its frames.
        let is_event = moment.anchors.iter().any(|anchor| matches!(anchor, Anchor::Event(_)));
        if (in_zone && !moment.idle) || is_event || !moment.broken.is_empty() {
            let mut words = format!("{at}: {}", escape(&moment.words));
            match self.racing {
                Some((first, _)) if first == at => words += " (racing, first)",
                Some((_, second)) if second == at => words += " (racing, second)",
                _ => {}
            }
            words.extend(moment.broken.iter().map(|rule| format!("<br/>✗ {rule}")));
            self.say([lane], format!("Note over t{lane}: {words}"), depth);
        }
        if !moment.lanes[lane].has_any() {
            self.end_bars(Some((lane, depth)));
        }
    }

    /// Ends the bar of a thread, or of all.
    fn end_bars(&mut self, one: Option<(usize, usize)>) {
        let ending: Vec<usize> =
            self.active.iter().copied().filter(|lane| one.is_none_or(|(only, _)| only == *lane)).collect();
        for lane in ending {
            self.active.remove(&lane);
            self.mark(format!("deactivate t{lane}"), one.map_or(0, |(_, depth)| depth));
        }
    }

    /// A moment, told at the lanes that take part in it.
    fn say<const N: usize>(&mut self, lanes: [usize; N], text: String, depth: usize) {
        self.lines.push(Line { text, depth, lanes: lanes.to_vec() });
    }

    /// A beginning or an end, which must not be left out.
    fn mark(&mut self, text: String, depth: usize) {
        self.lines.push(Line { text, depth, lanes: Vec::new() });
    }

    fn text(&self, threads: &[String]) -> String {
        let mut text = "sequenceDiagram\n".to_owned();
        let mut left_out =
            self.lines.iter().filter(|line| !line.lanes.is_empty()).count().saturating_sub(MOST);
        let used: BTreeSet<usize> = self.lines.iter().flat_map(|line| line.lanes.iter().copied()).collect();
        for lane in &used {
            let _ = writeln!(text, "  participant t{lane} as {}", escape(&threads[*lane]));
        }
        if let (Some(first), true) = (used.first(), left_out > 0) {
            let moments = count(left_out as u64, "earlier moment");
            let _ = writeln!(text, "  Note over t{first}: {moments} left out");
        }
        for line in &self.lines {
            if !line.lanes.is_empty() && left_out > 0 {
                left_out -= 1;
                continue;
            }
            let _ = writeln!(text, "  {}{}", "  ".repeat(line.depth), line.text);
        }
        text
    }
}

/// The moments that are shown in full: around the racing pair, or else before a standstill.
fn zone(case: &Case<'_>, picture: &Picture, racing: Option<(usize, usize)>) -> Range<usize> {
    let steps = picture.moments.len();
    let around = racing.or_else(|| case.passing.map(|(pair, _)| (pair.parting, pair.parting)));
    match around {
        Some((first, last)) => first.saturating_sub(AROUND)..(last + AROUND + 1).min(steps),
        None if picture.standstill.is_some() => steps.saturating_sub(BEFORE_END)..steps,
        None => 0..0,
    }
}

/// A text as Mermaid shows it, cut.
fn escape(text: &str) -> String {
    let mut shown: String = text.chars().take(WIDEST).collect();
    if text.chars().count() > WIDEST {
        shown.push('…');
    }
    let mut escaped = String::with_capacity(shown.len());
    for char in shown.chars() {
        match char {
            '#' | ';' | '<' | '>' | '"' | '&' | '%' | '$' | '\\' | '`' | '{' | '}' => {
                let _ = write!(escaped, "#{};", u32::from(char));
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{code, escape, fence};

    #[test]
    fn a_text_stays_in_its_code() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("`a` b"), "`` `a` b ``");
        assert_eq!(fence("text", "a\n```\n@b"), "````text\na\n```\n@b\n````\n");
    }

    #[test]
    fn no_text_can_become_a_line_of_the_diagram() {
        assert_eq!(escape("a; end %%{init}"), "a#59; end #37;#37;#123;init#125;");
        assert_eq!(escape("<b>#1"), "#60;b#62;#35;1");
        assert_eq!(escape(&"a".repeat(100)).chars().count(), super::WIDEST + 1);
    }
}
