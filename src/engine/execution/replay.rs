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

use super::ending::ended;
use super::fair_cycles::{CycleDetector, at_limit};
use super::record::{Execution, StepRecord, default_choice, pending};
use super::schedule::{Choice, Departure, Point, Schedule, Switch};
use crate::engine::limits::Limits;
use crate::engine::system::{Begin, Keep, Numbers, Report, Run, System};
use crate::engine::trace::{Ended, Stopped};

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
        let is_through = Cell::new(schedule.departures.is_empty());
        let mut choose = |place: &Place<'_, S::Run>| {
            let going = walker.choose(place);
            is_through.set(walker.next == walker.departures.len());
            Ok(going)
        };
        let run = begin(limits, system);
        let Ok(driven) = drive_run::<_, Infallible>(limits, run, &mut choose, Some(&is_through));
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

/// Begins a single execution, of which the words are kept.
fn begin<S: System>(limits: &Limits, system: &S) -> S::Run {
    system.begin(Begin { numbers: &Rc::<Numbers>::default(), limits, keep: Keep::Words, path: &[] })
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
    let is_through = Cell::new(schedule.departures.is_empty());
    let mut choose = |place: &Place<'_, S::Run>| {
        let going = walker.choose(place);
        is_through.set(walker.next == walker.departures.len());
        let default = counter.point(place.run, place.default);
        counter.moves(place.run, going.thread);
        let (moves, alternative) = (place.report.role(going.thread).to_string(), going.alternative);
        forks.push(Fork { moves, default, able: place.names(), alternative });
        Ok(going)
    };
    let run = begin(limits, system);
    let Ok(driven) = drive_run::<_, Infallible>(limits, run, &mut choose, Some(&is_through));
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

/// Runs `system` to its end, moved by `choose` once it has set itself up.
pub(in crate::engine) fn drive<S: System, E>(
    limits: &Limits,
    system: &S,
    choose: &mut Chooser<'_, S::Run, E>,
) -> Result<Driven<S::Run>, E> {
    drive_run(limits, begin(limits, system), choose, None)
}

/// Moves an execution that has just begun to its end. Once all that was planned is behind, as `is_through` says, it is
/// also at its end where it has come round by a fair circle. Until then it may go on behind the limit of steps, as far as
/// a search goes to see whether an execution hangs.
pub(in crate::engine) fn drive_run<R: Run, E>(
    limits: &Limits,
    mut run: R,
    choose: &mut Chooser<'_, R, E>,
    is_through: Option<&Cell<bool>>,
) -> Result<Driven<R>, E> {
    let mut taken: Vec<StepRecord> = Vec::new();
    let mut way = CycleDetector::default();
    loop {
        let goes_on =
            taken.len() < 2 * limits.steps && is_through.is_some_and(|is_through| !is_through.get());
        let ended = ended(limits, &run, taken.len());
        let ended = match ended.filter(|ended| !goes_on || *ended != Ended::Stopped(Stopped::Steps)) {
            Some(Ended::Stopped(Stopped::Steps)) => Some(at_limit(limits, &mut run, &mut taken)),
            None => is_through
                .filter(|is_through| comes_round(&run, &mut way) && is_through.get())
                .map(|_| Ended::Hang),
            ended => ended,
        };
        if let Some(ended) = ended {
            return Ok(Driven { run, ended, taken });
        }
        let report = run.report();
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

/// Whether an execution has come to a state of its way by a fair circle, as far as it has states.
fn comes_round<R: Run>(run: &R, way: &mut CycleDetector) -> bool {
    run.state().is_some_and(|state| way.comes_round(state))
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

    fn choose<R: Run>(&mut self, place: &Place<'_, R>) -> Going {
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

    fn thread<R: Run>(&mut self, place: &Place<'_, R>) -> usize {
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
    fn alternative<R: Run>(&mut self, place: &Place<'_, R>, thread: usize) -> usize {
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

    fn sight<R: Run>(&self, place: &Place<'_, R>, thread: usize) -> Sight {
        let point = self.counter.point(place.run, thread);
        let names = if self.points.contains(&point) { place.names() } else { Vec::new() };
        let able = self.movers.iter().filter_map(|name| place.able(name)).collect();
        let alternatives = place.report.alternatives(thread);
        Sight { step: place.step, point, default: thread, able, names, alternatives, switched: false }
    }

    fn departed(&mut self) {
        self.next += 1;
        self.sights.clear();
    }

    /// Whether the execution, on the way on which it looked for an earlier departure, passed the place of this one.
    fn has_passed<R: Run>(&self, departure: usize, driven: &Driven<R>) -> bool {
        let departure = &self.departures[departure];
        self.sights
            .iter()
            .any(|sight| sight.point == *departure.point() && sight.fits(departure, driven.run.report()))
    }

    /// Why a departure was not taken, and the nearest to it that could have been.
    fn miss<R: Run>(&self, departure: usize, driven: &Driven<R>) -> Miss {
        let expected = &self.departures[departure];
        let end = driven.taken.len().saturating_sub(driven.run.report().setup_steps);
        let thread = mover(expected);
        let is_switch = matches!(expected, Departure::Switch(_));
        let is_blocked = |sight: &&Sight| sight.point == *expected.point() && !(is_switch && sight.switched);
        let blocked = self.sights.iter().find(is_blocked);
        let (step, misfit) = match blocked {
            Some(sight) => (sight.step, sight.misfit(expected)),
            None => (end, Misfit::NeverComes),
        };
        let threads: BTreeSet<String> = driven.run.roles().iter().map(ToString::to_string).collect();
        if !threads.contains(thread) {
            let near = threads.iter().filter_map(|name| Some((distance(thread, name)?, name)));
            let instead = near.min().map(|(_, name)| moved_by(expected, name));
            return Miss { step, misfit: Misfit::NoSuchThread, instead };
        }
        let wanted = expected.point();
        let able = self.sights.iter().filter(|sight| sight.would_do(expected, driven.run.report()));
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
    fn fits(&self, departure: &Departure, report: &Report) -> bool {
        match departure {
            Departure::Switch(switch) => {
                let thread = report.with_role(&switch.thread);
                !self.switched && thread.is_some_and(|thread| self.able.contains(&thread))
            }
            Departure::Choice(choice) => choice.alternative < self.alternatives,
        }
    }

    /// Whether a departure can be taken here and changes something.
    fn would_do(&self, departure: &Departure, report: &Report) -> bool {
        let changes = match departure {
            Departure::Switch(switch) => report.with_role(&switch.thread) != Some(self.default),
            Departure::Choice(_) => true,
        };
        changes && self.fits(departure, report)
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
