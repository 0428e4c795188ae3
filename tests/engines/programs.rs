//! Random programs: what a thread may do, how one is made up, and what of it can be seen at the end.
//!
//! Small on purpose: few threads, few objects, so that almost every two operations meet. The unit tests of the searches
//! use this file too.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::kernel::{
    Cell, Condvar, FifoLock, Flag, GuardedCell, Mutex, MutexGuard, Object, Op, OrderedCell, Queue, Timers,
    choose, thread,
};
use turnloom::engine::trace::Unfinished;

/// One instruction. Objects are given by number.
#[derive(Debug, Clone)]
pub enum Do {
    /// Do this while holding a mutex.
    Mutex(usize, Vec<Do>),
    /// Do this while holding a FIFO lock.
    Fifo(usize, Vec<Do>),
    /// Count up what the innermost mutex guards.
    Count,
    /// Wait on the condition variable of the innermost mutex, unless what it guards is above 0.
    Wait,
    /// Wait on it whatever the mutex guards, and note that somebody was woken.
    Sleep,
    /// Wait on the condition variable on which a thread may wake once without being notified.
    Doze,
    /// Wake whom waits on a condition variable: any one, or all.
    Notify(usize, bool),
    /// The same for the one on which threads doze.
    Rouse,
    /// Choose one of so many alternatives, and note it.
    Choose(usize),
    /// Take a card from the middle, whichever, and note it.
    Draw,
    Push(usize),
    Pop(usize),
    /// Read a cell and note what was read.
    Read(usize),
    Write(usize, u32),
    /// Add to a cell in one operation.
    Add(usize),
    /// Read a cell, then write one more.
    Bump(usize),
    /// Do this if what was read last is odd.
    IfOdd(Vec<Do>),
    Set(usize),
    IsSet(usize),
    WaitFlag(usize),
    /// Take one from a counter, once there is one.
    Take(usize),
    /// Put one to a counter.
    Put(usize),
    /// Take one from a counter, once there is one and the other has none.
    TakeAlone(usize),
    /// Go on once a counter has one and the other has none.
    AwaitAlone(usize),
    /// Read what a FIFO lock guards, without it.
    Peek,
    /// As the owner of the FIFO lock: read what it guards and write one more.
    Guarded,
    /// Arm a timer of so many milliseconds.
    Arm(u64),
    Disarm,
    Fire,
    /// Fire the timer with the earliest deadline, and note whether there will be one.
    FireNext,
    /// Begin another thread, and wait for it or not.
    Spawn(Vec<Do>, bool),
}

/// The threads of a program.
pub type Program = Vec<Vec<Do>>;

fn plain() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    prop_oneof![
        2 => Just(Do::Count),
        2 => Just(Do::Wait),
        2 => (Just(0), any::<bool>()).prop_map(|(object, all)| Do::Notify(object, all)),
        2 => Just(Do::Push(0)),
        2 => Just(Do::Pop(0)),
        3 => two().prop_map(Do::Read),
        2 => (two(), 0..3_u32).prop_map(|(cell, value)| Do::Write(cell, value)),
        1 => two().prop_map(Do::Add),
        2 => two().prop_map(Do::Bump),
        1 => Just(Do::Set(0)),
        1 => Just(Do::IsSet(0)),
        1 => Just(Do::WaitFlag(0)),
        2 => two().prop_map(Do::Take),
        2 => two().prop_map(Do::Put),
        2 => two().prop_map(Do::TakeAlone),
        1 => Just(Do::Peek),
        1 => Just(Do::Guarded),
        1 => (1..3_u64).prop_map(Do::Arm),
        1 => Just(Do::Disarm),
        1 => Just(Do::Fire),
        1 => (2..4_usize).prop_map(Do::Choose),
        1 => Just(Do::Draw),
    ]
    .boxed()
}

