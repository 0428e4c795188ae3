//! A program of the kernel as a system: each thread is a coroutine that stops at its visible operations.
//!
//! A coroutine that is thrown away is unwound, so the program's destructors run; operations in them do nothing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rustc_hash::FxHashSet;

use super::fault_injection::{Planted, planted};
use super::fingerprint::{chain, digest};
use super::kernel::{
    Book, Doing, Engine, Installed, LogicalTask, ObjectCore, Record, Request, RoleId, Spawn, Took, install,
};
use super::limits::Limits;
use super::system::{
    Begin, Diverged, Failure, Fingerprints, Keep, Next, Numbers, PathStep, Report, Run, System, Thread, Use,
};
use super::trace::{Ended, LockEdge, Operation, Step, Stopped, Unfinished};

/// What a coroutine is told when it goes on.
#[derive(Clone, Copy)]
enum Go {
    /// Take the operation, in this one of its alternatives.
    Step(usize),
    Quiescent,
}

type Fiber = Coroutine<Go, (), (), DefaultStack>;

/// One thread.
struct Coroutined {
    role: RoleId,
    name_digest: u128,
    number: u32,
    daemon: bool,
    yielder: Cell<*const Yielder<Go, ()>>,
    /// Whether the operation it waits to take can be taken; none if it always can.
    ready: RefCell<Option<Rc<dyn Fn() -> bool>>>,
    /// In how many ways it can be done, once it is ready; none if in one.
    alternatives: RefCell<Option<Rc<dyn Fn() -> usize>>>,
    done: Cell<bool>,
    /// The task of it that runs now.
    logical_task: Cell<LogicalTask>,
}

impl Coroutined {
    /// The task that runs has learned something.
    fn learns(&self, value: u128) {
        let task = self.logical_task.get();
        self.logical_task.set(LogicalTask { history: chain(task.history, value), ..task });
    }

    /// Whether its next operation can be taken.
    fn can_move(&self) -> bool {
        !self.done.get() && self.ready.borrow().as_ref().is_none_or(|ready| ready())
    }

    /// Forgets the operation that it waited to take.
    fn stands_nowhere(&self) {
        *self.ready.borrow_mut() = None;
        *self.alternatives.borrow_mut() = None;
    }

    /// In how many ways its next operation can be done as things stand.
    fn alternatives(&self) -> usize {
        self.alternatives.borrow().as_ref().map_or(1, |alternatives| alternatives().max(1))
    }
}

/// A thread that has not begun, and what it will do.
type Newborn = (Rc<Coroutined>, Box<dyn FnOnce()>);

/// About how many bytes a thread takes, with the part of its stack that it touches; an object; a step in the book.
const THREAD: u64 = 32 * 1024;
const OBJECT: u64 = 256;
const STEP: u64 = 256;

/// A program as a [`System`]: its threads are coroutines on one thread of this process.
///
/// `O` is what can be observed of an execution that ended.
///
/// ```
/// use std::ops::ControlFlow;
/// use turnloom::engine::coroutines::Coroutines;
/// use turnloom::engine::kernel::{Cell, thread};
/// use turnloom::engine::search::{Limits, run_search};
///
/// let program = Coroutines::new(|| {
///     let cell = Cell::new("cell", 0);
///     let other = cell.clone();
///     thread::spawn_detached("other", move || other.set(1));
///     cell.set(2);
/// });
/// let found = run_search(&Limits::default(), &program, &mut |_| ControlFlow::Continue(()));
/// assert_eq!(found.executions, 2);
/// ```
pub struct Coroutines<O = ()> {
    program: Rc<dyn Fn()>,
    look: Look<O>,
    stacks: Rc<StackPool>,
}

