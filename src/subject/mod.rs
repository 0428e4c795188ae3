//! What is under test.

pub mod model;
