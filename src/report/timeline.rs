//! One execution as a picture: a column a thread, a row a visible operation.
//!
//! A thread is a line down its column, double while it holds a lock, with a mark where it takes the first and lets the
//! last go. Where another thread goes on, an arrow leads to it from the one before.

use std::collections::{BTreeMap, BTreeSet};

use super::picture::{Lane, Moment, Picture, Standstill};
use crate::explore::Replay;

/// The widest text of a cell; longer ones are cut.
const WIDEST: usize = 28;
/// Room between a cell's text and the next column, which holds the point of an arrow.
const GAP: usize = 2;

/// The picture of an execution, the same bytes for the same one.
///
/// ```
/// use turnloom::explore::{Replay, TraceStep};
/// use turnloom::engine::execution::Schedule;
/// use turnloom::observation::Observations;
/// use turnloom::report::timeline;
///
/// let step = TraceStep {
///     thread: "bob".into(),
///     operation: "write".into(),
///     object: "status".into(),
///     detail: "finished".into(),
///     alternative: None,
///     holds: vec![],
///     anchors: vec![],
///     notes: vec![],
/// };
/// let (threads, outcome) = (vec!["bob".into()], Observations::default());
/// let schedule = Schedule::default();
/// let replay = Replay { threads, steps: vec![step], outcome, violations: vec![], schedule, drift: vec![] };
/// assert_eq!(timeline::render(&replay, false), "step  bob\n   0  │ write status finished\n");
/// ```
#[must_use]
pub fn render(replay: &Replay, colour: bool) -> String {
    Drawing::new(&Picture::of(replay), colour).draw()
}

/// One line of the picture.
struct Row {
    /// What stands in front of it.
    label: String,
    /// The column of the thread that moves, and of the one that moved before.
    moves: Option<(usize, usize)>,
    /// What stands in each column beside the thread's line.
    texts: BTreeMap<usize, String>,
    /// Each thread's line.
    bars: Vec<char>,
    /// The rules that what was seen here breaks.
    broken: BTreeSet<&'static str>,
}

/// The columns and rows, before they are drawn.
struct Drawing {
    names: Vec<String>,
    widths: Vec<usize>,
    label: usize,
    rows: Vec<Row>,
    colour: bool,
}

impl Drawing {
    fn new(picture: &Picture, colour: bool) -> Self {
        let mut rows: Vec<Row> = picture.moments.iter().enumerate().flat_map(step_rows).collect();
        rows.extend(picture.standstill.iter().map(stuck_row));
        let names: Vec<_> = picture.threads.iter().map(|name| cut(name)).collect();
        let text_width = |column| {
            let texts = rows.iter().filter_map(|row| row.texts.get(&column)).map(|text| length(text) + 2);
            texts.max().unwrap_or(0)
        };
        let widths =
            names.iter().enumerate().map(|(column, name)| text_width(column).max(length(name))).collect();
        let label = rows.iter().map(|row| length(&row.label)).max().unwrap_or(0).max("step".len());
        Self { names, widths, label, rows, colour }
    }

    fn draw(&self) -> String {
        let mut head = format!("{:>width$}  ", "step", width = self.label);
        for (name, width) in self.names.iter().zip(&self.widths) {
            head += name;
            head.extend(std::iter::repeat_n(' ', width + GAP - length(name)));
        }
        let mut picture = format!("{}\n", head.trim_end());
        for row in &self.rows {
            picture += &self.line(row);
            picture.push('\n');
        }
        picture
    }

    fn line(&self, row: &Row) -> String {
        let mut cells = self.cells(row);
        if let Some((to, from)) = row.moves {
            self.arrow(&mut cells, row, from, to);
        }
        let drawn: String = cells.iter().map(|cell| self.paint(*cell)).collect();
        let marks: Vec<_> = row.broken.iter().map(|rule| format!("✗ {rule}")).collect();
        let line =
            format!("{:>width$}  {drawn}{}", row.label, self.red(&marks.join(" ")), width = self.label);
        line.trim_end().to_owned()
    }

