//! The seam between the searches and what they search: a system whose threads announce their next visible operation and
//! take it when they are told.
//!
//! A [`System`] begins executions; a [`Run`] is one execution in flight. After each step the run has a [`Report`]: who
//! can move, what each thread would do, what the step used. That is all a search needs to decide who moves next, so
//! no policy lives in a system, and a system may be anything that can stop its threads: the coroutines of the
//! [kernel](super::kernel), a table that is interpreted, a program in another process. A search goes along a known path in
//! one call ([`Begin::path`]) and asks for single steps only beyond it. A run behind a pipe can therefore send the path
//! in one message, let the other side run ahead by itself, and answer [`Run::step`] from the reports that it got, as long as
//! the search does what the other side guessed.
//!
//! Your own program under the engine: two threads that each read a number and write one more.
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::ops::ControlFlow;
//! use turnloom::engine::execution::Ended;
//! use turnloom::engine::search::{Limits, dpor};
//! use turnloom::engine::system::{Begin, Next, Report, Run, System, Thread, Use};
//! use turnloom::engine::trace::{LockEdge, Operation, Step, Unfinished};
//!
//! const NUMBER: u32 = 0;
//!
//! struct Counting;
//!
//! struct Counter {
//!     report: Report,
//!     number: u32,
//!     read: [Option<u32>; 2],
//!     announced: [Option<Operation>; 2],
//!     steps: Vec<Step>,
//! }
//!
//! impl Counter {
//!     /// Thread `thread` stands before its read, before its write, or is done.
//!     fn announce(&mut self, thread: usize, name: &'static str) {
//!         let operation = Operation { name: name.into(), object: "number".into() };
//!         self.report.threads[thread].next =
//!             Some(Next { object: NUMBER, reads: name == "read", ..Next::ready() });
//!         self.announced[thread] = Some(operation);
//!     }
//! }
//!
//! impl System for Counting {
//!     type Run = Counter;
//!
//!     fn begin(&self, begin: Begin<'_>) -> Counter {
//!         let thread = |name: &str| Thread::new(begin.numbers.thread(name.len() as u128), name);
//!         let mut report = Report::default();
//!         report.threads = vec![thread("a"), thread("bb")];
//!         let (read, announced) = ([None; 2], [None, None]);
//!         let mut counter = Counter { report, number: 0, read, announced, steps: Vec::new() };
//!         (0..2).for_each(|thread| counter.announce(thread, "read"));
//!         counter.report.list_enabled();
//!         counter.report.failure = begin.follow(&mut counter);
//!         counter
//!     }
//! }
//!
//! impl Run for Counter {
//!     type Seen = u32;
//!
//!     fn report(&self) -> &Report {
//!         &self.report
//!     }
//!
//!     fn step(&mut self, thread: usize, _alternative: usize) {
//!         let taken = self.announced[thread].take();
//!         let changes = self.read[thread].is_some();
//!         match self.read[thread] {
//!             None => {
//!                 self.read[thread] = Some(self.number);
//!                 self.announce(thread, "write");
//!             }
//!             Some(read) => {
//!                 self.number = read + 1;
//!                 self.report.threads[thread].next = None;
//!             }
//!         }
//!         self.report.uses = vec![Use { object: NUMBER, changes }];
//!         let role = self.report.threads[thread].role.clone();
//!         self.steps.extend(taken.map(|operation| Step::new(role, operation)));
//!         self.report.list_enabled();
//!     }
//!
//!     fn announced(&self, thread: usize) -> Option<Operation> {
//!         self.announced[thread].clone()
//!     }
//!
//!     fn took(&self) -> Option<Operation> {
//!         self.steps.last().map(|step| step.operation.clone())
//!     }
//!
//!     fn roles(&self) -> Vec<std::rc::Rc<str>> {
//!         self.report.threads.iter().map(|thread| thread.role.clone()).collect()
//!     }
//!
//!     fn steps(&self) -> Vec<Step> {
//!         self.steps.clone()
//!     }
//!
//!     fn unfinished(&self) -> Vec<Unfinished> {
//!         Vec::new()
//!     }
//!
//!     fn lock_order(&self) -> BTreeSet<LockEdge> {
//!         BTreeSet::new()
//!     }
//!
//!     fn seen(&self, _ended: &Ended) -> u32 {
//!         self.number
//!     }
//! }
//!
//! let mut outcomes = BTreeSet::new();
//! let found = dpor(&Limits::default(), &Counting, &mut |execution| {
//!     outcomes.insert(execution.seen());
//!     ControlFlow::Continue(())
//! });
//! assert!(found.exhausted);
//! // One of the two can be lost.
//! assert_eq!(outcomes, BTreeSet::from([1, 2]));
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::limits::Limits;
use super::trace::{Ended, LockEdge, Operation, Step, Stopped, Trace, Unfinished};

