//! `turnloom new`: a first scenario with comments, which lints clean and runs as it is.
//!
//! What it begins as is a `Start`; where that comes from is for `start` alone to know.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::console::Console;
use super::{Exit, New, backend, import};
use crate::atomic_write as whole_file;
use crate::import::Imported;
use crate::report::json;
use crate::scenario;
use crate::scenario::is_scenario;
use crate::subject::model::{DEFECTS, Defect};
use crate::terms::nearest;

/// Where scenarios are, and where a new one goes.
const FOLDER: &str = "scenarios";

/// What is said of each field of a scenario, whatever it begins as.
const FIELDS: &[(&str, &str)] = &[
    ("title", "What must hold, as a sentence."),
    ("source", "Where the report is: an issue, a review, a conversation."),
    (
        "agent",
        "`acp`: its server talks ACP over a pipe. `llm`: a native agent. `sync`: it has only a synchronous step.",
    ),
    ("through", "The actors call the event service of the agent server instead of the conversation itself."),
    (
        "decisions",
        "Where the runtime differs from its revision; `turnloom explain decisions` lists what there is to decide.",
    ),
    ("limits", "Limits of the runtime. Time passes only when the clock fires a timer."),
    ("gates", "Points where somebody waits until somebody opens them. There are no sleeps."),
    ("actors", "Who does what, each on a thread of its own. What no wait orders happens in every order."),
    ("clock", "When the timers fire. A timer that nobody fires never does."),
    (
        "server",
        "What the agent's server does on a message. A prompt without a reaction is answered `end_turn` at once.",
    ),
    ("observe", "What two outcomes may differ in."),
    (
        "catches",
        "The defects that this scenario shows, each with exactly the rules that break: `turnloom audit` holds it to that.",
    ),
    ("preemptions", "Every interleaving would take too long: up to so many preemptions."),
];

/// The scenario that is begun without another one.
const FIRST: &str = r#"{
  "$schema": "schema.json",
  "version": 1,
  "title": "a message that is typed during an answer is prompted",
  "source": "write down where the report is",
  "agent": {"kind": "acp"},
  "gates": ["typed"],
  "actors": [
    {"name": "ann", "does": [{"send": {"text": "first"}}, "run"]},
    {"name": "ben", "does": [
      // Until the server has read the prompt: never for a time.
      {"wait": {"frame": {"method": "session/prompt", "text": "first"}}},
      {"send": {"text": "second"}},
      {"open": "typed"}
    ]}
  ],
  "server": [
    {"on": {"prompt": "first"}, "do": [
      {"say": "working"},
      // Ben's message is there before the answer. Without this line it may come at any moment.
      {"wait": {"gate": "typed"}},
      {"answer": "end_turn"}
    ]}
  ]
}"#;

/// What a new scenario begins as.
struct Start {
    /// The scenario, as text with or without comments.
    text: String,
    /// What is said above it: what it is, and what to do with it. `FILE` stands for its path.
    head: String,
    /// The commands that come next, without the name of the program. `FILE` stands for its path.
    next: Vec<String>,
}

/// Why a scenario cannot be begun: what failed, and what may help.
type Refusal = (String, String);

/// Writes the new scenario, never over a file that is there.
pub(super) fn run(console: &mut Console, arguments: &New) -> Exit {
    let made = path(&arguments.name).and_then(|path| {
        let start = start(console, &path, arguments.from.as_deref())?;
        write(&path, &start)?;
        Ok((path, start.next))
    });
    let (path, next) = match made {
        Ok(made) => made,
        Err((what, help)) => return console.refuse(&what, &help),
    };
    let shown = path.display().to_string();
    console.out(&format!("{shown}: written\n\nnext\n"));
    for command in next {
        console.out(&format!("  turnloom {}\n", command.replace("FILE", &shown)));
    }
    if !path.with_file_name("schema.json").exists() {
        let schema = path.with_file_name("schema.json");
        console.out(&format!(
            "  turnloom schema > {}   so that an editor completes and checks\n",
            schema.display()
        ));
    }
    Exit::Clean
}

/// The file of a scenario with this name: in `scenarios/`, unless the name is a path.
fn path(name: &str) -> Result<PathBuf, Refusal> {
    let is_path = name.contains(std::path::is_separator) || name.ends_with(".json");
    let path = if is_path { PathBuf::from(name) } else { Path::new(FOLDER).join(name) };
    let stem = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    let is_allowed =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
    // A path that ends in a folder has the folder's name as its file's.
    if name.is_empty()
        || name.ends_with(std::path::is_separator)
        || stem == "schema"
        || !stem.starts_with(|first: char| first.is_ascii_alphanumeric())
        || !stem.chars().all(is_allowed)
    {
        let what = format!("`{}` is no name of a scenario", name.escape_debug());
        return Err(refusal(&what, "lowercase letters, digits, `-` and `_`, such as `stop-during-restart`"));
    }
    Ok(path.with_file_name(format!("{stem}.json")))
}

/// Why a scenario cannot be begun, in one sentence.
fn refusal(what: &str, help: &str) -> Refusal {
    (format!("failed to begin a scenario: {what}"), help.to_owned())
}