    /// The lines and texts of a row, character by character.
    fn cells(&self, row: &Row) -> Vec<char> {
        let mut cells = Vec::new();
        for (column, (bar, width)) in row.bars.iter().zip(&self.widths).enumerate() {
            let end = cells.len() + width + GAP;
            cells.push(*bar);
            if let Some(text) = row.texts.get(&column) {
                cells.push(' ');
                cells.extend(text.chars());
            }
            cells.resize(end, ' ');
        }
        cells
    }

    /// Leads from the line of the thread that moved before to that of the one that moves, or to its text.
    fn arrow(&self, cells: &mut [char], row: &Row, from: usize, to: usize) {
        let start = |column: usize| self.widths[..column].iter().map(|width| width + GAP).sum::<usize>();
        let text = row.texts.get(&to).map_or(0, |text| length(text) + 2);
        let (first, last, point) = if from < to {
            (start(from) + 1, start(to) - 1, start(to) - 1)
        } else {
            (start(to) + text + 1, start(from) - 1, start(to) + text + 1)
        };
        for (place, cell) in cells.iter_mut().enumerate().take(last + 1).skip(first) {
            match *cell {
                ' ' if place == point => *cell = if from < to { '▸' } else { '◂' },
                ' ' => *cell = '╌',
                _ => {}
            }
        }
    }

    fn paint(&self, cell: char) -> String {
        match cell {
            '║' | '╥' | '╨' if self.colour => format!("\u{1b}[33m{cell}\u{1b}[0m"),
            '╌' | '▸' | '◂' if self.colour => format!("\u{1b}[36m{cell}\u{1b}[0m"),
            _ => cell.to_string(),
        }
    }

