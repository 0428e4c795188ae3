//! The second complete search: no stored states, and each Mazurkiewicz trace once.
//!
//! Two executions are equivalent if one becomes the other by swapping neighbouring operations that do not depend on
//! each other. Optimal dynamic partial-order reduction (Abdulla, Aronis, Jonsson and Sagonas, JACM 64(4), 2017) runs one
//! execution of each class: when an execution has ended, each two of its operations that race give a beginning of an
//! execution in which they come in the other order, and the wakeup tree of the place before the first of them takes it in
//! unless it leads to what was run or will be. It shares with the default search what depends on what, and nothing
//! else, so that each checks the other: a state that is taken for another by mistake, a race that a stored footprint
//! forgets, would show as an outcome that only one of them finds.
//!
//! An operation counts as using, besides what it did use, all that it announced: a write of the same value is a write.
//! (The default search looks closer. Here a beginning is planned for an order that was not run, and could not be told
//! from one that leads to what is known if what its last operation uses could turn out to be less.)
//!
//! *Operations that wait.* Whether one can be taken depends on the contents of the objects that it announces. A race is
//! then not only with the last operation that it depends on, but with each that changed such an object (with the one
//! that took a lock, not the one that let it go), whether or not the operation was ever taken, provided that it could
//! have been before. Where that is not known, the place is gone to once to see, and counts as a blocked execution if it
//! could not. Objects that one operation waits for together count as one object for those that change them.
//!
//! *Operations with alternatives.* Wherever one is taken, each of its alternatives is run: no race leads from one to
//! another. A beginning says which alternative it means; along the others that it passes nothing is planned, so there
//! whoever sleeps goes on sleeping, and an execution may be blocked. It must not know what a program is about.

mod races;

use std::ops::ControlFlow;
use std::rc::Rc;

use super::complete::{Limits, Search, Visit, ended, path_size};
use super::footprint::Clock;
use super::path::{Kind, Pasts, show, step, tick};
use super::wakeup::{Move, Tree, after};
use crate::engine::coroutines::{Keep, Run, StackPool};
use crate::engine::execution::dependence::{Groups, Use, depend};
use crate::engine::execution::record::{Ended, Left, StepRecord, default_choice};

/// Searches every interleaving of `program` by optimal dynamic partial-order reduction, and shows each execution that
/// came to its end to `visit`, which may stop the search.
///
/// Gives the outcomes that [`run_search`](super::run_search) gives without a bound, and needs no memory for states; in
/// exchange it repeats what other executions came to in another way. `limits.preemptions` means nothing to it.
/// [`Search::blocked`] counts the executions that came to no end: because all that could follow was run elsewhere, or
/// because they only looked whether an operation could have been taken earlier. [`Search::states`] stays 0. A search stops being complete where an execution ends by a panic or hangs:
/// what the other threads would have done after that is not known.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::rc::Rc;
/// use turnloom::engine::search::Limits;
/// use turnloom::engine::search::dpor;
/// use turnloom::engine::kernel::{Cell, thread};
///
/// // Three threads write one attribute: six orders, six executions.
/// let program: Rc<dyn Fn()> = Rc::new(|| {
///     let last = Cell::new("last", "");
///     for name in ["a", "b", "c"] {
///         let last = last.clone();
///         thread::spawn_detached(name, move || last.set(name));
///     }
/// });
/// let found = dpor(&Limits::default(), &program, &mut |_| ControlFlow::Continue(()));
/// assert!(found.exhausted);
/// assert_eq!((found.executions, found.blocked), (6, 0));
/// ```
pub fn dpor(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    let mut searcher = Searcher {
        limits,
        program,
        shop: Rc::new(StackPool::new(limits, None)),
        found: Search::default(),
        path: Vec::new(),
        taken: Vec::new(),
        threads: Vec::new(),
        past: Pasts::default(),
        groups: Groups::default(),
        wakeup: Tree::new(),
        fresh: 0,
    };
    loop {
        if limits.allow(&mut searcher.found).is_none() {
            return searcher.found;
        }
        let again = match searcher.execute(visit) {
            ControlFlow::Break(()) => return searcher.found,
            ControlFlow::Continue(again) => again,
        };
        if again == Again::Backtrack && !searcher.backtrack() {
            searcher.found.exhausted = true;
            return searcher.found;
        }
    }
}

