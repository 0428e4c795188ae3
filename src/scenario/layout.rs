//! The canonical layout of a scenario file: an object on one line while it fits, one step a line, comments where they
//! were. Only white space changes.
//!
//! A container is written flat, or *open*: its items on lines of their own. An open object whose last value is what does
//! not fit keeps the rest on its first line, as in `{"name": "ann", "does": [`.

use std::ops::Range;

use super::diagnostic::Sink;
use super::json;
use super::json::{Node, Value};
use super::sources::Sources;
use super::{Diagnostics, SourceError, comments, source};

/// The columns of a line. Only a string or a comment that is longer makes a longer line.
const WIDTH: usize = 100;

const INDENT: &str = "  ";

/// The text in the canonical layout. Needs JSON, not a scenario that makes sense. A file that is in it comes back as it is.
///
/// # Errors
///
/// What keeps the text from being JSON with comments; it is named in messages as given.
///
/// ```
/// use turnloom::scenario;
/// let text = "{\"version\": 1, // the only one\n \"gates\": [ \"a\",\"b\" ]}";
/// let laid_out = scenario::format("x", text).unwrap();
/// assert_eq!(laid_out, "{\n  \"version\": 1, // the only one\n  \"gates\": [\"a\", \"b\"]\n}\n");
/// assert_eq!(scenario::format("x", &laid_out).unwrap(), laid_out);
/// ```
pub fn format(name: &str, text: &str) -> Result<String, Diagnostics> {
    source::check(text).map_err(|error: SourceError| Diagnostics::without_text(name, error))?;
    let mut sink = Sink::default();
    let root = json::read(&comments::blank(text), &mut sink);
    match root {
        Some(root) if !sink.has_errors() => Ok(Printer::new(text).file(&root)),
        _ => Err(sink.finish(&Sources::one(name, text))),
    }
}

/// One line or more of an open container: an item of a list, or a member of an object.
struct Item<'n> {
    /// Where the item begins: its key, or its value.
    start: usize,
    key: Option<Range<usize>>,
    node: &'n Node,
}

impl Item<'_> {
    fn end(&self) -> usize {
        self.node.span.end
    }
}

