//! The searches against each other, against brute force and against loom: the same programs must end in the same outcomes.

mod choices;
mod circles;
mod determinism;
mod fifo;
mod locks;
mod loops;
mod programs;
mod random;
mod systems;
