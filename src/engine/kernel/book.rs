//! The book in which an engine records an execution: the roles, what each does, holds and waits for, and the steps taken.
//!
//! The coroutines and loom keep the same book, so a schedule found on one reads the same on the other. Nothing in it steers
//! the program. From outside it is read as data: a [`Record`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::engine::fingerprint::digest;
use crate::engine::trace::{Anchor, LOCK, LockEdge, Operation, Step, Trace, Unfinished};

/// A role: a thread by name. Inline roles share a thread but not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub(crate) usize);

/// One visible operation that was taken, as it is written down.
#[derive(Debug)]
struct Entry {
    role: RoleId,
    operation: &'static str,
    object: Rc<str>,
    detail: String,
    alternative: Option<usize>,
    holds: Vec<Rc<str>>,
    anchors: Vec<Anchor>,
    notes: Vec<String>,
}

/// What a role is in the middle of: the operation it waits to do.
#[derive(Debug, Clone, Default)]
pub struct Doing {
    /// The operation and its object: `lock`, `state`; none while it runs.
    pub operation: Option<(&'static str, Rc<str>)>,
    /// The roles that could end its waiting, as far as the object knows.
    pub waits_for: Vec<String>,
    /// Whether the program may end while it waits (a daemon between two jobs).
    pub idle: bool,
}

#[derive(Debug)]
struct Role {
    name: Rc<str>,
    held: Vec<Rc<str>>,
    scopes: Vec<Scope>,
    doing: Doing,
    done: bool,
}

#[derive(Debug)]
struct Scope {
    id: u64,
    place: String,
    waits_for: Option<String>,
}

/// The book of one execution.
#[derive(Debug, Default)]
pub struct Book {
    roles: RefCell<Vec<Role>>,
    by_name: RefCell<FxHashMap<Rc<str>, RoleId>>,
    current: Cell<usize>,
    steps: RefCell<Vec<Entry>>,
    edges: RefCell<BTreeSet<LockEdge>>,
    edges_digest: Cell<u128>,
    next_scope: Cell<u64>,
    /// How many steps the program took to set itself up.
    setup: Cell<usize>,
    /// Whether details in words are kept (a replay) or only names (a search).
    detailed: bool,
}

impl Book {
    /// An empty book; `detailed` keeps the words a timeline needs.
    #[must_use]
    pub fn new(detailed: bool) -> Self {
        Self { detailed, ..Self::default() }
    }

    /// Whether details in words are kept.
    #[must_use]
    pub fn is_detailed(&self) -> bool {
        self.detailed
    }

    /// The role that runs now.
    #[must_use]
    pub fn current(&self) -> RoleId {
        RoleId(self.current.get())
    }

    /// Makes `role` the one that runs now.
    pub fn set_current(&self, role: RoleId) {
        self.current.set(role.0);
    }

    /// The role of this name, new or known.
    pub fn role(&self, name: &str) -> RoleId {
        if let Some(known) = self.by_name.borrow().get(name) {
            return *known;
        }
        let mut roles = self.roles.borrow_mut();
        let name: Rc<str> = name.into();
        self.by_name.borrow_mut().insert(name.clone(), RoleId(roles.len()));
        roles.push(Role { name, held: Vec::new(), scopes: Vec::new(), doing: Doing::default(), done: false });
        RoleId(roles.len() - 1)
    }

    /// Whether there is a role of this name.
    pub(in crate::engine) fn knows(&self, name: &str) -> bool {
        self.by_name.borrow().contains_key(name)
    }

    /// How many steps were taken so far.
    pub(in crate::engine) fn len(&self) -> usize {
        self.steps.borrow().len()
    }

    /// The name of a role.
    #[must_use]
    pub fn name(&self, role: RoleId) -> Rc<str> {
        self.roles.borrow()[role.0].name.clone()
    }

    /// The names of all roles, in the order in which they came up.
    fn names(&self) -> Vec<Rc<str>> {
        self.roles.borrow().iter().map(|role| role.name.clone()).collect()
    }

    /// Notes what a role waits to do.
    pub fn set_doing(&self, role: RoleId, doing: Doing) {
        self.roles.borrow_mut()[role.0].doing = doing;
    }

    /// Notes that a role is done.
    pub fn set_done(&self, role: RoleId) {
        self.roles.borrow_mut()[role.0].done = true;
    }

    /// What each role that is not done waits for.
    fn unfinished(&self) -> Vec<Unfinished> {
        let roles = self.roles.borrow();
        let unfinished = roles.iter().filter(|role| !role.done).filter_map(|role| {
            let (name, object) = role.doing.operation.clone()?;
            let mut waits_for = role.doing.waits_for.clone();
            if name == LOCK {
                let owners = roles.iter().filter(|other| other.held.contains(&object));
                waits_for.extend(owners.map(|owner| owner.name.to_string()));
            }
            waits_for.extend(role.scopes.iter().filter_map(|scope| scope.waits_for.clone()));
            waits_for.sort();
            waits_for.dedup();
            Some(Unfinished {
                thread: role.name.to_string(),
                place: role.scopes.iter().map(|scope| scope.place.clone()).collect(),
                operation: Operation { name: name.into(), object },
                holds: role.held.iter().map(ToString::to_string).collect(),
                waits_for,
                idle: role.doing.idle && role.scopes.is_empty(),
            })
        });
        unfinished.collect()
    }

    /// The operation that a role waits to take; none if it is done or runs under another role.
    pub(in crate::engine) fn announced(&self, role: RoleId) -> Option<Operation> {
        let roles = self.roles.borrow();
        let role = roles.get(role.0).filter(|role| !role.done)?;
        let (name, object) = role.doing.operation.clone()?;
        Some(Operation { name: name.into(), object })
    }

