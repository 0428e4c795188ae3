//! Threads as coroutines: one execution of a program, moved one visible operation at a time by whoever drives it.
//!
//! It must not know how the next thread is chosen. A coroutine that is thrown away is unwound, so the program's
//! destructors run; operations in them do nothing.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use rustc_hash::{FxHashMap, FxHashSet};

use super::execution::dependence::{Next, Use};
use super::fault_injection::{Planted, planted};
use super::fingerprint::{chain, digest};
use super::kernel::{Engine, Installed, LogicalTask, ObjectCore, Request, Spawn, Took, install};
use super::search::complete::{Limits, Stopped};
use super::trace::{Book, Doing, RoleId};

/// What a coroutine is told when it goes on.
#[derive(Clone, Copy)]
enum Go {
    /// Take the operation, in this one of its alternatives.
    Step(usize),
    Quiescent,
}

type Fiber = Coroutine<Go, (), (), DefaultStack>;

/// One thread.
struct Thread {
    role: RoleId,
    name_digest: u128,
    number: u32,
    daemon: bool,
    yielder: Cell<*const Yielder<Go, ()>>,
    /// Whether the operation it waits to take can be taken; none if it always can.
    ready: RefCell<Option<Rc<dyn Fn() -> bool>>>,
    /// In how many ways it can be done, once it is ready; none if in one.
    alternatives: RefCell<Option<Rc<dyn Fn() -> usize>>>,
    idle: Cell<bool>,
    /// That operation.
    next: RefCell<Next>,
    done: Cell<bool>,
    /// The task of it that runs now.
    logical_task: Cell<LogicalTask>,
}

impl Thread {
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
type Newborn = (Rc<Thread>, Box<dyn FnOnce()>);

/// About how many bytes a thread takes, with the part of its stack that it touches; an object; a step in the book.
const THREAD: u64 = 32 * 1024;
const OBJECT: u64 = 256;
const STEP: u64 = 256;

/// What the executions of one search have in common: stacks to use again, and numbers for threads and objects.
#[derive(Default)]
pub(in crate::engine) struct StackPool {
    free: RefCell<Vec<DefaultStack>>,
    objects: RefCell<FxHashMap<u128, u32>>,
    threads: RefCell<FxHashMap<u128, u32>>,
    /// The numbers that hold for all who search together; none for who searches alone.
    names: Option<Arc<Names>>,
    /// How many stacks there are, free or not.
    stacks: Cell<usize>,
    /// How far the search goes, which holds while an execution begins as well.
    limits: Limits,
}

/// The numbers that threads and objects have for all who search a program together.
#[derive(Default)]
pub(in crate::engine) struct Names {
    objects: Mutex<FxHashMap<u128, u32>>,
    threads: Mutex<FxHashMap<u128, u32>>,
    /// How many stacks all of them have.
    stacks: AtomicUsize,
}

/// The number of what has this key, the next one if it has none.
fn number(numbers: &mut FxHashMap<u128, u32>, key: u128) -> u32 {
    let next = u32::try_from(numbers.len()).expect("fewer objects than numbers");
    *numbers.entry(key).or_insert(next)
}

/// The number of what has this key; who knows none asks those that hold for all.
fn number_of(
    numbers: &RefCell<FxHashMap<u128, u32>>,
    all: Option<&Mutex<FxHashMap<u128, u32>>>,
    key: u128,
) -> u32 {
    let mut numbers = numbers.borrow_mut();
    match all {
        None => number(&mut numbers, key),
        Some(all) => *numbers
            .entry(key)
            .or_insert_with(|| number(&mut all.lock().unwrap_or_else(PoisonError::into_inner), key)),
    }
}

impl StackPool {
    const SIZE: usize = 512 * 1024;

    /// Stacks of one thread, for executions within these limits, with the numbers that hold for all, if there are others.
    pub(in crate::engine) fn new(limits: &Limits, names: Option<Arc<Names>>) -> Self {
        Self { names, limits: limits.clone(), ..Self::default() }
    }

    fn thread(&self, key: u128) -> u32 {
        number_of(&self.threads, self.names.as_ref().map(|names| &names.threads), key)
    }

    fn object(&self, key: u128) -> u32 {
        number_of(&self.objects, self.names.as_ref().map(|names| &names.objects), key)
    }

    /// A stack; none if the system has no more memory for one.
    fn take(&self) -> Option<DefaultStack> {
        if let Some(free) = self.free.borrow_mut().pop() {
            return Some(free);
        }
        self.stacks.set(self.stacks.get() + 1);
        if let Some(names) = &self.names {
            names.stacks.fetch_add(1, Ordering::Relaxed);
        }
        DefaultStack::new(Self::SIZE).ok()
    }

