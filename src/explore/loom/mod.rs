//! loom, the reference engine: permutations of one program, up to a preemption bound, in a child process.

mod engine;

pub(crate) use engine::{Finished, permute};