    /// Takes down a step of the running role.
    pub fn record(&self, operation: &'static str, object: &Rc<str>, detail: String) {
        let role = self.current();
        let holds = if self.detailed { self.roles.borrow()[role.0].held.clone() } else { Vec::new() };
        self.steps.borrow_mut().push(Entry {
            role,
            operation,
            object: object.clone(),
            detail,
            alternative: None,
            holds,
            anchors: Vec::new(),
            notes: Vec::new(),
        });
    }

    /// Notes which of its alternatives the last step was.
    pub fn chose(&self, alternative: usize) {
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.alternative = Some(alternative);
        }
    }

    /// Ties an observation to the last step.
    pub fn anchor(&self, anchor: Anchor) {
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.anchors.push(anchor);
        }
    }

    /// How many steps were taken since the program has set itself up.
    pub(super) fn taken(&self) -> usize {
        self.steps.borrow().len().saturating_sub(self.setup.get())
    }

    /// Notes behind the last step what the running role does that is no operation, if details are kept.
    pub(super) fn note(&self, note: impl FnOnce() -> String) {
        if !self.detailed {
            return;
        }
        if let Some(step) = self.steps.borrow_mut().last_mut() {
            step.notes.push(note());
        }
    }

    /// The steps taken so far.
    fn steps(&self) -> Vec<Step> {
        let names = self.names();
        let step = |entry: &Entry| Step {
            role: names[entry.role.0].clone(),
            operation: Operation { name: entry.operation.into(), object: entry.object.clone() },
            detail: entry.detail.clone(),
            alternative: entry.alternative,
            holds: entry.holds.clone(),
            anchors: entry.anchors.clone(),
            notes: entry.notes.clone(),
        };
        self.steps.borrow().iter().map(step).collect()
    }

    /// The last step's operation.
    pub(in crate::engine) fn last_operation(&self) -> Option<Operation> {
        let last = |entry: &Entry| Operation { name: entry.operation.into(), object: entry.object.clone() };
        self.steps.borrow().last().map(last)
    }

    /// The running role takes a lock (or begins a wait that needs another thread): one edge for each lock it holds.
    pub fn acquires(&self, then: &Rc<str>) {
        let roles = self.roles.borrow();
        let role = &roles[self.current.get()];
        for held in role.held.iter().filter(|held| *held != then) {
            let thread = role.name.to_string();
            let edge = LockEdge { held: held.to_string(), then: then.to_string(), thread };
            let mut edges = self.edges.borrow_mut();
            if !edges.contains(&edge) {
                self.edges_digest.set(self.edges_digest.get().wrapping_add(digest(&edge)));
                edges.insert(edge);
            }
        }
    }

    /// The running role now holds a lock.
    pub fn holds(&self, lock: &Rc<str>) {
        self.roles.borrow_mut()[self.current.get()].held.push(lock.clone());
    }

    /// The running role no longer holds a lock.
    pub fn drops(&self, lock: &Rc<str>) {
        let mut roles = self.roles.borrow_mut();
        let held = &mut roles[self.current.get()].held;
        if let Some(last) = held.iter().rposition(|name| name == lock) {
            held.remove(last);
        }
    }

    /// The digest of the acquisition graph, in whatever order it came about.
    #[must_use]
    pub fn edges_digest(&self) -> u128 {
        self.edges_digest.get()
    }

    /// The program has set itself up.
    pub fn end_setup(&self) {
        self.setup.set(self.steps.borrow().len());
        self.edges.borrow_mut().clear();
        self.edges_digest.set(0);
    }

    /// How many steps the program took to set itself up.
    #[must_use]
    pub fn setup_steps(&self) -> usize {
        self.setup.get()
    }

    /// The edges of the acquisition graph so far.
    fn edges(&self) -> BTreeSet<LockEdge> {
        self.edges.borrow().clone()
    }

    /// The running role enters a place; the number that [`Book::leave`] takes.
    pub fn enter(&self, place: String, waits_for: Option<String>) -> (RoleId, u64) {
        let id = self.next_scope.get();
        self.next_scope.set(id + 1);
        let role = self.current();
        self.roles.borrow_mut()[role.0].scopes.push(Scope { id, place, waits_for });
        (role, id)
    }

    /// A role leaves a place.
    pub fn leave(&self, (role, id): (RoleId, u64)) {
        self.roles.borrow_mut()[role.0].scopes.retain(|scope| scope.id != id);
    }
}

/// What was recorded of an execution, read from outside. Each part is made when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Record<'b> {
    book: &'b Book,
}

impl<'b> Record<'b> {
    /// What is in a book.
    pub(in crate::engine) fn of(book: &'b Book) -> Self {
        Self { book }
    }

    /// Whether details in words are kept.
    #[must_use]
    pub fn is_detailed(self) -> bool {
        self.book.is_detailed()
    }

    /// The roles, in the order in which they came up.
    #[must_use]
    pub fn roles(self) -> Vec<Rc<str>> {
        self.book.names()
    }

    /// The visible operations, in order.
    #[must_use]
    pub fn steps(self) -> Vec<Step> {
        self.book.steps()
    }

    /// What each role that is not done waits for.
    #[must_use]
    pub fn unfinished(self) -> Vec<Unfinished> {
        self.book.unfinished()
    }

    /// The edges of the acquisition graph.
    #[must_use]
    pub fn lock_order(self) -> BTreeSet<LockEdge> {
        self.book.edges()
    }

    /// All of it.
    #[must_use]
    pub fn trace(self) -> Trace {
        Trace {
            roles: self.roles(),
            setup_steps: self.book.setup_steps(),
            steps: self.steps(),
            unfinished: self.unfinished(),
            lock_order: self.lock_order(),
        }
    }
}
