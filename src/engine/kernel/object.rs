//! One shared object: content that only operations touch, each of them visible to the engine.
//!
//! Everything else in this folder is made of it.

use std::cell::RefCell;
use std::hash::Hash;
use std::rc::Rc;

use super::engine;
use super::engine::{Engine, ObjectCore, Request, Took};
use crate::engine::fingerprint::digest;

/// A visible operation: its name, and how to say what came of it.
pub struct Op<R> {
    pub(crate) operation: &'static str,
    settled: bool,
    reads: bool,
    watches: Vec<Rc<ObjectCore>>,
    alternatives: Option<Rc<dyn Fn() -> usize>>,
    says: Option<Says<R>>,
}

type Says<R> = Box<dyn Fn(&R) -> String>;

impl<R> Op<R> {
    /// An operation of this name.
    #[must_use]
    pub fn new(operation: &'static str) -> Self {
        Self { operation, settled: false, reads: false, watches: Vec::new(), alternatives: None, says: None }
    }

    /// Once it is ready, no other thread can change the object before the operation is taken: a search may take it at once.
    /// True of letting a lock go (no other thread can touch a lock that is held) and of a wait for content that is final. A
    /// wait for what merely stays true is another thing: the object goes on changing, and what changed it after the
    /// wait was ready did not happen before the wait.
    pub(crate) fn settled(mut self) -> Self {
        self.settled = true;
        self
    }

    /// It never changes the object: two such operations commute.
    #[must_use]
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// What it does, or when it can be taken, depends on another object as well.
    #[must_use]
    pub fn watches<S>(mut self, other: &Object<S>) -> Self {
        self.watches.push(other.shared.core.clone());
        self
    }

    /// It can be done in as many ways as the content of its object says at the moment at which it is taken: see
    /// [`Object::perform_one_of`]. None counts as one.
    #[must_use]
    pub fn among<S: 'static>(
        mut self,
        object: &Object<S>,
        alternatives: impl Fn(&S) -> usize + 'static,
    ) -> Self {
        let shared = object.shared.clone();
        self.alternatives = Some(Rc::new(move || alternatives(&shared.state.borrow())));
        self
    }

    /// In words, for a timeline, what the operation wrote or got.
    #[must_use]
    pub fn says(mut self, says: impl Fn(&R) -> String + 'static) -> Self {
        self.says = Some(Box::new(says));
        self
    }
}

/// A shared object with content `S`.
///
/// ```
/// use turnloom::engine::search::{Limits, search};
/// use turnloom::engine::kernel::{Object, Op, thread};
///
/// let found = search(&Limits::default(), || {
///     let counter = Object::new("counter", 0_u32);
///     let other = counter.clone();
///     thread::spawn("adder", move || other.perform(Op::new("add"), |n| *n += 1));
///     counter.perform_when(Op::new("double"), |n| *n == 1, |n| *n *= 2);
/// });
/// assert_eq!(found.deadlocks, 0);
/// ```
pub struct Object<S> {
    shared: Rc<Shared<S>>,
}

struct Shared<S> {
    engine: Rc<dyn Engine>,
    core: Rc<ObjectCore>,
    state: RefCell<S>,
    waits_for: RefCell<Option<WaitsFor<S>>>,
}

type WaitsFor<S> = Rc<dyn Fn(&S) -> Vec<String>>;

impl<S> Clone for Object<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S> Drop for Shared<S> {
    fn drop(&mut self) {
        self.engine.dropped(&self.core);
    }
}

