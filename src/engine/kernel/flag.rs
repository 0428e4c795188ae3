//! A flag that is set once and waited for: `threading.Event` without `clear`. Also what a gate and a join are.

use super::{Object, Op};

/// A flag that is set once.
#[derive(Clone)]
pub struct Flag {
    set: Object<bool>,
}

impl Flag {
    /// A flag that is not set.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { set: Object::new(name, false) }
    }

    /// Sets the flag; idempotent.
    pub fn set(&self) {
        self.set.perform(Op::new("set"), |set| *set = true);
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.perform(Op::new("read").reads().says(ToString::to_string), |set| *set)
    }

    /// Waits until the flag is set, or another one after which it will not be: whether it is.
    pub fn wait_unless(&self, given_up: &Self) -> bool {
        let op = Op::new("wait").settled().reads().watches(&given_up.set);
        let other = given_up.set.clone();
        self.set.perform_when(op, move |set| *set || other.inspect(|given_up| *given_up), |set| *set)
    }

    /// Waits until the flag is set.
    pub fn wait(&self) {
        self.set.perform_when(Op::new("wait").settled().reads(), |set| *set, |_| ());
    }
}
