//! A FIFO queue between threads: a push and a pop are one visible operation each.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use super::{Object, Op};

/// A queue of labelled items. Only the label counts as the item's content, so it must say all that the item will do.
pub struct Queue<L, T> {
    items: Object<Items<L, T>>,
}

struct Items<L, T>(VecDeque<(L, T)>);

impl<L: Hash, T> Hash for Items<L, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
        for (label, _) in &self.0 {
            label.hash(state);
        }
    }
}

/// An item on its way out of a queue; its label is what the popping thread learns.
struct Popped<L, T>(L, T);

impl<L: Hash, T> Hash for Popped<L, T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<L, T> Clone for Queue<L, T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone() }
    }
}

impl<L: Clone + Debug + Hash + 'static, T: 'static> Queue<L, T> {
    /// An empty queue.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { items: Object::new(name, Items(VecDeque::new())) }
    }

    /// Appends an item.
    pub fn push(&self, label: L, item: T) {
        let words = super::words(|| format!("{label:?}"));
        self.items.perform(Op::new("push").says(move |()| words.clone()), |items| {
            items.0.push_back((label, item));
        });
    }

    /// Takes the oldest item; waits until there is one.
    pub fn pop(&self) -> T {
        self.items.perform_when(Self::popping(), |items| !items.0.is_empty(), Self::take).1
    }

    /// Takes the oldest item as a daemon: none when the program has come to quiescence.
    pub fn pop_idle(&self) -> Option<T> {
        self.items.idle_until(Self::popping(), |items| !items.0.is_empty(), Self::take).map(|popped| popped.1)
    }

    fn popping() -> Op<Popped<L, T>> {
        Op::new("pop").says(|popped: &Popped<L, T>| format!("{:?}", popped.0))
    }

    fn take(items: &mut Items<L, T>) -> Popped<L, T> {
        let (label, item) = items.0.pop_front().expect("a pop is taken only when there is an item");
        Popped(label, item)
    }
}
