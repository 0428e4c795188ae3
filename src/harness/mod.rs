//! A scenario acted on a subject. What every subject needs of the timers and conditions of a scenario is here; each
//! subject has a folder of its own.

mod conditions;
pub(crate) mod model;
pub mod python;
mod timers;

pub(crate) use model::Stage;
pub use timers::Firing;
