//! The adapter of the model: a scenario acted on it.

pub(crate) mod actors;
mod needs;
pub(crate) mod observe;
pub(crate) mod server;
pub(crate) mod subscriber;
