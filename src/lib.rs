//! turnloom finds, replays and gates the races of agent conversations.
//!
//! Data flows one way: a [`scenario`] file has a script for a fake server ([`mock_server`]) and a list of actors. They drive
//! the conversation runtime, a [`subject`], on the kernel of the [`engine`], whose searches run every interleaving
//! ([`explore`]). The [`observation`]s are held against the [`rules`] and the reviewed [`snapshot`], and [`report`] puts them
//! into words and pictures. [`live`] plays the same script to real clients, and [`verify`] judges what they did.

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

/// The program of this page is a test of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../docs/engine.md")]
mod documented {}
