//! A system that is no program of the kernel: an interpreter of tables of instructions, with fingerprints and without.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use turnloom::engine::execution::Ended;
use turnloom::engine::system::{
    Begin, Failure, Fingerprints, Next, Numbers, Report, Run, System, Thread, Use,
};
use turnloom::engine::trace::{LockEdge, Operation, Step, Unfinished};

/// One instruction. Objects are given by number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Do {
    /// Take a lock; a lock that the thread holds is taken once more without a step.
    Lock(usize),
    Unlock(usize),
    Push(usize),
    /// Take the oldest item of a queue, once there is one, and note it.
    Pop(usize),
    /// Read a cell and note what was read.
    Read(usize),
    Write(usize, u32),
    /// Choose one of so many alternatives, and note it.
    Choose(usize),
    /// Leave out so many instructions unless what was noted last is odd.
    UnlessOdd(usize),
    /// Begin another thread.
    Spawn(Vec<Do>),
    /// The system fails here.
    Fail(Failing),
}

/// How a system fails.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Failing {
    Panics,
    Crashes,
    Hangs,
}

/// The threads of a program.
pub type Program = Vec<Vec<Do>>;

pub const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn plain() -> BoxedStrategy<Vec<Do>> {
    let two = || 0..2_usize;
    let one = |strategy: BoxedStrategy<Do>| strategy.prop_map(|step| vec![step]);
    prop_oneof![
        2 => one(two().prop_map(Do::Push).boxed()),
        2 => one(two().prop_map(Do::Pop).boxed()),
        3 => one(two().prop_map(Do::Read).boxed()),
        3 => one((two(), 0..3_u32).prop_map(|(cell, value)| Do::Write(cell, value)).boxed()),
        1 => one((2..4_usize).prop_map(Do::Choose).boxed()),
    ]
    .boxed()
}

fn bodies(step: BoxedStrategy<Vec<Do>>, most: usize) -> BoxedStrategy<Vec<Do>> {
    prop::collection::vec(step, 0..=most).prop_map(|steps| steps.concat()).boxed()
}

fn locked(body: BoxedStrategy<Vec<Do>>) -> BoxedStrategy<Vec<Do>> {
    (0..2_usize, body)
        .prop_map(|(lock, body)| [vec![Do::Lock(lock)], body, vec![Do::Unlock(lock)]].concat())
        .boxed()
}

fn instructions() -> BoxedStrategy<Vec<Do>> {
    let nested = prop_oneof![2 => plain(), 3 => locked(bodies(plain(), 1))].boxed();
    let odd = bodies(plain(), 2).prop_map(|body| [vec![Do::UnlessOdd(body.len())], body].concat());
    prop_oneof![
        6 => plain(),
        4 => locked(bodies(nested, 2)),
        2 => odd,
        1 => bodies(plain(), 2).prop_map(|body| vec![Do::Spawn(body)]),
    ]
    .boxed()
}

/// Programs of two to four threads, the more threads the shorter.
pub fn programs() -> impl Strategy<Value = Program> {
    let threads = |count: usize, most: usize| prop::collection::vec(bodies(instructions(), most), count);
    prop_oneof![4 => threads(2, 3), 3 => threads(3, 2), 1 => threads(4, 1)]
}

/// Programs of two or three threads that take one lock while they hold another.
pub fn crossings() -> impl Strategy<Value = Program> {
    let inner = prop_oneof![2 => locked(bodies(plain(), 0)), 1 => locked(bodies(plain(), 1))].boxed();
    let crossing =
        (bodies(plain(), 1), locked(inner)).prop_map(|(before, crossing)| [before, crossing].concat());
    prop::collection::vec(crossing, 2..=3)
}

/// What is told of the interpreter after a step: all that a search has to know, as it also goes through a pipe.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    pub threads: Vec<Told>,
    pub took: Option<Took>,
    /// The keys of the objects that the step used, and whether it changed them.
    pub uses: Vec<(String, bool)>,
    pub edges: BTreeSet<LockEdge>,
    pub state: (u64, u64),
    /// What can be observed now.
    pub seen: String,
    pub failed: Option<(Failing, String)>,
}

/// One thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    pub name: String,
    pub holds: Vec<String>,
    /// None if it is done.
    pub next: Option<Announced>,
}

/// The operation that a thread takes next.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Announced {
    pub name: String,
    pub object: String,
    /// Tells the object from others; two may have one name.
    pub key: String,
    pub reads: bool,
    pub settled: bool,
    pub waits: bool,
    pub ready: bool,
    pub alternatives: usize,
}

/// An operation that was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Took {
    pub role: String,
    pub name: String,
    pub object: String,
    pub alternative: Option<usize>,
    pub holds: Vec<String>,
}

