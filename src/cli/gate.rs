//! The snapshots of a check: which file belongs to a scenario, whether it can be used, and what a difference means.
//!
//! It must not know how outcomes were found, nor what the texts mean.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::console::Console;
use super::files::File;
use crate::explore::{EngineKind, Exploration, Options, SearchKind, Verdict};
use crate::snapshot::{self, Comparison, SnapshotError};

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing.
    Nothing,
    /// A proposal beside the snapshot, for review.
    Proposals,
    /// The snapshot.
    Snapshots,
}

/// How a scenario stands to its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// As reviewed, or nothing to compare.
    Clean,
    /// As reviewed from now on; in words.
    Written(String),
    /// Not as reviewed; in words.
    Finding(String),
    /// The file system refused; in words.
    Refused(String),
}

/// Whether the snapshots of all files can be used; says of each that cannot why.
pub(super) fn usable(console: &mut Console, files: &[File]) -> bool {
    let mut owners: BTreeMap<PathBuf, &File> = BTreeMap::new();
    let mut all_well = true;
    for file in files {
        let path = path(file);
        let shown = path.display();
        if let Some(owner) = owners.get(&path) {
            let both = format!("`{}` and `{}`", owner.shown(), file.shown());
            console.fail(
                &format!("failed to check: {both} would share the snapshot {shown}"),
                "give one of them another name",
            );
            all_well = false;
        }
        // The text does not matter yet: a damaged file is damaged whatever it is compared with.
        match snapshot::compare(&file.snapshots(), &file.loaded.name, "") {
            Ok(Comparison::Damaged { line, expected }) => {
                let what = format!("failed to read the snapshot {shown}: line {line}: expected {expected}");
                console.fail(&what, "take the file from version control, or remove it and run with --update");
                all_well = false;
            }
            Ok(_) => {}
            Err(error) => {
                console.fail(&refused(&error), "");
                all_well = false;
            }
        }
        owners.insert(path, file);
    }
    all_well
}

/// Compares an exploration with the snapshot, and writes what may be written. Only a search that left nothing out is
/// compared: the outcomes of any other are a part of the snapshot's.
pub(super) fn compare(
    file: &File,
    options: &Options,
    exploration: &Exploration,
    writing: Writing,
) -> Standing {
    let is_complete = options.engine == EngineKind::Turnloom
        && options.preemptions.is_none()
        && !matches!(exploration.verdict, Verdict::Incomplete(_) | Verdict::Sampled { .. })
        && !(options.search == SearchKind::FewPreemptions && exploration.verdict != Verdict::Proved);
    if !is_complete {
        return Standing::Clean;
    }
    let (folder, name) = (file.snapshots(), &file.loaded.name);
    let text =
        snapshot::render(exploration.outcomes.keys(), &exploration.lock_order, &file.loaded.scenario.observe);
    let shown = path(file).display().to_string();
    let (finding, diff) = match snapshot::compare(&folder, name, &text) {
        Ok(Comparison::Same) => return Standing::Clean,
        Ok(Comparison::Missing) => (format!("there is no snapshot {shown}"), String::new()),
        Ok(Comparison::Different { diff }) => (format!("not as in the snapshot {shown}"), diff),
        Ok(Comparison::Damaged { line, expected }) => {
            return Standing::Refused(format!(
                "failed to read the snapshot {shown}: line {line}: expected {expected}"
            ));
        }
        Err(error) => return Standing::Refused(refused(&error)),
    };
    let (written, next) = match writing {
        Writing::Nothing => (Ok(()), "`turnloom check --update` makes what was seen the snapshot".to_owned()),
        Writing::Proposals => (
            snapshot::propose(&folder, name, &text),
            format!("`cargo insta review` shows {shown}.new; `turnloom check --update` takes it"),
        ),
        Writing::Snapshots => (snapshot::update(&folder, name, &text), String::new()),
    };
    match written {
        Err(error) => Standing::Refused(refused(&error)),
        Ok(()) if writing == Writing::Snapshots => Standing::Written(format!("wrote {shown}")),
        Ok(()) => Standing::Finding(format!("✗ {finding}\n{}{next}", indented(&diff))),
    }
}

