//! One execution along a given schedule, or along the order of steps that another engine recorded. It must not know how
//! the schedule was found.
//!
//! A schedule that was made for another version of the program may name a place that never comes. Then the execution is
//! begun again with the nearest place instead, switch by switch, until all of them are placed or known to have none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use super::coroutines::{Keep, Run};
use super::execution::{Ended, Execution, Taken, default_choice, pending};
use super::schedule::{Point, Schedule, Switch};
use super::search::Limits;

/// A switch of a schedule that does not fit the program, and what was done instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The switch as the schedule has it.
    pub expected: Switch,
    /// The step at which it was taken instead or, if it was left out, at which that was known; counted from 0 at the
    /// end of the setup, as in a picture.
    pub step: usize,
    /// Why it does not fit.
    pub misfit: Misfit,
    /// The nearest that there was, which was taken; none if nothing was near enough.
    pub instead: Option<Switch>,
}

/// Why a switch does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// No thread of the program has the name.
    NoSuchThread,
    /// The place came, but the thread could not move there; those that could.
    CannotMove(Vec<String>),
    /// The place never came.
    NeverComes,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Switch { thread, before } = &self.expected;
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
            Misfit::NeverComes => write!(f, "`{before}` never comes")?,
        }
        match &self.instead {
            Some(switch) => write!(f, "; the nearest there was is `{switch}`, which was taken"),
            None => f.write_str("; nothing near was there, so it was left out"),
        }
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
    let mut plan: BTreeMap<usize, Switch> = schedule.switches.iter().cloned().enumerate().collect();
    let mut drift: BTreeMap<usize, Drift> = BTreeMap::new();
    loop {
        let mut walker = Walker::new(plan.values().cloned().collect());
        let Ok(driven) = drive::<Infallible>(limits, program, &mut |place| Ok(walker.choose(place)));
        let Some(miss) = walker.miss(&driven) else {
            return (driven.show(visit), drift.into_values().collect());
        };
        let index = *plan.keys().nth(walker.next).expect("what is missed is one of the switches");
        let expected = schedule.switches[index].clone();
        let before = drift.get(&index).map(|known| known.misfit.clone());
        // A place that was chosen because the thread can move there cannot be missed again.
        let instead =
            miss.instead.filter(|_| !matches!(before, Some(Misfit::CannotMove(_) | Misfit::NeverComes)));
        match &instead {
            Some(switch) => drop(plan.insert(index, switch.clone())),
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
}

impl Fork {
    /// Whether the step is a switch of the schedule.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.moves != self.default.thread
    }
}

/// The steps of `program` along a schedule that fits it.
pub fn forks(limits: &Limits, program: &Rc<dyn Fn()>, schedule: &Schedule) -> Vec<Fork> {
    let mut walker = Walker::new(schedule.switches.clone());
    let mut counter = Counter::default();
    let mut forks = Vec::new();
    let Ok(driven) = drive::<Infallible>(limits, program, &mut |place| {
        let thread = walker.choose(place);
        let default = counter.point(place.run, place.default);
        counter.moves(place.run, thread);
        forks.push(Fork { moves: place.run.name(thread).to_string(), default, able: place.names() });
        Ok(thread)
    });
    driven.show(|_| forks)
}

/// Runs `program` once in the order in which `roles` move after its setup, as another engine recorded it.
///
/// # Errors
///
/// If the order does not fit.
pub fn run_once<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    roles: &[Rc<str>],
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> Result<R, OutOfOrder> {
    let driven = drive(limits, program, &mut |place| {
        let Some(role) = roles.get(place.step) else { return Ok(place.default) };
        place.able(role).ok_or_else(|| OutOfOrder {
            step: place.step,
            thread: role.to_string(),
            able: in_words(place.names().iter().map(String::as_str)),
        })
    })?;
    Ok(driven.show(visit))
}

/// A moment of an execution at which somebody has to move.
pub(super) struct Place<'p> {
    pub(super) run: &'p Run,
    /// Counted from 0 at the end of the setup.
    pub(super) step: usize,
    /// Who moves when nothing says otherwise.
    pub(super) default: usize,
    /// Who can.
    pub(super) enabled: &'p [usize],
}

impl Place<'_> {
    /// The thread of this name, if it can move.
    pub(super) fn able(&self, name: &str) -> Option<usize> {
        self.run.index_of(name).filter(|thread| self.enabled.contains(thread))
    }

    fn names(&self) -> Vec<String> {
        self.enabled.iter().map(|thread| self.run.name(*thread).to_string()).collect()
    }
}

/// Who moves at a place after the setup.
type Chooser<'c, E> = dyn FnMut(&Place<'_>) -> Result<usize, E> + 'c;

/// An execution at its end.
pub(super) struct Driven {
    run: Run,
    ended: Ended,
    taken: Vec<Taken>,
}

