//! loom, the reference engine: permutations of one program, up to a preemption bound, in a child process.

mod engine;
mod scenario;

pub use engine::{Bounds, Finished, Visit, permute};
pub use scenario::child;
pub(crate) use scenario::explore;
