//! What came of an exploration or a replay, for people ([`words`](mod@words), [`timeline`], the [`page()`]
//! and the [`markdown()`] of a [`Case`]) and for programs ([`json`]).
//!
//! Everything here is a function from data to text or to a document: it must not know how anything was found, where
//! it goes, or what time it is.

pub mod case;
mod frames;
pub mod json;
mod markdown;
mod page;
pub mod picture;
pub mod racing;
mod summary;
#[cfg(test)]
mod testkit;
pub mod timeline;
pub mod words;

pub use case::Case;
pub use markdown::render as markdown;
pub use page::render as page;
pub use summary::{Broken, Shown, broken_rules, is_finding, shown, witness};