    fn red(&self, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\u{1b}[31m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The row of a step, and one for each thing that the thread does before its next one.
fn step_rows((number, moment): (usize, &Moment)) -> Vec<Row> {
    let behind = |lane: &Lane| if lane.has_any() { '║' } else { '│' };
    let note = |note: &String| Row {
        label: String::new(),
        moves: None,
        texts: BTreeMap::from([(moment.thread, cut(note))]),
        bars: moment.lanes.iter().map(behind).collect(),
        broken: BTreeSet::new(),
    };
    std::iter::once(step_row(number, moment)).chain(moment.notes.iter().map(note)).collect()
}

fn step_row(number: usize, moment: &Moment) -> Row {
    Row {
        label: number.to_string(),
        moves: moment.before.map(|before| (moment.thread, before)),
        texts: BTreeMap::from([(moment.thread, cut(&moment.words))]),
        bars: moment.lanes.iter().map(bar).collect(),
        broken: moment.broken.clone(),
    }
}

/// Where a stuck execution leaves each thread.
fn stuck_row(end: &Standstill) -> Row {
    Row {
        label: "stuck".to_owned(),
        moves: None,
        texts: end.words.iter().map(|(lane, words)| (*lane, cut(&format!("… {words}")))).collect(),
        bars: end.lanes.iter().map(bar).collect(),
        broken: end.broken.clone(),
    }
}

fn bar(lane: &Lane) -> char {
    match (lane.had_any(), lane.has_any()) {
        (true, true) => '║',
        (true, false) => '╨',
        (false, true) => '╥',
        (false, false) => '│',
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str) -> String {
    if length(text) <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::observation::{Stuck, Why};
    use crate::report::testkit::{replay, violation, waiting};
    use crate::rules::Mark;

    const GAP: &str = "
        alice: lock state [state]
        alice: append events usermessage first [state] {e0}
        alice: unlock state
        loop: lock state [state]
        loop: unlock state
        bob: lock state [state]
        bob: append events usermessage second [state] {e1}
        bob: unlock state
        loop: lock state [state]
        loop: write status finished [state]
        loop: append events finish [state] {e2}
        loop: unlock state
    ";

    #[test]
    fn locks_switches_and_broken_rules_show() {
        let mut replay = replay(&["main", "alice", "loop", "bob"], GAP);
        replay.violations = vec![
            violation("nothing-stranded-after-finish", vec![Mark::Event(1), Mark::Event(2)]),
            violation("fifo", vec![Mark::Event(2)]),
        ];
        insta::assert_snapshot!(render(&replay, false), @r#"
        step  alice                           loop                     bob
           0  ╥ lock state                    │                        │
           1  ║ append events usermessage f…  │                        │
           2  ╨ unlock state                  │                        │
           3  │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▸╥ lock state             │
           4  │                               ╨ unlock state           │
           5  │                               │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▸╥ lock state
           6  │                               │                        ║ append events usermessage s…  ✗ nothing-stranded-after-finish
           7  │                               │                        ╨ unlock state
           8  │                               ╥ lock state ◂╌╌╌╌╌╌╌╌╌╌╌│
           9  │                               ║ write status finished  │
          10  │                               ║ append events finish   │                               ✗ fifo ✗ nothing-stranded-after-finish
          11  │                               ╨ unlock state           │
        "#);
    }

    #[test]
    fn an_arrow_crosses_the_columns_between() {
        let replay = replay(
            &["a", "b", "c"],
            "
            b: lock run [run]
            a: read text
            c: read text
            a: read text
            ",
        );
        insta::assert_snapshot!(render(&replay, false), @r#"
        step  a            b           c
           0  │            ╥ lock run  │
           1  │ read text ◂║           │
           2  │╌╌╌╌╌╌╌╌╌╌╌╌║╌╌╌╌╌╌╌╌╌╌▸│ read text
           3  │ read text ◂║╌╌╌╌╌╌╌╌╌╌╌│
        "#);
    }

    #[test]
    fn a_lock_that_goes_with_another_operation_is_named() {
        let replay = replay(
            &["worker"],
            "
            worker: lock items [items]
            worker: lock run [items run]
            worker: wait more [run]
            worker: wake more [items run]
            worker: unlock items [run]
            worker: unlock run
            ",
        );
        insta::assert_snapshot!(render(&replay, false), @r#"
        step  worker
           0  ╥ lock items
           1  ║ lock run
           2  ║ wait more -items
           3  ║ wake more +items
           4  ║ unlock items
           5  ╨ unlock run
        "#);
    }

    #[test]
    fn long_texts_are_cut_and_obey_nothing() {
        let replay = replay(
            &["a-thread-with-a-name-that-nobody-would-give", "b"],
            "
            a-thread-with-a-name-that-nobody-would-give: append events usermessage what is the weather
            b: write text \u{1b}[31mred
            a-thread-with-a-name-that-nobody-would-give: append events usermessage what is the weather
            ",
        );
        insta::assert_snapshot!(render(&replay, false), @r#"
        step  a-thread-with-a-name-that-n…    b
           0  │ append events usermessage w…  │
           1  │╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▸│ write text \u{1b}[31mred
           2  │ append events usermessage w… ◂│
        "#);
    }

    #[test]
    fn a_stuck_execution_ends_with_what_each_thread_waits_for() {
        let mut replay = replay(&["loop", "bob"], "loop: lock state [state]\nbob: read status");
        let threads = vec![
            waiting("loop", "select loop", &["state"]),
            waiting("bob", "lock state", &[]),
            waiting("server", "wait gate", &[]),
        ];
        replay.outcome.stuck = Some(Stuck { why: Why::Deadlock, threads });
        replay.violations = vec![violation("no-deadlock", vec![Mark::Thread("bob".into())])];
        insta::assert_snapshot!(render(&replay, false), @r#"
         step  loop             bob
            0  ╥ lock state     │
            1  ║╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▸│ read status
        stuck  ║ … select loop  │ … lock state  ✗ no-deadlock
        "#);
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let mut replay = replay(&["alice", "loop", "bob"], GAP);
        replay.violations = vec![violation("fifo", vec![Mark::Event(2)])];
        let mut plain = render(&replay, true);
        for code in ["33", "36", "31", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, render(&replay, false));
    }

    #[test]
    fn nothing_is_a_picture_of_nothing() {
        assert_eq!(render(&replay(&["a"], ""), false), "step\n");
    }
}