struct Searcher<'s> {
    limits: &'s Limits,
    program: &'s Rc<dyn Fn()>,
    shop: Rc<StackPool>,
    found: Search,
    path: Vec<Node>,
    taken: Vec<StepRecord>,
    /// The threads at the end of the path.
    threads: Vec<Thread>,
    /// The uses of each object along the path, the last one last.
    past: Pasts,
    groups: Groups,
    /// What is to be run from the end of the path.
    wakeup: Tree,
    /// The first step that no execution before took.
    fresh: usize,
}

/// A thread as far as the path has brought it.
#[derive(Clone)]
struct Thread {
    number: u32,
    /// What it has seen of the path.
    clock: Clock,
    /// Its next operation; none if it is done.
    next: Option<Operation>,
    /// The number of steps after which that was its next operation.
    since: usize,
}

/// An operation that a thread waits to take.
#[derive(Clone)]
struct Operation {
    uses: Rc<[Use]>,
    waits: bool,
    settled: bool,
}

/// A place on the path, and the step that is taken from it now.
struct Node {
    kind: Kind,
    default: usize,
    enabled: Vec<usize>,
    /// How many alternatives the operation of each of them has.
    ways: Vec<usize>,
    /// Who need not be tried: all that begins with their next operation was run.
    asleep: Vec<Move>,
    /// What is to be run from here when all that begins with the present operation was.
    tree: Tree,
    thread: usize,
    /// Which of its alternatives the operation takes now.
    alternative: usize,
    /// What of the tree begins with the operation; all of it if that is settled. Empty: anything may be run.
    planned: Tree,
    /// Whether nothing was planned for the present alternative, though something was for another.
    is_aside: bool,
    /// Whether that is true of the place before.
    was_aside: bool,
    /// What the alternatives before used.
    used: Rc<[Use]>,
    step: Option<Step>,
}

/// A step that was taken.
struct Step {
    uses: Rc<[Use]>,
    clock: Clock,
    /// The thread that took it, as it was before.
    before: Thread,
    threads_before: usize,
    left: Left,
}

/// Where the next execution leaves the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// At the last place from which something is left to run.
    Backtrack,
    /// What counts as one object was not known when the first places were passed: they are passed again.
    FromTheStart,
}