/// A program that is interpreted.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    threads: Vec<Fiber>,
    cells: [u32; 2],
    queues: [VecDeque<u32>; 2],
    /// The thread that owns each lock.
    owners: [Option<usize>; 2],
    edges: BTreeSet<LockEdge>,
    took: Option<Took>,
    uses: Vec<(String, bool)>,
    failed: Option<(Failing, String)>,
}

#[derive(Debug, Clone, Default)]
struct Fiber {
    name: String,
    body: Vec<Do>,
    at: usize,
    last: u32,
    log: String,
    /// The locks that it holds, and how often it took each.
    holds: Vec<usize>,
    times: [u32; 2],
    children: usize,
}

impl Fiber {
    fn note(&mut self, value: u32) {
        self.last = value;
        self.log.push_str(&value.to_string());
    }

    fn held(&self) -> Vec<String> {
        self.holds.iter().map(|lock| format!("l{lock}")).collect()
    }
}

impl Machine {
    /// Begins a program: each thread comes to its first operation.
    pub fn begin(program: &Program) -> Self {
        let mut machine = Self { cells: [0, 1], ..Self::default() };
        for (name, body) in NAMES.into_iter().zip(program) {
            machine.threads.push(Fiber { name: name.to_owned(), body: body.clone(), ..Fiber::default() });
        }
        machine.run_on(0, None);
        machine
    }

    /// Lets a thread run on to its next operation, then each thread that was begun meanwhile to its first one.
    fn run_on(&mut self, first_newborn: usize, mover: Option<usize>) {
        mover.into_iter().for_each(|mover| self.come_to_operation(mover));
        let mut newborn = first_newborn;
        while newborn < self.threads.len() {
            self.come_to_operation(newborn);
            newborn += 1;
        }
    }

    fn come_to_operation(&mut self, index: usize) {
        loop {
            let fiber = &mut self.threads[index];
            match fiber.body.get(fiber.at).cloned() {
                Some(Do::UnlessOdd(count)) => fiber.at += 1 + if fiber.last % 2 == 1 { 0 } else { count },
                Some(Do::Lock(lock)) if fiber.times[lock] > 0 => {
                    fiber.times[lock] += 1;
                    fiber.at += 1;
                }
                Some(Do::Unlock(lock)) if fiber.times[lock] > 1 => {
                    fiber.times[lock] -= 1;
                    fiber.at += 1;
                }
                Some(Do::Spawn(body)) => {
                    fiber.children += 1;
                    fiber.at += 1;
                    let name = format!("{}{}", fiber.name, fiber.children);
                    self.threads.push(Fiber { name, body, ..Fiber::default() });
                }
                Some(Do::Lock(lock)) => {
                    let edge = |held: &usize| LockEdge {
                        held: format!("l{held}"),
                        then: format!("l{lock}"),
                        thread: fiber.name.clone(),
                    };
                    self.edges.extend(fiber.holds.iter().map(edge));
                    return;
                }
                Some(Do::Unlock(lock)) => {
                    fiber.holds.retain(|held| *held != lock);
                    return;
                }
                Some(Do::Fail(failing)) => {
                    self.failed = Some((failing, format!("{}: on purpose", fiber.name)));
                    return;
                }
                _ => return,
            }
        }
    }

    fn announced(&self, index: usize) -> Option<Announced> {
        let fiber = &self.threads[index];
        let announced = |name: &str, object: String| Announced {
            name: name.to_owned(),
            key: object.clone(),
            object,
            reads: false,
            settled: false,
            waits: false,
            ready: true,
            alternatives: 1,
        };
        Some(match fiber.body.get(fiber.at)? {
            Do::Lock(lock) => Announced {
                waits: true,
                ready: self.owners[*lock].is_none(),
                ..announced("lock", format!("l{lock}"))
            },
            Do::Unlock(lock) => Announced { settled: true, ..announced("unlock", format!("l{lock}")) },
            Do::Push(queue) => announced("push", format!("q{queue}")),
            Do::Pop(queue) => Announced {
                waits: true,
                ready: !self.queues[*queue].is_empty(),
                ..announced("pop", format!("q{queue}"))
            },
            Do::Read(cell) => Announced { reads: true, ..announced("read", format!("c{cell}")) },
            Do::Write(cell, _) => announced("write", format!("c{cell}")),
            Do::Choose(alternatives) => Announced {
                key: format!("choice {} of {}", fiber.at, fiber.name),
                reads: true,
                settled: true,
                alternatives: *alternatives,
                ..announced("choose", "alternative".to_owned())
            },
            Do::UnlessOdd(_) | Do::Spawn(_) | Do::Fail(_) => return None,
        })
    }