/// Instructions of which the engine chooses how they are done, and those that race with them.
fn choosing() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    let waits = prop_oneof![3 => Just(Do::Sleep), 1 => Just(Do::Doze), 1 => Just(Do::Count)];
    prop_oneof![
        4 => (2..4_usize).prop_map(Do::Choose),
        2 => Just(Do::Draw),
        4 => prop::collection::vec(waits, 1..3).prop_map(|body| Do::Mutex(0, body)),
        3 => any::<bool>().prop_map(|all| Do::Notify(0, all)),
        1 => Just(Do::Rouse),
        2 => prop::collection::vec(plain(), 1..3).prop_map(Do::IfOdd),
        2 => (two(), 0..2_u32).prop_map(|(cell, value)| Do::Write(cell, value)),
        2 => two().prop_map(Do::Read),
        2 => (1..3_u64).prop_map(Do::Arm),
        1 => Just(Do::FireNext),
        1 => two().prop_map(Do::Take),
        1 => two().prop_map(Do::Put),
    ]
    .boxed()
}

fn instruction() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    let body = || prop::collection::vec(plain(), 0..3);
    let nested = prop_oneof![
        4 => plain(),
        1 => (two(), body()).prop_map(|(object, body)| Do::Mutex(object, body)),
        1 => (two(), body()).prop_map(|(object, body)| Do::Fifo(object, body)),
    ];
    let deep = || prop::collection::vec(nested.clone(), 0..3);
    prop_oneof![
        12 => plain(),
        3 => (two(), deep()).prop_map(|(object, body)| Do::Mutex(object, body)),
        2 => (two(), deep()).prop_map(|(object, body)| Do::Fifo(object, body)),
        2 => body().prop_map(Do::IfOdd),
        1 => (body(), any::<bool>()).prop_map(|(body, join)| Do::Spawn(body, join)),
    ]
    .boxed()
}

/// Instructions of which a thread learns little, so that many orders lead to the same state.
fn blind() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    prop_oneof![
        6 => (two(), 0..2_u32).prop_map(|(cell, value)| Do::Write(cell, value)),
        1 => two().prop_map(Do::Add),
        1 => Just(Do::Set(0)),
        1 => two().prop_map(Do::Put),
        3 => two().prop_map(Do::Read),
    ]
    .boxed()
}

/// Instructions that wait for counters, one or both.
fn counting() -> BoxedStrategy<Do> {
    let two = || 0..2_usize;
    prop_oneof![
        3 => two().prop_map(Do::Put),
        2 => two().prop_map(Do::Take),
        4 => two().prop_map(Do::TakeAlone),
        2 => two().prop_map(Do::AwaitAlone),
        1 => two().prop_map(Do::Read),
        1 => (two(), 0..2_u32).prop_map(|(cell, value)| Do::Write(cell, value)),
    ]
    .boxed()
}

/// Programs of two to four threads, the more threads the shorter: of all instructions, of those that merge states, and
/// of those that wait.
pub fn programs() -> impl Strategy<Value = Program> {
    let threads = |instruction: BoxedStrategy<Do>, count: usize, most: usize| {
        prop::collection::vec(prop::collection::vec(instruction, 1..=most), count)
    };
    prop_oneof![
        5 => threads(instruction(), 2, 4),
        4 => threads(instruction(), 3, 2),
        1 => threads(instruction(), 4, 1),
        1 => threads(blind(), 2, 4),
        2 => threads(blind(), 3, 3),
        3 => threads(blind(), 3, 5),
        1 => threads(blind(), 4, 2),
        3 => threads(counting(), 3, 2),
        1 => threads(counting(), 4, 2),
        3 => threads(choosing(), 2, 3),
        3 => threads(choosing(), 3, 2),
        1 => threads(choosing(), 4, 1),
    ]
}

