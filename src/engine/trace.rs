//! The book of one execution: which roles there are, what each does, holds and waits for, and the steps taken.
//!
//! Both engines keep the same book, so a schedule found on one reads the same on the other. It must not know how an
//! engine switches threads, and nothing in it may steer the program.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::fingerprint::digest;
use crate::explore::Anchor;
use crate::observation::LockEdge;

/// A role: a thread by name. Inline roles share a thread but not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub(crate) usize);

/// One visible operation that was taken.
#[derive(Debug, Clone)]
pub struct Step {
    /// Who took it.
    pub role: RoleId,
    /// What was done.
    pub operation: &'static str,
    /// The object it was done to.
    pub object: Rc<str>,
    /// In words, when details are kept: the value; empty if there is nothing to say.
    pub detail: String,
    /// Which of its alternatives it was, counted from 0; none if there was only one.
    pub alternative: Option<usize>,
    /// When details are kept: the locks held after the step.
    pub holds: Vec<Rc<str>>,
    /// What was observed in this step.
    pub anchors: Vec<Anchor>,
}

/// What a role is in the middle of: the operation it waits to do.
#[derive(Debug, Clone, Default)]
pub struct Doing {
    /// The operation and its object: `lock`, `state`; none while it runs.
    pub operation: Option<(&'static str, Rc<str>)>,
    /// The roles that could end its waiting, as far as the object knows.
    pub waits_for: Vec<String>,
    /// Whether nobody minds if it never goes on (a daemon between two jobs).
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
    steps: RefCell<Vec<Step>>,
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
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.by_name.borrow().contains_key(name)
    }

    /// The operation that a role waits to do, and its object; none if it is done or runs.
    pub(crate) fn pending(&self, role: RoleId) -> Option<(&'static str, Rc<str>)> {
        let roles = self.roles.borrow();
        let role = &roles[role.0];
        role.doing.operation.clone().filter(|_| !role.done)
    }

    /// How many steps were taken so far.
    pub(crate) fn len(&self) -> usize {
        self.steps.borrow().len()
    }

    /// The name of a role.
    #[must_use]
    pub fn name(&self, role: RoleId) -> Rc<str> {
        self.roles.borrow()[role.0].name.clone()
    }

    /// The names of all roles, in the order in which they came up.
    #[must_use]
    pub fn names(&self) -> Vec<Rc<str>> {
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

    /// What each role that is not done waits for: name, scopes outermost first, operation, locks held, waited-for.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        let roles = self.roles.borrow();
        roles
            .iter()
            .filter(|role| !role.done && role.doing.operation.is_some())
            .map(|role| {
                let mut waits_for = role.doing.waits_for.clone();
                if let Some(("lock", lock)) = &role.doing.operation {
                    let owners = roles.iter().filter(|other| other.held.contains(lock));
                    waits_for.extend(owners.map(|owner| owner.name.to_string()));
                }
                waits_for.extend(role.scopes.iter().filter_map(|scope| scope.waits_for.clone()));
                waits_for.sort();
                waits_for.dedup();
                Unfinished {
                    thread: role.name.to_string(),
                    place: role.scopes.iter().map(|scope| scope.place.clone()).collect(),
                    operation: role
                        .doing
                        .operation
                        .as_ref()
                        .map(|(operation, object)| format!("{operation} {object}"))
                        .unwrap_or_default(),
                    holds: role.held.iter().map(ToString::to_string).collect(),
                    waits_for,
                    idle: role.doing.idle && role.scopes.is_empty(),
                }
            })
            .collect()
    }

    /// Takes down a step of the running role.
    pub fn record(&self, operation: &'static str, object: &Rc<str>, detail: String) {
        let role = self.current();
        let holds = if self.detailed { self.roles.borrow()[role.0].held.clone() } else { Vec::new() };
        self.steps.borrow_mut().push(Step {
            role,
            operation,
            object: object.clone(),
            detail,
            alternative: None,
            holds,
            anchors: Vec::new(),
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

    /// The steps taken so far.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.steps.borrow().clone()
    }

    /// The last step's operation and object.
    pub(crate) fn last_operation(&self) -> Option<(&'static str, Rc<str>)> {
        self.steps.borrow().last().map(|step| (step.operation, step.object.clone()))
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
    #[must_use]
    pub fn edges(&self) -> BTreeSet<LockEdge> {
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

/// A role that is not done.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Its name.
    pub thread: String,
    /// Where it is, outermost first.
    pub place: Vec<String>,
    /// The operation it waits to do.
    pub operation: String,
    /// The locks it holds.
    pub holds: Vec<String>,
    /// The roles that could end its waiting.
    pub waits_for: Vec<String>,
    /// Whether nobody minds.
    pub idle: bool,
}
