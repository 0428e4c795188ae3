//! The snapshots of a check: which file belongs to a scenario, whether it can be used, and what a difference means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::console::Console;
use super::files::File;
use crate::explore::{EngineKind, Exploration, Options, SearchKind, Verdict};
use crate::report::json::{CheckedSnapshot, Standing};
use crate::snapshot;
use crate::snapshot::{Comparison, SnapshotError};

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing.
    Nothing,
    /// A proposal beside the snapshot, for review.
    Proposals,
    /// The snapshot where there is none, and else a proposal.
    Unseen,
    /// The snapshot.
    Snapshots,
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

/// Compares an exploration with the snapshot, and writes what may be written; none if it is as reviewed or cannot be
/// compared. Only a search that left nothing out is compared: the outcomes of any other are a part of the snapshot's.
pub(super) fn compare(
    file: &File,
    options: &Options,
    exploration: &Exploration,
    writing: Writing,
) -> Option<CheckedSnapshot> {
    let is_complete = options.engine == EngineKind::Turnloom
        && options.preemptions.is_none()
        && !exploration.is_cut_short()
        && match options.search {
            SearchKind::Complete => true,
            SearchKind::FewPreemptions => exploration.verdict == Verdict::Proved,
            SearchKind::Sampled(_) => false,
        };
    if !is_complete {
        return None;
    }
    let (folder, name) = (file.snapshots(), &file.loaded.name);
    let text =
        snapshot::render(exploration.outcomes.keys(), &exploration.lock_order, &file.loaded.scenario.observe);
    let shown = path(file).display().to_string();
    let one = |standing, line, words| CheckedSnapshot {
        file: shown.clone(),
        standing,
        line,
        words,
        proposed: false,
    };
    let refusal = |words| Some(one(Standing::Refused, 1, words));
    let mut found = match snapshot::compare(&folder, name, &text) {
        Ok(Comparison::Same) => return None,
        Ok(Comparison::Missing) => one(Standing::Missing, 1, String::new()),
        Ok(Comparison::Different { diff, line }) => one(Standing::Different, line, diff),
        Ok(Comparison::Damaged { line, expected }) => {
            return refusal(format!("failed to read the snapshot {shown}: line {line}: expected {expected}"));
        }
        Err(error) => return refusal(refused(&error)),
    };
    let is_written = match writing {
        Writing::Snapshots => true,
        Writing::Unseen => found.standing == Standing::Missing,
        Writing::Nothing | Writing::Proposals => false,
    };
    let written = if is_written {
        found = one(Standing::Written, 1, String::new());
        snapshot::update(&folder, name, &text)
    } else if writing == Writing::Nothing {
        Ok(())
    } else {
        found.proposed = true;
        snapshot::propose(&folder, name, &text)
    };
    written.map_or_else(|error| refusal(refused(&error)), |()| Some(found))
}

fn path(file: &File) -> PathBuf {
    file.snapshots().join(format!("{}.snap", file.loaded.name))
}

fn refused(error: &SnapshotError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("failed to {error}{source}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Writing, compare};
    use crate::cli::files::File;
    use crate::cli::fixtures::{exploration, file};
    use crate::engine::search::{Sample, Sampler};
    use crate::explore::{EngineKind, Exploration, Options, SearchKind, Verdict};
    use crate::report::json::{CheckedSnapshot, Standing};

    /// A scenario in a folder of this test alone, removed at its end.
    struct Case {
        folder: PathBuf,
        file: File,
    }

    impl Case {
        fn new(test: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("turnloom-gate-{test}-{}", std::process::id()));
            fs::create_dir_all(folder.join("snapshots")).unwrap();
            let file = file(folder.join("scenarios/x.json"));
            Self { folder, file }
        }

        fn compare(&self, options: &Options, verdict: Verdict, writing: Writing) -> Option<CheckedSnapshot> {
            compare(&self.file, options, &exploration(verdict, None), writing)
        }

        fn proved(&self, writing: Writing) -> Option<(Standing, bool)> {
            let snapshot = self.compare(&Options::default(), Verdict::Proved, writing);
            snapshot.map(|snapshot| (snapshot.standing, snapshot.proposed))
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

    #[test]
    fn a_missing_snapshot_is_a_finding_until_it_is_written() {
        let case = Case::new("missing");
        assert_eq!(case.proved(Writing::Nothing), Some((Standing::Missing, false)));
        assert!(case.files().is_empty());
        assert_eq!(case.proved(Writing::Proposals), Some((Standing::Missing, true)));
        assert_eq!(case.files(), ["x.snap.new"]);
        assert_eq!(case.proved(Writing::Snapshots), Some((Standing::Written, false)));
        assert_eq!(case.files(), ["x.snap"]);
        assert_eq!(case.proved(Writing::Nothing), None);
    }

    #[test]
    fn another_snapshot_is_a_finding_with_the_difference() {
        let case = Case::new("different");
        fs::write(case.folder.join("snapshots/x.snap"), "---\nsource: x\n---\n2 outcomes\n").unwrap();
        let snapshot = case.compare(&Options::default(), Verdict::Proved, Writing::Nothing).unwrap();
        assert_eq!((snapshot.standing, snapshot.line), (Standing::Different, 4));
        assert!(snapshot.words.contains("\n-2 outcomes\n+1 outcome\n"), "{}", snapshot.words);
    }

    #[test]
    fn only_a_snapshot_that_is_not_there_is_unseen() {
        let case = Case::new("unseen");
        assert_eq!(case.proved(Writing::Unseen), Some((Standing::Written, false)));
        fs::write(case.folder.join("snapshots/x.snap"), "---\nsource: x\n---\n2 outcomes\n").unwrap();
        assert_eq!(case.proved(Writing::Unseen), Some((Standing::Different, true)));
    }

    #[test]
    fn a_search_that_left_something_out_is_not_compared() {
        let case = Case::new("part");
        let all = Options::default;
        let bounded = Options { preemptions: Some(2), ..all() };
        let loom = Options { engine: EngineKind::Loom, ..all() };
        let sample = SearchKind::Sampled(Sample { sampler: Sampler::Random, seed: 0 });
        let sampled = Options { search: sample, ..all() };
        let few = Options { search: SearchKind::FewPreemptions, ..all() };
        for (options, verdict) in [
            (all(), Verdict::Incomplete("1 execution was run".into())),
            (bounded, Verdict::ProvedUpTo(2)),
            (loom, Verdict::Proved),
            (sampled, Verdict::Violated),
            (few, Verdict::Violated),
        ] {
            assert_eq!(case.compare(&options, verdict, Writing::Snapshots), None);
        }
        let cut_short = Exploration { cut_short: true, ..exploration(Verdict::Violated, None) };
        assert_eq!(compare(&case.file, &all(), &cut_short, Writing::Snapshots), None);
        assert!(case.files().is_empty());
    }
}
