//! The door between the kernel's objects and an engine: an object announces the next visible operation, and the engine
//! says when it may be taken.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Book;
use super::LogicalTask;

/// What an engine knows of a kernel object.
#[derive(Debug)]
pub struct ObjectCore {
    /// The object's name in schedules, pictures and words.
    pub name: Rc<str>,
    /// A key that is the same in every execution: who made it, and which of theirs it is.
    pub key: u128,
    /// The key as a small number, the same for the length of one search.
    pub number: u32,
    /// The digest of the object's content.
    pub content: Cell<u128>,
    /// What loom needs to stop a thread at this object; none on the in-house engine.
    pub loom: Option<LoomParts>,
}

/// One kernel object as loom sees it.
#[derive(Debug)]
pub struct LoomParts {
    /// Held during each operation.
    pub mutex: loom::sync::Mutex<()>,
    /// Where threads wait for the object to be ready for them.
    pub condvar: loom::sync::Condvar,
    /// How many wait there.
    pub waiting: Cell<usize>,
}

/// A visible operation that a thread wants to take next.
pub struct Request<'a> {
    /// The object it is done to.
    pub object: &'a Rc<ObjectCore>,
    /// What is done.
    pub operation: &'static str,
    /// Whether it can be done now; none if it always can.
    pub ready: Option<Rc<dyn Fn() -> bool>>,
    /// In how many ways it can be done, once it is ready; none if in one.
    pub alternatives: Option<Rc<dyn Fn() -> usize>>,
    /// Whether the program may end while the thread waits here.
    pub idle: bool,
    /// Whether nothing that others can do before it could change what it does or be changed by it, once it is ready.
    pub settled: bool,
    /// Whether it never changes the object.
    pub reads: bool,
    /// Objects that it reads besides.
    pub watches: &'a [Rc<ObjectCore>],
    /// The roles that could make it ready.
    pub waits_for: &'a dyn Fn() -> Vec<String>,
}

/// Whether an operation was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// It was.
    Step,
    /// It never will be: everybody else is done or idle as well.
    Quiescent,
}

/// A thread to begin.
pub struct Spawn {
    /// Its role, unique in the program.
    pub name: String,
    /// Whether the program may end while it is idle.
    pub daemon: bool,
    /// What it does.
    pub body: Box<dyn FnOnce()>,
}

/// What decides which thread moves.
pub trait Engine {
    /// Begins a thread.
    fn spawn(&self, spawn: Spawn);

    /// Waits until the operation may be taken, then takes it by calling `apply` with one of its alternatives, counted
    /// from 0. That returns the digest of what the thread learned and, in words if the book is detailed, what there is
    /// to say.
    fn perform(&self, request: Request<'_>, apply: &mut dyn FnMut(usize) -> (u128, String)) -> Took;

    /// The running thread learned a value without a visible operation (it read what only it may touch).
    fn learned(&self, value: u128);

    /// The running thread used an object, which now has this content.
    fn used(&self, object: &ObjectCore, content: u128);

    /// An object that only the running thread ever uses now has this content.
    fn holds(&self, object: &ObjectCore, content: u128);

    /// The logical task of the running thread that runs now, as it stands.
    fn logical_task(&self) -> LogicalTask;

    /// Another logical task of the running thread goes on, or the same stands elsewhere.
    fn set_logical_task(&self, logical_task: LogicalTask);

    /// A core for a new object.
    fn object(&self, name: Rc<str>) -> Rc<ObjectCore>;

    /// An object is gone.
    fn dropped(&self, object: &ObjectCore);

    /// Waits until no other thread can move.
    fn settle(&self);

    /// Whether from now on every order is tried, or only one (a program sets itself up).
    fn explore(&self, every_order: bool);

    /// Whether digests are wanted.
    fn digests(&self) -> bool;

    /// Whether a FIFO lock is one visible operation each way, instead of a mutex and condition variables.
    fn fifo_is_one_operation(&self) -> bool;

    /// Whether this execution is being thrown away: operations in destructors do nothing.
    fn is_over(&self) -> bool;

    /// Has `clear` run when the execution is over, to break a circle of references.
    fn at_end(&self, clear: Box<dyn FnOnce()>);

    /// The book of this execution.
    fn book(&self) -> &Book;
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Engine>>> = const { RefCell::new(None) };
}

/// When the execution is over, what `take` takes out of what is shared is dropped, unless that is gone by then.
pub(crate) fn let_go_at_end<T: 'static, R>(
    engine: &Rc<dyn Engine>,
    shared: &Rc<T>,
    take: impl FnOnce(&T) -> R + 'static,
) {
    let shared = Rc::downgrade(shared);
    engine.at_end(Box::new(move || {
        // Dropped when nothing is borrowed any more: what was taken may lead back to what it was taken out of.
        let taken = shared.upgrade().map(|shared| take(&shared));
        drop(taken);
    }));
}

/// Makes an engine the current one until the guard is dropped.
pub(crate) fn install(engine: Rc<dyn Engine>) -> Installed {
    Installed { before: CURRENT.replace(Some(engine)) }
}

/// Keeps an engine current.
#[must_use]
pub struct Installed {
    before: Option<Rc<dyn Engine>>,
}

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.set(self.before.take());
    }
}

/// The current engine.
///
/// # Panics
///
/// Outside an exploration or a replay: kernel objects exist only inside one.
pub(crate) fn current() -> Rc<dyn Engine> {
    CURRENT
        .with_borrow(Clone::clone)
        .expect("kernel objects exist only inside `turnloom::explore`: run the program through an engine")
}