impl Searcher<'_> {
    /// Runs one execution: along the path, then on to its end or to where everybody sleeps.
    fn execute(&mut self, visit: &mut Visit<'_>) -> ControlFlow<(), Again> {
        self.taken.clear();
        let mut run = Run::begin(self.program.clone(), self.shop.clone(), Keep::States);
        self.greet_newborn(&run, &Clock::default());
        loop {
            if self.groups.take_grown() {
                self.start_again();
                return ControlFlow::Continue(Again::FromTheStart);
            }
            let depth = self.taken.len();
            if depth < self.path.len() {
                if let Some(ended) = self.go(&mut run, depth) {
                    return self.end(run, ended, visit);
                }
                continue;
            }
            let enabled = run.enabled();
            if let Some(ended) = ended(self.limits, &run, &enabled, self.taken.len()) {
                return self.end(run, ended, visit);
            }
            let kept = path_size(depth, self.threads.len()) + run.size();
            if self.limits.end_here(&mut self.found, kept, depth) {
                return ControlFlow::Break(());
            }
            match self.arrive(&run, enabled) {
                Some(node) => self.path.push(node),
                None => {
                    self.found.blocked += 1;
                    return ControlFlow::Continue(Again::Backtrack);
                }
            }
        }
    }

    /// Takes the next step of the path; how the execution ended if it is not the one that it was.
    fn go(&mut self, run: &mut Run, depth: usize) -> Option<Ended> {
        let node = &self.path[depth];
        let next = StepRecord { thread: node.thread, default: node.default, alternative: node.alternative };
        let left = node.step.as_ref().map(|step| &step.left);
        let is_new = left.is_none();
        let ended = step(run, &mut self.taken, next, left);
        if is_new && ended.is_none() {
            self.take_step(run, depth, &run.take_uses());
        }
        ended
    }

    fn end(&mut self, run: Run, ended: Ended, visit: &mut Visit<'_>) -> ControlFlow<(), Again> {
        let cut_short = matches!(ended, Ended::Panicked(_) | Ended::Hang);
        let deterministic = !matches!(ended, Ended::NotDeterministic { .. });
        if show(&mut self.found, run, ended, (&self.taken, None), visit).is_break() {
            return ControlFlow::Break(());
        }
        if !deterministic {
            return ControlFlow::Break(());
        }
        self.reverse_races(cut_short);
        ControlFlow::Continue(Again::Backtrack)
    }

    fn start_again(&mut self) {
        self.path.clear();
        self.threads.clear();
        self.past.clear();
        self.wakeup.clear();
        self.fresh = 0;
    }

    /// Looks at a place that is new on this path, and says who moves; nobody if all that could follow is run elsewhere.
    fn arrive(&mut self, run: &Run, enabled: Vec<usize>) -> Option<Node> {
        let default = default_choice(self.taken.last().map(|taken| taken.thread), &enabled);
        let was_aside = self.path.last().is_some_and(|before| before.is_aside);
        let mut node = Node {
            kind: Kind::Open,
            default,
            ways: Vec::new(),
            enabled,
            asleep: self.sleepers(),
            tree: Tree::new(),
            thread: default,
            alternative: 0,
            planned: Tree::new(),
            is_aside: false,
            was_aside,
            used: Rc::default(),
            step: None,
        };
        if !run.exploring() {
            node.kind = Kind::Setup;
            return Some(node);
        }
        let ways = |thread: &usize| run.next(*thread).map_or(1, |next| next.alternatives());
        node.ways = node.enabled.iter().map(ways).collect();
        let next = |thread: &usize| self.threads[*thread].next.as_ref();
        let settled = |thread: &usize| next(thread).is_some_and(|next| next.settled);
        if let Some(settled) = node.enabled.iter().copied().find(settled) {
            node.kind = Kind::Settled;
            node.planned = std::mem::take(&mut self.wakeup);
            self.turn_to(&mut node, settled);
            return Some(node);
        }
        if !self.wakeup.is_empty() {
            node.tree = std::mem::take(&mut self.wakeup);
            return self.next_branch(&mut node).then_some(node);
        }
        if !was_aside {
            // A beginning depends on whoever slept where it was planned, so nobody sleeps where it ends.
            node.asleep.clear();
        }
        let is_awake = |thread: &usize| !node.sleeps(self.threads[*thread].number);
        let awake = std::iter::once(default).chain(node.enabled.iter().copied()).find(is_awake)?;
        self.turn_to(&mut node, awake);
        Some(node)
    }

    /// Turns to the next branch of a place's tree; false if there is none.
    fn next_branch(&mut self, node: &mut Node) -> bool {
        while let Some(number) = node.tree.first().map(|branch| branch.first.thread) {
            let tree = std::mem::take(&mut node.tree).into_iter();
            (node.planned, node.tree) = tree.partition(|branch| branch.first.thread == number);
            let index = self.threads.iter().position(|thread| thread.number == number);
            if let Some(index) = index.filter(|_| !node.sleeps(number)) {
                self.turn_to(node, index);
                return true;
            }
        }
        false
    }

    /// Has this thread move from a place, with the first alternative of its operation.
    fn turn_to(&mut self, node: &mut Node, thread: usize) {
        (node.thread, node.alternative) = (thread, 0);
        self.take_up(node);
    }

    /// Turns to the next alternative of the operation that a place's thread takes; false if there is none, and the thread
    /// sleeps from now on.
    fn next_alternative(&mut self, node: &mut Node) -> bool {
        if node.alternative + 1 < node.alternatives() {
            node.alternative += 1;
            self.take_up(node);
            return true;
        }
        let uses = std::mem::take(&mut node.used);
        node.asleep.push(Move { thread: self.threads[node.thread].number, alternative: None, uses });
        false
    }

    /// Takes up what is planned for the present alternative.
    fn take_up(&mut self, node: &mut Node) {
        let planned = after(&node.planned, self.threads[node.thread].number, node.alternative);
        node.is_aside = if node.planned.is_empty() { node.was_aside } else { planned.is_none() };
        self.wakeup = planned.unwrap_or_default();
    }

    /// The threads that sleep after the last step: those that slept before it and do not depend on it.
    fn sleepers(&self) -> Vec<Move> {
        let Some(before) = self.path.last() else { return Vec::new() };
        let Some(step) = &before.step else { return Vec::new() };
        let sleeps = |sleeper: &&Move| !depend(sleeper.uses.iter().copied(), &step.uses);
        before.asleep.iter().filter(sleeps).cloned().collect()
    }

    /// Takes down a step that is new on the path, and what happened before it.
    fn take_step(&mut self, run: &Run, depth: usize, uses: &[Use]) {
        let thread = self.path[depth].thread;
        let threads_before = self.threads.len();
        let before = self.threads[thread].clone();
        let announced = before.next.as_ref().map_or(&[][..], |next| &next.uses);
        let uses = most(announced, &self.groups.widen(uses.iter().copied()));
        let mut clock = before.clock.to_vec();
        let exploring = self.path[depth].kind != Kind::Setup;
        if exploring {
            uses.iter().for_each(|one| self.past.join(*one, &mut clock));
        }
        let clock: Clock = if exploring { tick(clock, thread, depth) } else { clock.into() };
        if exploring {
            self.past.add(depth, &uses, &clock);
        }
        let next = self.next_of(run, thread);
        self.threads[thread] =
            Thread { number: before.number, clock: clock.clone(), next, since: self.taken.len() };
        self.greet_newborn(run, &clock);
        let left = Left::of(run, thread);
        self.path[depth].step = Some(Step { uses, clock, before, threads_before, left });
    }

    /// Threads that are new know what the step knows in which they were begun.
    fn greet_newborn(&mut self, run: &Run, clock: &Clock) {
        for newborn in self.threads.len()..run.threads() {
            let next = self.next_of(run, newborn);
            let number = run.number(newborn);
            self.threads.push(Thread { number, clock: clock.clone(), next, since: self.taken.len() });
        }
    }

    fn next_of(&mut self, run: &Run, thread: usize) -> Option<Operation> {
        let next = run.next(thread)?;
        self.groups.take_in(&next);
        Some(Operation {
            uses: self.groups.widen(next.uses()),
            waits: next.waits,
            settled: next.is_settled(),
        })
    }

    /// Moves the path to the next interleaving; false if there is none.
    fn backtrack(&mut self) -> bool {
        self.wakeup.clear();
        while let Some(mut node) = self.path.pop() {
            self.take_back(&mut node);
            if self.next_alternative(&mut node) || self.next_branch(&mut node) {
                self.fresh = self.path.len();
                self.path.push(node);
                return true;
            }
        }
        false
    }

    /// Takes back the last step, of which everything was run.
    fn take_back(&mut self, node: &mut Node) {
        let Some(step) = node.step.take() else { return };
        if node.kind != Kind::Setup {
            self.past.take_back(&step.uses);
        }
        node.used = most(&node.used, &step.uses);
        self.threads.truncate(step.threads_before);
        self.threads[node.thread] = step.before;
    }
}

impl Node {
    /// How many alternatives the operation of the thread that moves has.
    fn alternatives(&self) -> usize {
        let at = self.enabled.iter().position(|thread| *thread == self.thread);
        at.and_then(|at| self.ways.get(at)).copied().unwrap_or(1)
    }

    /// The present alternative, if there are others.
    fn chosen(&self) -> Option<usize> {
        (self.alternatives() > 1).then_some(self.alternative)
    }

    fn sleeps(&self, number: u32) -> bool {
        self.asleep.iter().any(|sleeper| sleeper.thread == number)
    }
}

/// The most that an operation uses: what it announced, and what it did.
fn most(announced: &[Use], used: &[Use]) -> Rc<[Use]> {
    let mut most = announced.to_vec();
    for one in used {
        match most.iter_mut().find(|known| known.object == one.object) {
            Some(known) => known.changes |= one.changes,
            None => most.push(*one),
        }
    }
    most.into()
}
