//! The page that walks from a report to a fix shows what the commands print.

use std::fs;
use std::path::Path;

use turnloom::scenario;

use crate::{Folder, ROOT, shipped};

/// The commands of a page, each with what it prints: a line `…` stands for any lines.
fn commands(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```console";
        } else if inside && let Some(command) = line.strip_prefix("$ turnloom ") {
            found.push((command.to_owned(), String::new()));
        } else if inside && let Some((_, printed)) = found.last_mut() {
            printed.push_str(line);
            printed.push('\n');
        }
    }
    found
}

/// Whether a text is what a page shows of it.
fn is_shown(shown: &str, text: &str) -> bool {
    let mut parts = vec![String::new()];
    for line in shown.trim_end().lines() {
        match parts.last_mut() {
            Some(part) if line != "…" => part.extend([line, "\n"]),
            _ => parts.push(String::new()),
        }
    }
    let Some(mut rest) = text.strip_prefix(parts[0].as_str()) else { return false };
    for part in &parts[1..] {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = if part.is_empty() { "" } else { &rest[at + part.len()..] };
    }
    rest.trim().is_empty()
}

#[test]
fn the_page_from_a_report_to_a_fix_shows_what_the_commands_print() {
    let page = fs::read_to_string(Path::new(ROOT).join("scenarios/from-report-to-fix.md")).expect("the page");
    let folder = Folder::new("page");
    for (name, text) in shipped() {
        folder.write(&format!("scenarios/{name}.json"), &text);
    }
    // The scenario of the page, as it stands there in full.
    let begin = page.find("```json\n").expect("a scenario") + "```json\n".len();
    let end = begin + page[begin..].find("```").expect("its end");
    folder.write("scenarios/unasked-run.json", &page[begin..end]);
    assert_eq!(scenario::format("page", &page[begin..end]).as_deref(), Ok(&page[begin..end]));
    let commands = commands(&page);
    assert!(commands.len() > 5, "{commands:?}");
    for (command, shown) in commands {
        let run = folder.run(&command);
        let text = format!("{}{}", run.out, run.err);
        assert!(is_shown(&shown, &text), "$ turnloom {command}\nshown\n{shown}\nprinted\n{text}");
    }
}
