//! The search over visited states: every interleaving of a program, up to those that nobody can tell apart.
//!
//! A state is what each thread has learned so far and what each shared object holds. A thread is a function of what it
//! learned, so two executions that reach the same state have the same futures, and the second is cut. One thing more is
//! left out: where a thread is about to let a lock go, or to go on from a wait for what is set once and for all, the
//! others need not be tried first, since nothing they can do before then touches that object (a persistent set of one
//! thread; Godefroid, Partial-Order Methods, LNCS 1032, chapter 4). With a preemption bound nothing is left out, and the
//! budget left and the thread that moved last belong to the state. It must not know what a program is about.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use super::coroutines::{Run, Stacks};
use super::schedule::{Schedule, Switch};
use crate::kernel::Book;
use crate::kernel::digest::{chain, digest};

/// How far a search goes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// At most so many switches away from a thread that could have gone on; none for every interleaving.
    pub preemptions: Option<u32>,
    /// An execution of more steps than this counts as a hang.
    pub steps: usize,
    /// At most so many executions; none for as many as it takes.
    pub executions: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { preemptions: None, steps: 20_000, executions: None }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everybody is done, or idle with nothing to do.
    Complete,
    /// Nobody can move, and somebody is neither done nor idle.
    Deadlock,
    /// The limit of steps was reached.
    Hang,
    /// A thread panicked: its name and the message.
    Panicked(String),
}

/// One execution that came to its end.
pub struct Execution<'a> {
    run: &'a Run,
    /// How it ended.
    pub ended: Ended,
    taken: &'a [Taken],
}

/// One step: who moved, and who would have, left alone.
#[derive(Clone, Copy)]
struct Taken {
    thread: usize,
    default: usize,
}

impl Execution<'_> {
    /// The book: steps, roles, who waits for whom.
    #[must_use]
    pub fn book(&self) -> &Book {
        self.run.book()
    }

    /// The steps after the setup.
    fn scene(&self) -> &[Taken] {
        &self.taken[self.run.book().setup_steps().min(self.taken.len())..]
    }

    /// The schedule.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let departures = self.scene().iter().enumerate().filter(|(_, taken)| taken.thread != taken.default);
        let switches =
            departures.map(|(step, taken)| Switch { step, thread: self.run.name(taken.thread).to_string() });
        Schedule { switches: switches.collect() }
    }
}

/// What a search came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Executions begun.
    pub executions: u64,
    /// Distinct states in which somebody had a choice.
    pub states: u64,
    /// Executions that ended in a deadlock.
    pub deadlocks: u64,
    /// Executions that ended in a panic.
    pub panics: u64,
    /// Whether every interleaving within the limits was run (none was left when the search stopped).
    pub exhausted: bool,
    /// Whether an interleaving was left out because of the preemption bound.
    pub bounded: bool,
}

/// Searches every interleaving of `program`.
///
/// ```
/// use turnloom::explore::{Limits, search};
/// use turnloom::kernel::{FifoLock, thread};
///
/// // Two locks taken in two orders: some interleaving deadlocks.
/// let found = search(&Limits::default(), || {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     let (a2, b2) = (a.clone(), b.clone());
///     thread::spawn("other", move || {
///         let _b = b2.lock();
///         let _a = a2.lock();
///     });
///     let _a = a.lock();
///     let _b = b.lock();
/// });
/// assert!(found.deadlocks > 0 && found.exhausted);
/// ```
pub fn search(limits: &Limits, program: impl Fn() + 'static) -> Search {
    run_search(limits, &(Rc::new(program) as Rc<dyn Fn()>), &mut |_| ControlFlow::Continue(()))
}

/// As [`search`], and shows each execution that came to its end to `visit`, which may stop the search.
pub fn run_search(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    visit: &mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>,
) -> Search {
    let mut searcher = Searcher {
        limits,
        visited: HashSet::new(),
        path: Vec::new(),
        taken: Vec::new(),
        found: Search::default(),
    };
    let stacks = Rc::new(Stacks::default());
    loop {
        if limits.executions.is_some_and(|most| searcher.found.executions >= most) {
            return searcher.found;
        }
        let run = Run::begin(program.clone(), stacks.clone(), false);
        if searcher.execute(run, visit).is_break() {
            return searcher.found;
        }
        if !searcher.backtrack() {
            searcher.found.exhausted = true;
            return searcher.found;
        }
    }
}

struct Searcher<'l> {
    limits: &'l Limits,
    visited: HashSet<u128>,
    path: Vec<Node>,
    taken: Vec<Taken>,
    found: Search,
}

/// A place where somebody had a choice, or the only step there was.
struct Node {
    choices: Vec<usize>,
    next: usize,
}