impl Driven {
    pub(super) fn show<R>(mut self, visit: impl FnOnce(&Execution<'_>) -> R) -> R {
        let result = visit(&Execution { run: &self.run, ended: self.ended, taken: &self.taken, share: None });
        self.run.finish();
        result
    }
}

/// Runs `program` to its end, moved by `choose` once it has set itself up.
pub(super) fn drive<E>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    choose: &mut Chooser<'_, E>,
) -> Result<Driven, E> {
    drive_run(limits, Run::begin(program.clone(), Rc::default(), Keep::Words), choose)
}

/// Moves an execution that has just begun to its end.
pub(super) fn drive_run<E>(limits: &Limits, mut run: Run, choose: &mut Chooser<'_, E>) -> Result<Driven, E> {
    let mut taken: Vec<Taken> = Vec::new();
    loop {
        let enabled = run.enabled();
        let ended = if let Some(message) = run.panicked() {
            Ended::Panicked(message)
        } else if enabled.is_empty() {
            if run.quiescent() { Ended::Complete } else { Ended::Deadlock }
        } else if taken.len() >= limits.steps {
            Ended::Hang
        } else {
            let default = default_choice(taken.last().map(|taken| taken.thread), &enabled);
            let step = taken.len().checked_sub(run.book().setup_steps()).filter(|_| run.exploring());
            let thread = match step {
                Some(step) => choose(&Place { run: &run, step, default, enabled: &enabled })?,
                None => default,
            };
            taken.push(Taken { thread, default });
            run.step(thread);
            continue;
        };
        return Ok(Driven { run, ended, taken });
    }
}

/// Counts the operations of each thread, to know at which point of a schedule an execution is.
#[derive(Default)]
pub(super) struct Counter {
    taken: HashMap<(usize, String), usize>,
}

impl Counter {
    /// The point at which a thread stands.
    pub(super) fn point(&self, run: &Run, thread: usize) -> Point {
        let operation = pending(run, thread);
        let before = self.taken.get(&(thread, operation.clone())).copied().unwrap_or(0);
        Point { thread: run.name(thread).to_string(), operation, count: before + 1 }
    }

    /// A thread is about to move.
    pub(super) fn moves(&mut self, run: &Run, thread: usize) {
        *self.taken.entry((thread, pending(run, thread))).or_default() += 1;
    }
}

/// Moves an execution along switches, and looks out for places that are like the one that does not come.
struct Walker {
    switches: Vec<Switch>,
    /// The switch that comes next.
    next: usize,
    counter: Counter,
    /// The places since the last switch at which the thread of the next one could have moved instead of another.
    sights: Vec<(usize, Point)>,
    /// The place of the next switch came, and its thread could not move: the step, and who could.
    blocked: Option<(usize, Vec<String>)>,
}

/// A switch that an execution did not come to.
struct Miss {
    step: usize,
    misfit: Misfit,
    instead: Option<Switch>,
}

impl Walker {
    fn new(switches: Vec<Switch>) -> Self {
        Self { switches, next: 0, counter: Counter::default(), sights: Vec::new(), blocked: None }
    }

    fn choose(&mut self, place: &Place<'_>) -> usize {
        let thread = self.thread(place);
        if self.next < self.switches.len() {
            self.counter.moves(place.run, thread);
        }
        thread
    }

    fn thread(&mut self, place: &Place<'_>) -> usize {
        let Some(switch) = self.switches.get(self.next) else { return place.default };
        let point = self.counter.point(place.run, place.default);
        let able = place.able(&switch.thread);
        if point == switch.before && self.blocked.is_none() {
            if let Some(thread) = able {
                self.next += 1;
                self.sights.clear();
                return thread;
            }
            self.blocked = Some((place.step, place.names()));
        }
        if able.is_some_and(|thread| thread != place.default) {
            self.sights.push((place.step, point));
        }
        place.default
    }

    /// The first switch that was not taken, and the nearest to it that could have been.
    fn miss(&self, driven: &Driven) -> Option<Miss> {
        let expected = self.switches.get(self.next)?;
        let book = driven.run.book();
        let threads: BTreeSet<String> = book.names().iter().map(ToString::to_string).collect();
        let end = driven.taken.len().saturating_sub(book.setup_steps());
        let end = (end, Misfit::NeverComes);
        let blocked = self.blocked.as_ref().map(|(step, able)| (*step, Misfit::CannotMove(able.clone())));
        let (step, misfit) = blocked.unwrap_or(end);
        if !threads.contains(&expected.thread) {
            let near = threads.iter().filter_map(|name| Some((distance(&expected.thread, name)?, name)));
            let instead = near.min().map(|(_, name)| Switch { thread: name.clone(), ..expected.clone() });
            return Some(Miss { step, misfit: Misfit::NoSuchThread, instead });
        }
        let nearest = self.sights.iter().filter_map(|(step, point)| {
            let thread = distance(&expected.before.thread, &point.thread)?;
            let operation = distance(&expected.before.operation, &point.operation)?;
            Some(((thread, operation, point.count.abs_diff(expected.before.count)), step, point))
        });
        let nearest = nearest.min();
        let instead = nearest.map(|(_, _, point)| Switch { before: point.clone(), ..expected.clone() });
        Some(Miss { step: nearest.map_or(step, |(_, step, _)| *step), misfit, instead })
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
