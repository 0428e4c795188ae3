//! Turns a text into a [`Scenario`], and says everything at once that keeps the text from being one: holds the tree of
//! the text against the shape of the format.

use super::diagnostic::Sink;
use super::json;
use super::json::{Member, Node, Value};
use super::nearest::{list, nearest, quoted};
use super::shape;
use super::shape::{Field, Shape, Variant};
use super::spans::Spans;
use super::{Diagnostic, Duration, DurationError, Scenario, comments};

/// The version of the format that is read here.
const VERSION: &str = "1";

/// The scenario that a text holds, and where everything in it stands. Without one the sink says why.
pub(super) fn parse(text: &str, sink: &mut Sink) -> Option<(Scenario, Spans)> {
    let text = &*comments::blank(text);
    let root = json::read(text, sink)?;
    if let Some(finding) = other_version(&root) {
        // What another version may hold is not known, so nothing else is said.
        sink.add(|| finding);
        return None;
    }
    check(&root, shape::scenario(), sink);
    if sink.has_errors() {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(scenario) => Some((scenario, Spans::new(root))),
        Err(error) => {
            sink.add(|| json::malformed(text, &error));
            None
        }
    }
}

fn other_version(root: &Node) -> Option<Diagnostic> {
    let node = &root.get("version")?.node;
    match &node.value {
        Value::Number(written) if written != VERSION => Some(
            Diagnostic::error(
                "unknown-version",
                format!("unknown version {} of the format", quoted(written)),
            )
            .at(node.caret(), format!("expected {VERSION}"))
            .help("write \"version\": 1, the only version there is"),
        ),
        _ => None,
    }
}

fn check(node: &Node, shape: &Shape, sink: &mut Sink) {
    match (shape, &node.value) {
        (Shape::Any, _)
        | (Shape::Text, Value::Text(_))
        | (Shape::Flag, Value::Bool)
        | (Shape::Message, Value::Object(_))
        | (Shape::Maybe(_), Value::Null) => {}
        (Shape::Maybe(inner), _) => check(node, inner, sink),
        (Shape::Duration, Value::Text(written)) => duration(node, written, sink),
        (Shape::Whole(least, most), Value::Number(written)) => whole(node, (*least, *most), written, sink),
        (Shape::List(item), Value::List(nodes)) => nodes.iter().for_each(|node| check(node, item, sink)),
        (Shape::Map(value), Value::Object(members)) => {
            members.iter().for_each(|member| check(&member.node, value, sink));
        }
        (Shape::Record { noun, fields }, Value::Object(members)) => record(node, noun, fields, members, sink),
        (Shape::Choice { noun, variants }, Value::Text(name)) => plain(node, noun, variants, name, sink),
        (Shape::Choice { noun, variants }, Value::Object(members))
            if variants.iter().any(|variant| variant.payload.is_some()) =>
        {
            carrying(node, noun, variants, members, sink);
        }
        _ => wrong_type(node, shape, sink),
    }
}

fn duration(node: &Node, written: &str, sink: &mut Sink) {
    if let Err(error) = written.parse::<Duration>() {
        sink.add(|| {
            let label = match error {
                DurationError::Malformed => "expected a number and a unit",
                DurationError::Unit(_) => "expected another unit",
                DurationError::Overflow => "expected a shorter one",
            };
            Diagnostic::error("bad-duration", format!("{} is no duration", quoted(written)))
                .at(node.caret(), label)
                .help(error.to_string())
        });
    }
}

fn whole(node: &Node, (least, most): (u32, u32), written: &str, sink: &mut Sink) {
    if !written.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number)) {
        sink.add(|| {
            Diagnostic::error("out-of-range", format!("the number {} does not fit here", quoted(written)))
                .at(node.caret(), format!("expected a whole number from {least} to {most}"))
        });
    }
}

fn wrong_type(node: &Node, shape: &Shape, sink: &mut Sink) {
    sink.add(|| {
        let message = format!("wrong type: expected {}, found {}", expected(shape), found(&node.value));
        Diagnostic::error("wrong-type", message).at(node.caret(), format!("expected {}", short(shape)))
    });
}