/// What is observed of an execution that ended like this, of which that was recorded.
type Look<O> = Rc<dyn Fn(&Ended, Record<'_>) -> O>;

impl Coroutines {
    /// A program of which nothing is observed.
    #[must_use]
    pub fn new(program: impl Fn() + 'static) -> Self {
        Self::from(Rc::new(program) as Rc<dyn Fn()>)
    }
}

impl From<Rc<dyn Fn()>> for Coroutines {
    fn from(program: Rc<dyn Fn()>) -> Self {
        Self::observed(program, |_, _| ())
    }
}

impl<O> Coroutines<O> {
    /// A program, and what `look` observes when an execution of it has ended.
    pub fn observed(program: Rc<dyn Fn()>, look: impl Fn(&Ended, Record<'_>) -> O + 'static) -> Self {
        Self { program, look: Rc::new(look), stacks: Rc::default() }
    }
}

impl<O> Clone for Coroutines<O> {
    fn clone(&self) -> Self {
        Self { program: self.program.clone(), look: self.look.clone(), stacks: self.stacks.clone() }
    }
}

impl<O> Fingerprints for Coroutines<O> {}

impl<O> System for Coroutines<O> {
    type Run = CoroutineRun<O>;

    fn begin(&self, begin: Begin<'_>) -> CoroutineRun<O> {
        let mut run = CoroutineRun::new(self, begin);
        run.follow(begin.path);
        run.tell();
        run
    }
}

/// Stacks to use again.
#[derive(Default)]
struct StackPool {
    free: RefCell<Vec<DefaultStack>>,
}

impl StackPool {
    const SIZE: usize = 512 * 1024;

    /// A stack; none if the system has no more memory for one.
    fn take(&self) -> Option<DefaultStack> {
        if let Some(free) = self.free.borrow_mut().pop() {
            return Some(free);
        }
        DefaultStack::new(Self::SIZE).ok()
    }
}

/// The engine's side of one execution.
struct Core {
    book: Book,
    keep: Keep,
    threads: RefCell<Vec<Rc<Coroutined>>>,
    newborn: RefCell<VecDeque<Newborn>>,
    running: Cell<usize>,
    numbers: Rc<Numbers>,
    /// What the running thread has announced since it went on.
    announced: Cell<Option<Next>>,
    /// The objects that the last step used.
    uses: RefCell<Vec<Use>>,
    me: RefCell<Weak<Core>>,
    /// The keys of the objects that are there: a task that goes back makes objects again, and none gets the key of another.
    live: RefCell<FxHashSet<u128>>,
    /// The sum of the digests of all objects' contents.
    contents: Cell<u128>,
    over: Cell<bool>,
    at_end: RefCell<Vec<Box<dyn FnOnce()>>>,
    exploring: Cell<bool>,
    panicked: RefCell<Option<String>>,
}

/// One execution in flight.
pub struct CoroutineRun<O = ()> {
    core: Rc<Core>,
    look: Look<O>,
    stacks: Rc<StackPool>,
    fibers: Vec<Option<Fiber>>,
    /// How many of them have a stack.
    begun: usize,
    report: Report,
    installed: Option<Installed>,
    limits: Limits,
    /// The limit at which it stands still, since a thread was to begin beyond it.
    stopped: Option<Stopped>,
}

/// What a panic says.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

impl<O> CoroutineRun<O> {
    /// Begins an execution as the thread `main`, up to its first visible operation.
    fn new(system: &Coroutines<O>, Begin { numbers, limits, keep, .. }: Begin<'_>) -> Self {
        let core = Rc::new(Core {
            book: Book::new(keep == Keep::Words),
            keep,
            threads: RefCell::default(),
            newborn: RefCell::default(),
            running: Cell::new(0),
            numbers: numbers.clone(),
            announced: Cell::default(),
            uses: RefCell::default(),
            me: RefCell::default(),
            live: RefCell::default(),
            contents: Cell::new(0),
            over: Cell::new(false),
            at_end: RefCell::default(),
            exploring: Cell::new(true),
            panicked: RefCell::default(),
        });
        *core.me.borrow_mut() = Rc::downgrade(&core);
        let installed = Some(install(core.clone()));
        let (look, stacks) = (system.look.clone(), system.stacks.clone());
        let (fibers, report, limits) = (Vec::new(), Report::default(), limits.clone());
        let mut run = Self { core, look, stacks, fibers, begun: 0, report, installed, limits, stopped: None };
        assert!(!planted(Planted::EnginePanics), "a planted fault of the engine");
        let program = system.program.clone();
        let body = Box::new(move || {
            assert!(!planted(Planted::ThreadPanics), "a planted fault of a thread");
            program();
        });
        run.core.spawn(Spawn { name: "main".to_owned(), daemon: false, body });
        run.raise();
        run
    }

    /// Goes along a path. Nothing is reported on the way.
    fn follow(&mut self, path: &[PathStep]) {
        for (at, step) in path.iter().enumerate() {
            if self.stopped.is_some() {
                return;
            }
            let can_be_taken = self.core.can_take(step.thread, step.alternative);
            if can_be_taken {
                self.take(step.thread, step.alternative);
            }
            let is_same = || step.trail.is_none_or(|trail| trail == self.core.trail(step.thread));
            if self.stopped.is_none() && (!can_be_taken || !is_same()) {
                self.report.failure = Some(Failure::Diverged(Diverged { at, was_taken: can_be_taken }));
                return;
            }
        }
    }

    /// Lets a thread take its next operation, then every newborn thread come to its first one.
    fn take(&mut self, index: usize, alternative: usize) {
        self.core.uses.borrow_mut().clear();
        self.resume(index, Go::Step(alternative));
        self.raise();
    }

    /// Lets every newborn thread run to its first visible operation, as far as the limits allow.
    fn raise(&mut self) {
        while let Some((thread, body)) = self.core.take_newborn() {
            self.stopped = self.limits.reached(self.size());
            if self.stopped.is_some() {
                return;
            }
            let Some(stack) = self.stacks.take() else {
                self.stopped = Some(Stopped::Memory);
                return;
            };
            self.begun += 1;
            self.core.numbers.note_stacks(self.begun);
            let index = self.fibers.len();
            let core = self.core.clone();
            let me = thread.clone();
            let fiber = Coroutine::with_stack(stack, move |yielder: &Yielder<Go, ()>, _: Go| {
                me.yielder.set(std::ptr::from_ref(yielder));
                let result = catch_unwind(AssertUnwindSafe(body));
                if core.over.get() {
                    if let Err(payload) = result {
                        std::panic::resume_unwind(payload);
                    }
                    return;
                }
                if let Err(payload) = result {
                    *core.panicked.borrow_mut() = Some(core.describe_panic(&me, &*payload));
                }
                me.done.set(true);
                core.book.set_done(me.role);
            });
            self.fibers.push(Some(fiber));
            let (number, role) = (thread.number, self.core.book.name(thread.role));
            self.report.threads.push(Thread { number, role, next: None });
            self.resume(index, Go::Step(0));
        }
    }

    fn resume(&mut self, index: usize, go: Go) {
        self.core.running.set(index);
        let role = self.core.threads.borrow()[index].role;
        self.core.book.set_current(role);
        let Some(mut fiber) = self.fibers[index].take() else { return };
        let told = &mut self.report.threads[index];
        match fiber.resume(go) {
            CoroutineResult::Yield(()) => {
                self.fibers[index] = Some(fiber);
                told.next = Some(self.core.announced.take().unwrap_or_default());
            }
            CoroutineResult::Return(()) => {
                self.stacks.free.borrow_mut().push(fiber.into_stack());
                self.begun -= 1;
                told.next = None;
            }
        }
    }

    /// Brings the report up to date: who can move, and in how many ways.
    fn tell(&mut self) {
        let threads = self.core.threads.borrow();
        for (thread, told) in threads.iter().zip(&mut self.report.threads) {
            if let Some(next) = &mut told.next {
                next.ready = thread.can_move();
                next.alternatives = if next.ready { thread.alternatives() } else { 1 };
            }
        }
        drop(threads);
        self.report.list_enabled();
        std::mem::swap(&mut self.report.uses, &mut self.core.uses.borrow_mut());
        self.report.sets_up = !self.core.exploring.get();
        self.report.setup_steps = self.core.book.setup_steps();
        if let Some(stopped) = self.stopped {
            self.report.failure.get_or_insert(Failure::Stopped(stopped));
        }
        if let Some(panic) = self.core.panicked.borrow().as_ref() {
            self.report.failure.get_or_insert_with(|| Failure::Panicked(panic.clone()));
        }
    }

    /// Tells the idle daemons of a program at quiescence that nothing will come, so that they end.
    fn finish(&mut self) {
        let can_move = !self.report.enabled().is_empty();
        if can_move || self.report.failure.is_some() || !self.report.is_quiescent() {
            return;
        }
        for index in 0..self.fibers.len() {
            if !self.core.threads.borrow()[index].done.get() {
                self.resume(index, Go::Quiescent);
            }
        }
    }

    fn record(&self) -> Record<'_> {
        Record::of(&self.core.book)
    }
}

impl<O> Run for CoroutineRun<O> {
    type Seen = O;

    fn report(&self) -> &Report {
        &self.report
    }

    fn step(&mut self, thread: usize, alternative: usize) {
        if self.stopped.is_some() {
            return;
        }
        self.take(thread, alternative);
        self.tell();
    }

    fn state(&self) -> Option<u128> {
        (self.core.keep != Keep::Nothing).then(|| self.core.state())
    }

    fn trail(&self, thread: usize) -> Option<u128> {
        (self.core.keep != Keep::Nothing).then(|| self.core.trail(thread))
    }

    fn size(&self) -> u64 {
        let objects = self.core.live.borrow().len() as u64;
        self.core.numbers.stacks() as u64 * THREAD + objects * OBJECT + self.core.book.len() as u64 * STEP
    }

    fn announced(&self, thread: usize) -> Option<Operation> {
        let role = self.core.threads.borrow()[thread].role;
        self.core.book.announced(role)
    }

    fn took(&self) -> Option<Operation> {
        self.core.book.last_operation()
    }

    fn roles(&self) -> Vec<Rc<str>> {
        self.record().roles()
    }

    fn steps(&self) -> Vec<Step> {
        self.record().steps()
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        self.record().unfinished()
    }

    fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.record().lock_order()
    }

    fn seen(&self, ended: &Ended) -> O {
        (self.look)(ended, self.record())
    }
}

