//! The pages show what the commands print: the README, and the walk from a report to a fix.

use std::fs;
use std::path::Path;

use turnloom::scenario;

use super::{Folder, ROOT, shipped};

/// The session that the README speaks of.
const SESSION: &str = include_str!("../../fuzz/seeds/transcript/stop.jsonl");

/// Commands of the README that are not run here, by how they begin, and what runs them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("audit", "`.ci/run`, for minutes"),
    ("check --shard", "tests/shards.rs"),
    ("merge", "tests/shards.rs"),
    ("serve", "tests/live, with a client"),
    ("verify session.jsonl --profile policy", "tests/live, of a session that breaks rules"),
];

/// The commands of a page in blocks of this language, each with what it prints: a line `…` stands for any lines.
fn commands(page: &str, language: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut block = None;
    for line in page.lines() {
        if let Some(named) = line.strip_prefix("```") {
            // What comes after a block belongs to no command of it.
            block = if block.is_some() { None } else { Some((named, false)) };
            continue;
        }
        let Some((_, runs)) = block.as_mut().filter(|(named, _)| *named == language) else { continue };
        let line_of_shell = line.strip_prefix("$ ").unwrap_or(line);
        if let Some(command) = line_of_shell.strip_prefix("turnloom ") {
            found.push((command.to_owned(), String::new()));
            *runs = true;
        } else if line.starts_with("$ ") {
            *runs = false;
        } else if let Some((_, printed)) = found.last_mut().filter(|_| *runs) {
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
            Some(part) if line.trim() != "…" => part.extend([line, "\n"]),
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

/// A picture of which columns were left out: each row that is shown is a row of the text, as far as it is shown; the picture is
/// replaced by a line for any lines.
fn without_picture(shown: &str, text: &str) -> String {
    let Some((before, picture)) = shown.split_once("step  ") else { return shown.to_owned() };
    let Some((picture, after)) = picture.split_once("\n\n") else { return shown.to_owned() };
    for row in picture.lines().skip(1).filter(|row| !row.trim_start().starts_with('⋮')) {
        let mut words = row.split(|sign: char| sign.is_whitespace() || "│║╥╨╌▸◂✗…".contains(sign));
        let number = words.by_ref().find(|word| !word.is_empty()).expect("a row has a number");
        let real = text.lines().find(|line| line.split_whitespace().next() == Some(number));
        let real = real.unwrap_or_else(|| panic!("there is no step {number}"));
        assert!(words.all(|word| real.contains(word)), "shown\n{row}\nprinted\n{real}");
    }
    format!("{before}…\n{after}")
}

/// The block of JSON of a page in which this stands.
fn json_with<'a>(page: &'a str, marker: &str) -> &'a str {
    let mut blocks = page.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.find(|(block, _)| block.contains(marker)).expect("a block with it").0
}

#[test]
fn the_readme_shows_what_the_commands_print() {
    let page = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the README");
    let folder = Folder::new("authoring-readme", &[("session.jsonl", SESSION)]);
    for (name, text) in shipped() {
        folder.write(&format!("scenarios/{name}.json"), &text);
    }
    folder.write("scenarios/two-people-type.json", json_with(&page, "two messages typed during an answer"));
    folder.write("scenarios/no-answer.json", json_with(&page, "an example of a scenario that is wrong"));
    let commands = commands(&page, "");
    let runs = |command: &str| !ELSEWHERE.iter().any(|(begin, _)| command.starts_with(begin));
    for (begin, _) in ELSEWHERE {
        assert!(
            commands.iter().any(|(command, _)| command.starts_with(begin)),
            "{begin} is not there any more"
        );
    }
    assert!(commands.len() > ELSEWHERE.len() + 10, "{commands:?}");
    for (command, shown) in commands.iter().filter(|(command, _)| runs(command)) {
        let (arguments, file) = command.split_once(" > ").unwrap_or((command, ""));
        let run = folder.run(arguments);
        assert!(run.code < 2, "$ turnloom {command}\n{}", run.err);
        if !file.is_empty() {
            folder.write(file, &run.out);
        }
        let text = if file.is_empty() { run.out + &run.err } else { run.err };
        let shown = without_picture(shown, &text);
        assert!(
            shown.is_empty() || is_shown(&shown, &text),
            "$ turnloom {command}\nshown\n{shown}\nprinted\n{text}"
        );
    }
}

#[test]
fn the_page_from_a_report_to_a_fix_shows_what_the_commands_print() {
    let page = fs::read_to_string(Path::new(ROOT).join("scenarios/from-report-to-fix.md")).expect("the page");
    let folder = Folder::empty("authoring-page");
    for (name, text) in shipped() {
        folder.write(&format!("scenarios/{name}.json"), &text);
    }
    // The scenario of the page, as it stands there in full.
    let begin = page.find("```json\n").expect("a scenario") + "```json\n".len();
    let end = begin + page[begin..].find("```").expect("its end");
    folder.write("scenarios/unasked-run.json", &page[begin..end]);
    assert_eq!(scenario::format("page", &page[begin..end]).as_deref(), Ok(&page[begin..end]));
    let commands = commands(&page, "console");
    assert!(commands.len() > 5, "{commands:?}");
    for (command, shown) in commands {
        let run = folder.run(&command);
        let text = format!("{}{}", run.out, run.err);
        assert!(is_shown(&shown, &text), "$ turnloom {command}\nshown\n{shown}\nprinted\n{text}");
    }
}
