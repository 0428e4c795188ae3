//! The catalogue as a page and as snapshots: the page is what an audit shows, the tests it names exist, and a snapshot is
//! small enough to be reviewed.

use std::fs;
use std::process::Command;

fn at_root(file: &str) -> String {
    format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(at_root(file)).unwrap_or_else(|error| panic!("failed to read {file}: {error}"))
}

#[test]
fn the_page_of_the_races_is_what_an_audit_shows() {
    let mut audit = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    let audit =
        audit.args(["audit", "--table"]).current_dir(at_root("")).output().expect("the binary starts");
    let page = String::from_utf8(audit.stdout).expect("text");
    assert_eq!(audit.status.code(), Some(0), "{page}");
    let due = "scenarios/README.md is not what `turnloom audit --table` prints; write it anew and review the difference";
    assert!(page == read("scenarios/README.md"), "{due}\n{page}");
}

/// Rows that no defect shows are shown by tests, and those are there under the names that the page gives.
#[test]
fn the_tests_that_the_page_names_exist() {
    let page = read("scenarios/README.md");
    let named: Vec<(&str, &str)> = page
        .split('`')
        .filter(|word| word.starts_with("tests/"))
        .filter_map(|test| test.split_once(": "))
        .collect();
    assert!(!named.is_empty(), "no test is named");
    for (file, name) in named {
        let defined = format!("#[test]\nfn {name}()");
        assert!(read(file).contains(&defined), "{file} has no test {name}");
    }
}

/// The most lines that a snapshot may have without a reason.
const LINES: usize = 60;

/// Snapshots that are larger, each with the reason why its author could not choose less to be observed.
const REASONS: [(&str, &str); 0] = [];

#[test]
fn a_snapshot_over_sixty_lines_needs_a_reason() {
    let folder = fs::read_dir(at_root("snapshots")).expect("there are snapshots");
    let mut large = Vec::new();
    for entry in folder {
        let name = entry.expect("an entry").file_name().into_string().expect("a name is text");
        let lines = read(&format!("snapshots/{name}")).lines().count();
        if lines > LINES && !REASONS.iter().any(|(known, _)| *known == name) {
            large.push(format!("{name} has {lines} lines"));
        }
    }
    let help =
        "choose in the scenario's `observe` what makes an outcome, or give a reason in tests/catalogue.rs";
    assert!(large.is_empty(), "{}: {help}", large.join(", "));
}
