//! The scenario file: its types, how it is read, and what is wrong with it.
//!
//! A text is read into a tree that knows its places (`json`, `spans`), held against the shape of the format (`shape`,
//! `parse`), and then judged as a whole (`lint`). Each of these says all it finds, and `render` puts it into words.

mod commented;
mod comments;
mod diagnostic;
mod fragments;
mod happening;
mod http;
mod json;
mod layout;
mod lint;
mod nearest;
mod only_live;
mod parse;
mod pipe;
mod reaction;
mod render;
mod shape;
mod source;
mod sources;
mod spans;
mod types;
mod vocabulary;

use std::path::Path;
use std::sync::Arc;

pub use crate::terms::*;
pub use commented::commented;
pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub(crate) use fragments::FRAGMENTS;
pub use happening::*;
pub use http::*;
pub use layout::format;
pub use lint::broken_by;
pub(crate) use only_live::{INITIALIZE, NEW_SESSION, SET_MODEL};
pub use pipe::*;
pub use reaction::*;
pub use source::{MAX_BYTES, SourceError, is_scenario};
pub use types::*;
pub use vocabulary::{Need, ReadToken, Switch, TokenNames, Vocabulary};

use diagnostic::Sink;
use sources::Sources;
use spans::Spans;

/// A scenario that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The scenario's name: the stem of its file.
    pub name: String,
    /// What the file says.
    pub scenario: Scenario,
    /// What is odd about it, but does not keep it from running.
    pub warnings: Diagnostics,
    /// What only a live server can do; an engine runs the scenario only if this is empty.
    pub only_live: Diagnostics,
    /// Where its values stand in its file.
    pub lines: Lines,
}

/// Where the values of a scenario stand in its file.
///
/// ```
/// use turnloom::{cli, scenario};
/// let file = std::path::Path::new("scenarios/r08-finish-gap.json");
/// let loaded = scenario::load(file, &cli::vocabulary()).unwrap();
/// assert_eq!(loaded.lines.of("/version"), 3);
/// ```
#[derive(Debug, Clone)]
pub struct Lines {
    spans: Arc<Spans>,
    sources: Sources,
}

impl Lines {
    /// The line, from 1, of the value at this JSON pointer, or of what it would be in. For a value that a fragment holds
    /// it is the line where the fragment is used.
    #[must_use]
    pub fn of(&self, pointer: &str) -> usize {
        self.sources.own_line(self.spans.value(pointer).start)
    }
}

impl PartialEq for Lines {
    /// The same texts have the same places.
    fn eq(&self, other: &Self) -> bool {
        self.sources.files() == other.sources.files()
    }
}

/// Reads the scenario in a file.
///
/// # Errors
///
/// Everything that keeps the scenario from running, at once: that the file cannot be read (missing, a folder, not
/// UTF-8, larger than [`MAX_BYTES`]), that it is no JSON, that it is not in the format, or that it makes no sense.
/// Warnings about the same file are in the list too. The file is named as in `path`.
///
/// ```
/// use std::path::Path;
/// use turnloom::scenario;
/// use turnloom::scenario::Vocabulary;
/// let wrong = scenario::load(Path::new("no/such.json"), &Vocabulary::default()).unwrap_err();
/// assert!(wrong.render(false).contains("the file does not exist"));
/// ```
pub fn load(path: &Path, vocabulary: &Vocabulary) -> Result<Loaded, Diagnostics> {
    let file = path.display().to_string();
    let refuse = |error| Diagnostics::without_text(&file, error);
    let text = source::read(path).map_err(refuse)?;
    let name = source::name(path).map_err(refuse)?;
    judge(name, &file, &text, path.parent(), vocabulary)
}

/// The text of a file, whatever it holds.
///
/// # Errors
///
/// That the file cannot be read (missing, a folder, not UTF-8, larger than [`MAX_BYTES`]). The file is named as in `path`.
///
/// ```
/// use std::path::Path;
/// use turnloom::scenario;
/// assert!(scenario::read(Path::new("no/such.json")).is_err());
/// ```
pub fn read(path: &Path) -> Result<String, Diagnostics> {
    source::read(path).map_err(|error| Diagnostics::without_text(&path.display().to_string(), error))
}

/// Reads the scenario in a text, which is named in messages as the scenario itself. It can use no fragments: they lie beside a
/// file.
///
/// # Errors
///
/// As for [`load`].
///
/// ```
/// use turnloom::scenario;
/// use turnloom::scenario::Vocabulary;
/// let text = r#"{
///     "version": 1, "title": "a message is prompted", "source": "docs", "agent": {"kind": "acp"},
///     "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
///     "server": [{"on": {"prompt": "hi"}, "do": [{"answer": "end_turn"}]}]
/// }"#;
/// let vocabulary = Vocabulary { revisions: vec!["fixed"], ..Vocabulary::default() };
/// let loaded = scenario::parse("hello", text, &vocabulary).unwrap();
/// assert_eq!(loaded.scenario.actors[0].name, "ann");
/// assert!(loaded.warnings.is_empty());
/// ```
pub fn parse(name: &str, text: &str, vocabulary: &Vocabulary) -> Result<Loaded, Diagnostics> {
    source::check(text).map_err(|error| Diagnostics::without_text(name, error))?;
    judge(name.to_owned(), name, text, None, vocabulary)
}

fn judge(
    name: String,
    file: &str,
    text: &str,
    folder: Option<&Path>,
    vocabulary: &Vocabulary,
) -> Result<Loaded, Diagnostics> {
    let (text, sources) = fragments::put_in(file, text, folder)?;
    let mut sink = Sink::default();
    let parsed = parse::parse(&text, &mut sink);
    if let Some((scenario, spans)) = &parsed {
        lint::lint(&name, scenario, spans, vocabulary, &mut sink);
    }
    let stop = sink.has_errors();
    let findings = sink.finish(&sources);
    match parsed {
        Some((scenario, spans)) if !stop => {
            let mut live = Sink::default();
            lint::live_only(&scenario, &spans, &mut live);
            let only_live = live.finish(&sources);
            let lines = Lines { spans: Arc::new(spans), sources };
            Ok(Loaded { name, scenario, warnings: findings, only_live, lines })
        }
        _ => Err(findings),
    }
}

/// The JSON Schema of the scenario file, for editors and for people. The same bytes every time.
///
/// ```
/// let schema = turnloom::scenario::schema();
/// assert!(schema.contains("\"title\": \"turnloom scenario\""));
/// ```
#[must_use]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("$id".to_owned(), "urn:turnloom:scenario:1".into());
    schema.insert("title".to_owned(), "turnloom scenario".into());
    let mut schema = shape::sorted(schema.to_value());
    fragments::allow(&mut schema);
    format!("{:#}\n", shape::sorted(schema))
}
