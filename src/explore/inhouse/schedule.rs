//! A schedule as the places where it leaves the beaten track.
//!
//! Left alone, an execution goes on with the thread that moved last, and when that one cannot move, with the first in
//! order of birth that can. A schedule names only the steps where another thread moves instead, so it is short, and
//! it reads as what it is: the context switches that matter. It must not know what the steps do.

use std::fmt;
use std::str::FromStr;

/// One departure: at this step (counted from 0) this thread moves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Switch {
    /// The number of visible operations taken before, counted from the end of the program's setup.
    pub step: usize,
    /// The role of the thread that moves.
    pub thread: String,
}

/// The order of visible operations of one execution.
///
/// ```
/// use turnloom::explore::inhouse::Schedule;
/// let schedule: Schedule = "14bob.17alice".parse().unwrap();
/// assert_eq!(schedule.switches[1].thread, "alice");
/// assert_eq!(schedule.to_string(), "14bob.17alice");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schedule {
    /// The departures, in order.
    pub switches: Vec<Switch>,
}

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is not a step number followed by a thread's name, such as \"14bob\"")]
pub struct ScheduleError {
    /// The part that does not fit.
    pub part: String,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.switches.is_empty() {
            return f.write_str("-");
        }
        for (index, switch) in self.switches.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}{}", switch.step, switch.thread)?;
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "-" {
            return Ok(Self::default());
        }
        let mut switches: Vec<Switch> = Vec::new();
        for part in text.split('.') {
            let error = || ScheduleError { part: part.to_owned() };
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            let (step, thread) = part.split_at(digits);
            let step = step.parse().map_err(|_| error())?;
            if thread.is_empty() || switches.last().is_some_and(|last| last.step >= step) {
                return Err(error());
            }
            switches.push(Switch { step, thread: thread.to_owned() });
        }
        Ok(Self { switches })
    }
}