impl<S: Hash + 'static> Object<S> {
    /// A new object.
    ///
    /// # Panics
    ///
    /// Outside an exploration.
    #[must_use]
    pub fn new(name: &str, content: S) -> Self {
        let engine = engine::current();
        let core = engine.object(name.into());
        if engine.digests() {
            engine.used(&core, digest(&content));
        }
        let shared = Shared { engine, core, state: RefCell::new(content), waits_for: RefCell::new(None) };
        Self { shared: Rc::new(shared) }
    }

    /// Says which roles could make a waiting operation ready, for the report of a deadlock.
    pub fn set_waits_for(&self, waits_for: impl Fn(&S) -> Vec<String> + 'static) {
        *self.shared.waits_for.borrow_mut() = Some(Rc::new(waits_for));
    }

    /// The object's name.
    #[must_use]
    pub fn name(&self) -> &Rc<str> {
        &self.shared.core.name
    }

    /// A visible operation that can always be taken.
    pub fn perform<R: Hash>(&self, op: Op<R>, apply: impl FnOnce(&mut S) -> R) -> R {
        let took = self.request(op, None, false, |content, _| apply(content));
        took.expect("an operation that is always ready is taken")
    }

    /// A visible operation that can always be taken, in one of several ways ([`Op::among`]): the engine tries each of
    /// them, and `apply` is told which one it is, counted from 0.
    ///
    /// ```
    /// use turnloom::engine::search::{Limits, search};
    /// use turnloom::engine::kernel::{Object, Op};
    ///
    /// let found = search(&Limits::default(), || {
    ///     let cards = Object::new("cards", vec!["heart", "spade"]);
    ///     let draw = Op::new("draw").among(&cards, |cards| cards.len());
    ///     let card = cards.perform_one_of(draw, |cards, which| cards.remove(which));
    ///     assert!(card == "heart" || card == "spade");
    /// });
    /// assert_eq!(found.executions, 2);
    /// ```
    pub fn perform_one_of<R: Hash>(&self, op: Op<R>, apply: impl FnOnce(&mut S, usize) -> R) -> R {
        self.request(op, None, false, apply).expect("an operation that is always ready is taken")
    }

    /// A visible operation that can be taken only when `ready` holds; the thread waits until then.
    pub fn perform_when<R: Hash>(
        &self,
        op: Op<R>,
        ready: impl Fn(&S) -> bool + 'static,
        apply: impl FnOnce(&mut S) -> R,
    ) -> R {
        let ready = self.ready(ready);
        let took = self.request(op, Some(ready), false, |content, _| apply(content));
        took.expect("only an idle wait ends without being taken")
    }

    /// As [`Object::perform_when`], by a daemon that has nothing else to do: none when the program has come to
    /// quiescence, that is when every thread is done or waits idly like this one.
    pub fn idle_until<R: Hash>(
        &self,
        op: Op<R>,
        ready: impl Fn(&S) -> bool + 'static,
        apply: impl FnOnce(&mut S) -> R,
    ) -> Option<R> {
        let ready = self.ready(ready);
        self.request(op, Some(ready), true, |content, _| apply(content))
    }

    /// As [`Object::idle_until`], in one of several ways ([`Op::among`]).
    pub fn idle_until_one_of<R: Hash>(
        &self,
        op: Op<R>,
        ready: impl Fn(&S) -> bool + 'static,
        apply: impl FnOnce(&mut S, usize) -> R,
    ) -> Option<R> {
        let ready = self.ready(ready);
        self.request(op, Some(ready), true, apply)
    }

    /// A visible operation in a destructor: does nothing in an execution that is being thrown away.
    pub fn perform_in_drop(&self, op: Op<()>, apply: impl FnOnce(&mut S)) {
        if !self.shared.engine.is_over() {
            self.perform(op, apply);
        }
    }

    /// Reads or changes the content without a visible operation. Only for content that no other thread can touch
    /// before this thread's next visible operation; what is returned counts as learned.
    pub(crate) fn touch<R: Hash>(&self, apply: impl FnOnce(&mut S) -> R) -> R {
        let result = apply(&mut self.shared.state.borrow_mut());
        if self.shared.engine.digests() {
            self.shared.engine.learned(digest(&result));
            self.shared.engine.used(&self.shared.core, digest(&*self.shared.state.borrow()));
        }
        result
    }

    /// Looks at the content from outside the program, when the execution is over.
    pub fn inspect<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.shared.state.borrow())
    }

    /// When the execution is over, what `take` takes out of the content is dropped, unless the object is gone by then. For
    /// content that may refer to who holds the object: a circle of references would live for ever.
    pub(crate) fn let_go_at_end<R>(&self, take: impl FnOnce(&mut S) -> R + 'static) {
        engine::let_go_at_end(&self.shared.engine, &self.shared, |shared| {
            take(&mut shared.state.borrow_mut())
        });
    }

    /// Takes what refers to others out of the content, when the execution is over.
    pub(crate) fn clear(&self, clear: impl FnOnce(&mut S)) {
        clear(&mut self.shared.state.borrow_mut());
    }

    fn ready(&self, ready: impl Fn(&S) -> bool + 'static) -> Rc<dyn Fn() -> bool> {
        let shared = self.shared.clone();
        Rc::new(move || ready(&shared.state.borrow()))
    }

    fn request<R: Hash>(
        &self,
        op: Op<R>,
        ready: Option<Rc<dyn Fn() -> bool>>,
        idle: bool,
        apply: impl FnOnce(&mut S, usize) -> R,
    ) -> Option<R> {
        let engine = &self.shared.engine;
        let mut apply = Some(apply);
        let mut result = None;
        let waits_for = || match &*self.shared.waits_for.borrow() {
            Some(waits_for) => waits_for(&self.shared.state.borrow()),
            None => Vec::new(),
        };
        let request = Request {
            object: &self.shared.core,
            operation: op.operation,
            ready,
            alternatives: op.alternatives,
            idle,
            settled: op.settled,
            reads: op.reads,
            watches: &op.watches,
            waits_for: &waits_for,
        };
        let took = engine.perform(request, &mut |alternative| {
            let apply = apply.take().expect("an engine takes an operation once");
            let value = apply(&mut self.shared.state.borrow_mut(), alternative);
            let mut learned = 0;
            if engine.digests() {
                learned = digest(&value);
                engine.used(&self.shared.core, digest(&*self.shared.state.borrow()));
            }
            let words = match &op.says {
                Some(says) if engine.book().is_detailed() => says(&value),
                _ => String::new(),
            };
            result = Some(value);
            (learned, words)
        });
        debug_assert_eq!(took == Took::Step, result.is_some());
        result
    }

    pub(crate) fn core(&self) -> &Rc<ObjectCore> {
        &self.shared.core
    }
}