/// Has `check` look at so many programs, always the same ones for the same seed; a failure is shrunk.
pub fn for_each_program(
    count: u32,
    seed: u8,
    check: impl Fn(Program) -> Result<(), TestCaseError>,
) -> Result<(), String> {
    let config =
        Config { cases: count, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    runner.run(&programs(), check).map_err(|failure| failure.to_string())
}

/// What is left of a program when it has ended.
pub type Look = Box<dyn Fn() -> String>;

/// Where a program leaves it.
pub type Slot = Rc<RefCell<Option<Look>>>;

/// A program for loom, and where it leaves a way to look at its outcome.
pub fn for_loom(build: impl Fn() -> Look + 'static) -> (Rc<dyn Fn()>, Slot) {
    let slot = Slot::default();
    let last = slot.clone();
    (Rc::new(move || *last.borrow_mut() = Some(build())), slot)
}

/// A program for the searches, and where it leaves a way to look at its outcome.
pub fn with_slot(build: impl Fn() -> Look + 'static) -> (Coroutines, Slot) {
    let (program, slot) = for_loom(build);
    (Coroutines::from(program), slot)
}

/// Who waits for what, in words.
pub fn stuck(unfinished: Vec<Unfinished>) -> String {
    let mut waiting: Vec<String> = unfinished
        .into_iter()
        .map(|thread| format!("{} {} {:?}", thread.thread, thread.operation, thread.holds))
        .collect();
    waiting.sort();
    waiting.join(", ")
}

/// The objects that the threads share.
struct World {
    mutexes: [Mutex<u32>; 2],
    condvars: [Condvar; 2],
    dozers: Condvar,
    cards: Object<Vec<u32>>,
    locks: [FifoLock; 2],
    queues: [Queue<u32, u32>; 1],
    cells: [Cell<u32>; 2],
    flags: [Flag; 1],
    counters: [Object<u32>; 2],
    guarded: GuardedCell<u32>,
    timers: Timers,
}

/// One thread's own: what it read last, and what it notes.
struct Own {
    name: String,
    last: u32,
    log: OrderedCell<String>,
    children: u32,
}

/// The program that these instructions are.
pub fn build(program: Program) -> impl Fn() -> Look + 'static {
    move || {
        let locks = [FifoLock::new("l0"), FifoLock::new("l1")];
        let world = Rc::new(World {
            mutexes: [Mutex::new("m0", 0), Mutex::new("m1", 0)],
            condvars: [Condvar::new("v0"), Condvar::new("v1")],
            dozers: Condvar::with_spurious_wakeups("dozers", 1),
            cards: Object::new("cards", vec![1, 2]),
            guarded: GuardedCell::new("guarded", &locks[0], 0, false),
            locks,
            queues: [Queue::new("q0")],
            cells: [Cell::new("c0", 0), Cell::new("c1", 1)],
            flags: [Flag::new("f0")],
            counters: [Object::new("n0", 0), Object::new("n1", 0)],
            timers: Timers::racing(),
        });
        let logs = Logs::default();
        for (name, body) in ["a", "b", "c", "d"].into_iter().zip(program.clone()) {
            let mut own = Own::new(name.to_owned(), &logs);
            let (world, logs) = (world.clone(), logs.clone());
            thread::spawn_detached(name, move || {
                world.run(&body, None, &mut own, &logs);
            });
        }
        Box::new(move || world.outcome(&logs))
    }
}

/// What each thread noted, by name.
type Logs = Rc<RefCell<Vec<(String, OrderedCell<String>)>>>;

impl Own {
    fn new(name: String, logs: &Logs) -> Self {
        let log = OrderedCell::new(&format!("log {name}"), String::new());
        logs.borrow_mut().push((name.clone(), log.clone()));
        Self { name, last: 0, log, children: 0 }
    }

    fn note(&mut self, value: u32) {
        self.last = value;
        self.log.set(format!("{}{value}", self.log.get()));
    }
}

impl World {
    fn outcome(&self, logs: &Logs) -> String {
        let cells = self.cells.each_ref().map(|cell| cell.inspect(|value| *value));
        let counters = self.counters.each_ref().map(|counter| counter.inspect(|value| *value));
        let mut logs: Vec<(String, String)> =
            logs.borrow().iter().map(|(name, log)| (name.clone(), log.inspect(Clone::clone))).collect();
        logs.sort();
        format!("{cells:?} {counters:?} {} {logs:?}", self.guarded.inspect(|value| *value))
    }

