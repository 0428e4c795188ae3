//! Fragments: what several scenarios share. `{"use": "NAME"}` in a list of a scenario stands for the items of the list
//! in `fragments/NAME.json`, in the folder of the scenario's file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Value as Schema, json};

use super::diagnostic::Sink;
use super::json;
use super::json::{Node, Value};
use super::nearest::{list, nearest, quoted};
use super::shape;
use super::shape::Shape;
use super::sources::Sources;
use super::{Diagnostic, Diagnostics, MAX_BYTES, SourceError, comments, is_scenario, source};

/// The folder of the fragments, in that of the scenarios.
pub(crate) const FRAGMENTS: &str = "fragments";

/// The key that names a fragment.
pub(super) const USE: &str = "use";

/// The text of a scenario with the items of its fragments in place, and the files that it was written in. A text that is
/// in no folder has no fragments.
pub(super) fn put_in(
    file: &str,
    text: &str,
    folder: Option<&Path>,
) -> Result<(String, Sources), Diagnostics> {
    let uses = uses(text);
    let mut whole = Whole { text: String::new(), sources: Sources::one(file, text) };
    if uses.is_empty() {
        return Ok((text.to_owned(), whole.sources));
    }
    let mut known: BTreeMap<&str, Fragment> = BTreeMap::new();
    let mut sink = Sink::default();
    let mut at = 0;
    for found in &uses {
        let Some(name) = &found.name else {
            sink.add(|| not_alone(found));
            continue;
        };
        if !known.contains_key(&**name) {
            match find(name, folder, found) {
                Ok(path) => _ = known.insert(name, whole.read(&path)?),
                Err(finding) => sink.add(|| *finding),
            }
        }
        if let Some(fragment) = known.get(&**name) {
            whole.put(text, at..found.span.start, fragment);
            at = found.span.end;
        }
        if whole.text.len() as u64 > MAX_BYTES {
            return Err(Diagnostics::without_text(file, SourceError::WholeTooLarge));
        }
    }
    if sink.has_errors() {
        return Err(sink.finish(&whole.sources));
    }
    whole.rest(text, at);
    for nested in self::uses(&whole.text) {
        sink.add(|| in_a_fragment(&nested));
    }
    if sink.has_errors() { Err(sink.finish(&whole.sources)) } else { Ok((whole.text, whole.sources)) }
}

/// A place where a fragment is used.
struct Use {
    span: Range<usize>,
    /// None if what stands there names no fragment.
    name: Option<String>,
}

/// The places of a text where fragments are used, in order; of one that is no JSON none.
fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    if let Some(root) = json::read(&comments::blank(text), &mut Sink::default()) {
        collect(&root, shape::scenario(), &mut found);
    }
    found
}

/// Fragments are used in the lists of the format; what else a message holds is its own.
fn collect(node: &Node, shape: &Shape, found: &mut Vec<Use>) {
    match (shape, &node.value) {
        (Shape::Maybe(inner), _) => collect(node, inner, found),
        (Shape::List(item), Value::List(nodes)) => {
            for node in nodes {
                match node.get(USE) {
                    Some(_) => found.push(Use { span: node.span.clone(), name: name(node) }),
                    None => collect(node, item, found),
                }
            }
        }
        (Shape::Map(inner), Value::Object(members)) => {
            members.iter().for_each(|member| collect(&member.node, inner, found));
        }
        (Shape::Record { fields, .. }, Value::Object(members)) => {
            for member in members {
                let field = fields.iter().find(|field| field.name == member.key);
                field.into_iter().for_each(|field| collect(&member.node, &field.shape, found));
            }
        }
        (Shape::Choice { variants, .. }, Value::Object(members)) => {
            for member in members {
                let variant = variants.iter().find(|variant| variant.name == member.key);
                let payload = variant.and_then(|variant| variant.payload.as_ref());
                payload.into_iter().for_each(|payload| collect(&member.node, payload, found));
            }
        }
        _ => {}
    }
}

