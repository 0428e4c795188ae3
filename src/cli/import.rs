//! `turnloom import`: a scenario file made of the transcript of a session.

use std::path::Path;

use super::console::Console;
use super::{Exit, Import, backend};
use crate::atomic_write as whole_file;
use crate::import::{Damage, Imported};
use crate::report::json;
use crate::wire::transcript::TranscriptError;

/// How much of a damaged line is shown on either side of the place.
const AROUND: usize = 40;

/// Makes the scenario and prints or writes it; if anything is wrong, nothing is written.
pub(super) fn run(console: &mut Console, arguments: &Import) -> Exit {
    let name = arguments.output.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy());
    let imported = match made_of(console, &arguments.transcript, &name.unwrap_or("imported".into())) {
        Ok(imported) => imported,
        Err((what, help)) => return console.refuse(&what, &help),
    };
    let text = json::text(&imported.scenario);
    for note in &imported.notes {
        console.err(&format!("note: {note}\n"));
    }
    match &arguments.output {
        None => console.out(&text),
        Some(path) => {
            if let Err(error) = whole_file::create(path, &text) {
                let help = match error.kind() {
                    std::io::ErrorKind::AlreadyExists => "remove it, or give another name",
                    _ => "",
                };
                return console
                    .refuse(&format!("failed to write `{}`: {}", path.display(), error.kind()), help);
            }
        }
    }
    Exit::Clean
}

/// The scenario of this name that is made of a transcript, or what failed and what may help. What would be wrong with the
/// scenario has been said then.
pub(super) fn made_of(
    console: &mut Console,
    transcript: &Path,
    name: &str,
) -> Result<Imported, (String, String)> {
    let shown = transcript.display();
    let entries = crate::wire::transcript::read(transcript).map_err(|error| {
        let help =
            "a transcript is what `turnloom serve FILE --transcript TRANSCRIPT` writes: one entry a line";
        (format!("{error}{}", place(&error)), help.to_owned())
    })?;
    let imported = crate::import::import(&entries)
        .map_err(|damage| (format!("failed to import `{shown}`: {damage}"), help(&damage).to_owned()))?;
    if let Err(findings) = backend::lint(name, &json::text(&imported.scenario), console.colour_err) {
        console.err(&findings);
        let what = format!("failed to import `{shown}`: what was seen makes no scenario that holds together");
        return Err((what, "the findings above are about the scenario that it would be".to_owned()));
    }
    Ok(imported)
}

/// The damaged part of a line with a mark under the place.
fn place(error: &TranscriptError) -> String {
    let TranscriptError::Line { path, line, error } = error else { return String::new() };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line: Vec<char> = text.lines().nth(line - 1).unwrap_or_default().chars().collect();
    let at = error.column().saturating_sub(1).min(line.len());
    let (from, to) = (at.saturating_sub(AROUND), line.len().min(at + AROUND));
    let part: String = line[from..to].iter().collect();
    format!("\n    {part}\n    {}^", " ".repeat(at - from))
}

fn help(damage: &Damage) -> &'static str {
    match damage {
        Damage::Empty => {
            "the server writes an entry before it does anything: was it started with `--transcript`?"
        }
        Damage::NoBeginning | Damage::OutOfOrder { .. } | Damage::WrongProcess { .. } => {
            "give the transcript as `serve` wrote it: no line may be taken out, doubled or moved"
        }
        Damage::NoPrompt => "let the client set a session up and send a prompt",
    }
}
