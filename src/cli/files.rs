//! The scenario files that the paths of a command line mean, and the scenarios in them.
//!
//! Paths are shown as they were given.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::backend;
use super::backend::Loaded;
use super::console::Console;
use crate::scenario::{FRAGMENTS, is_scenario};

/// What a scenario is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// An engine runs it.
    Engine,
    /// It is judged.
    Lint,
    /// A real client is served. What is odd about the scenario is for `lint` to say: stderr belongs to the client's test.
    Client,
}

/// A scenario with the path of its file as the user gave it.
pub(super) struct File {
    /// The path.
    pub(super) path: PathBuf,
    /// The scenario.
    pub(super) loaded: Loaded,
}

impl File {
    /// The path, for people.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The folder of its snapshot: `snapshots` beside the folder of the file.
    pub(super) fn snapshots(&self) -> PathBuf {
        beside(&self.path)
    }
}

fn beside(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    match folder.file_name() {
        Some(_) => folder.with_file_name("snapshots"),
        None => folder.join("../snapshots"),
    }
}

/// All scenarios of the paths; none if one of them cannot be run. Whatever there is to say of them has been said.
pub(super) fn load(console: &mut Console, paths: &[PathBuf], purpose: For) -> Option<Vec<File>> {
    let found = find_all(console, paths, &|path| !is_of_fragments(path));
    let mut all_well = found.is_ok();
    let (Ok(files) | Err(files)) = found;
    let mut loaded = Vec::new();
    for path in files {
        match read(console, path, purpose) {
            Some(file) => loaded.push(file),
            None => all_well = false,
        }
    }
    all_well.then_some(loaded)
}

/// The files that the paths mean, each once; within a folder only the folders that are `wanted` are looked into. If one of
/// the paths means nothing that has been said, and the rest is the error.
pub(super) fn find_all(
    console: &mut Console,
    paths: &[PathBuf],
    wanted: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut all_well = true;
    for path in paths {
        match find(path, wanted) {
            Ok(found) => files.extend(found),
            Err(error) => {
                all_well = false;
                let words = match error.kind() {
                    io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
                    kind => kind.to_string(),
                };
                console.fail(&format!("failed to find scenarios in `{}`: {words}", path.display()), "");
            }
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|path| seen.insert(path.clone()));
    if all_well { Ok(files) } else { Err(files) }
}

/// The scenario of one path, which must be a file.
pub(super) fn load_one(console: &mut Console, path: &Path, purpose: For) -> Option<File> {
    read(console, path.to_owned(), purpose)
}

fn read(console: &mut Console, path: PathBuf, purpose: For) -> Option<File> {
    match backend::load(&path, console.colour_err) {
        Ok(loaded) if purpose == For::Engine && !loaded.only_live.is_empty() => {
            console.err(&loaded.only_live);
            None
        }
        Ok(loaded) => {
            if purpose != For::Client {
                console.err(&loaded.warnings);
            }
            Some(File { path, loaded })
        }
        Err(diagnostics) => {
            console.err(&diagnostics);
            None
        }
    }
}

/// Whether a folder holds no scenarios, but what they share.
fn is_of_fragments(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == FRAGMENTS)
}

/// The file itself, or all scenarios in the folder and in those within it that are wanted, sorted.
fn find(path: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // A link is not followed, so a folder that holds itself ends.
        if is_hidden {
            continue;
        } else if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        } else if is_scenario(&entry.path()) {
            files.push(entry.path());
        }
    }
    folders.sort();
    for folder in folders.into_iter().filter(|folder| wanted(folder)) {
        files.extend(find(&folder, wanted)?);
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{beside, find, is_of_fragments};

    #[test]
    fn snapshots_lie_beside_the_folder_of_the_scenario() {
        for (file, snapshots) in [
            ("scenarios/x.json", "snapshots"),
            ("./scenarios/x.json", "./snapshots"),
            ("a/scenarios/x.json", "a/snapshots"),
            ("/a/scenarios/x.json", "/a/snapshots"),
            ("x.json", "../snapshots"),
            ("../x.json", "../../snapshots"),
        ] {
            assert_eq!(beside(Path::new(file)), PathBuf::from(snapshots), "{file}");
        }
    }

    #[test]
    fn a_folder_means_the_scenarios_in_it_sorted() {
        let folder = std::env::temp_dir().join(format!("turnloom-files-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("more/fragments")).unwrap();
        for file in [
            "b.json",
            "a.json",
            "more/c.json",
            "more/fragments/d.json",
            "notes.md",
            "schema.json",
            ".hidden.json",
        ] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        let found = find(&folder, &|folder| !is_of_fragments(folder)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["a.json", "b.json", "more/c.json"].map(|file| folder.join(file)));
    }
}
