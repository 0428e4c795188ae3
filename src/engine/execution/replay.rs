//! One execution along a given schedule, or along the order of steps that another engine recorded. It must not know how
//! the schedule was found.
//!
//! A schedule that was made for another version of the program may name a place that never comes. Then the execution is
//! begun again with the nearest place instead, departure by departure, until all of them are placed or known to have
//! none.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use super::fair_cycles::{CycleDetector, at_limit};
use super::record::{Ended, Execution, StepRecord, default_choice, pending};
use super::schedule::{Choice, Departure, Point, Schedule, Switch};
use crate::engine::coroutines::{Keep, Run, StackPool};
use crate::engine::search::complete::{Limits, Stopped, ended};

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

/// Runs `program` once along a schedule, with details kept, and shows it to `visit`. Where the schedule does not fit,
/// the execution goes on as near to it as it can, and the second part of the result says so; it is empty if the
/// schedule fits.
pub fn follow<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    schedule: &Schedule,
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> (R, Vec<Drift>) {
    let limits = along(limits);
    let mut plan: BTreeMap<usize, Departure> = schedule.departures.iter().cloned().enumerate().collect();
    let mut drift: BTreeMap<usize, Drift> = BTreeMap::new();
    loop {
        let mut walker = Walker::new(plan.values().cloned().collect());
        let is_through = Cell::new(schedule.departures.is_empty());
        let mut choose = |place: &Place<'_>| {
            let going = walker.choose(place);
            is_through.set(walker.next == walker.departures.len());
            Ok(going)
        };
        let run = begin(&limits, program);
        let Ok(driven) = drive_run::<Infallible>(&limits, run, &mut choose, Some(&is_through));
        let missed: Vec<usize> = plan.keys().copied().skip(walker.next).collect();
        let mut goes_on = false;
        for (place, index) in missed.into_iter().enumerate() {
            if place > 0 && walker.has_passed(walker.next + place, &driven) {
                // It was not looked for, as the one before it was.
                goes_on = true;
                break;
            }
            let miss = walker.miss(walker.next + place, &driven);
            let expected = schedule.departures[index].clone();
            let before = drift.get(&index).map(|known| known.misfit.clone());
            // A place that was chosen because it fits cannot be missed again.
            let again = !matches!(before, None | Some(Misfit::NoSuchThread));
            let instead = miss.instead.filter(|_| !again);
            let misfit = before.unwrap_or(miss.misfit);
            drift.insert(index, Drift { expected, step: miss.step, misfit, instead: instead.clone() });
            let Some(departure) = instead else {
                plan.remove(&index);
                continue;
            };
            plan.insert(index, departure);
            goes_on = true;
            break;
        }
        if !goes_on {
            return (driven.show(visit), drift.into_values().collect());
        }
    }
}

/// The limits of an execution along a schedule: it may have gone on from the limit of a search, to see whether it hangs.
fn along(limits: &Limits) -> Limits {
    Limits { steps: 2 * limits.steps, ..limits.clone() }
}

