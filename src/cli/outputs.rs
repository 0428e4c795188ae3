//! The files that a check or a merge writes beside what it prints, and what it leaves for GitHub. Each file is whole or
//! not there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::console::Console;
use crate::atomic_write as whole_file;
use crate::report::json::CheckDocument;
use crate::report::shards;
use crate::report::{annotations, junit, sarif};

/// The files of a check.
#[derive(Args)]
pub(super) struct Outputs {
    /// also write the document of `--format json` to this file
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// also write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// also write a SARIF log to this file
    #[arg(long, value_name = "FILE")]
    pub(super) sarif: Option<PathBuf>,
}

/// Who tells GitHub what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// Whoever ran everything.
    All,
    /// Whoever ran a part, of which there is no summary.
    Annotations,
    /// Whoever put the parts together, which were annotated when they were run.
    Summary,
}

impl Outputs {
    /// Whether the files can be written, as far as can be said before; a long search should not come to nothing.
    pub(super) fn usable(&self, console: &mut Console) -> bool {
        let all: Vec<&Path> = self.paths().collect();
        for (place, path) in all.iter().enumerate() {
            if all[..place].contains(path) {
                let what = format!("failed to write `{}`: two reports would go there", path.display());
                console.fail(&what, "give each a file of its own");
                return false;
            }
        }
        all.iter().all(|path| usable(console, path))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.report, &self.junit, &self.sarif].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Writes the files, and tells GitHub if it reads along.
    pub(super) fn tell(
        &self,
        console: &mut Console,
        document: &CheckDocument,
        bounded: bool,
        tells: Tells,
    ) -> Exit {
        let files: [(&Option<PathBuf>, &dyn Fn() -> String); 3] = [
            (&self.report, &|| shards::text(document)),
            (&self.junit, &|| junit::of_check(document)),
            (&self.sarif, &|| sarif::of_check(document)),
        ];
        let mut exit = Exit::Clean;
        for (path, text) in files {
            if let Some(path) = path {
                exit = exit.or(write(console, path, &text()));
            }
        }
        let summary = (tells != Tells::Annotations).then(|| annotations::summary_of_check(document, bounded));
        let annotations =
            if tells == Tells::Summary { String::new() } else { annotations::of_check(document) };
        exit.or(tell_github(console, &annotations, summary))
    }
}

/// Whether a file can be written, as far as can be said before it is.
pub(super) fn usable(console: &mut Console, path: &Path) -> bool {
    let why = match fs::metadata(whole_file::folder(path)) {
        Ok(folder) if !folder.is_dir() => "what it would be in is no folder".to_owned(),
        Ok(_) if path.is_dir() => "it is a folder".to_owned(),
        Ok(_) => return true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => "there is no such folder".to_owned(),
        Err(error) => error.kind().to_string(),
    };
    console.fail(&format!("failed to write `{}`: {why}", path.display()), "");
    false
}

/// Writes a file, or says why it cannot be written.
pub(super) fn write(console: &mut Console, path: &Path, text: &str) -> Exit {
    match whole_file::write(path, text) {
        Ok(()) => Exit::Clean,
        Err(error) => refused(console, path, &error),
    }
}

/// Annotates on stderr, so that a document on stdout stays one, and adds to the job summary.
pub(super) fn tell_github(console: &mut Console, annotations: &str, summary: Option<String>) -> Exit {
    if !console.environment.github {
        return Exit::Clean;
    }
    console.err(annotations);
    let Some((path, text)) = console.environment.summary.clone().zip(summary) else { return Exit::Clean };
    let added = OpenOptions::new().create(true).append(true).open(&path);
    match added.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Exit::Clean,
        Err(error) => {
            let what = format!("failed to add to the job summary of GITHUB_STEP_SUMMARY: {}", error.kind());
            console.refuse(&what, "")
        }
    }
}

fn refused(console: &mut Console, path: &Path, error: &io::Error) -> Exit {
    console.refuse(&format!("failed to write `{}`: {}", path.display(), error.kind()), "")
}
