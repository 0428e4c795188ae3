//! A general library for concurrent programs: the kernel on which they run, and the engines that decide who moves.

pub mod coroutines;
pub mod execution;
pub mod fault_injection;
pub mod fingerprint;
pub mod kernel;
pub(crate) mod limits;
pub mod locks;
pub mod loom;
pub mod search;
pub mod system;
pub mod trace;
