//! What came of an exploration or a replay, for people ([`words`], [`timeline`]) and for programs ([`json`]).
//!
//! Everything here is a function from data to text or to a document: it must not know how anything was found, where
//! it goes, or what time it is.

pub mod json;
pub mod racing;
mod summary;
pub mod timeline;
pub mod words;

pub use summary::{Broken, Shown, broken_rules, is_finding, shown, witness};
