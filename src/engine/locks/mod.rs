//! The lock graph of a program over all its executions, and the search for the deadlock that a cycle promises.

pub(crate) mod deadlock_attack;
pub(crate) mod lock_cycles;
pub(crate) mod lock_graph;

pub use deadlock_attack::held_back;
pub use lock_cycles::{Cycle, cycles};
pub use lock_graph::{Attack, LockGraph, Reason, lock_graph};
