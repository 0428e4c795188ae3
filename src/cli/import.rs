//! `turnloom import`: a scenario file made of the transcript of a session.

use std::path::Path;

use super::console::Console;
use super::{Exit, Import, backend};
use crate::live::{self, Damage, TranscriptError};
use crate::report::json;
use crate::whole_file;

/// How much of a damaged line is shown on either side of the place.
const AROUND: usize = 40;

/// Makes the scenario and prints or writes it; if anything is wrong, nothing is written.
pub(super) fn run(console: &mut Console, arguments: &Import) -> Exit {
    let shown = arguments.transcript.display();
    let entries = match live::read_transcript(&arguments.transcript) {
        Ok(entries) => entries,
        Err(error) => {
            let help =
                "a transcript is what `turnloom serve FILE --transcript TRANSCRIPT` writes: one entry a line";
            let place = place(&error);
            return console.refuse(&format!("{error}{place}"), help);
        }
    };
    let imported = match live::import(&entries) {
        Ok(imported) => imported,
        Err(damage) => {
            return console.refuse(&format!("failed to import `{shown}`: {damage}"), help(&damage));
        }
    };
    let text = json::text(&imported.scenario);
    let name = arguments.output.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy());
    if let Err(findings) = backend::lint(&name.unwrap_or("imported".into()), &text, console.colour_err) {
        console.err(&findings);
        let what = format!("failed to import `{shown}`: what was seen makes no scenario that holds together");
        return console.refuse(&what, "the findings above are about the scenario that it would be");
    }
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
