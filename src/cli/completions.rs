//! `turnloom completions`: what a shell needs to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::console::Console;
use super::{Cli, Exit};

/// Prints the script of this shell.
pub(super) fn run(console: &mut Console, shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "turnloom", &mut script);
    console.out(&String::from_utf8_lossy(&script));
    Exit::Clean
}
