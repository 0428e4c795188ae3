//! One execution along a given schedule, or along the order of steps that another engine recorded.
//!
//! A schedule that was made for another version of the program may name a place that never comes. Then the execution is
//! begun again with the nearest place instead, departure by departure, until all of them are placed or known to have
//! none.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use super::fair_cycles::CycleDetector;
use super::limits::{Limits, ended};
use super::record::{Execution, StepRecord, default_choice, pending};
use super::schedule::{Choice, Departure, Point, Schedule, Switch};
use crate::engine::system::{Begin, Keep, Numbers, Report, Run, System};
use crate::engine::trace::Ended;

/// A departure of a schedule that does not fit the program, and what was done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The departure as the schedule has it.
    pub expected: Departure,
    /// The step at which it was taken instead or, if it was left out, at which that was known; counted from 0 at the
    /// end of the setup, as in a picture.
    pub step: usize,
    /// Why it does not fit.
    pub misfit: Misfit,
    /// The nearest that there was, which was taken; none if nothing was near enough.
    pub instead: Option<Departure>,
}

/// Why a departure does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// No thread of the program has the name.
    NoSuchThread,
    /// The place came, but the thread could not move there; those that could.
    CannotMove(Vec<String>),
    /// The place came, but the operation has only so many alternatives there.
    NoSuchAlternative(usize),
    /// The place never came.
    NeverComes,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.expected.point();
        let thread = mover(&self.expected);
        write!(f, "step {}: expected `{}`, but ", self.step, self.expected)?;
        match &self.misfit {
            Misfit::NoSuchThread => write!(f, "there is no thread `{thread}`")?,
            Misfit::CannotMove(able) => {
                write!(
                    f,
                    "`{thread}` cannot move there, only {}",
                    in_words(able.iter().map(String::as_str))
                )?;
            }
            Misfit::NoSuchAlternative(1) => f.write_str("there is nothing to choose there")?,
            Misfit::NoSuchAlternative(alternatives) => {
                write!(f, "there are only the alternatives 0 to {} there", alternatives - 1)?;
            }
            Misfit::NeverComes => write!(f, "`{before}` never comes")?,
        }
        match &self.instead {
            Some(departure) => write!(f, "; the nearest there was is `{departure}`, which was taken"),
            None => f.write_str("; nothing near was there, so it was left out"),
        }
    }
}

/// The thread that is to move at a departure.
fn mover(departure: &Departure) -> &str {
    match departure {
        Departure::Switch(switch) => &switch.thread,
        Departure::Choice(choice) => &choice.at.thread,
    }
}

/// A recorded order of steps that does not fit the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at step {step} `{thread}` is to move, but only {able} can")]
pub struct OutOfOrder {
    /// The step.
    pub step: usize,
    /// Who should move.
    pub thread: String,
    /// Who can, in words.
    pub able: String,
}

/// Runs `system` once along a schedule, with details kept, and shows it to `visit`. Where the schedule does not fit,
/// the execution goes on as near to it as it can, and the second part of the result says so; it is empty if the
/// schedule fits.
pub fn follow<S: System, T>(
    limits: &Limits,
    system: &S,
    schedule: &Schedule,
    visit: impl FnOnce(&Execution<'_, S::Run>) -> T,
) -> (T, Vec<Drift>) {
    let mut plan: BTreeMap<usize, Departure> = schedule.departures.iter().cloned().enumerate().collect();
    let mut drift: BTreeMap<usize, Drift> = BTreeMap::new();
    loop {
        let mut walker = Walker::new(plan.values().cloned().collect());
        let run = begin(system, Keep::Words);
        let is_through = Cell::new(schedule.departures.is_empty());
        let mut choose = |place: &Place<'_, S::Run>| {
            let going = walker.choose(place);
            is_through.set(walker.next == walker.departures.len());
            Ok(going)
        };
        let Ok(driven) = drive_run::<_, Infallible>(limits, run, &mut choose, Some(&is_through));
        let Some(miss) = walker.miss(&driven) else {
            return (driven.show(visit), drift.into_values().collect());
        };
        let index = *plan.keys().nth(walker.next).expect("what is missed is one of the departures");
        let expected = schedule.departures[index].clone();
        let before = drift.get(&index).map(|known| known.misfit.clone());
        // A place that was chosen because it fits cannot be missed again.
        let again = !matches!(before, None | Some(Misfit::NoSuchThread));
        let instead = miss.instead.filter(|_| !again);
        match &instead {
            Some(departure) => drop(plan.insert(index, departure.clone())),
            None => drop(plan.remove(&index)),
        }
        let misfit = before.unwrap_or(miss.misfit);
        drift.insert(index, Drift { expected, step: miss.step, misfit, instead });
    }
}