/// What is searched: something that begins executions of one program.
///
/// The same steps must lead to the same reports in every execution. Where they do not, a search that can tell stops and
/// says so ([`Ended::NotDeterministic`]).
pub trait System {
    /// An execution in flight.
    type Run: Run;

    /// Begins an execution and takes it along [`Begin::path`]. It stands at the first decision that is not on the path,
    /// or where the path does not fit or the system failed ([`Report::failure`]).
    fn begin(&self, begin: Begin<'_>) -> Self::Run;
}

/// A system that has a fingerprint of each state and a trail of each step: [`Run::state`] and [`Run::trail`] always give one.
///
/// The default search ([`run_search`](super::search::run_search)) merges states by their fingerprints, so only such a
/// system has it; so do several threads that search together, which share what they know of states. All
/// other searches take any system. What they do with fingerprints, they leave undone without: a bounded search and the
/// search for fewest switches run again what leads to a known state, an execution that goes round in circles ends the search
/// at the limit of steps, and a program that is not deterministic is found out only if a step names another operation than before.
pub trait Fingerprints: System {}

/// How an execution begins.
#[derive(Debug, Clone, Copy)]
pub struct Begin<'b> {
    /// The numbers of the search's threads and objects.
    pub numbers: &'b Rc<Numbers>,
    /// How far the search goes. Where an execution has come beyond that, a system may stop it ([`Failure::Stopped`]): the
    /// search itself looks only between two steps.
    pub limits: &'b Limits,
    /// What is kept of the execution besides its steps.
    pub keep: Keep,
    /// The steps to take at once, from the first one.
    pub path: &'b [PathStep],
}

/// A step that was taken before in the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathStep {
    /// The thread, by its place in [`Report::threads`].
    pub thread: usize,
    /// Which of its alternatives the operation is, from 0.
    pub alternative: usize,
    /// What [`Run::trail`] gave after it; none if that is not known.
    pub trail: Option<u128>,
}

impl Begin<'_> {
    /// Takes a run that has just begun along the path, step by step: what a system in the same process needs. Why the
    /// run cannot go on, if it failed on the way or the path does not fit.
    pub fn follow<R: Run>(&self, run: &mut R) -> Option<Failure> {
        for (at, step) in self.path.iter().enumerate() {
            if let Some(failure) = &run.report().failure {
                return Some(failure.clone());
            }
            let can_be_taken = run.report().can_take(step.thread, step.alternative);
            if can_be_taken {
                run.step(step.thread, step.alternative);
            }
            let is_same = step.trail.is_none() || step.trail == run.trail(step.thread);
            if !can_be_taken || !is_same {
                return Some(Failure::Diverged(Diverged { at, was_taken: can_be_taken }));
            }
        }
        run.report().failure.clone()
    }
}

/// What is kept of an execution besides its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: neither fingerprints nor what the steps used will be asked for.
    Nothing,
    /// Fingerprints, and what each step used.
    States,
    /// As well the words of a timeline: the details of steps, and the locks held after each.
    Words,
}

/// One execution in flight.
///
/// Everything but [`Run::step`] reads what is known already. Thrown away before its end, a run stops its threads where they
/// are.
pub trait Run {
    /// What can be observed of an execution that ended.
    type Seen;

    /// How things stand after the last step.
    fn report(&self) -> &Report;

    /// Has a thread that can move take its next operation, in this one of its alternatives, and run on to the one
    /// after. Afterwards the report is a new one.
    fn step(&mut self, thread: usize, alternative: usize);

    /// The fingerprint of the state: what every thread has learned and what every object holds. Two states with the same
    /// one have the same futures. None if the system has no fingerprints, or if they are not kept.
    fn state(&self) -> Option<u128> {
        None
    }

    /// A fingerprint that changes with what the last step, taken by this thread, learned and left in the objects.
    /// None as for [`Run::state`].
    fn trail(&self, _thread: usize) -> Option<u128> {
        None
    }

    /// About how many bytes the execution takes, by an estimate that is the same on every machine.
    fn size(&self) -> u64 {
        0
    }

    /// The operation that a thread takes next, by name; none if it has no name under the thread's own role.
    fn announced(&self, thread: usize) -> Option<Operation>;

