//! `turnloom completions`: what a shell needs to complete the command line.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::console::Console;
use super::{Cli, Exit};

/// Prints the script of this shell.
pub(super) fn run(console: &mut Console, shell: Shell) -> Exit {
    let cli = Cli::command();
    // What nobody types is not completed either, and a command cannot be taken out of a list of commands.
    let visible = cli.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut cli = Command::new("turnloom").subcommands(visible).args(cli.get_arguments().cloned());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli, "turnloom", &mut script);
    console.out(&String::from_utf8_lossy(&script));
    Exit::Clean
}
