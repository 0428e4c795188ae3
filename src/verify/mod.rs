//! What a real session did, held against the protocol and against the model.
//!
//! [`protocol`] judges the frames of a transcript by the specification of ACP v1; [`observed`] asks whether what was seen is
//! among the outcomes that the model of the runtime has for the same scenario.

pub mod observed;
pub mod protocol;
mod server_log;

pub use server_log::server_log;
