//! One execution of a program: its steps, the schedule that leads there, and how a schedule is followed again.

pub(crate) mod dependence;
pub(crate) mod drop_departures;
pub(crate) mod ending;
pub(crate) mod fair_cycles;
pub(crate) mod racing_pair;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod schedule;

pub use super::trace::Ended;
pub use drop_departures::drop_departures;
pub use racing_pair::{RacingPair, Side, racing_pair};
pub use record::{Execution, Question, default_choice};
pub use replay::{Drift, Fork, Misfit, OutOfOrder, Recorded, follow, forks, run_once};
pub use schedule::{Choice, Departure, Point, Schedule, ScheduleError, Switch};
