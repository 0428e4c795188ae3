//! Files that hold no text to judge.

use std::fs;
use std::path::{Path, PathBuf};

use turnloom::scenario;

use super::vocabulary;

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
    insta::assert_snapshot!(said(Path::new("no/such.json")), @r#"
  x the file does not exist
  help: check the path; `turnloom new` writes a first scenario

failed to read scenario `no/such.json`: 1 error
"#);
    insta::assert_snapshot!(said(Path::new("Cargo.toml/x.json")), @r#"
  x the file does not exist
  help: check the path; `turnloom new` writes a first scenario

failed to read scenario `Cargo.toml/x.json`: 1 error
"#);
}

#[test]
fn a_folder() {
    insta::assert_snapshot!(said(Path::new("src")), @r#"
  x it is a folder, not a file
  help: name one scenario file in it

failed to read scenario `src`: 1 error
"#);
}

#[cfg(unix)]
#[test]
fn a_device_that_never_ends() {
    insta::assert_snapshot!(said(Path::new("/dev/zero")), @r#"
  x it is not a regular file
  help: name a scenario file on disk

failed to read scenario `/dev/zero`: 1 error
"#);
}

#[test]
fn not_utf8() {
    insta::assert_snapshot!(said_of_bytes("latin1.json", b"{\n  \"title\": \"caf\xe9\"\n}"), @r#"
  x it is not UTF-8: the byte at offset 17 (line 2) begins no character
  help: save the file as UTF-8

failed to read scenario `TMP/latin1.json`: 1 error
"#);
}

#[test]
fn a_byte_order_mark() {
    insta::assert_snapshot!(said_of_bytes("bom.json", b"\xef\xbb\xbf{}"), @r#"
  x it begins with a byte order mark
  help: save the file as UTF-8 without a byte order mark

failed to read scenario `TMP/bom.json`: 1 error
"#);
}

#[test]
fn empty() {
    insta::assert_snapshot!(said_of_bytes("empty.json", b""), @r#"
  x the file is empty
  help: `turnloom new` writes a first scenario

failed to read scenario `TMP/empty.json`: 1 error
"#);
    assert_eq!(said_of_bytes("empty.json", b" \n\n"), said_of_bytes("empty.json", b""));
}

#[test]
fn ten_megabytes() {
    insta::assert_snapshot!(said_of_bytes("large.json", &vec![b'['; 10_000_000]), @r#"
  x the file is larger than 4 MiB (4194304 bytes), the limit of a scenario
  help: a scenario is a page or two of JSON: is this the right file?

failed to read scenario `TMP/large.json`: 1 error
"#);
}

#[test]
fn the_name_is_the_stem_of_the_file() {
    let path = path("r08-finish-gap.json");
    let text = r#"{"version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"},
        "actors": [{"name": "ann", "does": ["run"]}]}"#;
    fs::write(&path, text).unwrap();
    assert_eq!(scenario::load(&path, &vocabulary()).unwrap().name, "r08-finish-gap");
}