/// A step of an execution, and who could have taken one instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The thread that moves.
    pub moves: String,
    /// Where the thread stands that moves when nothing says otherwise.
    pub default: Point,
    /// The threads that can move, in order of birth.
    pub able: Vec<String>,
    /// Which of its alternatives the operation takes.
    pub alternative: usize,
}

impl Fork {
    /// How many departures of the schedule are at the step.
    #[must_use]
    pub fn departures(&self) -> usize {
        usize::from(self.moves != self.default.thread) + usize::from(self.alternative > 0)
    }
}

/// The steps of `system` along a schedule that fits it.
pub fn forks<S: System>(limits: &Limits, system: &S, schedule: &Schedule) -> Vec<Fork> {
    let mut walker = Walker::new(schedule.departures.clone());
    let mut counter = Counter::default();
    let mut forks = Vec::new();
    let Ok(driven) = drive::<_, Infallible>(limits, system, &mut |place| {
        let going = walker.choose(place);
        let default = counter.point(place.run, place.default);
        counter.moves(place.run, going.thread);
        let (moves, alternative) = (place.report.role(going.thread).to_string(), going.alternative);
        forks.push(Fork { moves, default, able: place.names(), alternative });
        Ok(going)
    });
    driven.show(|_| forks)
}

/// A step as another engine recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Who moved.
    pub role: Rc<str>,
    /// Which of its alternatives the operation was.
    pub alternative: usize,
}

/// Runs `system` once along the steps after its setup, as another engine recorded them.
///
/// # Errors
///
/// If the order does not fit.
pub fn run_once<S: System, T>(
    limits: &Limits,
    system: &S,
    recorded: &[Recorded],
    visit: impl FnOnce(&Execution<'_, S::Run>) -> T,
) -> Result<T, OutOfOrder> {
    let driven = drive(limits, system, &mut |place| {
        let Some(step) = recorded.get(place.step) else { return Ok(Going::first(place.default)) };
        let thread = place.able(&step.role).ok_or_else(|| OutOfOrder {
            step: place.step,
            thread: step.role.to_string(),
            able: in_words(place.names().iter().map(String::as_str)),
        })?;
        Ok(Going { thread, alternative: step.alternative })
    })?;
    Ok(driven.show(visit))
}

/// A moment of an execution at which some thread has to move.
pub(in crate::engine) struct Place<'p, R> {
    pub(in crate::engine) run: &'p R,
    pub(in crate::engine) report: &'p Report,
    /// Counted from 0 at the end of the setup.
    pub(in crate::engine) step: usize,
    /// The thread that moves when nothing says otherwise.
    pub(in crate::engine) default: usize,
}

impl<R> Place<'_, R> {
    /// The threads that can move.
    pub(in crate::engine) fn enabled(&self) -> &[usize] {
        self.report.enabled()
    }

    /// The thread of this name, if it can move.
    pub(in crate::engine) fn able(&self, name: &str) -> Option<usize> {
        self.report.with_role(name).filter(|thread| self.report.can_move(*thread))
    }

    fn names(&self) -> Vec<String> {
        self.enabled().iter().map(|thread| self.report.role(*thread).to_string()).collect()
    }
}

/// Who moves, and which alternative of its operation that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Going {
    pub(in crate::engine) thread: usize,
    pub(in crate::engine) alternative: usize,
}