fn record(node: &Node, noun: &str, fields: &[Field], members: &[Member], sink: &mut Sink) {
    let names = || fields.iter().map(|field| field.name.as_str());
    for member in members {
        match fields.iter().find(|field| field.name == member.key) {
            Some(field) => check(&member.node, &field.shape, sink),
            None => sink.add(|| {
                let message = format!("unknown field {} in {}", quoted(&member.key), a(noun));
                let label = match nearest(&member.key, names()) {
                    Some(near) => format!("did you mean {}?", quoted(near)),
                    None => "no such field".to_owned(),
                };
                Diagnostic::error("unknown-field", message)
                    .at(member.key_span.clone(), label)
                    .help(format!("expected one of {}", list(names())))
            }),
        }
    }
    let missing = fields.iter().filter(|field| field.required && node.get(&field.name).is_none());
    let missing: Vec<&str> = missing.map(|field| field.name.as_str()).collect();
    if !missing.is_empty() {
        let fields = if missing.len() == 1 { "field" } else { "fields" };
        sink.add(|| {
            let message = format!("missing {fields} {} in {}", list(missing.iter().copied()), a(noun));
            Diagnostic::error("missing-field", message).at(node.caret(), "in this object")
        });
    }
}

/// A choice written as a string.
fn plain(node: &Node, noun: &str, variants: &[Variant], name: &str, sink: &mut Sink) {
    match variants.iter().find(|variant| variant.name == name) {
        None => sink.add(|| unknown(noun, variants, name).at(node.caret(), unknown_label(variants, name))),
        Some(Variant { payload: Some(payload), .. }) => sink.add(|| {
            Diagnostic::error("missing-value", format!("the {noun} {} needs a value", quoted(name)))
                .at(node.caret(), format!("expected {}", short(payload)))
                .help(format!("write {{\"{name}\": ...}}"))
        }),
        Some(_) => {}
    }
}

/// A choice written as an object with one key.
fn carrying(node: &Node, noun: &str, variants: &[Variant], members: &[Member], sink: &mut Sink) {
    for member in members {
        let name = &member.key;
        match variants.iter().find(|variant| variant.name == *name) {
            None => sink.add(|| {
                unknown(noun, variants, name).at(member.key_span.clone(), unknown_label(variants, name))
            }),
            Some(Variant { payload: Some(payload), .. }) => check(&member.node, payload, sink),
            Some(_) => sink.add(|| {
                Diagnostic::error("superfluous-value", format!("the {noun} {} takes no value", quoted(name)))
                    .at(member.key_span.clone(), "no object here")
                    .help(format!("write \"{name}\""))
            }),
        }
    }
    match members {
        [_] => {}
        [] => sink.add(|| {
            Diagnostic::error("empty-choice", format!("an empty object is no {noun}"))
                .at(node.caret(), "nothing in it")
                .help(format!("expected one of {}", forms(variants)))
        }),
        [first, second, ..] => sink.add(|| {
            Diagnostic::error(
                "crowded-choice",
                format!("{} has one key, this has {}", a(noun), members.len()),
            )
            .at(second.key_span.clone(), "one too many")
            .at(first.key_span.clone(), "the first one")
            .help("write one object for each")
        }),
    }
}

fn unknown(noun: &str, variants: &[Variant], name: &str) -> Diagnostic {
    Diagnostic::error("unknown-variant", format!("unknown {noun} {}", quoted(name)))
        .help(format!("expected one of {}", forms(variants)))
}

fn unknown_label(variants: &[Variant], name: &str) -> String {
    match nearest(name, variants.iter().map(|variant| variant.name.as_str())) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => "no such name".to_owned(),
    }
}

/// The alternatives as they are written.
fn forms(variants: &[Variant]) -> String {
    let forms = variants.iter().map(|variant| match variant.payload {
        Some(_) => format!("{{\"{}\": ...}}", variant.name),
        None => format!("\"{}\"", variant.name),
    });
    forms.collect::<Vec<_>>().join(", ")
}

/// What stands in a place, for a message.
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Choice { noun, variants } => format!("{} ({})", a(noun), forms(variants)),
        _ => short(shape),
    }
}

/// What stands in a place, for a label.
fn short(shape: &Shape) -> String {
    match shape {
        Shape::Record { .. } | Shape::Map(_) | Shape::Message => "an object".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Choice { noun, .. } => a(noun),
        Shape::Text => "a string".to_owned(),
        Shape::Duration => "a duration such as \"2s\"".to_owned(),
        Shape::Whole(..) => "a whole number".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Maybe(inner) => short(inner),
        Shape::Any => "something else".to_owned(),
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool => "a boolean".to_owned(),
        Value::Number(written) => format!("the number {}", quoted(written)),
        Value::Text(text) => format!("the string {}", quoted(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A noun with its article; what there is several of, such as limits, has none.
fn a(noun: &str) -> String {
    if noun.ends_with('s') {
        return noun.to_owned();
    }
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
