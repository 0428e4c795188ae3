//! One execution along a given schedule, or along the order of steps that another engine recorded. It must not know how
//! the schedule was found.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::coroutines::Run;
use super::execution::{Ended, Execution, Taken, default_choice};
use super::schedule::Schedule;
use super::search::Limits;

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
        let result = visit(&Execution { run: &run, ended, taken: &taken, share: None });
        run.finish();
        return Ok(result);
    }
}

fn in_words(run: &Run, threads: &[usize]) -> String {
    let names: BTreeSet<String> = threads.iter().map(|thread| format!("`{}`", run.name(*thread))).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}
