//! What a maintainer of turnloom asks of its scenarios: the page of the races, pairs of defects, smaller scenarios.
//!
//! `cargo run --release --example maintain -- races > scenarios/README.md`

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (told, code) = turnloom::cli::maintain(std::env::args_os());
    match std::io::stdout().write_all(told.as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}