    /// The operation that the last step was.
    fn took(&self) -> Option<Operation>;

    /// The roles so far, in the order in which they came up.
    fn roles(&self) -> Vec<Rc<str>>;

    /// The steps so far.
    fn steps(&self) -> Vec<Step>;

    /// What each role that is not done holds and waits for.
    fn unfinished(&self) -> Vec<Unfinished>;

    /// The edges of the acquisition graph so far.
    fn lock_order(&self) -> BTreeSet<LockEdge>;

    /// What is observed of the execution when it has ended like this.
    fn seen(&self, ended: &Ended) -> Self::Seen;

    /// The execution as data.
    fn trace(&self) -> Trace {
        Trace {
            roles: self.roles(),
            setup_steps: self.report().setup_steps,
            steps: self.steps(),
            unfinished: self.unfinished(),
            lock_order: self.lock_order(),
        }
    }
}

/// How an execution stands after a step.
#[derive(Debug, Default)]
pub struct Report {
    /// The threads that were begun, in order of birth; a thread keeps its place.
    pub threads: Vec<Thread>,
    /// The threads that can move.
    enabled: Vec<usize>,
    /// The objects that the last step used, each once.
    pub uses: Vec<Use>,
    /// Whether the program still sets itself up: one order is enough there.
    pub sets_up: bool,
    /// How many steps it took to set itself up, so far.
    pub setup_steps: usize,
    /// Why the execution cannot go on, if it cannot.
    pub failure: Option<Failure>,
}

impl Report {
    /// Lists the threads that can move: to be called after each change of [`Report::threads`].
    pub fn list_enabled(&mut self) {
        self.enabled.clear();
        let can_move = |thread: &Thread| thread.next.as_ref().is_some_and(|next| next.ready);
        let enabled = self.threads.iter().enumerate().filter(|(_, thread)| can_move(thread));
        self.enabled.extend(enabled.map(|(index, _)| index));
    }

    /// The threads that can move, by their places, in order of birth.
    #[must_use]
    pub fn enabled(&self) -> &[usize] {
        &self.enabled
    }

    /// Whether a thread was begun and can take its next operation.
    #[must_use]
    pub fn can_move(&self, thread: usize) -> bool {
        self.next(thread).is_some_and(|next| next.ready)
    }

    /// Whether a thread can take this alternative of its next operation.
    #[must_use]
    pub fn can_take(&self, thread: usize, alternative: usize) -> bool {
        self.can_move(thread) && (alternative == 0 || alternative < self.alternatives(thread))
    }

    /// The next operation of a thread; none if it is done or was not begun.
    #[must_use]
    pub fn next(&self, thread: usize) -> Option<&Next> {
        self.threads.get(thread)?.next.as_ref()
    }

    /// In how many ways a thread can take its next operation.
    #[must_use]
    pub fn alternatives(&self, thread: usize) -> usize {
        self.next(thread).map_or(1, |next| next.alternatives)
    }

    /// The place of the thread with this number, if it was begun.
    #[must_use]
    pub fn with_number(&self, number: u32) -> Option<usize> {
        self.threads.iter().position(|thread| thread.number == number)
    }

    /// The place of the thread with this role, if it was begun.
    #[must_use]
    pub fn with_role(&self, role: &str) -> Option<usize> {
        self.threads.iter().position(|thread| *thread.role == *role)
    }

    /// The role of a thread.
    ///
    /// # Panics
    ///
    /// If the thread was not begun.
    #[must_use]
    pub fn role(&self, thread: usize) -> &Rc<str> {
        &self.threads[thread].role
    }

    /// Whether every thread is done or waits idly, so that nothing is missed.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.threads.iter().all(|thread| thread.next.as_ref().is_none_or(|next| next.idle))
    }
}

/// A thread.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Its number in the whole search: that of its key, by [`Numbers::thread`].
    pub number: u32,
    /// Its role: a name that no other thread of the program has.
    pub role: Rc<str>,
    /// The operation that it takes when it is told to move; none if it is done.
    pub next: Option<Next>,
}

impl Thread {
    /// A thread that has announced nothing yet.
    #[must_use]
    pub fn new(number: u32, role: &str) -> Self {
        Self { number, role: role.into(), next: None }
    }
}