/// What the new scenario in this file begins as. A name with a `.` or a separator in it is the path of a transcript: no row
/// and no defect has one.
fn start(console: &mut Console, file: &Path, from: Option<&str>) -> Result<Start, Refusal> {
    match from {
        None => Ok(of_engine(FIRST.to_owned(), "A first scenario: it runs as it is.", None)),
        Some(path) if path.contains(|letter| letter == '.' || std::path::is_separator(letter)) => {
            transcript(console, file, Path::new(path))
        }
        Some(row) => row_of_the_catalogue(row),
    }
}

/// The scenario that is made of the transcript of a session.
fn transcript(console: &mut Console, file: &Path, transcript: &Path) -> Result<Start, Refusal> {
    if is_scenario(transcript) && backend::load(transcript, false).is_ok() {
        let what = format!("`{}` is a scenario, and no transcript of a session", transcript.display());
        return Err(refusal(&what, "copy it, or give the row that it is the scenario of, such as `R26`"));
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let Imported { mut scenario, notes } = import::made_of(console, transcript, &name)?;
    scenario.schema = Some("schema.json".to_owned());
    let mut what = "Begun as what was seen in a session: the server does what it did there, the actors what its client did.".to_owned();
    for note in notes {
        what += &format!("\nNot as it was: {note}.");
    }
    let text = json::text(&scenario);
    let mut start = if scenario.is_only_live() {
        Start {
            head: format!(
                "{what}\n\nSome of it only a real server can do, so it is played for a client:\n  turnloom serve FILE --transcript again.jsonl\nWithout that part (`turnloom explore FILE` says where it is) every order of the rest can be run."
            ),
            text,
            next: vec!["lint FILE".to_owned(), "serve FILE --transcript again.jsonl".to_owned()],
        }
    } else {
        of_engine(text, &what, None)
    };
    let verify = format!("verify {} --scenario FILE --revision 1.25.0", transcript.display());
    start.next.extend((!scenario.is_only_live()).then_some(verify));
    Ok(start)
}

/// The scenario of a row of the catalogue: the file in `scenarios/` that catches its defect.
fn row_of_the_catalogue(row: &str) -> Result<Start, Refusal> {
    let is_named = |defect: &&Defect| defect.row.eq_ignore_ascii_case(row) || defect.name == row;
    let Some(defect) = DEFECTS.iter().find(is_named) else {
        let what = format!("`{}` is no row of the race catalogue, and no defect", row.escape_debug());
        let names = DEFECTS.iter().flat_map(|defect| [defect.row, defect.name]);
        let help = match nearest(row, names) {
            _ if Path::new(row).exists() => {
                format!("there is a file of that name: `--from ./{row}` reads it as a transcript")
            }
            Some(near) => format!("did you mean `{near}`? `turnloom explain defects` lists the defects"),
            None => {
                "`turnloom explain defects` lists the defects, `turnloom explain R26` is a row".to_owned()
            }
        };
        return Err(refusal(&what, &help));
    };
    let Some(text) = shipped(defect) else {
        let what = format!("no file in `{FOLDER}` catches row {}", defect.row);
        let help = format!("run it where the `{FOLDER}` of turnloom is, or leave --from out");
        return Err(refusal(&what, &help));
    };
    let Defect { row, name, harm, .. } = defect;
    let what = format!("Begun as row {row} of the race catalogue, defect {name}:\n{harm}.");
    Ok(of_engine(text, &what, Some(name)))
}

/// The first scenario that catches a defect, as text.
fn shipped(defect: &Defect) -> Option<String> {
    let entries = fs::read_dir(FOLDER).ok()?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| is_scenario(file));
    files.sort();
    files.iter().find_map(|file| {
        let mut scenario = backend::load(file, false).ok()?.scenario;
        // A token belongs to the scenario that it was found in.
        scenario.regressions.clear();
        let catches = scenario.catches.iter().any(|caught| caught.defect == defect.name);
        catches.then(|| json::text(&scenario))
    })
}

/// A start that an engine can run.
fn of_engine(text: String, what: &str, defect: Option<&str>) -> Start {
    let mut next = vec!["lint FILE".to_owned(), "explore FILE".to_owned()];
    let defect = defect.map(|defect| format!("explore FILE --defect {defect}"));
    let commands: Vec<String> =
        next.iter().chain(&defect).map(|command| format!("  turnloom {command}\n")).collect();
    let head = format!(
        "{what}\n\nSay what is certain, with waits and gates, and leave the rest open: every order of it is run. After each change:\n{}",
        commands.concat()
    );
    next.extend(defect);
    Start { text, head, next }
}

fn write(path: &Path, start: &Start) -> Result<(), Refusal> {
    let shown = path.display().to_string();
    let head = start.head.replace("FILE", &shown);
    let text = scenario::commented(&shown, &start.text, &head, FIELDS)
        .map_err(|wrong| refusal(&wrong.to_string(), ""))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| whole_file::create(path, &text));
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists if path.exists() => {
            refusal(&format!("`{shown}` is there already"), "nothing was written: use another name")
        }
        kind => refusal(&format!("`{shown}` cannot be written: {kind}"), "nothing was written"),
    })
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_name_is_a_file_of_the_scenarios_and_a_path_is_itself() {
        let shown = |name: &str| path(name).unwrap().display().to_string();
        assert_eq!(shown("two-stops"), "scenarios/two-stops.json");
        assert_eq!(shown("two-stops.json"), "two-stops.json");
        assert_eq!(shown("a/two-stops"), "a/two-stops.json");
        for name in ["", "..", "a/", "Two", "two stops", "schema", "-x", "a:b.json"] {
            assert!(path(name).is_err(), "{name}");
        }
    }
}
