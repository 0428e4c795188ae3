//! What came of an exploration or a replay, for people ([`words`], [`timeline`], [`checked`]) and for programs ([`json`],
//! [`junit`], [`sarif`], [`annotations`]).
//!
//! Everything here is a function from data to text or to a document: it must not know how anything was found, where
//! it goes, or what time it is.

pub mod annotations;
pub mod checked;
pub mod json;
pub mod junit;
pub mod racing;
pub mod sarif;
pub mod shards;
mod summary;
pub mod timeline;
pub mod words;

pub use summary::{Broken, Shown, broken_rules, is_finding, shown, witness};