fn items(node: &Node) -> Vec<Item<'_>> {
    match &node.value {
        Value::List(nodes) => {
            nodes.iter().map(|node| Item { start: node.span.start, key: None, node }).collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|member| Item {
                start: member.key_span.start,
                key: Some(member.key_span.clone()),
                node: &member.node,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether it is a list or an object with something in it.
fn is_full(node: &Node) -> bool {
    match &node.value {
        Value::List(nodes) => !nodes.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}

/// Whether it is never written on one line, however short: the scenario, the lists in it that hold objects, and wherever
/// else two steps would share a line.
fn is_open(node: &Node, depth: usize) -> bool {
    let below = || items(node).iter().any(|item| is_open(item.node, depth + 1));
    match &node.value {
        Value::Object(members) => !members.is_empty() && (depth == 0 || below()),
        Value::List(nodes) => {
            let holds_steps = nodes.iter().any(is_full);
            (holds_steps && (nodes.len() > 1 || depth == 1)) || below()
        }
        _ => false,
    }
}

struct Printer<'t> {
    text: &'t str,
    comments: Vec<Range<usize>>,
    out: String,
}

impl<'t> Printer<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, comments: comments::find(text), out: String::new() }
    }

    fn file(mut self, root: &Node) -> String {
        let mut fresh = true;
        for comment in self.within(0..root.span.start) {
            self.line(0, &comment, &mut fresh);
        }
        self.begin(0, root.span.start, &mut fresh);
        self.value(root, 0, 0);
        let below = self.within(root.span.end..self.text.len());
        self.after(0, root.span.end, &below);
        self.out.push('\n');
        self.out
    }

    /// The comments of a part of the text.
    fn within(&self, part: Range<usize>) -> Vec<Range<usize>> {
        let first = self.comments.partition_point(|comment| comment.start < part.start);
        let behind = self.comments.partition_point(|comment| comment.start < part.end);
        self.comments[first..behind.max(first)].to_vec()
    }

    /// Begins a line for what stood at this place, after an empty one if there was one. The first one of a container has
    /// none above it.
    fn begin(&mut self, indent: usize, at: usize, fresh: &mut bool) {
        let before = self.text[..at].trim_end_matches([' ', '\t', '\r', '\n']);
        let breaks = self.text[before.len()..at].matches('\n').count();
        if !self.out.is_empty() {
            if breaks > 1 && !*fresh {
                self.out.push('\n');
            }
            self.out.push('\n');
        }
        *fresh = false;
        self.out.extend(std::iter::repeat_n(INDENT, indent));
    }

    /// A comment on a line of its own.
    fn line(&mut self, indent: usize, comment: &Range<usize>, fresh: &mut bool) {
        self.begin(indent, comment.start, fresh);
        self.comment(comment);
    }

    fn comment(&mut self, comment: &Range<usize>) {
        self.out.push_str(self.text[comment.clone()].trim_end());
    }

    /// The comments that follow what ended at this place: the first one behind it if it stood on the same line.
    fn after(&mut self, indent: usize, end: usize, comments: &[Range<usize>]) {
        let rest = self.behind(end, comments);
        let mut fresh = false;
        for comment in rest {
            self.line(indent, comment, &mut fresh);
        }
    }

    /// Writes the first of the comments behind what ended at this place if it stood on the same line; the others.
    fn behind<'c>(&mut self, end: usize, comments: &'c [Range<usize>]) -> &'c [Range<usize>] {
        match comments {
            [first, rest @ ..] if !self.text[end..first.start].contains('\n') => {
                self.out.push(' ');
                self.comment(first);
                rest
            }
            _ => comments,
        }
    }

    /// Writes a value whose line has this indent.
    fn value(&mut self, node: &Node, indent: usize, depth: usize) {
        let column = self.column();
        match self.flat(node, depth, WIDTH.saturating_sub(column + 1)) {
            Some(flat) => self.out.push_str(&flat),
            None => self.open(node, indent, depth),
        }
    }

    fn column(&self) -> usize {
        let line = self.out.rsplit('\n').next().unwrap_or_default();
        line.chars().count()
    }

    /// The value on one line of so many columns, if it may be and fits. What has nothing in it always does.
    fn flat(&self, node: &Node, depth: usize, columns: usize) -> Option<String> {
        if !is_full(node) && self.within(node.span.clone()).is_empty() {
            return Some(self.bare(node).to_owned());
        }
        if is_open(node, depth) || !self.within(node.span.clone()).is_empty() {
            return None;
        }
        let mut flat = String::new();
        self.write_flat(node, columns, &mut flat).then_some(flat)
    }

    /// A value with nothing in it, as it was written.
    fn bare(&self, node: &Node) -> &'t str {
        match node.value {
            Value::List(_) => "[]",
            Value::Object(_) => "{}",
            _ => &self.text[node.span.clone()],
        }
    }

    /// Whether the value fits, written to the string as far as it does.
    fn write_flat(&self, node: &Node, columns: usize, flat: &mut String) -> bool {
        if !is_full(node) {
            flat.push_str(self.bare(node));
        } else {
            let (opening, closing) = brackets(node);
            flat.push(opening);
            for (at, item) in items(node).iter().enumerate() {
                if at > 0 {
                    flat.push_str(", ");
                }
                self.write_key(item, flat);
                if !self.write_flat(item.node, columns, flat) {
                    return false;
                }
            }
            flat.push(closing);
        }
        flat.chars().count() <= columns
    }

    fn write_key(&self, item: &Item<'_>, flat: &mut String) {
        if let Some(key) = &item.key {
            flat.push_str(&self.text[key.clone()]);
            flat.push_str(": ");
        }
    }

    fn open(&mut self, node: &Node, indent: usize, depth: usize) {
        let items = items(node);
        match self.first_line(node, &items, depth) {
            Some((first_line, last)) => {
                self.out.push_str(&first_line);
                self.open(last, indent, depth + 1);
                self.out.push('}');
            }
            None => self.spread(node, &items, indent, depth),
        }
    }

    /// All of an object before its last value, if that is what is open and the rest fits on the line.
    fn first_line<'n>(&self, node: &Node, items: &[Item<'n>], depth: usize) -> Option<(String, &'n Node)> {
        let (last, rest) = items.split_last()?;
        let in_last = self.within(last.node.span.clone()).len();
        let is_eligible = depth > 0
            && matches!(node.value, Value::Object(_))
            && is_full(last.node)
            && self.within(node.span.clone()).len() == in_last;
        if !is_eligible {
            return None;
        }
        let columns = WIDTH.saturating_sub(self.column());
        let mut line = String::from('{');
        for item in rest {
            self.write_key(item, &mut line);
            line.push_str(&self.flat(item.node, depth + 1, columns)?);
            line.push_str(", ");
        }
        self.write_key(last, &mut line);
        (line.chars().count() < columns).then_some((line, last.node))
    }

    /// Each item on a line of its own.
    fn spread(&mut self, node: &Node, items: &[Item<'_>], indent: usize, depth: usize) {
        let (opening, closing) = brackets(node);
        self.out.push(opening);
        let inside = node.span.start + 1..node.span.end - 1;
        let mut fresh = true;
        // What stands before the first item, and after that what stands behind each.
        let end = items.first().map_or(inside.end, |item| item.start);
        let comments = self.within(inside.start..end);
        for comment in self.behind(inside.start, &comments) {
            self.line(indent + 1, comment, &mut fresh);
        }
        for (at, item) in items.iter().enumerate() {
            self.item(item, indent + 1, depth, &mut fresh);
            let next = items.get(at + 1).map(|next| next.start);
            if next.is_some() {
                self.out.push(',');
            }
            let comments = self.within(item.end()..next.unwrap_or(inside.end));
            self.after(indent + 1, item.end(), &comments);
        }
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(INDENT, indent));
        self.out.push(closing);
    }

    /// One item. A comment between a key and its value goes before both.
    fn item(&mut self, item: &Item<'_>, indent: usize, depth: usize, fresh: &mut bool) {
        let inner = self.within(item.start..item.node.span.start);
        self.begin(indent, item.start, fresh);
        for comment in inner {
            self.comment(&comment);
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(INDENT, indent));
        }
        let mut key = String::new();
        self.write_key(item, &mut key);
        self.out.push_str(&key);
        self.value(item.node, indent, depth + 1);
    }
}

