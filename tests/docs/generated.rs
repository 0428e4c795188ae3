//! The generated parts of the pages are what the program says of itself. `TURNLOOM_UPDATE=1 cargo test --test suite docs` writes them anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use turnloom::cli::VARIABLES;
use turnloom::rules::{Basis, PROFILES, bases, basis, rule, rules};
use turnloom::subject::model::{Change, DECISIONS, DEFECTS, Decision, Defect, REVISIONS, Revision};
use turnloom::verify::protocol;

use super::{Page, ROOT, book};
use crate::folder::Folder;

/// What makes a generated part.
type Make = fn() -> String;

/// Each generated part, by the name that stands in its mark.
const PARTS: &[(&str, Make)] = &[
    ("commands", commands),
    ("exit codes", exit_codes),
    ("options", options),
    ("profiles", profiles),
    ("rules", rules_table),
    ("rules of transcripts", transcript_rules),
    ("rule pages", rule_pages),
    ("revisions", revisions),
    ("defects", defects),
    ("decisions", decisions),
    ("variables", variables),
];

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// A page with its generated parts made anew, and the names of these parts.
fn made_anew(page: &Page) -> (String, Vec<&str>) {
    let mut text = String::new();
    let mut names = Vec::new();
    let mut rest = page.text.as_str();
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(" -->\n").expect("a mark has an end");
        let (_, after) = after.split_once(END).unwrap_or_else(|| panic!("{}: {name} has no end", page.path));
        let part = PARTS.iter().find(|(known, _)| *known == name);
        let (_, make) = part.unwrap_or_else(|| panic!("{}: no part is called {name}", page.path));
        let _ = write!(text, "{before}{BEGIN}{name} -->\n\n{}\n\n{END}", make().trim_end());
        names.push(name);
        rest = after;
    }
    (text + rest, names)
}

#[test]
fn the_generated_parts_are_up_to_date() {
    let is_update = std::env::var_os("TURNLOOM_UPDATE").is_some_and(|value| value == "1");
    let mut names = Vec::new();
    let mut stale = Vec::new();
    let pages = book();
    for page in &pages {
        let (text, of_page) = made_anew(page);
        names.extend(of_page);
        if text == page.text {
            continue;
        }
        if is_update {
            fs::write(Path::new(ROOT).join(&page.path), text).expect("the page can be written");
        } else {
            let line = text.lines().zip(page.text.lines()).position(|(new, old)| new != old);
            stale.push(format!("{}:{}", page.path, line.map_or(1, |line| line + 1)));
        }
    }
    let help = "write them with `TURNLOOM_UPDATE=1 cargo test --test suite docs`, and review the difference";
    assert!(stale.is_empty(), "these pages are not up to date: {}\n{help}", stale.join(", "));
    names.sort_unstable();
    let mut parts: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    parts.sort_unstable();
    assert_eq!(names, parts, "each part is on one page");
}

/// A table: its head, and its rows.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    rows.for_each(|row| text += &format!("| {} |\n", row.join(" | ")));
    text
}

fn code(word: &str) -> String {
    format!("`{word}`")
}

/// What `--help` prints, without blanks at the ends of lines.
fn help(command: &str) -> String {
    let run = Folder::empty(&format!("docs-help-{command}")).run(&format!("{command} --help"));
    assert_eq!(run.code, 0, "{command}: {}", run.err);
    run.out.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The lines of a section of the program's own help: each a word, and what it means.
fn section(heading: &str) -> Vec<(String, String)> {
    let text = help("");
    let (_, below) = text.split_once(&format!("\n{heading}:\n")).expect("the section is there");
    let lines = below.lines().take_while(|line| line.starts_with("  "));
    let split = |line: &str| {
        let (word, meaning) = line.trim().split_once(' ').expect("a word and what it means");
        (word.to_owned(), meaning.trim().to_owned())
    };
    lines.map(split).collect()
}

fn commands() -> String {
    let rows = section("Commands").into_iter();
    table(
        ["command", "what it does"],
        rows.map(|(name, about)| [format!("[`{name}`](#turnloom-{name})"), about]),
    )
}

fn exit_codes() -> String {
    table(["exit code", "meaning"], section("Exit codes").into_iter().map(|(code, meaning)| [code, meaning]))
}

fn options() -> String {
    let pages = section("Commands").into_iter();
    pages.map(|(name, _)| format!("### turnloom {name}\n\n```text\n{}```\n\n", help(&name))).collect()
}

fn variables() -> String {
    let rows = VARIABLES.iter().map(|variable| {
        let names: Vec<String> = variable.names.iter().map(|name| code(name)).collect();
        let by = if variable.overruled_by.is_empty() { "–" } else { variable.overruled_by };
        [names.join(", "), variable.meaning.to_owned(), by.to_owned()]
    });
    table(["variable", "meaning", "overruled by"], rows)
}

/// What a rule rests on; a rule may rest on the model alone.
fn rests_on(basis: &Basis) -> String {
    Some(basis.cited()).filter(|cited| !cited.is_empty()).unwrap_or_else(|| "–".to_owned())
}

fn of(rule: &str) -> &'static Basis {
    basis(rule).unwrap_or_else(|| panic!("{rule} rests on nothing"))
}

