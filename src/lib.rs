//! turnloom finds, replays and gates the races of agent conversations.
//!
//! Data flows one way: a [`scenario`] file is a [`script`] for a fake server and a list of actors; they drive the
//! conversation [`runtime`] on a [`kernel`], whose engine ([`explore`]) runs every interleaving; what could be seen
//! ([`observation`]) is held against the rules of [`check`] and the reviewed [`snapshot`], and put into words and
//! pictures by [`report`]. The same script drives real clients, by [`live`], and [`verify`] judges what they did. Nothing refers back.

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
