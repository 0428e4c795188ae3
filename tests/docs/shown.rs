//! The commands that the pages show print what is shown.

use std::fs;
use std::path::Path;

use turnloom::scenario;

use super::{Page, ROOT, book, pages};
use crate::folder::{Folder, Run};

/// The session that the pages speak of.
const SESSION: &str = include_str!("../../fuzz/seeds/transcript/stop.jsonl");

/// Commands that are not run here, by how they begin, and what runs them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("audit", "`.ci/run`, for minutes"),
    ("check --shard", "tests/shards.rs"),
    ("merge", "tests/shards.rs"),
    ("serve", "tests/live, with a client"),
    ("verify session.jsonl --profile policy", "tests/live, of a session that breaks rules"),
];

/// The commands of a page's consoles, each with what it prints: a line `…` stands for any lines.
fn commands(page: &Page) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for block in page.blocks().iter().filter(|block| block.language == "console") {
        let mut runs = false;
        for line in block.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let arguments = command.strip_prefix("turnloom ");
                found.extend(arguments.map(|arguments| (arguments.to_owned(), String::new())));
                runs = arguments.is_some();
            } else if let Some((_, printed)) = found.last_mut().filter(|_| runs) {
                printed.extend([line, "\n"]);
            }
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

/// The text of a file of the repository, if it is there.
fn shipped(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(ROOT).join(path)).ok()
}

/// A folder of a test with the shipped scenarios and snapshots, the session, and the files that the page shows.
fn folder_of(test: &str, page: &Page) -> Folder {
    let name = page.path.replace(['/', '.'], "-");
    let folder = Folder::new(&format!("{test}-{name}"), &[("session.jsonl", SESSION)]);
    for shelf in ["scenarios", "scenarios/fragments", "snapshots"] {
        for entry in fs::read_dir(Path::new(ROOT).join(shelf)).expect("a folder of the repository") {
            let file = entry.expect("an entry").file_name().into_string().expect("a plain name");
            let path = format!("{shelf}/{file}");
            shipped(&path).into_iter().for_each(|text| folder.write(&path, &text));
        }
    }
    for block in page.blocks().iter().filter(|block| block.language == "json") {
        let Some(file) = &block.file else { continue };
        if let Some(text) = shipped(file) {
            assert_eq!(block.text, text, "{}: {file}", page.path);
        }
        folder.write(file, &block.text);
    }
    folder
}

/// Runs what a page shows, and holds what is printed against what is shown.
fn run_all(page: &Page) {
    let folder = folder_of("shown", page);
    let runs = |command: &str| !ELSEWHERE.iter().any(|(begin, _)| command.starts_with(begin));
    for (command, shown) in commands(page).iter().filter(|(command, _)| runs(command)) {
        let (arguments, file) = command.split_once(" > ").unwrap_or((command, ""));
        let Run { code, out, err } = folder.run(arguments);
        assert!(code < 2, "{}: $ turnloom {command}\n{err}", page.path);
        let text = if file.is_empty() {
            out + &err
        } else {
            folder.write(file, &out);
            err
        };
        let shown = without_picture(shown, &text);
        let what = format!("{}: $ turnloom {command}\nshown\n{shown}\nprinted\n{text}", page.path);
        assert!(shown.is_empty() || is_shown(&shown, &text), "{what}");
    }
}

#[test]
fn the_pages_show_what_the_commands_print() {
    let pages = pages();
    let all: Vec<String> = pages.iter().flat_map(commands).map(|(command, _)| command).collect();
    for (begin, _) in ELSEWHERE {
        assert!(all.iter().any(|command| command.starts_with(begin)), "{begin} is not there any more");
    }
    assert!(all.len() > ELSEWHERE.len() + 25, "{all:?}");
    std::thread::scope(|scope| pages.iter().for_each(|page| drop(scope.spawn(|| run_all(page)))));
}

/// The scenario that a page shows as wrong.
const STANDS_STILL: &str = "scenarios/no-answer.json";

#[test]
fn the_scenarios_of_the_pages_have_nothing_wrong() {
    let mut files = 0;
    for page in pages() {
        let folder = folder_of("lint", &page);
        for block in page.blocks().iter().filter(|block| block.language == "json") {
            let Some(file) = block.file.as_ref().filter(|file| !file.contains("fragments/")) else {
                continue;
            };
            let lint = folder.run(&format!("lint {file}"));
            if file == STANDS_STILL {
                assert!(
                    lint.err.contains("stands still for ever, by the scenario's own making"),
                    "{}",
                    lint.err
                );
            } else {
                assert_eq!((lint.code, lint.err.as_str()), (0, ""), "{}: {file}", page.path);
            }
            files += 1;
        }
    }
    assert!(files >= 5, "{files}");
}

#[test]
fn the_scenario_of_a_page_is_laid_out() {
    for page in ["docs/tutorial.md", "docs/from-report-to-fix.md"] {
        let blocks = Page::read(page).blocks();
        let block = blocks.iter().find(|block| block.file.is_some()).expect("a scenario");
        assert_eq!(scenario::format("page", &block.text).as_deref(), Ok(block.text.as_str()), "{page}");
    }
}

/// The one block of text of a page in which this stands.
fn text_with(page: &Page, marker: &str) -> String {
    let blocks = page.blocks();
    let block = blocks.iter().find(|block| block.language == "text" && block.text.contains(marker));
    block.unwrap_or_else(|| panic!("{} has no text with {marker}", page.path)).text.clone()
}

#[test]
fn the_typo_of_the_tutorial_is_told_as_it_is_shown() {
    let page = Page::read("docs/tutorial.md");
    let folder = folder_of("typo", &page);
    let file = "scenarios/two-people-type.json";
    folder.write(file, &folder.read(file).replace(r#"{"prompt": "first"}"#, r#"{"prompt": "frist"}"#));
    let lint = folder.run(&format!("lint {file}"));
    assert_eq!((lint.code, lint.err.trim_end()), (2, text_with(&page, "did you mean `first`?").trim_end()));
}

#[test]
fn the_drift_of_a_token_is_told_as_it_is_shown() {
    let page = Page::read("docs/verdicts.md");
    let tutorial = Page::read("docs/tutorial.md");
    let folder = folder_of("drift", &tutorial);
    let file = "scenarios/two-people-type.json";
    folder.write(file, &folder.read(file).replace(r#""cem""#, r#""cam""#));
    let token = "two-people-type:fifo-skip:cem@ann.lock-state.7:1cdbb4";
    let replay = folder.run(&format!("replay {file} {token}"));
    let printed = format!("{}{}", replay.out, replay.err);
    let shown = text_with(&page, "drifted: ");
    assert_eq!(replay.code, 1);
    assert!(printed.contains(shown.as_str()), "shown\n{shown}\nprinted\n{printed}");
}

/// The figures of the audit are those of the catalogue; `.ci/run` runs it.
#[test]
fn the_audit_that_is_shown_has_a_row_for_each_defect() {
    let rows = turnloom::subject::model::DEFECTS.len();
    let line = format!("{rows} rows: {rows} found, {rows} clean without the defect, {rows} replayed\n");
    let shows = |page: &Page| commands(page).iter().any(|(_, printed)| printed.contains(&line));
    assert!(book().iter().any(shows), "no page shows\n{line}");
}