    /// Whether a thread can take this alternative of its next operation.
    pub fn can_take(&self, index: usize, alternative: usize) -> bool {
        let next = (index < self.threads.len()).then(|| self.announced(index)).flatten();
        next.is_some_and(|next| next.ready && alternative < next.alternatives)
    }

    /// Lets a thread take its next operation.
    pub fn step(&mut self, index: usize, alternative: usize) {
        let next = self.announced(index).expect("a thread that is done is not told to move");
        let before = (self.cells, self.queues.clone(), self.owners);
        let born = self.threads.len();
        let fiber = &mut self.threads[index];
        match fiber.body[fiber.at].clone() {
            Do::Lock(lock) => {
                self.owners[lock] = Some(index);
                fiber.holds.push(lock);
                fiber.times[lock] = 1;
            }
            Do::Unlock(lock) => {
                self.owners[lock] = None;
                fiber.times[lock] = 0;
            }
            Do::Push(queue) => self.queues[queue].push_back(fiber.last + 1),
            Do::Pop(queue) => {
                let item = self.queues[queue].pop_front();
                fiber.note(item.expect("a pop that is ready finds an item"));
            }
            Do::Read(cell) => fiber.note(self.cells[cell]),
            Do::Write(cell, value) => self.cells[cell] = value,
            Do::Choose(_) => fiber.note(u32::try_from(alternative).expect("few alternatives")),
            Do::UnlessOdd(_) | Do::Spawn(_) | Do::Fail(_) => unreachable!("they are no steps"),
        }
        fiber.at += 1;
        self.took = Some(Took {
            role: fiber.name.clone(),
            name: next.name,
            object: next.object,
            alternative: (next.alternatives > 1).then_some(alternative),
            holds: fiber.held(),
        });
        let changes = before != (self.cells, self.queues.clone(), self.owners);
        self.uses = vec![(next.key, changes)];
        self.run_on(born, Some(index));
    }

    pub fn took(&self) -> Option<Took> {
        self.took.clone()
    }

    pub fn snapshot(&self) -> Snapshot {
        let threads = self.threads.iter().enumerate().map(|(index, fiber)| Told {
            name: fiber.name.clone(),
            holds: fiber.held(),
            next: self.announced(index),
        });
        Snapshot {
            threads: threads.collect(),
            took: self.took.clone(),
            uses: self.uses.clone(),
            edges: self.edges.clone(),
            state: self.state(),
            seen: self.seen(),
            failed: self.failed.clone(),
        }
    }

    /// A fingerprint: threads and owners by name, since the order of birth makes no difference.
    pub fn state(&self) -> (u64, u64) {
        let mut threads: Vec<&Fiber> = self.threads.iter().collect();
        threads.sort_by(|one, other| one.name.cmp(&other.name));
        let owners = self.owners.map(|owner| owner.map(|owner| &self.threads[owner].name));
        let half = |salt: u64| {
            let mut hasher = DefaultHasher::new();
            (salt, self.cells, &self.queues, owners, &self.edges).hash(&mut hasher);
            for Fiber { name, at, last, log, holds, times, children, .. } in &threads {
                (name, at, last, log, holds, times, children).hash(&mut hasher);
            }
            hasher.finish()
        };
        (half(0), half(1))
    }

    fn seen(&self) -> String {
        let mut logs: Vec<(&str, &str)> =
            self.threads.iter().map(|fiber| (fiber.name.as_str(), fiber.log.as_str())).collect();
        logs.sort_unstable();
        format!("{:?} {logs:?}", self.cells)
    }
}

/// What a run of either interpreter knows of its execution.
#[derive(Default)]
pub struct Account {
    pub report: Report,
    steps: Vec<Step>,
    snapshot: Snapshot,
    numbers: Rc<Numbers>,
}

/// A key that is the same in every execution.
fn key(name: &str) -> u128 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    u128::from(hasher.finish())
}

impl Account {
    pub fn new(numbers: &Rc<Numbers>) -> Self {
        Self { numbers: numbers.clone(), ..Self::default() }
    }

    /// Takes in a step of which nothing else is asked for.
    pub fn pass(&mut self, took: &Took) {
        let operation = Operation { name: took.name.clone().into(), object: took.object.as_str().into() };
        let mut step = Step::new(took.role.as_str().into(), operation);
        step.alternative = took.alternative;
        step.holds = took.holds.iter().map(|lock| lock.as_str().into()).collect();
        self.steps.push(step);
    }