    fn run<'w>(
        self: &'w Rc<Self>,
        body: &[Do],
        mut guard: Option<(usize, MutexGuard<'w, u32>)>,
        own: &mut Own,
        logs: &Logs,
    ) {
        for step in body {
            match step {
                Do::Mutex(mutex, body) => {
                    self.run(body, Some((*mutex, self.mutexes[*mutex].lock())), own, logs);
                }
                Do::Fifo(lock, body) => {
                    let _held = self.locks[*lock].lock();
                    self.run(body, None, own, logs);
                }
                Do::Count => guard.iter_mut().for_each(|(_, guard)| **guard += 1),
                Do::Wait => {
                    if let Some((mutex, held)) = guard.take() {
                        let above = *held > 0;
                        own.note(u32::from(above));
                        let held = if above { held } else { self.condvars[mutex].wait(held) };
                        guard = Some((mutex, held));
                    }
                }
                Do::Sleep | Do::Doze => {
                    if let Some((mutex, held)) = guard.take() {
                        let condvar = if let Do::Doze = step { &self.dozers } else { &self.condvars[mutex] };
                        let held = condvar.wait(held);
                        own.note(*held);
                        guard = Some((mutex, held));
                    }
                }
                Do::IfOdd(body) if own.last % 2 == 1 => self.run(body, None, own, logs),
                Do::IfOdd(_) => {}
                Do::Spawn(body, join) => {
                    own.children += 1;
                    let mut child = Own::new(format!("{}{}", own.name, own.children), logs);
                    let (name, world, body, logs) =
                        (child.name.clone(), self.clone(), body.clone(), logs.clone());
                    let handle = thread::spawn(&name, move || world.run(&body, None, &mut child, &logs));
                    if *join {
                        handle.join();
                    }
                }
                other => self.plain(other, own),
            }
        }
    }

    fn plain(&self, step: &Do, own: &mut Own) {
        match step {
            Do::Notify(condvar, false) => self.condvars[*condvar].notify_one(),
            Do::Notify(condvar, true) => self.condvars[*condvar].notify_all(),
            Do::Rouse => self.dozers.notify_one(),
            Do::Choose(alternatives) => {
                own.note(u32::try_from(choose(*alternatives)).expect("few alternatives"))
            }
            Do::Draw => {
                let op = Op::new("draw").among(&self.cards, Vec::len);
                let card =
                    self.cards.perform_one_of(
                        op,
                        |cards, which| {
                            if cards.is_empty() { 0 } else { cards.remove(which) }
                        },
                    );
                own.note(card);
            }
            Do::Push(queue) => self.queues[*queue].push(own.last, own.last + 1),
            Do::Pop(queue) => own.note(self.queues[*queue].pop()),
            Do::Read(cell) => own.note(self.cells[*cell].get()),
            Do::Write(cell, value) => self.cells[*cell].set(*value),
            Do::Add(cell) => self.cells[*cell].update("add", |value| *value += 2),
            Do::Bump(cell) => {
                let value = self.cells[*cell].get();
                self.cells[*cell].set(value + 1);
            }
            Do::Set(flag) => self.flags[*flag].set(),
            Do::IsSet(flag) => own.note(u32::from(self.flags[*flag].is_set())),
            Do::WaitFlag(flag) => self.flags[*flag].wait(),
            Do::Put(counter) => self.counters[*counter].perform(Op::new("put"), |count| *count += 1),
            Do::Take(counter) => {
                self.counters[*counter].perform_when(
                    Op::new("take"),
                    |count| *count > 0,
                    |count| *count -= 1,
                );
            }
            Do::TakeAlone(counter) | Do::AwaitAlone(counter) => {
                let other = self.counters[1 - counter].clone();
                let alone = {
                    let other = other.clone();
                    move |count: &u32| *count > 0 && other.inspect(|other| *other == 0)
                };
                let counter = &self.counters[*counter];
                if let Do::TakeAlone(_) = step {
                    let op = Op::new("take alone").watches(&other);
                    counter.perform_when(op, alone, |count| *count -= 1);
                } else {
                    counter.perform_when(Op::new("await alone").watches(&other).reads(), alone, |_| ());
                }
            }
            Do::Peek => own.note(self.guarded.read_unlocked(|value| *value)),
            Do::Guarded => {
                let _held = self.locks[0].lock();
                let value = self.guarded.read(|value| *value);
                self.guarded.write("write", "", |guarded| *guarded = value + 1);
            }
            Do::Arm(millis) => {
                let (cell, value) = (self.cells[0].clone(), 6 + u32::try_from(*millis).expect("a few"));
                self.timers.arm("t", *millis, move || cell.set(value));
            }
            Do::Disarm => {
                let timer = self.timers.arm("t", 0, || ());
                self.timers.disarm(timer);
            }
            Do::Fire => self.timers.fire("t"),
            Do::FireNext => own.note(u32::from(self.timers.fire_next_idle())),
            Do::Mutex(..)
            | Do::Fifo(..)
            | Do::Count
            | Do::Wait
            | Do::Sleep
            | Do::Doze
            | Do::IfOdd(_)
            | Do::Spawn(..) => {}
        }
    }
}
