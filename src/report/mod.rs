//! What came of an exploration or a replay, for people ([`words`](mod@words), [`timeline`], [`checked`], the [`page()`] and the
//! [`markdown()`] of a [`Case`]) and for programs ([`json`], [`junit`], [`sarif`], [`annotations`]).
//!
//! Everything here is a function from data to text or to a document: it

pub mod annotations;
pub mod case;
pub mod checked;
mod frames;
pub mod json;
pub mod junit;
mod markdown;
mod page;
pub mod picture;
pub mod racing;
pub mod sarif;
pub mod shards;
mod summary;
#[cfg(test)]
mod testkit;
pub mod timeline;
pub mod words;

pub use case::Case;
pub use markdown::render as markdown;
pub use page::render as page;
pub use summary::{Broken, Shown, broken_rules, is_finding, shown, witness};
