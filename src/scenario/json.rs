//! Reads JSON text into a tree in which every key and value knows its bytes, and refuses what serde_json would let
//! through (a key twice) or only name by line and column.

use std::collections::HashSet;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::Diagnostic;
use super::diagnostic::Sink;
use super::nearest::quoted;

/// How deep lists and objects may be nested; a scenario needs nine levels.
const DEEPEST: usize = 64;

/// A value and the bytes it was written as.
#[derive(Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

/// A value. Numbers stay as they were written.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool,
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// One key of an object with its value.
#[derive(Debug)]
pub(super) struct Member {
    pub key: String,
    pub key_span: Range<usize>,
    pub node: Node,
}

impl Node {
    /// Where a caret for this value goes: under all of it, or under the bracket that opens it.
    pub fn caret(&self) -> Range<usize> {
        match self.value {
            Value::List(_) | Value::Object(_) => self.span.start..self.span.start + 1,
            _ => self.span.clone(),
        }
    }

    /// The value of this key, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Member> {
        match &self.value {
            Value::Object(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }
}

/// Reads a text. What is wrong with it goes to the sink; without a tree the text is not JSON at all.
pub(super) fn read(text: &str, sink: &mut Sink) -> Option<Node> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        sink.add(|| malformed(text, &error));
        return None;
    }
    let mut reader = Reader { text, at: 0, depth: 0, sink };
    match reader.value() {
        Ok(node) => Some(node),
        Err(diagnostic) => {
            sink.add(|| *diagnostic);
            None
        }
    }
}

/// The finding for an error of serde_json.
pub(super) fn malformed(text: &str, error: &serde_json::Error) -> Diagnostic {
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    let at = if error.is_eof() { text.trim_end().len() } else { offset(text, error.line(), error.column()) };
    let mut end = (at + 1).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let words = if comma_before(text, at) { "trailing comma" } else { words };
    let help = match words {
        _ if text[at..].starts_with(['/', '#']) => {
            Some("a comment begins with `//` and goes to the end of its line")
        }
        "trailing comma" => Some("remove the comma before it"),
        "trailing characters" => Some("a file holds one object and nothing after it"),
        "key must be a string" => Some("write keys in double quotes"),
        "expected value" => Some("JSON has no single quotes and no trailing commas"),
        _ if error.is_eof() => Some("something is still open: close it"),
        _ => None,
    };
    Diagnostic::error("malformed-json", format!("malformed JSON: {}", lowercase(words)))
        .at(at..end, "here")
        .maybe_help(help.map(str::to_owned))
}

/// Whether a bracket closes here right after a comma, which serde_json has several words for.
fn comma_before(text: &str, at: usize) -> bool {
    text[at..].starts_with(['}', ']']) && text[..at].trim_end().ends_with(',')
}

fn lowercase(words: &str) -> String {
    words.replacen("EOF", "the file ends", 1)
}

/// The byte that serde_json means by a line and a column, both from 1 (a line break has column 0 of the next line).
fn offset(text: &str, line: usize, column: usize) -> usize {
    let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or(0);
    let mut at = (start + column).saturating_sub(1).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Walks over a text that serde_json has found well-formed.
struct Reader<'t, 's> {
    text: &'t str,
    at: usize,
    depth: usize,
    sink: &'s mut Sink,
}

// A diagnostic is a large value for the way out of a recursion.
type Step<T> = Result<T, Box<Diagnostic>>;

impl Reader<'_, '_> {
    fn value(&mut self) -> Step<Node> {
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b't' | b'f') => self.word(Value::Bool),
            Some(b'n') => self.word(Value::Null),
            Some(b'-' | b'0'..=b'9') => {
                let value = self.word(Value::Null);
                debug_assert!(matches!(value, Value::Null));
                Value::Number(self.text[start..self.at].to_owned())
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Node { span: start..self.at, value })
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Step<Value>) -> Step<Value> {
        if self.depth == DEEPEST {
            let message = format!("nested too deeply: at most {DEEPEST} levels are read");
            let here = self.at..self.at + 1;
            return Err(Box::new(
                Diagnostic::error("nested-too-deeply", message).at(here, "one level too many"),
            ));
        }
        self.depth += 1;
        self.at += 1;
        let value = inside(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Step<Value> {
        let mut nodes = Vec::new();
        self.space();
        while self.peek() != Some(b']') {
            nodes.push(self.value()?);
            self.separator(b']')?;
        }
        self.at += 1;
        Ok(Value::List(nodes))
    }

    fn object(&mut self) -> Step<Value> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen = HashSet::new();
        self.space();
        while self.peek() != Some(b'}') {
            let start = self.at;
            let key = self.string()?;
            let key_span = start..self.at;
            self.space();
            self.expect(b':')?;
            let node = self.value()?;
            if seen.insert(key.clone()) {
                members.push(Member { key, key_span, node });
            } else {
                self.twice(&members, &key, key_span);
            }
            self.separator(b'}')?;
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn twice(&mut self, members: &[Member], key: &str, span: Range<usize>) {
        self.sink.add(|| {
            let message = format!("the key {} is written twice in one object", quoted(key));
            let first = members.iter().find(|member| member.key == key);
            let finding = Diagnostic::error("duplicate-key", message).at(span, "second");
            match first {
                Some(first) => finding.at(first.key_span.clone(), "first"),
                None => finding,
            }
            .help("keep one of them")
        });
    }

    /// Steps over a comma, or up to the bracket that ends the list or object.
    fn separator(&mut self, end: u8) -> Step<()> {
        self.space();
        if self.peek() == Some(end) {
            return Ok(());
        }
        self.expect(b',')?;
        self.space();
        Ok(())
    }

    fn string(&mut self) -> Step<String> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(self.unexpected()),
            }
        }
        self.at += 1;
        let Some(written) = self.text.get(start..self.at) else { return Err(self.unexpected()) };
        // serde_json skips over strings without decoding them, so half a surrogate pair is only found here.
        serde_json::from_str(written).map_err(|error| {
            let words = error.to_string();
            let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
            let message = format!("malformed JSON: {words}");
            let finding = Diagnostic::error("malformed-json", message).at(start..self.at, "in this string");
            Box::new(finding.help("write the character itself, or both halves of its surrogate pair"))
        })
    }

    /// Steps over a number or a bare word.
    fn word(&mut self, value: Value) -> Value {
        while let Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') = self.peek() {
            self.at += 1;
        }
        value
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Step<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> Box<Diagnostic> {
        let at = self.at.min(self.text.len());
        Box::new(Diagnostic::error("malformed-json", "malformed JSON").at(at..at, "here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_bytes() {
        let text = r#" {"a": [1, -2.5e3, "x\"y"], "b\u0041": null } "#;
        let node = read(text, &mut Sink::default()).unwrap();
        assert_eq!(&text[node.span.clone()], text.trim());
        let Value::List(list) = &node.get("a").unwrap().node.value else { panic!("not a list") };
        let written: Vec<&str> = list.iter().map(|node| &text[node.span.clone()]).collect();
        assert_eq!(written, ["1", "-2.5e3", r#""x\"y""#]);
        assert_eq!(&text[node.get("bA").unwrap().key_span.clone()], r#""b\u0041""#);
    }

    #[test]
    fn a_million_brackets_are_no_stack_overflow() {
        for text in ["[".repeat(1_000_000), "[".repeat(1_000_000) + &"]".repeat(1_000_000)] {
            let mut sink = Sink::default();
            assert!(read(&text, &mut sink).is_none());
            assert!(sink.has_errors());
        }
    }
}