fn profiles() -> String {
    let rows = PROFILES.iter().map(|(profile, name, meaning)| {
        let own = || bases().filter(|basis| basis.profile == *profile).map(|basis| basis.rule);
        let executions: Vec<String> = own().filter(|name| rule(name).is_some()).map(code).collect();
        let is_of_transcripts = |name: &&str| protocol::RULES.iter().any(|rule| rule.name == *name);
        let transcripts: Vec<String> = own().filter(is_of_transcripts).map(code).collect();
        let executions = if executions.len() > 5 { "all others".to_owned() } else { executions.join(", ") };
        [code(name), (*meaning).to_owned(), executions, transcripts.join(", ")]
    });
    table(
        ["profile", "holds, beside the profiles above", "rules of an execution", "rules of a transcript"],
        rows,
    )
}

fn rules_table() -> String {
    let rows = rules().iter().map(|rule| {
        let name = rule.name();
        let link = format!("[`{name}`](#{name})");
        [link, rule.title().to_owned(), code(of(name).profile.name()), rests_on(of(name))]
    });
    table(["rule", "what must hold", "profile", "rests on"], rows)
}

fn transcript_rules() -> String {
    let rows = protocol::RULES.iter().map(|rule| {
        let basis = of(rule.name);
        [code(rule.name), rule.title.to_owned(), code(basis.profile.name()), basis.bound(), rests_on(basis)]
    });
    table(["rule", "what must hold", "profile", "binds", "rests on"], rows)
}

fn rule_pages() -> String {
    let pages = rules().iter().map(|rule| {
        let (name, basis) = (rule.name(), of(rule.name()));
        let (title, page) = (rule.title(), rule.page());
        let (profile, bound, cited) = (basis.profile.name(), basis.bound(), rests_on(basis));
        format!(
            "### {name}\n\n*{title}*\n\n{page}\n\nProfile `{profile}`, binds {bound}, rests on: {cited}.\n\n"
        )
    });
    pages.collect()
}

fn revisions() -> String {
    let rows = REVISIONS.iter().map(|Revision { name, meaning, like, changes }| {
        let change = |Change { decision, alternative, .. }: &Change| {
            format!("[`{decision}`](#{decision}): `{alternative}`")
        };
        let changes: Vec<String> = changes.iter().map(change).collect();
        let decisions = match like {
            None => "every decision has its first alternative".to_owned(),
            Some(like) => format!("as `{like}`, but {}", changes.join(", ")),
        };
        [code(name), (*meaning).to_owned(), decisions]
    });
    table(["revision", "meaning", "decisions"], rows)
}

fn defects() -> String {
    let rows = DEFECTS.iter().map(|Defect { name, row, decision, alternative, harm, source }| {
        let choice = format!("[`{decision}`](#{decision}): `{alternative}`");
        [code(name), (*row).to_owned(), (*harm).to_owned(), choice, (*source).to_owned()]
    });
    table(["defect", "row", "what goes wrong", "decision", "from"], rows)
}

fn decisions() -> String {
    DECISIONS.iter().map(of_decision).collect()
}

fn of_decision(Decision { name, question, alternatives, source }: &Decision) -> String {
    let mut text = format!("### {name}\n\n{question}\n\n");
    for (place, alternative) in alternatives.iter().enumerate() {
        let fixed = if place == 0 { " (what `fixed` takes)" } else { "" };
        let _ = write!(text, "- `{}`{fixed}: {}", alternative.name, alternative.meaning);
        let is_this = |defect: &&Defect| defect.decision == *name && defect.alternative == alternative.name;
        for defect in DEFECTS.iter().filter(is_this) {
            let _ = write!(text, " Defect `{}` ({}).", defect.name, defect.row);
        }
        text.push('\n');
    }
    text + &format!("\nSource: {source}.\n\n")
}
