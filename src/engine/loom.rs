//! Kernel operations on loom: each object is a loom mutex and condition variable, held for the length of one operation.
//!
//! loom has no free choice. What comes nearest is a relaxed load: of the stores that it may see, loom tries each. So if
//! asked to, one more thread stores once to each of a row of atomics before the program begins, and nothing that the program
//! does happens after that; whoever chooses loads the next of them, and may see the store or not, whatever the preemption
//! bound. A choice that finds no atomic left takes its first alternative, and that is told.
//!
//! loom ends the process on a deadlock, a panic in a thread or too many branches, so this runs in a child process
//! (`child`); a panic hook still sees the book of the execution. loom wants every thread to end, so daemons are told
//! when the program has come to quiescence. This file must not know what the program is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};

use super::kernel::{Engine, Installed, LogicalTask, LoomParts, ObjectCore, Request, Spawn, Took, install};
use super::trace::{Book, Doing, RoleId};

/// Stack of a spawned thread, in machine words: loom's default of 4,096 is too small for an event loop.
const STACK_WORDS: usize = 32 * 1024;

/// How one execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Every thread is done.
    Complete,
    /// loom says that nobody can move.
    Deadlock,
    /// loom says that there are too many branches: the execution was not run to its end.
    TooLong,
    /// The program panicked.
    Panicked,
}

/// What is told of each execution: how it ended, and its book.
pub type Visit = Rc<dyn Fn(Finished, &Book, &str)>;

/// A program, and what is told of its executions.
type Task = (Rc<dyn Fn()>, Visit);

thread_local! {
    /// The program and what is told of it: loom's own closure must be `Send`, and runs on this very thread.
    static TASK: RefCell<Option<Task>> = const { RefCell::new(None) };
    /// Threads that were spawned and have not begun: loom's builder wants their closures to be `Send`.
    static NEWBORN: RefCell<BTreeMap<RoleId, (Rc<Core>, Spawn)>> = const { RefCell::new(BTreeMap::new()) };
    /// Whether every alternative of every choice was tried.
    static ALL_TRIED: Cell<bool> = const { Cell::new(true) };
    /// The execution in flight.
    static IN_FLIGHT: RefCell<Option<(Rc<Core>, Installed)>> = const { RefCell::new(None) };
}

/// How far loom goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At most so many preemptions; none for any number.
    pub preemptions: Option<u32>,
    /// No execution has more branches than this; one that would is the last.
    pub branches: usize,
    /// How many alternatives beyond the first an execution may choose from, all its choices together. If there are any,
    /// they take one of loom's five threads.
    pub alternatives: usize,
}

/// Runs every permutation of `program` within the bounds and shows each to `visit`. Returns when all were run: whether
/// every alternative of every choice was tried. On a deadlock or a panic `visit` is called from the panic hook, and must
/// end the process.
pub fn permute(bounds: Bounds, program: Rc<dyn Fn()>, visit: Visit) -> bool {
    let Bounds { preemptions, branches, alternatives } = bounds;
    TASK.set(Some((program, visit)));
    ALL_TRIED.set(true);
    // The library below loom installs a panic hook of its own with the first model; it must come before ours.
    loom::model::Builder::new().check(|| ());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without words").to_owned();
        let finished = if message.contains("deadlock") {
            Finished::Deadlock
        } else if message.contains("maximum number of branches") {
            Finished::TooLong
        } else {
            Finished::Panicked
        };
        finish(finished, &message);
    }));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.map(|bound| bound as usize);
    builder.max_branches = branches;
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.checkpoint_file = None;
    builder.log = false;
    builder.location = false;
    builder.check(move || {
        let program = TASK.with_borrow(|task| task.as_ref().map(|(program, _)| program.clone()));
        let program = program.expect("the program is set before loom runs it");
        begin(&program, alternatives);
    });
    std::panic::set_hook(before);
    TASK.set(None);
    all_tried()
}

/// Whether every alternative of every choice was tried so far.
pub(crate) fn all_tried() -> bool {
    ALL_TRIED.get()
}

/// One execution, on loom's main thread.
fn begin(program: &Rc<dyn Fn()>, alternatives: usize) {
    let core = Rc::new(Core {
        book: Book::new(false),
        alive: Cell::new(1),
        at_end: RefCell::default(),
        actors: Cell::new(1),
        idle: RefCell::default(),
        daemons: Cell::new(0),
        quiescent: Cell::new(false),
        exploring: Cell::new(true),
        free: free(alternatives),
        next_free: Cell::new(0),
        settling: RefCell::default(),
        me: RefCell::default(),
    });
    *core.me.borrow_mut() = Rc::downgrade(&core);
    let main = core.book.role("main");
    core.book.set_current(main);
    let installed = install(core.clone());
    IN_FLIGHT.set(Some((core.clone(), installed)));
    program();
    core.thread_ends(main, false);
}