    /// Takes in how things stand now.
    pub fn take_in(&mut self, snapshot: Snapshot) {
        let numbers = self.numbers.clone();
        let thread = |told: &Told| {
            let next = told.next.as_ref().map(|next| Next {
                object: numbers.object(key(&next.key)),
                reads: next.reads,
                settled: next.settled,
                waits: next.waits,
                ready: next.ready,
                alternatives: next.alternatives,
                ..Next::default()
            });
            Thread { next, ..Thread::new(numbers.thread(key(&told.name)), &told.name) }
        };
        self.report.threads = snapshot.threads.iter().map(thread).collect();
        let used =
            |(name, changes): &(String, bool)| Use { object: numbers.object(key(name)), changes: *changes };
        self.report.uses = snapshot.uses.iter().map(used).collect();
        self.report.failure = snapshot.failed.as_ref().map(|(failing, words)| match failing {
            Failing::Panics => Failure::Panicked(words.clone()),
            Failing::Crashes => Failure::Crashed(words.clone()),
            Failing::Hangs => Failure::Unresponsive(words.clone()),
        });
        self.report.list_enabled();
        self.snapshot = snapshot;
    }

    pub fn state(&self) -> u128 {
        let (high, low) = self.snapshot.state;
        u128::from(high) << 64 | u128::from(low)
    }

    pub fn announced(&self, thread: usize) -> Option<Operation> {
        self.snapshot.threads[thread].operation()
    }

    pub fn took(&self) -> Option<Operation> {
        self.steps.last().map(|step| step.operation.clone())
    }

    pub fn roles(&self) -> Vec<Rc<str>> {
        self.report.threads.iter().map(|thread| thread.role.clone()).collect()
    }

    pub fn steps(&self) -> Vec<Step> {
        self.steps.clone()
    }

    pub fn unfinished(&self) -> Vec<Unfinished> {
        let threads = &self.snapshot.threads;
        let unfinished = threads.iter().filter_map(|told| {
            let operation = told.operation()?;
            let owners = threads.iter().filter(|other| {
                operation.takes().is_some_and(|lock| other.holds.iter().any(|held| held == lock))
            });
            Some(Unfinished {
                thread: told.name.clone(),
                place: Vec::new(),
                holds: told.holds.clone(),
                waits_for: owners.map(|owner| owner.name.clone()).collect(),
                operation,
                idle: false,
            })
        });
        unfinished.collect()
    }

    pub fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.snapshot.edges.clone()
    }

    pub fn seen(&self, ended: &Ended) -> String {
        outcome(ended, &self.snapshot.seen, self.unfinished())
    }
}

impl Told {
    fn operation(&self) -> Option<Operation> {
        let next = self.next.as_ref()?;
        Some(Operation { name: next.name.clone().into(), object: next.object.as_str().into() })
    }
}

/// An outcome in words, the same for every system.
pub fn outcome(ended: &Ended, seen: &str, unfinished: Vec<Unfinished>) -> String {
    match ended {
        Ended::Complete => seen.to_owned(),
        Ended::Deadlock => format!("deadlock: {}; {seen}", super::super::programs::stuck(unfinished)),
        other => format!("{other:?}; {seen}"),
    }
}

/// The interpreter as a system, with fingerprints or without.
pub struct Table<const FINGERPRINTS: bool> {
    pub program: Program,
}

impl Fingerprints for Table<true> {}

impl<const FINGERPRINTS: bool> System for Table<FINGERPRINTS> {
    type Run = TableRun<FINGERPRINTS>;

    fn begin(&self, begin: Begin<'_>) -> TableRun<FINGERPRINTS> {
        let mut run =
            TableRun { machine: Machine::begin(&self.program), account: Account::new(begin.numbers) };
        run.account.take_in(run.machine.snapshot());
        run.account.report.failure = begin.follow(&mut run);
        run
    }
}

/// One execution of it.
pub struct TableRun<const FINGERPRINTS: bool> {
    machine: Machine,
    account: Account,
}

impl<const FINGERPRINTS: bool> Run for TableRun<FINGERPRINTS> {
    type Seen = String;

    fn report(&self) -> &Report {
        &self.account.report
    }

    fn step(&mut self, thread: usize, alternative: usize) {
        self.machine.step(thread, alternative);
        let snapshot = self.machine.snapshot();
        snapshot.took.iter().for_each(|took| self.account.pass(took));
        self.account.take_in(snapshot);
    }

    fn state(&self) -> Option<u128> {
        FINGERPRINTS.then(|| self.account.state())
    }

    fn trail(&self, _thread: usize) -> Option<u128> {
        self.state()
    }

    fn announced(&self, thread: usize) -> Option<Operation> {
        self.account.announced(thread)
    }

    fn took(&self) -> Option<Operation> {
        self.account.took()
    }

    fn roles(&self) -> Vec<Rc<str>> {
        self.account.roles()
    }

    fn steps(&self) -> Vec<Step> {
        self.account.steps()
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        self.account.unfinished()
    }

    fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.account.lock_order()
    }

    fn seen(&self, ended: &Ended) -> String {
        self.account.seen(ended)
    }
}
