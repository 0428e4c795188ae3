//! Any bytes are a snapshot or are damaged at a line that is there; a text that is written is the same when it is read.

use std::fs;

use turnloom::snapshot::{Comparison, compare, update};

pub fn holds(bytes: &[u8]) {
    let folder = std::env::temp_dir().join(format!("turnloom-any-snapshot-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    fs::write(folder.join("x.snap"), bytes).expect("a file can be written");
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    match compare(&folder, "x", "1 outcome\n").expect("the file is there") {
        Comparison::Damaged { line, expected } => {
            assert!((1..=lines + 1).contains(&line) && !expected.is_empty());
        }
        Comparison::Different { diff, line } => {
            assert!((1..=lines + 1).contains(&line) && !diff.is_empty());
        }
        Comparison::Same | Comparison::Missing => {}
    }
    let text = String::from_utf8_lossy(bytes).replace(['\r', '<', '=', '>'], "");
    update(&folder, "x", &text).expect("a snapshot can be written");
    assert_eq!(compare(&folder, "x", &text).expect("the file is there"), Comparison::Same);
}
