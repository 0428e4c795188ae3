//! What is wrong with a scenario file, each finding with its place, and how all of them are put into words for a
//! person.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::SourceError;
use super::nearest::visible;
use super::sources::{Source, Sources};

/// How bad a finding is. Only errors stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot be run, or would not mean what it seems to say.
    Error,
    /// The scenario runs, but a part of it does nothing.
    Warning,
}

/// A place in the text of a scenario, with what is to be said there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The bytes of the text of its file.
    pub span: Range<usize>,
    /// Its file, for [`Diagnostics::file_of`]: 0 is the scenario's own, another one a fragment's.
    pub file: usize,
    /// What is said there, in a few words.
    pub text: String,
}

/// One finding in a scenario file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    severity: Severity,
    code: &'static str,
    message: String,
    labels: Vec<Label>,
    help: Option<String>,
}

impl Diagnostic {
    pub(super) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    pub(super) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place. The first one added is where the finding is; others belong to it.
    pub(super) fn at(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, file: 0, text: text.into() });
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// Whether it stops a run.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The name of the kind of finding, such as `unknown-field`: for reports that programs read.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong: a lowercase fragment.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The places in the text, the one that is wrong first. Empty when the file itself is (missing, say).
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// What to do about it.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn order(&self) -> (usize, Severity) {
        (self.labels.first().map_or(0, |label| label.span.start), self.severity)
    }
}

impl From<SourceError> for Diagnostic {
    fn from(error: SourceError) -> Self {
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
        Self::error(error.code(), error.to_string()).maybe_help(help)
    }
}

/// Collects findings while a file is judged, up to a limit of each severity: a file with a million errors is one with
/// the first hundred, and warnings never crowd out an error.
#[derive(Debug, Default)]
pub(super) struct Sink {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Sink {
    const LIMIT: usize = 100;

    /// Adds an error, which is only put into words while there is room for it.
    pub(super) fn add(&mut self, error: impl FnOnce() -> Diagnostic) {
        self.errors += 1;
        if self.errors <= Self::LIMIT {
            let error = error();
            debug_assert_eq!(error.severity, Severity::Error);
            self.list.push(error);
        }
    }

    /// Adds a warning, which is only put into words while there is room for it.
    pub(super) fn warn(&mut self, warning: impl FnOnce() -> Diagnostic) {
        self.warnings += 1;
        if self.warnings <= Self::LIMIT {
            let warning = warning();
            debug_assert_eq!(warning.severity, Severity::Warning);
            self.list.push(warning);
        }
    }

    /// Whether a finding stops a run.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All findings of a text, in the order of their places, each place in the file that it was written in.
    pub(super) fn finish(mut self, sources: &Sources) -> Diagnostics {
        let left_out = self.errors + self.warnings - self.list.len();
        self.list.sort_by_key(Diagnostic::order);
        for label in self.list.iter_mut().flat_map(|finding| &mut finding.labels) {
            (label.file, label.span) = sources.place(&label.span);
        }
        Diagnostics { files: sources.files().to_vec(), list: self.list, left_out }
    }
}

/// All findings of one scenario file, in the order of their places.
///
/// ```
/// use turnloom::scenario;
/// use turnloom::scenario::Vocabulary;
/// let wrong = scenario::parse("typo", r#"{"version": 2}"#, &Vocabulary::default()).unwrap_err();
/// assert_eq!(wrong.to_string(), "failed to read scenario `typo`: 1 error");
/// assert!(wrong.render(false).contains("typo:1:13"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// The scenario's own file, and those of its fragments.
    files: Vec<Source>,
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl Diagnostics {
    /// The one finding that there is no text to judge.
    pub(super) fn without_text(file: &str, error: SourceError) -> Self {
        let file = Source { name: file.to_owned(), text: Arc::from("") };
        Self { files: vec![file], list: vec![error.into()], left_out: 0 }
    }

    /// The file's name as the user gave it (for a text in memory: the name that was given with it).
    #[must_use]
    pub fn file(&self) -> &str {
        &self.files[0].name
    }

    /// The name and the text of a label's file.
    ///
    /// # Panics
    ///
    /// If the label is not of a finding of this list.
    #[must_use]
    pub fn file_of(&self, label: &Label) -> (&str, &str) {
        let file = &self.files[label.file];
        (&file.name, &file.text)
    }

    /// The files that labels may lie in.
    pub(super) fn files(&self) -> &[Source] {
        &self.files
    }

    /// The findings; of more than a hundred errors or warnings only the hundred found first.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many findings the list holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// How many findings were left out because the list is full.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether a finding stops a run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|one| one.severity == Severity::Error)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file: String = self.file().chars().flat_map(visible).collect();
        let warnings = self.list.iter().filter(|one| one.severity == Severity::Warning).count();
        let errors = self.list.len() - warnings;
        let verb = if self.has_errors() { "failed to read" } else { "read" };
        write!(f, "{verb} scenario `{file}`: ")?;
        let mut parts = Vec::new();
        for (count, noun) in [(errors, "error"), (warnings, "warning")] {
            if count > 0 {
                parts.push(format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
            }
        }
        if self.left_out > 0 {
            parts.push(format!("{} more not shown", self.left_out));
        }
        if parts.is_empty() {
            parts.push("nothing wrong".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

impl std::error::Error for Diagnostics {}