fn path(file: &File) -> PathBuf {
    file.snapshots().join(format!("{}.snap", file.loaded.name))
}

fn refused(error: &SnapshotError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("failed to {error}{source}")
}

fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + format!("  {line}").trim_end() + "\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Standing, Writing, compare};
    use crate::cli::backend::Loaded;
    use crate::cli::files::File;
    use crate::explore::{EngineKind, Exploration, Options, OutcomeReport, Statistics, Verdict};
    use crate::observation::Observations;

    /// A scenario in a folder of this test alone, removed at its end.
    struct Case {
        folder: PathBuf,
        file: File,
    }

    impl Case {
        fn new(test: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("turnloom-gate-{test}-{}", std::process::id()));
            let scenario = serde_json::json!({
                "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "actors": []
            });
            let scenario = serde_json::from_value(scenario).expect("a scenario needs no more");
            let loaded =
                Loaded { name: "x".into(), scenario, warnings: String::new(), only_live: String::new() };
            fs::create_dir_all(folder.join("snapshots")).unwrap();
            let file = File { path: folder.join("scenarios/x.json"), loaded };
            Self { folder, file }
        }

        fn compare(&self, options: &Options, verdict: Verdict, writing: Writing) -> Standing {
            compare(&self.file, options, &exploration(verdict), writing)
        }

        fn files(&self) -> Vec<String> {
            let files = fs::read_dir(self.folder.join("snapshots")).unwrap();
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Case {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.folder).unwrap();
        }
    }

    fn exploration(verdict: Verdict) -> Exploration {
        let report = OutcomeReport { violations: Vec::new(), token: None, schedules: 1 };
        Exploration {
            engine: EngineKind::Turnloom,
            verdict,
            reduced: Vec::new(),
            outcomes: [(Observations::default(), report)].into(),
            lock_order: [].into(),
            lock_violations: Vec::new(),
            statistics: Statistics::default(),
        }
    }

    fn all() -> Options {
        Options::default()
    }

    #[test]
    fn a_missing_snapshot_is_a_finding_until_it_is_written() {
        let case = Case::new("missing");
        let is_missing = |standing: &Standing| match standing {
            Standing::Finding(words) => words.starts_with("✗ there is no snapshot "),
            _ => false,
        };
        assert!(is_missing(&case.compare(&all(), Verdict::Proved, Writing::Nothing)));
        assert!(case.files().is_empty());
        assert!(is_missing(&case.compare(&all(), Verdict::Proved, Writing::Proposals)));
        assert_eq!(case.files(), ["x.snap.new"]);
        let standing = case.compare(&all(), Verdict::Proved, Writing::Snapshots);
        assert!(matches!(standing, Standing::Written(_)));
        assert_eq!(case.files(), ["x.snap"]);
        assert_eq!(case.compare(&all(), Verdict::Proved, Writing::Nothing), Standing::Clean);
    }

    #[test]
    fn another_snapshot_is_a_finding_with_the_difference() {
        let case = Case::new("different");
        fs::write(case.folder.join("snapshots/x.snap"), "---\nsource: x\n---\n2 outcomes\n").unwrap();
        let Standing::Finding(words) = case.compare(&all(), Verdict::Proved, Writing::Nothing) else {
            panic!("the texts differ")
        };
        assert!(words.contains("  -2 outcomes\n  +1 outcome\n"), "{words}");
    }

    #[test]
    fn a_search_that_left_something_out_is_not_compared() {
        let case = Case::new("part");
        let incomplete = Verdict::Incomplete("1 execution was run".into());
        let bounded = Options { preemptions: Some(2), ..all() };
        let loom = Options { engine: EngineKind::Loom, ..all() };
        assert_eq!(case.compare(&all(), incomplete, Writing::Snapshots), Standing::Clean);
        assert_eq!(case.compare(&bounded, Verdict::ProvedUpTo(2), Writing::Snapshots), Standing::Clean);
        assert_eq!(case.compare(&loom, Verdict::Proved, Writing::Snapshots), Standing::Clean);
        assert!(case.files().is_empty());
    }
}
