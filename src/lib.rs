//! turnloom finds, replays and gates the races of agent conversations.
//!
//! Data flows one way. A [`scenario`] file scripts a [`mock_server`] and lists actors. The harness acts it on a [`subject`],
//! and the searches of the [`engine`] run every interleaving that matters ([`explore`]). What could be seen is an
//! [`observation`]. The [`rules`] and the reviewed [`snapshot`] judge it, and a [`report`] tells what was found.
//! The same script serves real clients: [`live`] opens the pipes and sockets, [`wire`] has what goes over them, [`verify`]
//! judges what a client did, and [`import`] makes a scenario of it. `tests/architecture.rs` holds who may name whom.

mod atomic_write;
pub mod cli;
#[cfg(test)]
mod differential_tests;
pub mod engine;
pub mod explore;
mod harness;
pub mod import;
pub mod live;
pub mod mock_server;
pub mod observation;
pub mod report;
pub mod rules;
pub mod scenario;
pub mod snapshot;
pub mod subject;
pub mod terms;
pub mod verify;
pub mod wire;

/// Tests in here and tests in `tests/` share the file that makes up random programs.
#[cfg(test)]
extern crate self as turnloom;
