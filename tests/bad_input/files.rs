//! Files that hold no text to judge.

use std::fs;
use std::path::{Path, PathBuf};

use turnloom::scenario;

use crate::vocabulary;

/// A file or folder in the tests' own temporary folder.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What is said of a file, with the folder of the tests taken away.
fn said(path: &Path) -> String {
    let findings = scenario::load(path, &vocabulary()).unwrap_err();
    assert!(findings.has_errors());
    assert_eq!(findings.file(), path.display().to_string(), "the name as the user gave it");
    format!("\n{}", findings.render(false)).replace(env!("CARGO_TARGET_TMPDIR"), "TMP")
}

fn said_of_bytes(name: &str, bytes: &[u8]) -> String {
    let path = path(name);
    fs::write(&path, bytes).unwrap();
    said(&path)
}

#[test]
fn missing() {
    insta::assert_snapshot!(said(Path::new("no/such.json")), @"");
    insta::assert_snapshot!(said(Path::new("Cargo.toml/x.json")), @"");
}

#[test]
fn a_folder() {
    insta::assert_snapshot!(said(Path::new("src")), @"");
}

#[cfg(unix)]
#[test]
fn a_device_that_never_ends() {
    insta::assert_snapshot!(said(Path::new("/dev/zero")), @"");
}

#[test]
fn not_utf8() {
    insta::assert_snapshot!(said_of_bytes("latin1.json", b"{\n  \"title\": \"caf\xe9\"\n}"), @"");
}

#[test]
fn a_byte_order_mark() {
    insta::assert_snapshot!(said_of_bytes("bom.json", b"\xef\xbb\xbf{}"), @"");
}

#[test]
fn empty() {
    insta::assert_snapshot!(said_of_bytes("empty.json", b""), @"");
    assert_eq!(said_of_bytes("empty.json", b" \n\n"), said_of_bytes("empty.json", b""));
}

#[test]
fn ten_megabytes() {
    insta::assert_snapshot!(said_of_bytes("large.json", &vec![b'['; 10_000_000]), @"");
}

#[test]
fn the_name_is_the_stem_of_the_file() {
    let path = path("r08-finish-gap.json");
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
        "actors": [{"name": "ann", "does": ["run"]}]}"#;
    fs::write(&path, text).unwrap();
    assert_eq!(scenario::load(&path, &vocabulary()).unwrap().name, "r08-finish-gap");
}
