//! `turnloom lint` and `turnloom schema`: what a scenario file may say, and what is wrong with one.

use super::console::Console;
use super::{Exit, Lint, backend, files};

/// Says all that is wrong with the files, and of each file with nothing wrong that there is nothing.
pub(super) fn run(console: &mut Console, arguments: &Lint) -> Exit {
    let Some(files) = files::load(console, &arguments.paths, files::For::Lint) else { return Exit::Bad };
    if files.is_empty() {
        return console.refuse("failed to find scenarios: no file there ends in .json", "");
    }
    for file in files.iter().filter(|file| file.loaded.warnings.is_empty()) {
        console.out(&format!("{}: nothing wrong\n", file.shown()));
    }
    Exit::Clean
}

/// Prints the JSON Schema of the scenario file.
pub(super) fn schema(console: &mut Console) -> Exit {
    let schema = backend::schema();
    console.out(&format!("{}\n", schema.trim_end()));
    Exit::Clean
}
