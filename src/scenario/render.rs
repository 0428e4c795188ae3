//! Puts the findings of a scenario file into text: one look, whatever the terminal.

use std::fmt;
use std::ops::Range;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};

use super::nearest::visible;
use super::sources::Source;
use super::{Diagnostic, Diagnostics, Severity};

const WIDTH: usize = 100;

/// How much of a line is shown on either side of a place, and how much of the place, in bytes: a file without line
/// breaks is a line of megabytes.
const REACH: usize = 160;

impl Diagnostics {
    /// All findings for a person, each with its line and a caret, then how many there are. Same input, same bytes:
    /// neither the terminal nor the environment is asked.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        render(self, colour)
    }
}

fn render(findings: &Diagnostics, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::ascii() } else { GraphicalTheme::none() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(1)
        .with_links(false)
        // miette would also wrap at the slash of `session/cancel`.
        .with_wrap_lines(false)
        .without_syntax_highlighting();
    let excerpts: Vec<Excerpts> = findings.files().iter().map(Excerpts::new).collect();
    let mut out = String::new();
    for finding in findings {
        let page = Page { finding, excerpts: &excerpts };
        // Writing into a string cannot fail, and every span lies in the text; if miette thinks otherwise, the words
        // are what matters.
        let mut text = String::new();
        if handler.render_report(&mut text, &page).is_err() {
            text = format!("  {finding}\n");
        }
        for line in text.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    out.push_str(&findings.to_string());
    out.push('\n');
    out
}

/// One finding beside the texts it is about.
#[derive(Debug)]
struct Page<'a> {
    finding: &'a Diagnostic,
    excerpts: &'a [Excerpts],
}

impl Page<'_> {
    /// The file of the first place, which is the one that is shown.
    fn shown(&self) -> Option<(usize, &Excerpts)> {
        let file = self.finding.labels().first()?.file;
        Some((file, &self.excerpts[file]))
    }

    /// The places in other files, in words.
    fn elsewhere(&self) -> Vec<String> {
        let shown = self.shown().map(|(file, _)| file);
        let others = self.finding.labels().iter().filter(|label| Some(label.file) != shown);
        let words = others.map(|label| {
            let excerpts = &self.excerpts[label.file];
            let line = excerpts.line_of(label.span.start);
            let column = 1 + excerpts.text[excerpts.lines[line]..label.span.start].chars().count();
            format!("see {}:{}:{column}: {}", excerpts.file, line + 1, label.text)
        });
        words.collect()
    }
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wrapped(self.finding.message(), 4))
    }
}

impl std::error::Error for Page<'_> {}

impl miette::Diagnostic for Page<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.finding.help_text().map(str::to_owned).into_iter().chain(self.elsewhere());
        let help: Vec<String> = help.map(|line| wrapped(&line, 8)).collect();
        (!help.is_empty()).then(|| Box::new(help.join("\n")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.shown().map(|(_, excerpts)| excerpts as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let mut first = true;
        let (file, excerpts) = self.shown()?;
        let labels = self.finding.labels();
        let near = labels
            .iter()
            .filter(move |label| label.file == file && excerpts.fits(&labels[0].span, &label.span));
        Some(Box::new(near.map(move |label| {
            let span = excerpts.clip(&label.span);
            let make = if first { LabeledSpan::new_primary_with_span } else { LabeledSpan::new_with_span };
            first = false;
            make(Some(label.text.clone()), span)
        })))
    }
}

/// A text in lines that fit beside the indent that it gets.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > indent && column + 1 + width > WIDTH {
            out.push('\n');
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

/// The text of a file with its lines known, so that a place is found without reading the file again, and only the
/// neighbourhood of a place is handed out.
#[derive(Debug)]
struct Excerpts {
    file: String,
    text: String,
    lines: Vec<usize>,
}

impl Excerpts {
    fn new(source: &Source) -> Self {
        let file = source.name.chars().flat_map(visible).collect();
        let text = printable(&source.text);
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { file, text, lines }
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at).saturating_sub(1)
    }

    fn line_end(&self, line: usize) -> usize {
        self.lines.get(line + 1).copied().unwrap_or(self.text.len())
    }

    /// The nearest place at or before this one where a character begins.
    fn floor(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0)
    }

    /// A span with at most so many bytes as are shown of a place.
    fn clip(&self, span: &Range<usize>) -> SourceSpan {
        let start = self.floor(span.start);
        let end = self.floor(span.end.min(start + REACH)).max(start);
        (start, end - start).into()
    }

    /// Whether a second place can be shown with the first. miette shows all that lies between two places when few lines
    /// do, and a line may be megabytes long.
    fn fits(&self, first: &Range<usize>, second: &Range<usize>) -> bool {
        const APART: usize = 4;
        self.line_of(first.start).abs_diff(self.line_of(second.start)) > APART
            || first.start.abs_diff(second.start) <= 2 * APART * REACH
    }

    /// The bytes to show for a place: its lines with those around them, or a part of its line when that is long.
    fn window(&self, place: Range<usize>, before: usize, after: usize) -> Range<usize> {
        let (first, last) = (self.line_of(place.start), self.line_of(place.end));
        let mut start = self.lines[first];
        if place.start - start > REACH {
            start = self.floor(place.start - REACH);
        } else {
            let wanted = self.lines[first.saturating_sub(before)];
            start = if start - wanted > REACH { start } else { wanted };
        }
        let mut end = self.line_end(last);
        if end - place.end > REACH {
            end = self.floor(place.end + REACH);
        } else {
            let wanted = self.line_end((last + after).min(self.lines.len() - 1));
            end = if wanted - end > REACH { end } else { wanted };
        }
        start..end
    }
}

impl SourceCode for Excerpts {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let place = span.offset()..span.offset() + span.len();
        if place.end > self.text.len() || !self.text.is_char_boundary(place.start) {
            return Err(MietteError::OutOfBounds);
        }
        // Without context it is the place itself that is asked for: its line and column.
        let window =
            if before + after == 0 { place.clone() } else { self.window(place.clone(), before, after) };
        let line = self.line_of(window.start);
        let column = self.text[self.lines[line]..window.start].chars().count();
        let data = &self.text.as_bytes()[window.clone()];
        let span = (window.start, window.len()).into();
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            data,
            span,
            line,
            column,
            self.lines.len(),
        )))
    }
}

/// The text with every control character that a terminal might obey replaced, byte for byte.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let line_break = char == '\r' && chars.peek() == Some(&'\n');
        if char.is_control() && !matches!(char, '\n' | '\t') && !line_break {
            out.extend(std::iter::repeat_n('?', char.len_utf8()));
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_long_line_is_shown_with_its_neighbourhood_only() {
        let text = format!("[\n{}!{}\n]", "ä".repeat(10_000), "ö".repeat(10_000));
        let excerpts = Excerpts::new(&Source { name: "x".to_owned(), text: text.as_str().into() });
        let at = text.find('!').unwrap();
        let contents = excerpts.read_span(&(at, 1).into(), 1, 1).unwrap();
        assert!(contents.data().len() <= 2 * REACH + 4);
        assert_eq!(contents.line(), 1);
        assert_eq!(excerpts.read_span(&(at, 1).into(), 0, 0).unwrap().column(), 10_000);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let text = "a\u{1b}[0m\u{9b}\r\nb\tc\rd";
        assert_eq!(printable(text), "a?[0m??\r\nb\tc?d");
        assert_eq!(printable(text).len(), text.len());
    }
}
