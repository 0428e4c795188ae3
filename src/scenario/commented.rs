//! Comments for the reader of a scenario: above all of it, and above its fields.

use super::diagnostic::Sink;
use super::json;
use super::json::Value;
use super::{Diagnostics, comments, format};

/// The text in the canonical layout, with a comment above all of it and one above each field that has one here.
///
/// # Errors
///
/// As for [`format()`].
///
/// ```
/// use turnloom::scenario;
/// let text = scenario::commented("x", "{\"version\": 1}", "A scenario.", &[("version", "The only one.")]).unwrap();
/// assert_eq!(text, "// A scenario.\n{\n  // The only one.\n  \"version\": 1\n}\n");
/// ```
pub fn commented(name: &str, text: &str, head: &str, fields: &[(&str, &str)]) -> Result<String, Diagnostics> {
    let root = json::read(&comments::blank(text), &mut Sink::default());
    let members = match root.as_ref().map(|root| &root.value) {
        Some(Value::Object(members)) => members.as_slice(),
        _ => &[],
    };
    let mut out = lines(head);
    let mut written = 0;
    for member in members {
        if let Some((_, comment)) = fields.iter().find(|(key, _)| *key == member.key) {
            let at = member.key_span.start;
            out.push_str(&text[written..at]);
            out.push_str("\n\n");
            out.push_str(&lines(comment));
            written = at;
        }
    }
    out.push_str(&text[written..]);
    format(name, &out)
}

/// The text as comments, a line each.
fn lines(text: &str) -> String {
    text.lines().map(|line| format!("// {line}").trim_end().to_owned() + "\n").collect()
}
