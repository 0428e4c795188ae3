//! A schedule as the places where it leaves the beaten track.
//!
//! Left alone, an execution goes on with the thread that moved last, and when that one cannot move, with the first in
//! order of birth that can; and each operation takes the first of its alternatives. A schedule names only the places
//! where another thread moves instead, or another alternative is taken, so it is short, and it reads as what it is: the
//! context switches and the choices that matter. A place is named by the operation that the thread which
//! would have gone on was about to take, never by a number of steps, so a schedule survives whatever leaves the
//! operations of that thread alone.

use std::fmt;
use std::str::FromStr;

/// The place right before an operation of a thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The role of the thread that is about to take the operation.
    pub thread: String,
    /// The operation and its object in the characters of a token: `lock-state`, `write-on_event`.
    pub operation: String,
    /// Which of the thread's operations of this name, from 1, counted from the end of the program's setup.
    pub count: usize,
}

/// Another thread moves: this one, at that place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Switch {
    /// The role of the thread that moves.
    pub thread: String,
    /// The operation before which it moves: that of the thread that would have gone on, left alone.
    pub before: Point,
}

/// Another alternative is taken than the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice {
    /// The operation that has alternatives.
    pub at: Point,
    /// Which of them it takes, counted from 0; never 0, which it takes anyway.
    pub alternative: usize,
}

/// One departure from what happens when nothing says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Departure {
    /// Another thread moves.
    Switch(Switch),
    /// Another alternative is taken.
    Choice(Choice),
}

impl Departure {
    /// The place: right before this operation.
    #[must_use]
    pub fn point(&self) -> &Point {
        match self {
            Self::Switch(switch) => &switch.before,
            Self::Choice(choice) => &choice.at,
        }
    }

    /// The same at another place.
    pub(in crate::engine) fn at(&self, point: Point) -> Self {
        match self {
            Self::Switch(switch) => Self::Switch(Switch { before: point, ..switch.clone() }),
            Self::Choice(choice) => Self::Choice(Choice { at: point, ..choice.clone() }),
        }
    }
}

/// The order of visible operations of one execution.
///
/// ```
/// use turnloom::engine::execution::Schedule;
/// // Bob moves where alice is about to take the lock for the second time; where he is about to let it go, alice.
/// let schedule: Schedule = "bob@alice.lock-state.2,alice@bob.unlock-state".parse().unwrap();
/// assert_eq!(schedule.departures[0].point().count, 2);
/// assert_eq!(schedule.to_string(), "bob@alice.lock-state.2,alice@bob.unlock-state");
/// // Where bob chooses for the third time, the second alternative.
/// let schedule: Schedule = "bob.choose-alternative.3=1".parse().unwrap();
/// assert_eq!(schedule.switches(), 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schedule {
    /// The departures, in order.
    pub departures: Vec<Departure>,
}

impl Schedule {
    /// How many of them are context switches.
    #[must_use]
    pub fn switches(&self) -> usize {
        self.departures.iter().filter(|departure| matches!(departure, Departure::Switch(_))).count()
    }
}

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is neither a switch nor a choice: a switch is written `THREAD@THREAD.OPERATION` or \
     `THREAD@THREAD.OPERATION.N`, such as `bob@alice.lock-state.2`, and a choice `THREAD.OPERATION=ALTERNATIVE`, such \
     as `bob.choose-alternative.2=1`"
)]
pub struct ScheduleError {
    /// The part that does not fit.
    pub part: String,
}

/// The name of an operation in the characters of a token. Different operations may share one, which only means that
/// they are counted together.
pub(in crate::engine) fn named(operation: &str) -> String {
    let plain = |char: char| if is_plain(char) { char } else { '-' };
    operation.chars().map(plain).collect()
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
}

/// A thread's name in characters that mean nothing to a shell: a space is `+`, other bytes are `%` and two digits.
fn write_thread(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    for byte in name.bytes() {
        match char::from(byte) {
            char if is_plain(char) => write!(f, "{char}")?,
            ' ' => f.write_str("+")?,
            _ => write!(f, "%{byte:02x}")?,
        }
    }
    Ok(())
}

fn read_thread(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte if is_plain(char::from(byte)) => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thread(f, &self.thread)?;
        write!(f, ".{}", self.operation)?;
        if self.count == 1 { Ok(()) } else { write!(f, ".{}", self.count) }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_thread(f, &self.thread)?;
        write!(f, "@{}", self.before)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.at, self.alternative)
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(switch) => switch.fmt(f),
            Self::Choice(choice) => choice.fmt(f),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.departures.is_empty() {
            return f.write_str("-");
        }
        for (index, departure) in self.departures.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{departure}")?;
        }
        Ok(())
    }
}

fn read_point(text: &str) -> Option<Point> {
    let mut parts = text.split('.');
    let (thread, operation) = (parts.next()?, parts.next()?);
    let count = parts.next().map_or(Ok(1), str::parse).ok()?;
    if parts.next().is_some() || operation.is_empty() || !operation.chars().all(is_plain) {
        return None;
    }
    Some(Point { thread: read_thread(thread)?, operation: operation.to_owned(), count })
}

fn read_departure(text: &str) -> Option<Departure> {
    if let Some((at, alternative)) = text.split_once('=') {
        let choice = Choice { at: read_point(at)?, alternative: alternative.parse().ok()? };
        return (choice.alternative > 0).then_some(Departure::Choice(choice));
    }
    let (thread, before) = text.split_once('@')?;
    let switch = Switch { thread: read_thread(thread)?, before: read_point(before)? };
    Some(Departure::Switch(switch))
}

impl FromStr for Departure {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One way to write each departure, so that two texts are two schedules.
        let is_it = |read: &Self| read.point().count > 0 && read.to_string() == text;
        read_departure(text).filter(is_it).ok_or_else(|| ScheduleError { part: text.to_owned() })
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" {
            return Ok(Self::default());
        }
        let departures = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { departures })
    }
}

#[cfg(test)]
mod tests {
    use super::{Schedule, named};

    #[test]
    fn what_is_no_departure_is_refused_by_name() {
        for part in [
            "",
            "14bob",
            "bob",
            "bob@alice",
            "bob@alice.",
            "@alice.lock-state",
            "bob@.lock-state",
            "bob@alice.lock-state.0",
            "bob@alice.lock-state.1",
            "bob@alice.lock-state.02",
            "bob@alice.lock-state.two",
            "bob@alice.lock-state.2.3",
            "bob@alice.lock state",
            "b%6fb@alice.lock-state",
            "b%@alice.lock-state",
            "bob.choose-alternative",
            "bob.choose-alternative=",
            "bob.choose-alternative=0",
            "bob.choose-alternative=01",
            "bob.choose-alternative.1=1",
            "bob.choose-alternative=x",
            "bob@bob.choose-alternative=1",
            "bob=1",
        ] {
            let error = format!("bob@alice.lock-state,{part}").parse::<Schedule>().unwrap_err();
            assert_eq!(error.part, part);
        }
    }

    #[test]
    fn operations_are_named_in_the_characters_of_a_token() {
        assert_eq!(named("select loop of alice"), "select-loop-of-alice");
        assert_eq!(named("write on_event"), "write-on_event");
        assert_eq!(named("lock äö.:"), "lock-----");
    }
}