impl<O> Drop for CoroutineRun<O> {
    fn drop(&mut self) {
        self.finish();
        self.core.over.set(true);
        for fiber in &mut self.fibers {
            if let Some(mut fiber) = fiber.take() {
                if !fiber.done() {
                    fiber.force_unwind();
                }
                self.stacks.free.borrow_mut().push(fiber.into_stack());
            }
        }
        self.core.newborn.borrow_mut().clear();
        let at_end = self.core.at_end.take();
        at_end.into_iter().for_each(|clear| clear());
        self.core.threads.borrow().iter().for_each(|thread| thread.stands_nowhere());
        self.installed.take();
    }
}

impl Core {
    /// Whether a thread was begun and can take this alternative of its next operation.
    fn can_take(&self, index: usize, alternative: usize) -> bool {
        let threads = self.threads.borrow();
        threads.get(index).is_some_and(|thread| {
            thread.can_move() && (alternative == 0 || alternative < thread.alternatives())
        })
    }

    /// A fingerprint that changes with what the last step, taken by this thread, learned and left in the objects. Costs
    /// next to nothing.
    fn trail(&self, index: usize) -> u128 {
        let task = self.threads.borrow()[index].logical_task.get();
        self.contents.get().wrapping_add(task.history.rotate_left(1))
    }