impl Going {
    /// A thread takes the first alternative.
    pub(in crate::engine) fn first(thread: usize) -> Self {
        Self { thread, alternative: 0 }
    }
}

/// Who moves at a place after the setup.
type Chooser<'c, R, E> = dyn FnMut(&Place<'_, R>) -> Result<Going, E> + 'c;

/// An execution at its end.
pub(in crate::engine) struct Driven<R> {
    run: R,
    ended: Ended,
    taken: Vec<StepRecord>,
}

impl<R: Run> Driven<R> {
    pub(in crate::engine) fn show<T>(self, visit: impl FnOnce(&Execution<'_, R>) -> T) -> T {
        visit(&Execution { run: &self.run, ended: self.ended, taken: &self.taken, share: None })
    }
}

/// Begins a single execution.
fn begin<S: System>(system: &S, keep: Keep) -> S::Run {
    system.begin(Begin { numbers: &Rc::<Numbers>::default(), keep, path: &[] })
}

/// Runs `system` to its end, moved by `choose` once it has set itself up.
pub(in crate::engine) fn drive<S: System, E>(
    limits: &Limits,
    system: &S,
    choose: &mut Chooser<'_, S::Run, E>,
) -> Result<Driven<S::Run>, E> {
    drive_run(limits, begin(system, Keep::Words), choose, None)
}

/// Moves an execution that has just begun to its end. Once all that was planned is behind, as `is_through` says, it is
/// also at its end where it has come round by a fair circle.
pub(in crate::engine) fn drive_run<R: Run, E>(
    limits: &Limits,
    mut run: R,
    choose: &mut Chooser<'_, R, E>,
    is_through: Option<&Cell<bool>>,
) -> Result<Driven<R>, E> {
    let mut taken: Vec<StepRecord> = Vec::new();
    let mut way = CycleDetector::default();
    loop {
        let report = run.report();
        if let Some(ended) = ended(limits, &run, taken.len()) {
            return Ok(Driven { run, ended, taken });
        }
        if let Some(is_through) = is_through
            && run.state().is_some_and(|state| way.comes_round(state))
            && is_through.get()
        {
            return Ok(Driven { run, ended: Ended::Hang, taken });
        }
        let default = default_choice(taken.last().map(|taken| taken.thread), report.enabled());
        let step = taken.len().checked_sub(report.setup_steps).filter(|_| !report.sets_up);
        let going = match step {
            Some(step) => choose(&Place { run: &run, report, step, default })?,
            None => Going::first(default),
        };
        let Going { thread, alternative } = going;
        taken.push(StepRecord { thread, default, alternative });
        if is_through.is_some() {
            way.go(report.enabled(), thread);
        }
        run.step(thread, alternative);
    }
}

/// Counts the operations of each thread, to know at which point of a schedule an execution is.
#[derive(Default)]
pub(in crate::engine) struct Counter {
    taken: HashMap<(usize, String), usize>,
}

impl Counter {
    /// The point at which a thread stands.
    pub(in crate::engine) fn point<R: Run>(&self, run: &R, thread: usize) -> Point {
        let operation = pending(run, thread);
        let before = self.taken.get(&(thread, operation.clone())).copied().unwrap_or(0);
        Point { thread: run.report().role(thread).to_string(), operation, count: before + 1 }
    }

    /// A thread is about to move.
    pub(in crate::engine) fn moves<R: Run>(&mut self, run: &R, thread: usize) {
        *self.taken.entry((thread, pending(run, thread))).or_default() += 1;
    }
}

/// Moves an execution along departures, and looks out for places that are like the one that does not come.
struct Walker {
    departures: Vec<Departure>,
    /// The departure that comes next.
    next: usize,
    counter: Counter,
    /// The places since the last departure that would do for the next one.
    sights: Vec<(usize, Point)>,
    /// The place of the next departure came, and it was not possible there: the step, and why.
    blocked: Option<(usize, Misfit)>,
}

/// A departure that an execution did not come to.
struct Miss {
    step: usize,
    misfit: Misfit,
    instead: Option<Departure>,
}

impl Walker {
    fn new(departures: Vec<Departure>) -> Self {
        Self { departures, next: 0, counter: Counter::default(), sights: Vec::new(), blocked: None }
    }