/// The operation that a thread takes next, as far as a search has to know it.
#[derive(Debug, Clone, Default)]
pub struct Next {
    /// The number of the object it is done to.
    pub object: u32,
    /// Whether it never changes the object. What only orders threads, as a lock does, counts as a change.
    pub reads: bool,
    /// Whether it commutes, once it is ready, with all that others can do before it: a search may take it at once.
    pub settled: bool,
    /// Whether there are states in which it cannot be taken.
    pub waits: bool,
    /// Whether it can be taken now.
    pub ready: bool,
    /// Whether the program may end while the thread waits here: a daemon between two jobs.
    pub idle: bool,
    /// The objects that it reads besides.
    pub watches: Vec<u32>,
    /// In how many ways it can be taken as things stand, at least 1.
    pub alternatives: usize,
}

impl Next {
    /// An operation that can always be taken, in one way.
    #[must_use]
    pub fn ready() -> Self {
        Self { ready: true, alternatives: 1, ..Self::default() }
    }
}

/// One use of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Use {
    /// The object, by number.
    pub object: u32,
    /// Whether its content changed; of an operation to come, whether it may.
    pub changes: bool,
}

/// Why an execution cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A thread panicked: its role and the message.
    Panicked(String),
    /// The system itself failed: its process died, its pipe broke, what it said made no sense. In words.
    Crashed(String),
    /// A thread was told to move and its next operation did not come in time. In words.
    Unresponsive(String),
    /// The path did not fit.
    Diverged(Diverged),
    /// It has come to a limit of the search: not all of its threads began, so nothing can be said of it.
    Stopped(Stopped),
}

/// Where a path did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diverged {
    /// Which step of the path.
    pub at: usize,
    /// Whether the step was taken, and left something else than before; if not, it could not be taken.
    pub was_taken: bool,
}

/// The numbers that the threads and objects of one search have: the same key has the same number in every execution.
///
/// A key says what something is in whatever execution: which thread began it or made it, and which of the things begun
/// or made by that thread it is. Numbers are small, and given in the order in which keys are first asked for.
#[derive(Debug, Default)]
pub struct Numbers {
    objects: RefCell<FxHashMap<u128, u32>>,
    threads: RefCell<FxHashMap<u128, u32>>,
    /// The most stacks that an execution had at the same time.
    stacks: Cell<usize>,
    /// The numbers that hold for all who search together; none for a search on one thread.
    shared: Option<Arc<SharedNumbers>>,
}

/// The numbers that hold for all who search a program together.
#[derive(Debug, Default)]
pub(in crate::engine) struct SharedNumbers {
    objects: Mutex<FxHashMap<u128, u32>>,
    threads: Mutex<FxHashMap<u128, u32>>,
    /// How many stacks all of them have.
    stacks: AtomicUsize,
}

impl Numbers {
    /// Numbers that agree with those of all who share them.
    pub(in crate::engine) fn sharing(shared: Option<Arc<SharedNumbers>>) -> Self {
        Self { shared, ..Self::default() }
    }

    /// The number of the thread with this key.
    #[must_use]
    pub fn thread(&self, key: u128) -> u32 {
        number_of(&self.threads, self.shared.as_ref().map(|shared| &shared.threads), key)
    }

    /// The number of the object with this key.
    #[must_use]
    pub fn object(&self, key: u128) -> u32 {
        number_of(&self.objects, self.shared.as_ref().map(|shared| &shared.objects), key)
    }

    /// An execution has so many stacks now. They are used again by the next one, so the most of them count.
    pub(in crate::engine) fn note_stacks(&self, now: usize) {
        let more = now.saturating_sub(self.stacks.get());
        self.stacks.set(self.stacks.get() + more);
        if let Some(shared) = self.shared.as_ref().filter(|_| more > 0) {
            shared.stacks.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// How many stacks the search has, with those of others who search together with it.
    pub(in crate::engine) fn stacks(&self) -> usize {
        self.shared.as_ref().map_or(self.stacks.get(), |shared| shared.stacks.load(Ordering::Relaxed))
    }
}

/// The number of what has this key, the next one if it has none.
fn number(numbers: &mut FxHashMap<u128, u32>, key: u128) -> u32 {
    let next = u32::try_from(numbers.len()).expect("fewer objects than numbers");
    *numbers.entry(key).or_insert(next)
}

/// The number of what has this key; one that is not known here is asked for where it holds for all.
fn number_of(
    numbers: &RefCell<FxHashMap<u128, u32>>,
    shared: Option<&Mutex<FxHashMap<u128, u32>>>,
    key: u128,
) -> u32 {
    let mut numbers = numbers.borrow_mut();
    match shared {
        None => number(&mut numbers, key),
        Some(shared) => *numbers
            .entry(key)
            .or_insert_with(|| number(&mut shared.lock().unwrap_or_else(PoisonError::into_inner), key)),
    }
}