    /// The fingerprint of the state: what every thread has learned, and what every object holds.
    fn state(&self) -> u128 {
        let threads = self.threads.borrow();
        let threads = threads.iter().map(|thread| {
            let task = thread.logical_task.get();
            let learned = if thread.done.get() { 0 } else { chain(task.beneath, task.history) };
            chain(thread.name_digest, learned)
        });
        let edges = self.book.edges_digest();
        threads.fold(self.contents.get().wrapping_add(edges), u128::wrapping_add)
    }

    fn note_use(&self, object: u32, changes: bool) {
        let mut uses = self.uses.borrow_mut();
        match uses.iter_mut().find(|known| known.object == object) {
            Some(known) => known.changes |= changes,
            None => uses.push(Use { object, changes }),
        }
    }

    fn take_newborn(&self) -> Option<Newborn> {
        self.newborn.borrow_mut().pop_front()
    }

    fn thread(&self) -> Rc<Coroutined> {
        self.threads.borrow()[self.running.get()].clone()
    }

    /// Stops the running thread until it is told to go on.
    fn suspend(&self, thread: &Coroutined) -> Go {
        let role = self.book.current();
        // SAFETY: the pointer was set from the reference that the coroutine's own function was called with, which
        // lives as long as that function runs; this code runs inside it, on the coroutine's stack.
        let go = unsafe { &*thread.yielder.get() }.suspend(());
        self.book.set_current(role);
        go
    }

    fn describe_panic(&self, thread: &Coroutined, payload: &(dyn std::any::Any + Send)) -> String {
        format!("{}: {}", self.book.name(thread.role), panic_message(payload))
    }
}

impl Engine for Core {
    fn spawn(&self, spawn: Spawn) {
        assert!(!self.book.knows(&spawn.name), "two threads are named `{}`", spawn.name);
        let name_digest = digest(&spawn.name);
        let thread = Rc::new(Coroutined {
            role: self.book.role(&spawn.name),
            name_digest,
            number: self.numbers.thread(name_digest),
            daemon: spawn.daemon,
            yielder: Cell::new(std::ptr::null()),
            ready: RefCell::default(),
            alternatives: RefCell::default(),
            done: Cell::new(false),
            logical_task: Cell::new(LogicalTask { key: name_digest, ..LogicalTask::default() }),
        });
        self.threads.borrow_mut().push(thread.clone());
        self.newborn.borrow_mut().push_back((thread, spawn.body));
    }

