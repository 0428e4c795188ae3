//! What a scenario file may hold, as shapes read from the JSON Schema of its types, so that the types stay the only
//! place where the format is written down.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// What may stand in one place.
#[derive(Debug)]
pub(super) enum Shape {
    /// An object with these fields and no others. The noun says what it is: "actor".
    Record { noun: String, fields: Vec<Field> },
    /// An object with any keys.
    Map(Box<Shape>),
    /// A list.
    List(Box<Shape>),
    /// One of several names, some of which carry a value: `"run"`, `{"open": "gate"}`.
    Choice { noun: String, variants: Vec<Variant> },
    /// A string.
    Text,
    /// A span of virtual time.
    Duration,
    /// A whole number from the first to the second.
    Whole(u32, u32),
    /// The shape, or `null`.
    Maybe(Box<Shape>),
    /// `true` or `false`.
    Flag,
    /// An object of JSON that means nothing to the format.
    Message,
    /// Whatever else the types allow; serde judges it.
    Any,
}

/// One field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub name: String,
    pub required: bool,
    pub shape: Shape,
}

/// One alternative of a choice.
#[derive(Debug)]
pub(super) struct Variant {
    pub name: String,
    pub payload: Option<Shape>,
}

/// The shape of a scenario.
pub(super) fn scenario() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| {
        let schema = sorted(Value::from(schemars::schema_for!(super::Scenario)));
        let empty = Map::new();
        let defs = schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
        Shape::of("scenario", &schema, defs)
    })
}

impl Shape {
    fn of(noun: &str, schema: &Value, defs: &Map<String, Value>) -> Self {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            return match defs.get(name) {
                _ if name == "Duration" => Self::Duration,
                _ if name == "Message" => Self::Message,
                // An object is called as its field (`limits`), one of several and a choice as its type.
                Some(schema) if schema["type"] == "object" && !noun.is_empty() => {
                    Self::of(noun, schema, defs)
                }
                Some(schema) => Self::of(&words(name), schema, defs),
                None => Self::Any,
            };
        }
        if let Some(alternatives) = schema["oneOf"].as_array() {
            let variants = alternatives.iter().flat_map(|one| Variant::of(one, defs)).collect();
            return Self::Choice { noun: noun.to_owned(), variants };
        }
        if let Some(alternatives) = schema["anyOf"].as_array() {
            let value = alternatives.iter().find(|one| one["type"] != "null");
            return value.map_or(Self::Any, |value| Self::Maybe(Box::new(Self::of(noun, value, defs))));
        }
        if schema.get("const").is_some() || schema.get("enum").is_some() {
            return Self::Choice { noun: noun.to_owned(), variants: Variant::of(schema, defs) };
        }
        match &schema["type"] {
            Value::Array(types) => {
                let mut schema = schema.clone();
                schema["type"] = types.iter().find(|one| *one != "null").cloned().unwrap_or_default();
                Self::Maybe(Box::new(Self::of(noun, &schema, defs)))
            }
            Value::String(name) => Self::of_type(name, noun, schema, defs),
            _ => Self::Any,
        }
    }

    fn of_type(name: &str, noun: &str, schema: &Value, defs: &Map<String, Value>) -> Self {
        match name {
            "string" => Self::Text,
            "boolean" => Self::Flag,
            "integer" => {
                let bound = |name: &str| schema[name].as_u64().and_then(|bound| bound.try_into().ok());
                Self::Whole(bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(u32::MAX))
            }
            "array" => Self::List(Box::new(Self::of("", &schema["items"], defs))),
            "object" => match &schema["additionalProperties"] {
                Value::Bool(false) => {
                    Self::Record { noun: noun.to_owned(), fields: Field::all(schema, defs) }
                }
                values => Self::Map(Box::new(Self::of(noun, values, defs))),
            },
            _ => Self::Any,
        }
    }
}

/// The same value with the keys of all objects in order, however `serde_json` was built.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// The name of a type as a person says it: `StopReason` is a stop reason.
fn words(name: &str) -> String {
    let mut words = String::new();
    for char in name.chars() {
        if char.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(char.to_lowercase());
    }
    words
}

impl Field {
    fn all(schema: &Value, defs: &Map<String, Value>) -> Vec<Self> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = schema["properties"].as_object().into_iter().flatten();
        fields
            .map(|(name, schema)| Self {
                name: name.clone(),
                required: required.contains(&name.as_str()),
                shape: Shape::of(name, schema, defs),
            })
            .collect()
    }
}

impl Variant {
    /// The alternatives that one part of a choice's schema stands for.
    fn of(schema: &Value, defs: &Map<String, Value>) -> Vec<Self> {
        let names = schema.get("const").into_iter().chain(schema["enum"].as_array().into_iter().flatten());
        let plain = names.filter_map(Value::as_str).map(|name| Self { name: name.to_owned(), payload: None });
        let carrying = schema["properties"].as_object().into_iter().flatten();
        let carrying = carrying
            .map(|(name, schema)| Self { name: name.clone(), payload: Some(Shape::of(name, schema, defs)) });
        plain.chain(carrying).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_known(shape: &Shape, place: &str) {
        match shape {
            Shape::Any => panic!("nothing is known of {place}"),
            Shape::Record { fields, .. } => {
                fields
                    .iter()
                    .for_each(|field| assert_known(&field.shape, &format!("{place}/{}", field.name)));
            }
            Shape::Choice { variants, .. } => {
                assert!(!variants.is_empty(), "no choice at {place}");
                for variant in variants {
                    let payload = variant.payload.iter();
                    payload.for_each(|shape| assert_known(shape, &format!("{place}/{}", variant.name)));
                }
            }
            Shape::Map(inner) | Shape::List(inner) | Shape::Maybe(inner) => assert_known(inner, place),
            Shape::Text | Shape::Duration | Shape::Whole(..) | Shape::Flag | Shape::Message => {}
        }
    }

    #[test]
    fn types_have_names_that_people_say() {
        assert_eq!(words("StopReason"), "stop reason");
    }

    #[test]
    fn every_place_of_the_format_has_a_shape() {
        assert_known(scenario(), "");
    }
}
