//! The Rust client of `docs/live-acp.md`, word for word: `stop.rs` is what a reader would copy, compiled by Cargo as a test of its
//! own and run in a folder with what the page puts there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Folder;

/// The first code block of a language below a heading of the page.
fn block(heading: &str, language: &str) -> String {
    let page = include_str!("../../docs/live-acp.md");
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let (_, code) = below.split_once(&format!("\n```{language}\n")).unwrap();
    code.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_documented_rust_client_is_the_one_that_is_tested() {
    assert_eq!(block("## Use it from a Rust client", "rust,ignore"), include_str!("stop.rs"));
    let library = block("## Use it from a Rust client", "toml");
    let library = library.lines().find(|line| line.starts_with("agent-client-protocol = ")).unwrap();
    assert!(include_str!("../../Cargo.toml").lines().any(|line| line == library), "{library}");
}

#[test]
fn the_documented_rust_client_runs() {
    let folder = Folder::new("documented", "");
    fs::write(folder.file("stop.json"), block("## Use it from pytest", "json")).unwrap();
    let test = Command::new(compiled("stop"))
        .current_dir(folder.file(""))
        .env("PATH", path_with(Path::new(env!("CARGO_BIN_EXE_turnloom")).parent().unwrap()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success(), "{said}{}", String::from_utf8_lossy(&test.stderr));
    assert!(said.contains("test a_stop_ends_the_turn ... ok"), "{said}");
    let transcript = fs::read_to_string(folder.file("session.jsonl")).unwrap();
    assert!(transcript.contains("session/cancel"), "{transcript}");
}

/// The program of a test that `cargo test` alone leaves out, since it needs `turnloom` on the `PATH`.
fn compiled(name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--locked", "--quiet", "--no-run", "--message-format", "json", "--test", name]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = String::from_utf8(built.stdout).unwrap();
    let said = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let programs = said.filter(|artifact| artifact["target"]["name"] == name);
    programs.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next().unwrap()
}

fn path_with(folder: &Path) -> OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&others))).unwrap()
}