    fn perform(&self, request: Request<'_>, apply: &mut dyn FnMut(usize) -> (u128, String)) -> Took {
        let thread = self.thread();
        let role = self.book.current();
        let operation = Some((request.operation, request.object.name.clone()));
        let waits_for = if request.ready.is_some() { (request.waits_for)() } else { Vec::new() };
        self.book.set_doing(role, Doing { operation, waits_for, idle: request.idle });
        *thread.ready.borrow_mut() = request.ready;
        *thread.alternatives.borrow_mut() = request.alternatives;
        let next = Next {
            object: request.object.number,
            reads: request.reads,
            settled: request.settled,
            waits: thread.ready.borrow().is_some(),
            ready: false,
            idle: thread.daemon && request.idle,
            watches: request.watches.iter().map(|object| object.number).collect(),
            alternatives: 1,
        };
        self.announced.set(Some(next));
        let go = self.suspend(&thread);
        let had_a_choice = thread.alternatives() > 1;
        thread.stands_nowhere();
        self.book.set_doing(role, Doing::default());
        let Go::Step(alternative) = go else { return Took::Quiescent };
        let (learned, words) = apply(alternative);
        request.watches.iter().for_each(|object| self.note_use(object.number, false));
        thread.learns(learned);
        self.book.record(request.operation, &request.object.name, words);
        if had_a_choice {
            self.book.chose(alternative);
        }
        Took::Step
    }

    fn learned(&self, value: u128) {
        if !planted(Planted::ReadsOfLocalsForgotten) {
            self.thread().learns(value);
        }
    }

    fn used(&self, object: &ObjectCore, content: u128) {
        let before = object.content.get();
        self.holds(object, content);
        self.note_use(object.number, before != object.content.get());
    }

    fn holds(&self, object: &ObjectCore, content: u128) {
        let content = if planted(Planted::LocalsForgotten) && object.name.is_empty() { 0 } else { content };
        let content = chain(object.key, content);
        let before = object.content.replace(content);
        self.contents.set(self.contents.get().wrapping_sub(before).wrapping_add(content));
    }

    fn logical_task(&self) -> LogicalTask {
        self.thread().logical_task.get()
    }

    fn set_logical_task(&self, task: LogicalTask) {
        self.thread().logical_task.set(task);
    }

    fn object(&self, name: Rc<str>) -> Rc<ObjectCore> {
        let thread = self.thread();
        let mut task = thread.logical_task.get();
        let mut live = self.live.borrow_mut();
        let mut key;
        loop {
            key = digest(&(task.key, task.made));
            task.made += 1;
            if live.insert(key) {
                break;
            }
        }
        thread.logical_task.set(task);
        let number = self.numbers.object(key);
        Rc::new(ObjectCore { name, key, number, content: Cell::new(0), loom: None })
    }

    fn dropped(&self, object: &ObjectCore) {
        self.contents.set(self.contents.get().wrapping_sub(object.content.get()));
        self.live.borrow_mut().remove(&object.key);
    }

    fn settle(&self) {
        let (core, thread) = (self.me.borrow().clone(), self.thread());
        let me = self.running.get();
        let still = move || {
            let Some(core) = core.upgrade() else { return true };
            let threads = core.threads.borrow();
            let mut others = threads.iter().enumerate().filter(|(index, _)| *index != me);
            others.all(|(_, thread)| !thread.can_move())
        };
        *thread.ready.borrow_mut() = Some(Rc::new(still));
        self.suspend(&thread);
        *thread.ready.borrow_mut() = None;
    }

    fn explore(&self, every_order: bool) {
        self.exploring.set(every_order);
    }

    fn digests(&self) -> bool {
        self.keep != Keep::Nothing
    }

    fn fifo_is_one_operation(&self) -> bool {
        true
    }

    fn is_over(&self) -> bool {
        self.over.get()
    }

    fn at_end(&self, clear: Box<dyn FnOnce()>) {
        self.at_end.borrow_mut().push(clear);
    }

    fn book(&self) -> &Book {
        &self.book
    }
}
