//! Snapshots: the distinct outcomes of a scenario as text for a reviewer, and the files that hold reviewed ones.
//!
//! The files are in insta's format, so `cargo insta review` serves for the review.

mod file;
mod render;
mod words;

pub use file::{Comparison, SnapshotError, compare, propose, update};
pub use render::{Row, project, render, rows};
pub use words::{ServerWords, event, published, token};
