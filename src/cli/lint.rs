//! `turnloom lint` and `turnloom schema`: what a scenario file may say, and what is wrong with one.

use super::console::Console;
use super::{Exit, Lint, backend, dry_run, files};

/// Says all that is wrong with the files, and of each file with nothing wrong that there is nothing. A scenario about which
/// there is nothing else to be said is played a little, to see whether it stands still by its own making.
pub(super) fn run(console: &mut Console, arguments: &Lint) -> Exit {
    let Some(files) = files::load(console, &arguments.paths, files::For::Lint) else { return Exit::Bad };
    if files.is_empty() {
        return console.refuse("failed to find scenarios: no file there ends in .json", "");
    }
    for file in files.iter().filter(|file| file.loaded.warnings.is_empty()) {
        match dry_run::warning(file) {
            Some(found) => console.err(&found.render(console.colour_err)),
            None => console.out(&format!("{}: nothing wrong\n", file.shown())),
        }
    }
    Exit::Clean
}

/// Prints the JSON Schema of the scenario file.
pub(super) fn schema(console: &mut Console) -> Exit {
    let schema = backend::schema();
    console.out(&format!("{}\n", schema.trim_end()));
    Exit::Clean
}