/// The name of the fragment, if this is all that the object holds.
fn name(node: &Node) -> Option<String> {
    match &node.value {
        Value::Object(members) => match members.as_slice() {
            [member] => match &member.node.value {
                Value::Text(name) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// A scenario's text while its fragments are put in.
struct Whole {
    text: String,
    sources: Sources,
}

/// A fragment that was read.
struct Fragment {
    /// Its number among the files.
    file: usize,
    /// The place and the text of its items, without the brackets around them.
    at: usize,
    items: String,
}

impl Whole {
    /// Reads a fragment: a list with something in it.
    fn read(&mut self, path: &Path) -> Result<Fragment, Diagnostics> {
        let name = path.display().to_string();
        let text = source::read(path).map_err(|error| Diagnostics::without_text(&name, error))?;
        let blank = comments::blank(&text);
        let mut sink = Sink::default();
        let root = json::read(&blank, &mut sink);
        let refuse = |sink: Sink| Err(sink.finish(&Sources::one(&name, &text)));
        let Some(root) = root.filter(|_| !sink.has_errors()) else { return refuse(sink) };
        if !matches!(&root.value, Value::List(nodes) if !nodes.is_empty()) {
            let help = match root.value {
                Value::List(_) => "write what is to stand where it is used, or use it nowhere",
                _ => "write `[` and `]` around it",
            };
            sink.add(|| {
                Diagnostic::error("fragment-no-list", "a fragment is a list with something in it")
                    .at(root.caret(), "expected a list of what is to stand where it is used")
                    .help(help)
            });
            return refuse(sink);
        }
        let inside = root.span.start + 1..root.span.end - 1;
        let items = blank[inside.clone()].to_owned();
        Ok(Fragment { file: self.sources.add(name.clone(), &text), at: inside.start, items })
    }

    /// Adds these bytes of the scenario's own text, and a fragment behind them.
    fn put(&mut self, text: &str, own: Range<usize>, fragment: &Fragment) {
        self.rest(&text[..own.end], own.start);
        self.sources.other_from(self.text.len(), fragment.file, fragment.at);
        self.text.push_str(&fragment.items);
    }

    /// Adds the scenario's own text from this byte on.
    fn rest(&mut self, text: &str, from: usize) {
        self.sources.own_from(self.text.len(), from);
        self.text.push_str(&text[from..]);
    }
}

/// The file of a fragment, or else what is wrong where it is used.
fn find(name: &str, folder: Option<&Path>, used: &Use) -> Result<PathBuf, Box<Diagnostic>> {
    let unknown = |label: &str, help: &str| {
        let finding = Diagnostic::error("unknown-fragment", format!("unknown fragment {}", quoted(name)));
        Box::new(finding.at(used.span.clone(), label).help(help))
    };
    let is_allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || !name.chars().all(is_allowed) {
        let label = "this is no name of a fragment";
        return Err(unknown(
            label,
            "lowercase letters, digits and `-`: `stop` is the list in `fragments/stop.json`",
        ));
    }
    let Some(folder) = folder else {
        return Err(unknown("this text is in no folder", "write the items here"));
    };
    let folder = folder.join(FRAGMENTS);
    let path = folder.join(format!("{name}.json"));
    if path.exists() {
        return Ok(path);
    }
    let names = names(&folder);
    let names = || names.iter().map(String::as_str);
    let label = match nearest(name, names()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => "no such fragment".to_owned(),
    };
    let there_are =
        if names().next().is_none() { String::new() } else { format!("there are {}; ", list(names())) };
    Err(unknown(&label, &format!("{there_are}a new one is a list in `{}`", path.display())))
}

/// The names of the fragments in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_scenario(path));
    let mut names: Vec<String> =
        paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}

fn not_alone(used: &Use) -> Diagnostic {
    Diagnostic::error("bad-use", "the use of a fragment is an object with its name and nothing else")
        .at(used.span.clone(), "expected {\"use\": \"NAME\"}")
        .help("what comes before or behind it is an item of its own")
}

fn in_a_fragment(used: &Use) -> Diagnostic {
    Diagnostic::error("nested-fragment", "a fragment uses no other fragment")
        .at(used.span.clone(), "used in a fragment")
        .help("use both where this one is used, or write the items here")
}

/// Lets fragments be used in every list of a schema.
pub(super) fn allow(schema: &mut Schema) {
    in_lists(schema);
    schema["$defs"]["Use"] = json!({
        "description": "Stands for the items of the list in `fragments/NAME.json`, in the folder of this file.",
        "type": "object",
        "properties": {USE: {"description": "The name of the fragment.", "type": "string"}},
        "required": [USE],
        "additionalProperties": false,
    });
}

fn in_lists(schema: &mut Schema) {
    if let Some(items) = schema.get_mut("items") {
        *items = json!({"anyOf": [items.take(), {"$ref": "#/$defs/Use"}]});
    } else if let Schema::Object(members) = schema {
        members.values_mut().for_each(in_lists);
    } else if let Schema::Array(alternatives) = schema {
        alternatives.iter_mut().for_each(in_lists);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_free(shape: &Shape) {
        match shape {
            Shape::Record { fields, .. } => {
                assert!(fields.iter().all(|field| field.name != USE));
                fields.iter().for_each(|field| assert_free(&field.shape));
            }
            Shape::Choice { variants, .. } => {
                assert!(variants.iter().all(|variant| variant.name != USE));
                variants.iter().filter_map(|variant| variant.payload.as_ref()).for_each(assert_free);
            }
            Shape::Map(inner) | Shape::List(inner) | Shape::Maybe(inner) => assert_free(inner),
            _ => {}
        }
    }

    #[test]
    fn nothing_else_in_the_format_is_called_like_the_use_of_a_fragment() {
        assert_free(shape::scenario());
    }
}
