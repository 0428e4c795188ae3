//! Every test that drives the binary or the public API: one program, so that it is linked once. Tests that count what is
//! allocated have a process of their own (`memory`, `memory_loom`).

mod alternatives;
mod any_bytes;
mod architecture;
mod asyncio;
mod asyncio_programs;
mod authoring;
mod bad_input;
mod branches;
mod catalogue;
mod ci_formats;
mod cli;
mod docs;
mod engines;
mod folder;
mod kernel;
mod limits;
mod live;
mod lock_graph;
mod machine;
mod messages;
mod races;
mod random_scenarios;
mod report;
mod reports;
mod revisions;
mod robustness;
mod searches;
mod shards;
mod shipped;
mod shrink;
mod sizes;
#[cfg(unix)]
mod subject;
mod tokens;
