//! The scenario file: its types, how it is read, and what is wrong with it. Knows nothing of what runs it.

mod duration;
mod types;
mod word;

pub use duration::{Duration, DurationError};
pub use types::*;
pub use word::word;