/// Atomics of which a load may see a store or not.
fn free(alternatives: usize) -> Arc<[AtomicBool]> {
    let free: Arc<[AtomicBool]> = (0..alternatives).map(|_| AtomicBool::new(false)).collect();
    if alternatives > 0 {
        loom::stop_exploring();
        let stored = free.clone();
        loom::thread::spawn(move || stored.iter().for_each(|free| free.store(true, Ordering::Relaxed)));
        // Nobody else is there yet, so the stores are made before this thread goes on, yet not seen by it.
        loom::thread::yield_now();
        loom::explore();
    }
    free
}

/// Tells of the execution in flight.
fn finish(finished: Finished, message: &str) {
    let Some((core, installed)) = IN_FLIGHT.take() else { return };
    let visit = TASK.with_borrow(|task| task.as_ref().map(|(_, visit)| visit.clone()));
    if let Some(visit) = visit {
        visit(finished, &core.book, message);
    }
    let at_end = core.at_end.take();
    at_end.into_iter().for_each(|clear| clear());
    // What the daemons waited for leads back to the engine.
    let waited_for = (core.idle.take(), core.settling.take());
    drop(waited_for);
    drop(installed);
}

struct Core {
    book: Book,
    /// Threads that have not ended.
    alive: Cell<usize>,
    at_end: RefCell<Vec<Box<dyn FnOnce()>>>,
    /// Threads that have not ended and are no daemons.
    actors: Cell<usize>,
    daemons: Cell<usize>,
    /// The daemons that wait idly: for what.
    idle: RefCell<BTreeMap<RoleId, Idle>>,
    quiescent: Cell<bool>,
    exploring: Cell<bool>,
    free: Arc<[AtomicBool]>,
    /// How many of them were used.
    next_free: Cell<usize>,
    /// What the thread that sets the program up waits at, until every daemon is idle.
    settling: RefCell<Option<Rc<ObjectCore>>>,
    me: RefCell<std::rc::Weak<Core>>,
}

#[derive(Clone)]
struct Idle {
    object: Rc<ObjectCore>,
    ready: Rc<dyn Fn() -> bool>,
}

impl Core {
    /// Chooses one of so many alternatives.
    fn choose(&self, alternatives: usize) -> usize {
        if !self.exploring.get() {
            return 0;
        }
        // One after another is taken or not, so that each alternative is chosen in one way.
        (0..alternatives - 1).find(|_| self.is_taken()).unwrap_or(alternatives - 1)
    }

    fn is_taken(&self) -> bool {
        let next = self.next_free.get();
        let Some(free) = self.free.get(next) else {
            ALL_TRIED.set(false);
            return true;
        };
        self.next_free.set(next + 1);
        !free.load(Ordering::Relaxed)
    }

    fn thread_ends(&self, role: RoleId, daemon: bool) {
        self.book.set_done(role);
        self.alive.set(self.alive.get() - 1);
        if !daemon {
            self.actors.set(self.actors.get() - 1);
            if self.is_quiescent() {
                self.come_to_rest(role);
            }
        }
        if self.alive.get() == 0 {
            finish(Finished::Complete, "");
        }
    }

    fn daemons_are_idle(&self) -> bool {
        let idle = self.idle.borrow();
        idle.len() == self.daemons.get() && idle.values().all(|idle| !(idle.ready)())
    }

    fn is_quiescent(&self) -> bool {
        self.actors.get() == 0 && self.daemons_are_idle()
    }

    /// Tells the thread that sets the program up that every daemon is idle, if they are.
    fn tell_if_settled(&self) {
        let settling = self.settling.borrow().clone();
        if let Some(object) = settling.filter(|_| self.daemons_are_idle()) {
            let held = lock(parts(&object));
            parts(&object).condvar.notify_all();
            drop(held);
        }
    }

    /// Tells every idle daemon but `except` that nothing will come. What follows is the same in any order.
    fn come_to_rest(&self, except: RoleId) {
        self.quiescent.set(true);
        loom::stop_exploring();
        let others: Vec<Idle> = {
            let idle = self.idle.borrow();
            idle.iter().filter(|(role, _)| **role != except).map(|(_, idle)| idle.clone()).collect()
        };
        for idle in others {
            let parts = parts(&idle.object);
            let held = lock(parts);
            parts.condvar.notify_all();
            drop(held);
        }
    }
}

fn parts(object: &ObjectCore) -> &LoomParts {
    object.loom.as_ref().expect("objects of this engine are made by it")
}