fn begin(limits: &Limits, program: &Rc<dyn Fn()>) -> Run {
    Run::begin(program.clone(), Rc::new(StackPool::new(limits, None)), Keep::Words)
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

/// The steps of `program` along a schedule that fits it.
pub fn forks(limits: &Limits, program: &Rc<dyn Fn()>, schedule: &Schedule) -> Vec<Fork> {
    let mut walker = Walker::new(schedule.departures.clone());
    let mut counter = Counter::default();
    let mut forks = Vec::new();
    let Ok(driven) = drive::<Infallible>(&along(limits), program, &mut |place| {
        let going = walker.choose(place);
        let default = counter.point(place.run, place.default);
        counter.moves(place.run, going.thread);
        let (moves, alternative) = (place.run.name(going.thread).to_string(), going.alternative);
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

/// Runs `program` once along the steps after its setup, as another engine recorded them.
///
/// # Errors
///
/// If the order does not fit.
pub fn run_once<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    recorded: &[Recorded],
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> Result<R, OutOfOrder> {
    let driven = drive(limits, program, &mut |place| {
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

/// A moment of an execution at which somebody has to move.
pub(in crate::engine) struct Place<'p> {
    pub(in crate::engine) run: &'p Run,
    /// Counted from 0 at the end of the setup.
    pub(in crate::engine) step: usize,
    /// Who moves when nothing says otherwise.
    pub(in crate::engine) default: usize,
    /// Who can.
    pub(in crate::engine) enabled: &'p [usize],
}

impl Place<'_> {
    /// The thread of this name, if it can move.
    pub(in crate::engine) fn able(&self, name: &str) -> Option<usize> {
        self.run.index_of(name).filter(|thread| self.enabled.contains(thread))
    }

    fn names(&self) -> Vec<String> {
        self.enabled.iter().map(|thread| self.run.name(*thread).to_string()).collect()
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
type Chooser<'c, E> = dyn FnMut(&Place<'_>) -> Result<Going, E> + 'c;

/// An execution at its end.
pub(in crate::engine) struct Driven {
    run: Run,
    ended: Ended,
    taken: Vec<StepRecord>,
}

impl Driven {
    pub(in crate::engine) fn show<R>(mut self, visit: impl FnOnce(&Execution<'_>) -> R) -> R {
        let result = visit(&Execution { run: &self.run, ended: self.ended, taken: &self.taken, share: None });
        self.run.finish();
        result
    }
}

/// Runs `program` to its end, moved by `choose` once it has set itself up.
pub(in crate::engine) fn drive<E>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    choose: &mut Chooser<'_, E>,
) -> Result<Driven, E> {
    drive_run(limits, begin(limits, program), choose, None)
}

/// Moves an execution that has just begun to its end. Once all that was planned is behind, as `is_through` says, it is
/// also at its end where it has come round by a fair circle.
pub(in crate::engine) fn drive_run<E>(
    limits: &Limits,
    mut run: Run,
    choose: &mut Chooser<'_, E>,
    is_through: Option<&Cell<bool>>,
) -> Result<Driven, E> {
    let mut taken: Vec<StepRecord> = Vec::new();
    let mut way = CycleDetector::default();
    loop {
        let enabled = run.enabled();
        let ended = match ended(limits, &run, &enabled, taken.len()) {
            Some(Ended::Stopped(Stopped::Steps)) => Some(at_limit(&mut run, &mut taken)),
            None if is_through.is_some_and(|is_through| way.comes_round(run.state()) && is_through.get()) => {
                Some(Ended::Hang)
            }
            ended => ended,
        };
        if let Some(ended) = ended {
            return Ok(Driven { run, ended, taken });
        }
        let default = default_choice(taken.last().map(|taken| taken.thread), &enabled);
        let step = taken.len().checked_sub(run.book().setup_steps()).filter(|_| run.exploring());
        let going = match step {
            Some(step) => choose(&Place { run: &run, step, default, enabled: &enabled })?,
            None => Going::first(default),
        };
        let Going { thread, alternative } = going;
        taken.push(StepRecord { thread, default, alternative });
        run.step(thread, alternative);
        if is_through.is_some() {
            way.go(&enabled, thread);
        }
    }
}

/// Counts the operations of each thread, to know at which point of a schedule an execution is.
#[derive(Default)]
pub(in crate::engine) struct Counter {
    taken: HashMap<(usize, String), usize>,
}

impl Counter {
    /// The point at which a thread stands.
    pub(in crate::engine) fn point(&self, run: &Run, thread: usize) -> Point {
        let operation = pending(run, thread);
        let before = self.taken.get(&(thread, operation.clone())).copied().unwrap_or(0);
        Point { thread: run.name(thread).to_string(), operation, count: before + 1 }
    }

    /// A thread is about to move.
    pub(in crate::engine) fn moves(&mut self, run: &Run, thread: usize) {
        *self.taken.entry((thread, pending(run, thread))).or_default() += 1;
    }
}

/// Moves an execution along departures, and keeps the places at which it looked for the next one.
struct Walker {
    departures: Vec<Departure>,
    /// The departure that comes next.
    next: usize,
    /// The threads that move in any of them, and where.
    movers: BTreeSet<String>,
    points: BTreeSet<Point>,
    counter: Counter,
    /// The places since the last departure.
    sights: Vec<Sight>,
}

/// A place at which a departure was looked for.
struct Sight {
    step: usize,
    /// Where the thread stands that moves if nothing says otherwise, and which one it is.
    point: Point,
    default: usize,
    /// Which of the threads that move in a departure could.
    able: Vec<usize>,
    /// The names of all that could, if it is the place of a departure.
    names: Vec<String>,
    /// How many alternatives its operation has.
    alternatives: usize,
    /// Whether a switch has led to it in this step, so that no other can.
    switched: bool,
}

/// A departure that an execution did not come to.
struct Miss {
    step: usize,
    misfit: Misfit,
    instead: Option<Departure>,
}

impl Walker {
    fn new(departures: Vec<Departure>) -> Self {
        let movers = departures.iter().map(|departure| mover(departure).to_owned()).collect();
        let points = departures.iter().map(|departure| departure.point().clone()).collect();
        Self { departures, next: 0, movers, points, counter: Counter::default(), sights: Vec::new() }
    }

    fn choose(&mut self, place: &Place<'_>) -> Going {
        if self.next == self.departures.len() {
            return Going::first(place.default);
        }
        let thread = self.thread(place);
        if thread != place.default && matches!(self.departures.get(self.next), Some(Departure::Switch(_))) {
            // For the choices behind the next switch, should that not come.
            let sight = Sight { switched: true, ..self.sight(place, thread) };
            self.sights.push(sight);
        }
        let alternative = self.alternative(place, thread);
        self.counter.moves(place.run, thread);
        Going { thread, alternative }
    }

    fn thread(&mut self, place: &Place<'_>) -> usize {
        let Some(Departure::Switch(switch)) = self.departures.get(self.next) else { return place.default };
        let sight = self.sight(place, place.default);
        match place.able(&switch.thread).filter(|_| sight.point == switch.before) {
            Some(thread) => {
                self.departed();
                thread
            }
            None => {
                self.sights.push(sight);
                place.default
            }
        }
    }

    /// Which alternative of its operation a thread takes.
    fn alternative(&mut self, place: &Place<'_>, thread: usize) -> usize {
        let Some(Departure::Choice(Choice { at, alternative })) = self.departures.get(self.next) else {
            return 0;
        };
        let sight = self.sight(place, thread);
        if sight.point == *at && *alternative < sight.alternatives {
            let alternative = *alternative;
            self.departed();
            return alternative;
        }
        self.sights.push(sight);
        0
    }

    fn sight(&self, place: &Place<'_>, thread: usize) -> Sight {
        let point = self.counter.point(place.run, thread);
        let names = if self.points.contains(&point) { place.names() } else { Vec::new() };
        let able = self.movers.iter().filter_map(|name| place.able(name)).collect();
        let alternatives = place.run.alternatives(thread);
        Sight { step: place.step, point, default: thread, able, names, alternatives, switched: false }
    }

    fn departed(&mut self) {
        self.next += 1;
        self.sights.clear();
    }

    /// Whether the execution, on the way on which it looked for an earlier departure, passed the place of this one.
    fn has_passed(&self, departure: usize, driven: &Driven) -> bool {
        let departure = &self.departures[departure];
        self.sights
            .iter()
            .any(|sight| sight.point == *departure.point() && sight.fits(departure, &driven.run))
    }

    /// Why a departure was not taken, and the nearest to it that could have been.
    fn miss(&self, departure: usize, driven: &Driven) -> Miss {
        let expected = &self.departures[departure];
        let book = driven.run.book();
        let end = driven.taken.len().saturating_sub(book.setup_steps());
        let thread = mover(expected);
        let is_switch = matches!(expected, Departure::Switch(_));
        let is_blocked = |sight: &&Sight| sight.point == *expected.point() && !(is_switch && sight.switched);
        let blocked = self.sights.iter().find(is_blocked);
        let (step, misfit) = match blocked {
            Some(sight) => (sight.step, sight.misfit(expected)),
            None => (end, Misfit::NeverComes),
        };
        if !book.knows(thread) {
            let threads: BTreeSet<String> = book.names().iter().map(ToString::to_string).collect();
            let near = threads.iter().filter_map(|name| Some((distance(thread, name)?, name)));
            let instead = near.min().map(|(_, name)| moved_by(expected, name));
            return Miss { step, misfit: Misfit::NoSuchThread, instead };
        }
        let wanted = expected.point();
        let able = self.sights.iter().filter(|sight| sight.would_do(expected, &driven.run));
        let nearest = able.filter_map(|Sight { step, point, .. }| {
            let thread = distance(&wanted.thread, &point.thread)?;
            let operation = distance(&wanted.operation, &point.operation)?;
            Some(((thread, operation, point.count.abs_diff(wanted.count)), step, point))
        });
        let nearest = nearest.min();
        let instead = nearest.map(|(_, _, point)| expected.at(point.clone()));
        Miss { step: nearest.map_or(step, |(_, step, _)| *step), misfit, instead }
    }
}

impl Sight {
    /// Whether a departure can be taken here.
    fn fits(&self, departure: &Departure, run: &Run) -> bool {
        match departure {
            Departure::Switch(switch) => {
                let thread = run.index_of(&switch.thread);
                !self.switched && thread.is_some_and(|thread| self.able.contains(&thread))
            }
            Departure::Choice(choice) => choice.alternative < self.alternatives,
        }
    }

    /// Whether a departure can be taken here and changes something.
    fn would_do(&self, departure: &Departure, run: &Run) -> bool {
        let changes = match departure {
            Departure::Switch(switch) => run.index_of(&switch.thread) != Some(self.default),
            Departure::Choice(_) => true,
        };
        changes && self.fits(departure, run)
    }

    /// Why a departure cannot be taken here.
    fn misfit(&self, departure: &Departure) -> Misfit {
        match departure {
            Departure::Switch(_) => Misfit::CannotMove(self.names.clone()),
            Departure::Choice(_) => Misfit::NoSuchAlternative(self.alternatives),
        }
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
