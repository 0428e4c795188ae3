//! The scripted server as a pure state machine: messages in, entries of its log and frames out.
//!
//! The same code plays the server inside every engine and drives a real process. The caller decides when
//! a message arrives and when a step is taken.

mod actions;
mod log;
mod message;
mod plan;
mod receive;
mod server_log;
mod state_machine;
#[cfg(test)]
mod tests;
mod wire;

pub use log::ServerEntry;
pub use message::{CONDENSER, ClientMessage, Completion, LLM, ServerMessage, Update};
pub use state_machine::{Choice, Script, Step};
pub use wire::{REQUEST, Wire, fill};
