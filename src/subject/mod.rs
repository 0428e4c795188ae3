//! What is under test.

pub mod model;
pub mod python;
