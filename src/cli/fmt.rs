//! `turnloom fmt`: scenario files and their fragments in the one layout that all of them have.

use similar::TextDiff;

use super::console::Console;
use super::{Exit, Fmt, files};
use crate::atomic_write as whole_file;
use crate::scenario;

/// Lays the files out, or says which are not.
pub(super) fn run(console: &mut Console, arguments: &Fmt) -> Exit {
    let Ok(files) = files::find_all(console, &arguments.paths, &|_| true) else { return Exit::Bad };
    if files.is_empty() {
        return console.refuse("failed to find scenarios: no file there ends in .json", "");
    }
    // Nothing is written before all of it has been read.
    let mut changed = Vec::new();
    let mut all_well = true;
    for file in files {
        let shown = file.display().to_string();
        let text = scenario::read(&file);
        match text.and_then(|text| Ok((scenario::format(&shown, &text)?, text))) {
            Ok((laid_out, text)) if laid_out != text => changed.push((file, text, laid_out)),
            Ok(_) => {}
            Err(wrong) => {
                console.err(&wrong.render(console.colour_err));
                all_well = false;
            }
        }
    }
    if !all_well {
        return Exit::Bad;
    }
    for (file, text, laid_out) in &changed {
        let shown = file.display().to_string();
        if arguments.check {
            console.out(&difference(&shown, text, laid_out));
        } else if let Err(error) = whole_file::write(file, laid_out) {
            let what = format!("failed to write `{shown}`: {}", error.kind());
            return console.refuse(&what, "the file is as it was");
        } else {
            console.out(&format!("{shown}: laid out\n"));
        }
    }
    if arguments.check && !changed.is_empty() { Exit::Findings } else { Exit::Clean }
}

fn difference(shown: &str, text: &str, laid_out: &str) -> String {
    let to = format!("{shown}, laid out");
    TextDiff::from_lines(text, laid_out).unified_diff().header(shown, &to).to_string()
}
