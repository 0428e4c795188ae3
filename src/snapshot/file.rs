//! The snapshot files, in insta's format: a YAML header between two lines `---`, then the text.
//!
//! A file is whole or not there. Nothing in it or said about it names a folder of this machine.

use std::fs;
use std::io;
use std::path::Path;

use similar::TextDiff;

use crate::atomic_write as whole_file;

/// How a run compares with the reviewed snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same text.
    Same,
    /// There is no snapshot yet.
    Missing,
    /// Another text.
    Different {
        /// The unified difference, from the snapshot to this run.
        diff: String,
        /// The first line of the file that is different, counted from 1.
        line: usize,
    },
    /// The file is not in insta's format: it was edited by hand, or a merge was left unfinished.
    Damaged {
        /// The line, counted from 1.
        line: usize,
        /// What was expected there.
        expected: String,
    },
}

/// Why a snapshot could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The name would lead out of the folder, or break the header.
    #[error(
        "use {0:?} as the name of a snapshot: letters, digits, `-`, `_` and `.` are allowed, and no `.` in front"
    )]
    Name(String),
    /// The file system refused.
    #[error("{doing} {file}")]
    Io {
        /// What was tried: `read`, `write`, say.
        doing: &'static str,
        /// The name of the file, without its folder.
        file: String,
        /// What the file system says.
        source: io::Error,
    },
}

/// Compares a run with the snapshot `NAME.snap` of the folder. Line ends may be of either kind.
///
/// # Errors
///
/// If the name is none for a file, or the file is there but cannot be read.
///
/// ```
/// use turnloom::snapshot::{Comparison, compare, update};
///
/// let dir = std::env::temp_dir().join(format!("turnloom-doc-{}", std::process::id()));
/// update(&dir, "finish_gap", "1 outcome\n")?;
/// assert_eq!(compare(&dir, "finish_gap", "1 outcome\n")?, Comparison::Same);
/// std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compare(dir: &Path, name: &str, rendered: &str) -> Result<Comparison, SnapshotError> {
    let file = file_name(name, "snap")?;
    let bytes = match fs::read(dir.join(&file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Comparison::Missing),
        Err(source) => return Err(SnapshotError::Io { doing: "read", file, source }),
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            return Ok(Comparison::Damaged { line, expected: "text in UTF-8".to_owned() });
        }
    };
    Ok(match contents(&text) {
        Err((line, expected)) => Comparison::Damaged { line, expected: expected.to_owned() },
        Ok(reviewed) if reviewed.trim_end() == rendered.trim_end() => Comparison::Same,
        Ok(reviewed) => {
            let header = text.len() - reviewed.len();
            let line = 1 + text[..header].lines().count() + same_lines(reviewed, rendered);
            let (reviewed, rendered) = (whole(reviewed), whole(rendered));
            let diff = TextDiff::from_lines(&reviewed, &rendered)
                .unified_diff()
                .header(&file, &format!("{name}, this run"))
                .to_string();
            Comparison::Different { diff, line }
        }
    })
}

/// Makes the run the reviewed snapshot `NAME.snap`, and withdraws a proposal that was made before.
///
/// # Errors
///
/// If the name is none for a file, or the file system refuses; the old snapshot is whole then.
pub fn update(dir: &Path, name: &str, rendered: &str) -> Result<(), SnapshotError> {
    write(dir, name, "snap", rendered)?;
    let file = file_name(name, "snap.new")?;
    match fs::remove_file(dir.join(&file)) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(SnapshotError::Io { doing: "remove", file, source })
        }
        _ => Ok(()),
    }
}

/// Proposes the run for review as `NAME.snap.new`, where `cargo insta review` finds it.
///
/// # Errors
///
/// If the name is none for a file, or the file system refuses.
pub fn propose(dir: &Path, name: &str, rendered: &str) -> Result<(), SnapshotError> {
    write(dir, name, "snap.new", rendered)
}

fn write(dir: &Path, name: &str, extension: &str, rendered: &str) -> Result<(), SnapshotError> {
    let file = file_name(name, extension)?;
    let text = format!("---\nsource: scenarios/{name}.json\nexpression: outcomes\n---\n{}", whole(rendered));
    let written = fs::create_dir_all(dir).and_then(|()| whole_file::write(&dir.join(&file), &text));
    written.map_err(|source| SnapshotError::Io { doing: "write", file, source })
}

/// How many lines two texts have in common at their beginning.
fn same_lines(one: &str, other: &str) -> usize {
    one.lines().zip(other.lines()).take_while(|(one, other)| one == other).count()
}

fn file_name(name: &str, extension: &str) -> Result<String, SnapshotError> {
    let is_allowed = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_allowed) {
        return Err(SnapshotError::Name(name.to_owned()));
    }
    Ok(format!("{name}.{extension}"))
}

/// The text with one line end at its end.
fn whole(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// The text below the header, or the line that is wrong and what was expected there.
fn contents(text: &str) -> Result<&str, (usize, &'static str)> {
    const OPENING: &str = "`---`, which opens the header";
    let mut rest = text.strip_prefix("---\n").ok_or((1, OPENING))?;
    let mut number = 2;
    loop {
        let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim_end() == "---" {
            rest = below;
            break;
        }
        if !is_header(line) {
            return Err((number, "`key: value`, or `---`, which closes the header"));
        }
        number += 1;
        rest = below;
    }
    let is_marker = |line: &str| ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark));
    match rest.lines().position(is_marker) {
        Some(place) => Err((number + 1 + place, "no mark of an unfinished merge")),
        None => Ok(rest),
    }
}

