//! `turnloom merge`: the reports of all shards of a check are put together, and the report is the one that a single machine
//! would have given. Nothing is run.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::console::Console;
use super::outputs::Tells;
use super::{Exit, Format, Merge};
use crate::report::checked;
use crate::report::json;
use crate::report::json::CheckDocument;
use crate::report::shards;

/// Merges the reports and tells how the scenarios stand.
pub(super) fn run(console: &mut Console, arguments: &Merge) -> Exit {
    if !arguments.outputs.usable(console) {
        return Exit::Bad;
    }
    let mut parts = Vec::new();
    for path in &arguments.files {
        match read(path) {
            Ok(document) => parts.push((path.display().to_string(), document)),
            Err(why) => {
                let help = "give what `turnloom check --shard I/N` wrote with `--report FILE`";
                return console
                    .refuse(&format!("failed to read the report `{}`: {why}", path.display()), help);
            }
        }
    }
    let (document, bounded) = match shards::merge(parts) {
        Ok(whole) => whole,
        Err(error) => return console.refuse(&format!("failed to merge: {error}"), &error.help()),
    };
    let is_text = arguments.format == Format::Text;
    document.scenarios.iter().for_each(|checked| console.err(&checked::aside(checked, is_text)));
    console.out(&if is_text { checked::text(&document, bounded) } else { json::text(&document) });
    let told = arguments.outputs.tell(console, &document, bounded, Tells::Summary);
    Exit::of(document.exit()).or(told)
}

/// A report of more bytes than this is none.
const MOST_BYTES: u64 = 1 << 30;

fn read(path: &Path) -> Result<CheckDocument, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| error.kind().to_string())?;
    if text.len() as u64 > MOST_BYTES {
        return Err("it has more than 1 GiB".to_owned());
    }
    shards::read(&text)
}
