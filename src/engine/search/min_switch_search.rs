//! The execution with the fewest switches that somebody is looking for.
//!
//! Schedules are tried by the number of their switches: none, one, two… (which alternative an operation takes is no
//! switch). Where an execution comes to a state with the same thread having moved last and as many switches left as one
//! before, only the same can follow, and it is cut. So the first execution that is accepted has the fewest switches there
//! are, and of those it is the first in a fixed order. It must not know what is looked for.

use std::collections::HashSet;
use std::rc::Rc;

use super::complete::Limits;
use crate::engine::coroutines::{Keep, Run, StackPool};
use crate::engine::execution::record::Execution;
use crate::engine::execution::replay::{Going, Place, drive_run};

/// What came of looking for an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Least<R> {
    /// It was found; what the visitor made of it.
    Found(R),
    /// No schedule with at most that many switches leads to one.
    None,
    /// The executions that [`Limits`] allow were not enough to know.
    Unknown,
}

/// Looks for the execution with the fewest switches, at most `switches`, of which `wanted` makes something.
///
/// ```
/// use std::rc::Rc;
/// use turnloom::engine::execution::Ended;
/// use turnloom::engine::search::{Least, Limits, least};
/// use turnloom::engine::kernel::{FifoLock, thread};
///
/// let program: Rc<dyn Fn()> = Rc::new(|| {
///     let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
///     for (name, first, second) in [("ab", a.clone(), b.clone()), ("ba", b, a)] {
///         thread::spawn_detached(name, move || {
///             let _first = first.lock();
///             let _second = second.lock();
///         });
///     }
/// });
/// let found = least(&Limits::default(), 2, &program, &mut |execution| {
///     (execution.ended == Ended::Deadlock).then(|| execution.schedule().to_string())
/// });
/// assert_eq!(found, Least::Found("ba@ab.lock-b".to_owned()));
/// ```
pub fn least<R>(
    limits: &Limits,
    switches: usize,
    program: &Rc<dyn Fn()>,
    wanted: &mut dyn FnMut(&Execution<'_>) -> Option<R>,
) -> Least<R> {
    let mut executions = 0;
    for most in 0..=switches {
        let shop = Rc::new(StackPool::new(limits, None));
        let mut search = Search { most, shop, ..Search::default() };
        loop {
            if limits.executions.is_some_and(|allowed| executions >= allowed) {
                return Least::Unknown;
            }
            executions += 1;
            let run = Run::begin(program.clone(), search.shop.clone(), Keep::States);
            let driven = drive_run(limits, run, &mut |place| search.choose(place), None);
            if let Some(found) = driven.ok().and_then(|driven| driven.show(&mut *wanted)) {
                return Least::Found(found);
            }
            if !search.backtrack() {
                break;
            }
        }
        if !search.was_short {
            return Least::None;
        }
    }
    Least::None
}

/// The search among all schedules of at most so many switches.
#[derive(Default)]
struct Search {
    most: usize,
    shop: Rc<StackPool>,
    seen: HashSet<(u128, Option<usize>, usize)>,
    path: Vec<Node>,
    /// How many places of this execution were passed, and how many switches it has left.
    passed: usize,
    left: usize,
    last: Option<usize>,
    /// Whether a switch was left out because there were too many.
    was_short: bool,
}

/// A place, the threads that may move there, and which of them does.
struct Node {
    /// Each with the alternative of its operation.
    choices: Vec<Going>,
    chosen: usize,
}

/// The rest of the execution is known.
struct Known;

impl Search {
    fn choose(&mut self, place: &Place<'_>) -> Result<Going, Known> {
        if self.passed == 0 {
            self.left = self.most;
            self.last = None;
        }
        if self.passed == self.path.len() {
            let others = place.enabled.iter().copied().filter(|thread| *thread != place.default);
            let mut threads = vec![place.default];
            if self.left > 0 {
                threads.extend(others);
            } else {
                self.was_short |= place.enabled.len() > 1;
            }
            let ways = |thread: usize| {
                (0..place.run.alternatives(thread)).map(move |alternative| Going { thread, alternative })
            };
            let choices: Vec<Going> = threads.into_iter().flat_map(ways).collect();
            if place.enabled.len() > 1 && !self.seen.insert((place.run.state(), self.last, self.left)) {
                self.passed = 0;
                return Err(Known);
            }
            self.path.push(Node { choices, chosen: 0 });
        }
        let node = &self.path[self.passed];
        let going = node.choices[node.chosen];
        self.left -= usize::from(going.thread != place.default);
        self.last = Some(going.thread);
        self.passed += 1;
        Ok(going)
    }

    /// Goes on to the next schedule; false if there is none.
    fn backtrack(&mut self) -> bool {
        self.passed = 0;
        while let Some(node) = self.path.last_mut() {
            node.chosen += 1;
            if node.chosen < node.choices.len() {
                return true;
            }
            self.path.pop();
        }
        false
    }
}