/// Whether insta can have written the line: `key: value`, or the continuation of a nested value.
fn is_header(line: &str) -> bool {
    if line.starts_with("  ") || line.starts_with("- ") {
        return true;
    }
    let Some((key, value)) = line.split_once(':') else { return false };
    let is_open = |quote: char| value.trim().starts_with(quote) && !value.trim()[1..].ends_with(quote);
    let named = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    named && (value.is_empty() || value.starts_with(' ')) && !is_open('"') && !is_open('\'')
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Comparison, SnapshotError, compare, propose, update};

    /// A folder of this test alone, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("turnloom-{test}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    const TEXT: &str = "1 outcome\n\noutcome 1\n  events   user \"first\"\n\nlock order: none\n";

    fn damaged(dir: &Path, file: impl AsRef<[u8]>) -> (usize, String) {
        fs::write(dir.join("x.snap"), file).unwrap();
        match compare(dir, "x", TEXT).unwrap() {
            Comparison::Damaged { line, expected } => (line, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_snapshot_is_missing_then_the_same_then_different() {
        let folder = Folder::new("compare");
        assert_eq!(compare(&folder.0, "x", TEXT).unwrap(), Comparison::Missing);
        propose(&folder.0, "x", TEXT).unwrap();
        assert_eq!(folder.names(), ["x.snap.new"]);
        update(&folder.0, "x", TEXT).unwrap();
        assert_eq!(folder.names(), ["x.snap"], "the proposal is withdrawn and nothing is left aside");
        assert_eq!(compare(&folder.0, "x", TEXT).unwrap(), Comparison::Same);
        let Comparison::Different { diff, line } =
            compare(&folder.0, "x", &TEXT.replace("first", "second")).unwrap()
        else {
            panic!("the texts differ")
        };
        assert_eq!(line, 8, "four lines of header, then three that are the same");
        assert!(diff.starts_with("--- x.snap\n+++ x, this run\n"), "{diff}");
        assert!(diff.contains("-  events   user \"first\"\n+  events   user \"second\"\n"), "{diff}");
    }

    #[test]
    fn the_header_is_what_insta_writes_and_insta_finds_the_same_text() {
        let folder = Folder::new("insta");
        update(&folder.0, "x", TEXT).unwrap();
        let file = fs::read_to_string(folder.0.join("x.snap")).unwrap();
        assert_eq!(file, format!("---\nsource: scenarios/x.json\nexpression: outcomes\n---\n{TEXT}"));
        insta::with_settings!({ snapshot_path => &folder.0, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("x", TEXT);
        });
        assert_eq!(folder.names(), ["x.snap"], "insta had nothing to propose");
    }

    #[test]
    fn line_ends_of_either_kind_are_the_same() {
        let folder = Folder::new("crlf");
        update(&folder.0, "x", TEXT).unwrap();
        let file = fs::read_to_string(folder.0.join("x.snap")).unwrap();
        fs::write(folder.0.join("x.snap"), file.replace('\n', "\r\n")).unwrap();
        assert_eq!(compare(&folder.0, "x", TEXT).unwrap(), Comparison::Same);
    }

    #[test]
    fn what_insta_may_add_to_a_header_is_no_damage() {
        let folder = Folder::new("header");
        let header = "---\nsource: a\nassertion_line: 3\nexpression: \"a: b\"\ninfo:\n  - 1\n  key: 2\n---\n";
        fs::write(folder.0.join("x.snap"), format!("{header}{TEXT}")).unwrap();
        assert_eq!(compare(&folder.0, "x", TEXT).unwrap(), Comparison::Same);
    }

    #[test]
    fn a_file_that_is_not_in_the_format_is_damaged_and_the_line_is_told() {
        let folder = Folder::new("damage");
        let header = "`key: value`, or `---`, which closes the header".to_owned();
        assert_eq!(damaged(&folder.0, ""), (1, "`---`, which opens the header".to_owned()));
        assert_eq!(damaged(&folder.0, TEXT), (1, "`---`, which opens the header".to_owned()));
        assert_eq!(damaged(&folder.0, "---\n"), (2, header.clone()));
        assert_eq!(damaged(&folder.0, "---\nsource: a"), (3, header.clone()));
        assert_eq!(damaged(&folder.0, format!("---\nsource: a\n{TEXT}")), (3, header.clone()));
        assert_eq!(damaged(&folder.0, "---\nsource: \"a\n---\n"), (2, header));
        assert_eq!(damaged(&folder.0, b"---\nsource: \xff\n---\n"), (2, "text in UTF-8".to_owned()));
        let merge = "---\nsource: a\n---\n1 outcome\n<<<<<<< ours\n";
        assert_eq!(damaged(&folder.0, merge), (5, "no mark of an unfinished merge".to_owned()));
    }

    #[test]
    fn a_name_stays_in_the_folder_and_an_error_names_no_folder() {
        let folder = Folder::new("names");
        for name in ["", "..", "../x", "/x", "a b", "x\n"] {
            assert!(matches!(update(&folder.0, name, TEXT), Err(SnapshotError::Name(_))), "{name:?}");
        }
        fs::create_dir(folder.0.join("x.snap")).unwrap();
        let error = update(&folder.0, "x", TEXT).unwrap_err();
        assert_eq!(error.to_string(), "write x.snap");
        assert_eq!(folder.names(), ["x.snap"], "nothing is left aside");
    }
}