fn brackets(node: &Node) -> (char, char) {
    match node.value {
        Value::List(_) => ('[', ']'),
        _ => ('{', '}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(text: &str) -> String {
        let once = format("case", text).unwrap();
        assert_eq!(format("case", &once).unwrap(), once, "not the same again");
        once
    }

    #[test]
    fn short_objects_share_a_line_and_steps_do_not() {
        insta::assert_snapshot!(laid_out(r#"
        {"version":1,"gates":[ "a" , "b" ],"limits":{},
        "actors":[{"name":"ann","does":[{"send":{"text":"hi"}},"run"]},{"name":"ben","does":["interrupt"]}],
        "server":[{"on":{"prompt":"hi"},"do":[{"wait":{"gate":"a"}},{"answer":"end_turn"}]},{"on":"cancel","do":[]}],
        "catches":[{"row":"R08","defect":"finish-gap","rules":["nothing-stranded-after-finish"]}]}"#), @r#"
        {
          "version": 1,
          "gates": ["a", "b"],
          "limits": {},
          "actors": [
            {"name": "ann", "does": [
              {"send": {"text": "hi"}},
              "run"
            ]},
            {"name": "ben", "does": ["interrupt"]}
          ],
          "server": [
            {"on": {"prompt": "hi"}, "do": [
              {"wait": {"gate": "a"}},
              {"answer": "end_turn"}
            ]},
            {"on": "cancel", "do": []}
          ],
          "catches": [
            {"row": "R08", "defect": "finish-gap", "rules": ["nothing-stranded-after-finish"]}
          ]
        }
        "#);
    }

    #[test]
    fn comments_and_single_empty_lines_stay_where_they_were() {
        insta::assert_snapshot!(laid_out("// head\n\n\n// and more\n{ // opened\n\n\n  \"a\": // of the value\n 1 // behind\n, \n\n\n// before\n\"b\": [ 1, 2 // two\n, 3\n // last\n], \"c\": {\"d\": [ // opened\n 1]}\n}  // end\n// foot"), @r#"
        // head

        // and more
        { // opened
          // of the value
          "a": 1, // behind

          // before
          "b": [
            1,
            2, // two
            3
            // last
          ],
          "c": {"d": [ // opened
            1
          ]}
        } // end
        // foot
        "#);
    }

    #[test]
    fn what_is_too_long_for_a_line_is_opened() {
        let text = "x".repeat(40);
        insta::assert_snapshot!(laid_out(&format!(
            r#"{{"actors": [{{"name": "ann", "does": [{{"wait": {{"frame": {{"method": "{text}", "text": "{text}"}}}}}}]}}]}}"#
        )), @r#"
        {
          "actors": [
            {"name": "ann", "does": [
              {"wait": {"frame": {
                "method": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                "text": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              }}}
            ]}
          ]
        }
        "#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{\"a\": 1, \"a\": 2}", "{} {}", "/* no */ {}", "{\"a\": 1,}"] {
            assert!(format("case", text).is_err(), "{text}");
        }
    }
}