    fn choose<R: Run>(&mut self, place: &Place<'_, R>) -> Going {
        let thread = self.thread(place);
        let alternative = self.alternative(place, thread);
        if self.next < self.departures.len() {
            self.counter.moves(place.run, thread);
        }
        Going { thread, alternative }
    }

    fn thread<R: Run>(&mut self, place: &Place<'_, R>) -> usize {
        let Some(Departure::Switch(switch)) = self.departures.get(self.next) else { return place.default };
        let point = self.counter.point(place.run, place.default);
        let able = place.able(&switch.thread);
        if point == switch.before && self.blocked.is_none() {
            if let Some(thread) = able {
                self.departed();
                return thread;
            }
            self.blocked = Some((place.step, Misfit::CannotMove(place.names())));
        }
        if able.is_some_and(|thread| thread != place.default) {
            self.sights.push((place.step, point));
        }
        place.default
    }

    /// Which alternative of its operation a thread takes.
    fn alternative<R: Run>(&mut self, place: &Place<'_, R>, thread: usize) -> usize {
        let Some(Departure::Choice(Choice { at, alternative })) = self.departures.get(self.next) else {
            return 0;
        };
        let (point, alternative) = (self.counter.point(place.run, thread), *alternative);
        let alternatives = place.report.alternatives(thread);
        if point == *at && self.blocked.is_none() {
            if alternative < alternatives {
                self.departed();
                return alternative;
            }
            self.blocked = Some((place.step, Misfit::NoSuchAlternative(alternatives)));
        }
        if alternative < alternatives {
            self.sights.push((place.step, point));
        }
        0
    }

    fn departed(&mut self) {
        self.next += 1;
        self.sights.clear();
    }

    /// The first departure that was not taken, and the nearest to it that could have been.
    fn miss<R: Run>(&self, driven: &Driven<R>) -> Option<Miss> {
        let expected = self.departures.get(self.next)?;
        let threads: BTreeSet<String> = driven.run.roles().iter().map(ToString::to_string).collect();
        let end = driven.taken.len().saturating_sub(driven.run.report().setup_steps);
        let (step, misfit) = self.blocked.clone().unwrap_or((end, Misfit::NeverComes));
        let thread = mover(expected);
        if !threads.contains(thread) {
            let near = threads.iter().filter_map(|name| Some((distance(thread, name)?, name)));
            let instead = near.min().map(|(_, name)| moved_by(expected, name));
            return Some(Miss { step, misfit: Misfit::NoSuchThread, instead });
        }
        let wanted = expected.point();
        let nearest = self.sights.iter().filter_map(|(step, point)| {
            let thread = distance(&wanted.thread, &point.thread)?;
            let operation = distance(&wanted.operation, &point.operation)?;
            Some(((thread, operation, point.count.abs_diff(wanted.count)), step, point))
        });
        let nearest = nearest.min();
        let instead = nearest.map(|(_, _, point)| expected.at(point.clone()));
        Some(Miss { step: nearest.map_or(step, |(_, step, _)| *step), misfit, instead })
    }
}

/// The same departure with another thread that moves.
fn moved_by(departure: &Departure, thread: &str) -> Departure {
    match departure {
        Departure::Switch(switch) => {
            Departure::Switch(Switch { thread: thread.to_owned(), ..switch.clone() })
        }
        Departure::Choice(choice) => {
            let at = Point { thread: thread.to_owned(), ..choice.at.clone() };
            Departure::Choice(Choice { at, ..choice.clone() })
        }
    }
}

/// How far apart two names are, if they are near enough to be taken for each other.
fn distance(wanted: &str, there: &str) -> Option<usize> {
    let distance = strsim::osa_distance(wanted, there);
    (distance <= (wanted.chars().count() / 3).max(1)).then_some(distance)
}

fn in_words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<String> = names.map(|name| format!("`{name}`")).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
