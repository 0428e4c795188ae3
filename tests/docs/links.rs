//! Links, anchors and paths of the pages name what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Page, ROOT, book, pages};

/// READMEs of folders: a forge shows them beside the files, and they are not part of the book.
const OF_FOLDERS: [&str; 3] = ["fuzz/README.md", "scenarios/README.md", "tests/live/README.md"];

/// Folders of the repository: code that begins with one of them is a path.
const FOLDERS: [&str; 8] =
    ["src/", "tests/", "scenarios/", "snapshots/", "benches/", "fuzz/", ".ci/", "docs/"];

/// Files that are not in the repository: a command of the page writes them, or they are the reader's.
const OF_READERS: [&str; 4] = [
    "scenarios/two-people-type-small.json",
    "snapshots/two-people-type.snap",
    "scenarios/seen.json",
    "tests/stop.rs",
];

/// A line without its code, which may look like a link.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// The targets of the links in a line.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a page, as forges and mdBook make them of its headings.
fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| heading.strip_prefix(' ')).flatten()
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for heading in headings {
        let plain = heading.trim().to_lowercase().replace(' ', "-");
        let plain: String =
            plain.chars().filter(|sign| sign.is_alphanumeric() || "-_".contains(*sign)).collect();
        let count = counts.entry(plain.clone()).or_default();
        anchors.insert(if *count == 0 { plain } else { format!("{plain}-{count}") });
        *count += 1;
    }
    anchors
}

/// What is wrong with a link, if anything.
fn wrong_link(page: &Page, target: &str) -> Option<&'static str> {
    if target.starts_with("https://") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&page.path).parent().expect("a page is in a folder");
    let path = if file.is_empty() { Path::new(&page.path).to_owned() } else { folder.join(file) };
    if page.path.starts_with("docs/") && file.contains('/') {
        return Some("leads out of the book; name the file by its path instead");
    }
    if !Path::new(ROOT).join(&path).exists() {
        return Some("leads to no file");
    }
    let has_anchor = || anchors(&Page::read(path.to_str().expect("a plain path"))).contains(anchor);
    (!anchor.is_empty() && !has_anchor()).then_some("leads to no heading")
}

#[test]
fn every_link_has_its_target() {
    let others = OF_FOLDERS.iter().map(|path| Page::read(path));
    let mut wrong = Vec::new();
    let mut links = 0;
    for page in pages().into_iter().chain(others) {
        for (number, line) in page.prose() {
            for target in targets(line) {
                links += 1;
                let what = wrong_link(&page, &target);
                wrong.extend(what.map(|what| format!("{}:{number}: {target} {what}", page.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(links > 100, "{links}");
}

#[test]
fn every_path_names_a_file() {
    let mut missing = Vec::new();
    for page in pages() {
        let shown: Vec<String> = page.blocks().into_iter().filter_map(|block| block.file).collect();
        for (number, line) in page.prose() {
            let code = line.split('`').skip(1).step_by(2);
            for path in code.filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder))) {
                let is_pattern = path.contains(|sign: char| " {*".contains(sign)) || path.contains("NAME");
                let is_there = Path::new(ROOT).join(path).exists();
                let is_readers = OF_READERS.contains(&path) || shown.iter().any(|file| file == path);
                if !is_pattern && !is_there && !is_readers {
                    missing.push(format!("{}:{number}: there is no {path}", page.path));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let mut listed: Vec<String> = summary.prose().flat_map(|(_, line)| targets(line)).collect();
    listed.sort();
    let pages = book().into_iter().map(|page| page.path["docs/".len()..].to_owned());
    let pages: Vec<String> = pages.filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(listed, pages);
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = Page::read("README.md");
    let linked: BTreeSet<String> = readme.prose().flat_map(|(_, line)| targets(line)).collect();
    let pages = book().into_iter().map(|page| page.path);
    let missing: Vec<String> = pages
        .filter(|page| !["docs/SUMMARY.md", "docs/README.md"].contains(&page.as_str()))
        .filter(|page| !linked.iter().any(|target| target.split('#').next() == Some(page)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// One picture, the two commands, from a report to a token: the rest is in the book.
#[test]
fn the_readme_is_short() {
    assert!(Page::read("README.md").text.lines().count() <= 300);
}