impl Searcher<'_> {
    /// Runs one execution: along the path, then on to its end or to a state that was seen before.
    fn execute(
        &mut self,
        mut run: Run,
        visit: &mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.found.executions += 1;
        self.taken.clear();
        let mut last = None;
        let mut budget = self.limits.preemptions;
        loop {
            let depth = self.taken.len();
            let enabled = run.enabled();
            let ended = self.ended(&run, &enabled, depth);
            if let Some(ended) = ended {
                return self.end(run, ended, visit);
            }
            let default = default_choice(last, &enabled);
            let free = last.is_none_or(|last| last != default);
            if depth == self.path.len() {
                let mut choices = vec![default];
                if free || budget != Some(0) {
                    choices.extend(enabled.iter().copied().filter(|thread| *thread != default));
                } else {
                    self.found.bounded |= enabled.len() > 1;
                }
                if !run.exploring() {
                    choices.truncate(1);
                } else if budget.is_none()
                    && let Some(settled) = choices.iter().copied().find(|thread| run.is_settled(*thread))
                {
                    choices = vec![settled];
                }
                if choices.len() > 1 && !self.enter(&run, last, budget) {
                    return ControlFlow::Continue(());
                }
                self.path.push(Node { choices, next: 0 });
            }
            let node = &self.path[depth];
            let thread = node.choices[node.next];
            if !free && thread != default {
                budget = budget.map(|left| left - 1);
            }
            self.taken.push(Taken { thread, default });
            run.step(thread);
            last = Some(thread);
        }
    }

    fn ended(&self, run: &Run, enabled: &[usize], depth: usize) -> Option<Ended> {
        if let Some(message) = run.panicked() {
            return Some(Ended::Panicked(message));
        }
        if enabled.is_empty() {
            return Some(if run.quiescent() { Ended::Complete } else { Ended::Deadlock });
        }
        (depth >= self.limits.steps).then_some(Ended::Hang)
    }

    fn end(
        &mut self,
        run: Run,
        ended: Ended,
        visit: &mut dyn FnMut(&Execution<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.found.deadlocks += u64::from(ended == Ended::Deadlock);
        self.found.panics += u64::from(matches!(ended, Ended::Panicked(_)));
        let mut run = run;
        let flow = visit(&Execution { run: &run, ended, taken: &self.taken });
        run.finish();
        flow
    }

    /// Whether a state is new.
    fn enter(&mut self, run: &Run, last: Option<usize>, budget: Option<u32>) -> bool {
        let mut state = run.state();
        if let Some(budget) = budget {
            state = chain(state, digest(&(last, budget)));
        }
        let new = self.visited.insert(state);
        self.found.states += u64::from(new);
        new
    }

    /// Moves the path to the next interleaving; false if there is none.
    fn backtrack(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            node.next += 1;
            if node.next < node.choices.len() {
                return true;
            }
            self.path.pop();
        }
        false
    }
}

/// Who moves when nothing says otherwise: the thread that moved last, else the first that can.
fn default_choice(last: Option<usize>, enabled: &[usize]) -> usize {
    match last {
        Some(last) if enabled.contains(&last) => last,
        _ => enabled[0],
    }
}

/// A schedule that does not fit the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// The thread of a switch cannot move there.
    #[error("at step {step} the schedule lets `{thread}` move, but only {able} can")]
    CannotMove {
        /// The step.
        step: usize,
        /// Who should move.
        thread: String,
        /// Who can, in words.
        able: String,
    },
    /// The execution ended before a switch.
    #[error("the schedule has a switch at step {step}, but the execution ends after {steps} steps")]
    EndsBefore {
        /// The step of the switch.
        step: usize,
        /// How many steps there are.
        steps: usize,
    },
}

/// Runs `program` once along a schedule, with details kept, and shows it to `visit`.
///
/// # Errors
///
/// If the schedule does not fit.
pub fn follow<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    schedule: &Schedule,
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> Result<R, Drift> {
    let mut switches = schedule.switches.iter().peekable();
    let mut choose = |run: &Run, step: usize, default: usize, enabled: &[usize]| {
        let Some(switch) = switches.next_if(|switch| switch.step == step) else { return Ok(default) };
        move_to(run, step, &switch.thread, enabled)
    };
    let result =
        drive(limits, program, &mut choose, |execution| (visit(execution), execution.scene().len()))?;
    match switches.next() {
        Some(switch) => Err(Drift::EndsBefore { step: switch.step, steps: result.1 }),
        None => Ok(result.0),
    }
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
) -> Result<R, Drift> {
    let mut choose = |run: &Run, step: usize, default: usize, enabled: &[usize]| match roles.get(step) {
        None => Ok(default),
        Some(role) => move_to(run, step, role, enabled),
    };
    drive(limits, program, &mut choose, visit)
}

/// The thread of this name, if it can move.
fn move_to(run: &Run, step: usize, name: &str, enabled: &[usize]) -> Result<usize, Drift> {
    match run.index_of(name) {
        Some(thread) if enabled.contains(&thread) => Ok(thread),
        _ => Err(Drift::CannotMove { step, thread: name.to_owned(), able: in_words(run, enabled) }),
    }
}

/// Who moves at a step, counted from the end of the setup.
type Chooser<'c> = dyn FnMut(&Run, usize, usize, &[usize]) -> Result<usize, Drift> + 'c;

fn drive<R>(
    limits: &Limits,
    program: &Rc<dyn Fn()>,
    choose: &mut Chooser<'_>,
    visit: impl FnOnce(&Execution<'_>) -> R,
) -> Result<R, Drift> {
    let mut run = Run::begin(program.clone(), Rc::default(), true);
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
                Some(step) => choose(&run, step, default, &enabled)?,
                None => default,
            };
            taken.push(Taken { thread, default });
            run.step(thread);
            continue;
        };
        let result = visit(&Execution { run: &run, ended, taken: &taken });
        run.finish();
        return Ok(result);
    }
}

fn in_words(run: &Run, threads: &[usize]) -> String {
    let names: BTreeSet<String> = threads.iter().map(|thread| format!("`{}`", run.name(*thread))).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