fn lock(parts: &LoomParts) -> loom::sync::MutexGuard<'_, ()> {
    parts.mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Engine for Core {
    fn spawn(&self, spawn: Spawn) {
        let role = self.book.role(&spawn.name);
        self.alive.set(self.alive.get() + 1);
        let count = if spawn.daemon { &self.daemons } else { &self.actors };
        count.set(count.get() + 1);
        let core = self.me.borrow().upgrade().expect("the engine lives while its threads do");
        let before = self.book.current();
        NEWBORN.with_borrow_mut(|newborn| newborn.insert(role, (core, spawn)));
        let thread = loom::thread::Builder::new().stack_size(STACK_WORDS).spawn(move || {
            let newborn = NEWBORN.with_borrow_mut(|newborn| newborn.remove(&role));
            let (core, spawn) = newborn.expect("a thread begins once");
            core.book.set_current(role);
            (spawn.body)();
            core.book.set_current(role);
            core.thread_ends(role, spawn.daemon);
        });
        thread.expect("loom begins a thread or panics");
        self.book.set_current(before);
    }

    fn perform(&self, request: Request<'_>, apply: &mut dyn FnMut(usize) -> (u128, String)) -> Took {
        let role = self.book.current();
        let parts = parts(request.object);
        let operation = Some((request.operation, request.object.name.clone()));
        let waits_for = if request.ready.is_some() { (request.waits_for)() } else { Vec::new() };
        self.book.set_doing(role, Doing { operation, waits_for, idle: request.idle });
        let mut held = lock(parts);
        self.book.set_current(role);
        if let Some(ready) = &request.ready {
            while !ready() {
                if request.idle {
                    let idle = Idle { object: request.object.clone(), ready: ready.clone() };
                    self.idle.borrow_mut().insert(role, idle);
                    self.tell_if_settled();
                    self.book.set_current(role);
                    if self.quiescent.get() || self.is_quiescent() {
                        drop(held);
                        if !self.quiescent.get() {
                            self.book.set_current(role);
                            self.come_to_rest(role);
                        }
                        self.book.set_current(role);
                        return Took::Quiescent;
                    }
                }
                parts.waiting.set(parts.waiting.get() + 1);
                held = parts.condvar.wait(held).unwrap_or_else(std::sync::PoisonError::into_inner);
                parts.waiting.set(parts.waiting.get() - 1);
                self.book.set_current(role);
                if request.idle && self.quiescent.get() {
                    return Took::Quiescent;
                }
            }
            self.idle.borrow_mut().remove(&role);
        }
        self.book.set_doing(role, Doing::default());
        let alternatives = request.alternatives.as_ref().map_or(1, |alternatives| alternatives().max(1));
        let alternative = if alternatives > 1 { self.choose(alternatives) } else { 0 };
        self.book.set_current(role);
        let (_, words) = apply(alternative);
        self.book.record(request.operation, &request.object.name, words);
        if alternatives > 1 {
            self.book.chose(alternative);
        }
        if parts.waiting.get() > 0 {
            parts.condvar.notify_all();
            self.book.set_current(role);
        }
        drop(held);
        self.book.set_current(role);
        Took::Step
    }

    fn learned(&self, _: u128) {}

    fn used(&self, _: &ObjectCore, _: u128) {}

    fn holds(&self, _: &ObjectCore, _: u128) {}

    fn logical_task(&self) -> LogicalTask {
        LogicalTask::default()
    }

    fn set_logical_task(&self, _: LogicalTask) {}

    fn object(&self, name: Rc<str>) -> Rc<ObjectCore> {
        let loom = LoomParts {
            mutex: loom::sync::Mutex::new(()),
            condvar: loom::sync::Condvar::new(),
            waiting: Cell::new(0),
        };
        Rc::new(ObjectCore { name, key: 0, number: 0, content: Cell::new(0), loom: Some(loom) })
    }

    fn dropped(&self, _: &ObjectCore) {}

    fn settle(&self) {
        let role = self.book.current();
        let object = self.object("setup".into());
        let parts = parts(&object);
        *self.settling.borrow_mut() = Some(object.clone());
        let mut held = lock(parts);
        while !self.daemons_are_idle() {
            held = parts.condvar.wait(held).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        drop(held);
        self.book.set_current(role);
        self.settling.borrow_mut().take();
    }

    fn explore(&self, every_order: bool) {
        self.exploring.set(every_order);
        if every_order { loom::explore() } else { loom::stop_exploring() }
    }

    fn digests(&self) -> bool {
        false
    }

    fn fifo_is_one_operation(&self) -> bool {
        false
    }

    fn is_over(&self) -> bool {
        false
    }

    fn at_end(&self, clear: Box<dyn FnOnce()>) {
        self.at_end.borrow_mut().push(clear);
    }

    fn book(&self) -> &Book {
        &self.book
    }
}