    /// How many stacks there are, with those of others who search together with this one.
    fn stacks(&self) -> usize {
        self.names.as_ref().map_or(self.stacks.get(), |names| names.stacks.load(Ordering::Relaxed))
    }
}

/// The engine's side of one execution.
struct Core {
    book: Book,
    keep: Keep,
    threads: RefCell<Vec<Rc<Thread>>>,
    newborn: RefCell<VecDeque<Newborn>>,
    running: Cell<usize>,
    shop: Rc<StackPool>,
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

/// What is kept of an execution besides its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Keep {
    /// Nothing: neither its states nor what its steps used can be asked for.
    Nothing,
    /// The digests that make up its states, and what each step used.
    States,
    /// As well the words of a timeline.
    Words,
}

/// One execution in flight.
pub(in crate::engine) struct Run {
    core: Rc<Core>,
    shop: Rc<StackPool>,
    fibers: Vec<Option<Fiber>>,
    installed: Option<Installed>,
    /// The limit at which it stands still, since a thread was to begin beyond it.
    stopped: Option<Stopped>,
}

/// What a panic says.
pub(crate) fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}

impl Run {
    /// Begins an execution of `program` as the thread `main`, up to the first visible operation.
    pub(in crate::engine) fn begin(program: Rc<dyn Fn()>, shop: Rc<StackPool>, keep: Keep) -> Self {
        let core = Rc::new(Core {
            book: Book::new(keep == Keep::Words),
            keep,
            threads: RefCell::default(),
            newborn: RefCell::default(),
            running: Cell::new(0),
            shop: shop.clone(),
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
        let mut run = Self { core, shop, fibers: Vec::new(), installed, stopped: None };
        assert!(!planted(Planted::EnginePanics), "a planted fault of the engine");
        let body = Box::new(move || {
            assert!(!planted(Planted::ThreadPanics), "a planted fault of a thread");
            program();
        });
        run.core.spawn(Spawn { name: "main".to_owned(), daemon: false, body });
        run.raise();
        run
    }

    /// Lets every newborn thread run to its first visible operation, as far as the limits allow.
    fn raise(&mut self) {
        while let Some((thread, body)) = self.core.take_newborn() {
            self.stopped = self.shop.limits.reached(self.size());
            if self.stopped.is_some() {
                return;
            }
            let Some(stack) = self.shop.take() else {
                self.stopped = Some(Stopped::Memory);
                return;
            };
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
            self.resume(index, Go::Step(0));
        }
    }

    fn resume(&mut self, index: usize, go: Go) {
        self.core.running.set(index);
        let role = self.core.threads.borrow()[index].role;
        self.core.book.set_current(role);
        let Some(mut fiber) = self.fibers[index].take() else { return };
        match fiber.resume(go) {
            CoroutineResult::Yield(()) => self.fibers[index] = Some(fiber),
            CoroutineResult::Return(()) => self.shop.free.borrow_mut().push(fiber.into_stack()),
        }
    }

    /// The limit that it has come to, if it has: its threads did not all begin, so nothing can be said of it.
    pub(in crate::engine) fn stopped(&self) -> Option<Stopped> {
        self.stopped
    }

    /// How far it may go.
    pub(in crate::engine) fn limits(&self) -> &Limits {
        &self.shop.limits
    }

    /// About how many bytes it takes: the stacks of the search, objects, and the steps that it has recorded.
    pub(in crate::engine) fn size(&self) -> u64 {
        let objects = self.core.live.borrow().len() as u64;
        self.shop.stacks() as u64 * THREAD + objects * OBJECT + self.core.book.len() as u64 * STEP
    }

    /// The operation that a thread is about to take, and its object.
    pub(in crate::engine) fn pending(&self, index: usize) -> Option<(&'static str, Rc<str>)> {
        self.core.book.pending(self.core.threads.borrow()[index].role)
    }

    /// The threads whose next operation can be taken, by number.
    pub(in crate::engine) fn enabled(&self) -> Vec<usize> {
        let threads = self.core.threads.borrow();
        threads.iter().enumerate().filter(|(_, thread)| thread.can_move()).map(|(index, _)| index).collect()
    }

    /// The next operation of a thread; none if it is done.
    pub(in crate::engine) fn next(&self, index: usize) -> Option<Next> {
        let threads = self.core.threads.borrow();
        let thread = &threads[index];
        let next = || Next { alternatives: thread.alternatives(), ..thread.next.borrow().clone() };
        (!thread.done.get()).then(next)
    }

    /// In how many ways a thread can take its next operation as things stand.
    pub(in crate::engine) fn alternatives(&self, index: usize) -> usize {
        self.core.threads.borrow().get(index).map_or(1, |thread| thread.alternatives())
    }

    /// How many threads were begun.
    pub(in crate::engine) fn threads(&self) -> usize {
        self.fibers.len()
    }

    /// The number of a thread in the whole search.
    pub(in crate::engine) fn number(&self, index: usize) -> u32 {
        self.core.threads.borrow()[index].number
    }

    /// The thread of this number, if it was begun.
    pub(in crate::engine) fn with_number(&self, number: u32) -> Option<usize> {
        self.core.threads.borrow().iter().position(|thread| thread.number == number)
    }

    /// Whether a thread was begun and can take its next operation.
    pub(in crate::engine) fn can_move(&self, index: usize) -> bool {
        self.core.threads.borrow().get(index).is_some_and(|thread| thread.can_move())
    }

    /// A digest that changes with what the last step, taken by this thread, learned and left in the objects. Costs
    /// next to nothing.
    pub(in crate::engine) fn trail(&self, index: usize) -> u128 {
        let task = self.core.threads.borrow()[index].logical_task.get();
        self.core.contents.get().wrapping_add(task.history.rotate_left(1))
    }

    /// The objects that the last step used, each once.
    pub(in crate::engine) fn take_uses(&self) -> Vec<Use> {
        std::mem::take(&mut *self.core.uses.borrow_mut())
    }

    /// Lets a thread take its next operation, in this one of its alternatives, and run on to the one after.
    pub(in crate::engine) fn step(&mut self, index: usize, alternative: usize) {
        if self.stopped.is_some() {
            return;
        }
        self.core.uses.borrow_mut().clear();
        self.resume(index, Go::Step(alternative));
        self.raise();
    }

    /// The digest of the state: what every thread has learned, and what every object holds.
    pub(in crate::engine) fn state(&self) -> u128 {
        let threads = self.core.threads.borrow();
        let threads = threads.iter().map(|thread| {
            let task = thread.logical_task.get();
            let learned = if thread.done.get() { 0 } else { chain(task.beneath, task.history) };
            chain(thread.name_digest, learned)
        });
        let edges = self.core.book.edges_digest();
        threads.fold(self.core.contents.get().wrapping_add(edges), u128::wrapping_add)
    }

    /// Whether every thread is done or a daemon that is idle.
    pub(in crate::engine) fn quiescent(&self) -> bool {
        let threads = self.core.threads.borrow();
        threads.iter().all(|thread| thread.done.get() || (thread.daemon && thread.idle.get()))
    }

    /// Tells the idle daemons of a program at quiescence that nothing will come, so that they end.
    pub(in crate::engine) fn finish(&mut self) {
        if !self.quiescent() {
            return;
        }
        for index in 0..self.fibers.len() {
            if !self.core.threads.borrow()[index].done.get() {
                self.resume(index, Go::Quiescent);
            }
        }
    }

    /// What a thread panicked with, if one did.
    pub(in crate::engine) fn panicked(&self) -> Option<String> {
        self.core.panicked.borrow().clone()
    }

    /// Whether every order is to be tried from here.
    pub(in crate::engine) fn exploring(&self) -> bool {
        self.core.exploring.get()
    }

    /// The book.
    pub(in crate::engine) fn book(&self) -> &Book {
        &self.core.book
    }

    /// The name of a thread.
    pub(in crate::engine) fn name(&self, index: usize) -> Rc<str> {
        self.core.book.name(self.core.threads.borrow()[index].role)
    }

    /// The name of the last step's role, operation and object, for a schedule.
    pub(in crate::engine) fn index_of(&self, name: &str) -> Option<usize> {
        let threads = self.core.threads.borrow();
        threads.iter().position(|thread| *self.core.book.name(thread.role) == *name)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.core.over.set(true);
        for fiber in &mut self.fibers {
            if let Some(mut fiber) = fiber.take() {
                if !fiber.done() {
                    fiber.force_unwind();
                }
                self.shop.free.borrow_mut().push(fiber.into_stack());
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

    fn thread(&self) -> Rc<Thread> {
        self.threads.borrow()[self.running.get()].clone()
    }

    /// Stops the running thread until it is told to go on.
    fn suspend(&self, thread: &Thread) -> Go {
        let role = self.book.current();
        // SAFETY: the pointer was set from the reference that the coroutine's own function was called with, which
        // lives as long as that function runs; this code runs inside it, on the coroutine's stack.
        let go = unsafe { &*thread.yielder.get() }.suspend(());
        self.book.set_current(role);
        go
    }

    fn describe_panic(&self, thread: &Thread, payload: &(dyn std::any::Any + Send)) -> String {
        format!("{}: {}", self.book.name(thread.role), panic_message(payload))
    }
}

impl Engine for Core {
    fn spawn(&self, spawn: Spawn) {
        assert!(!self.book.knows(&spawn.name), "two threads are named `{}`", spawn.name);
        let name_digest = digest(&spawn.name);
        let thread = Rc::new(Thread {
            role: self.book.role(&spawn.name),
            name_digest,
            number: self.shop.thread(name_digest),
            daemon: spawn.daemon,
            yielder: Cell::new(std::ptr::null()),
            ready: RefCell::default(),
            alternatives: RefCell::default(),
            idle: Cell::new(false),
            next: RefCell::default(),
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
        thread.idle.set(request.idle);
        *thread.next.borrow_mut() = Next {
            object: request.object.number,
            reads: request.reads,
            settled: request.settled,
            waits: thread.ready.borrow().is_some(),
            watches: request.watches.iter().map(|object| object.number).collect(),
            alternatives: 1,
        };
        let go = self.suspend(&thread);
        let had_a_choice = thread.alternatives() > 1;
        thread.stands_nowhere();
        thread.idle.set(false);
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
        let number = self.shop.object(key);
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
