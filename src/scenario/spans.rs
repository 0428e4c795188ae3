//! Finds the bytes of a value by its JSON pointer.

use std::ops::Range;

use super::json::{Member, Node, Value};

/// The places of all values of a text.
#[derive(Debug)]
pub(super) struct Spans {
    root: Node,
}

impl Spans {
    pub fn new(root: Node) -> Self {
        Self { root }
    }

    /// Where a caret for the value at this pointer goes. A value that is not written has the place of what it would
    /// be in.
    pub fn value(&self, pointer: &str) -> Range<usize> {
        self.walk(pointer).0.caret()
    }

    /// Where a caret for the key of the value at this pointer goes; for an item of a list that of the value.
    pub fn key(&self, pointer: &str) -> Range<usize> {
        match self.walk(pointer) {
            (_, Some(member)) => member.key_span.clone(),
            (node, None) => node.caret(),
        }
    }

    fn walk(&self, pointer: &str) -> (&Node, Option<&Member>) {
        let mut found = (&self.root, None);
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &found.0.value {
                Value::Object(_) => found.0.get(&part).map(|member| (&member.node, Some(member))),
                Value::List(nodes) => {
                    part.parse::<usize>().ok().and_then(|at| nodes.get(at)).map(|node| (node, None))
                }
                _ => None,
            };
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }
}

/// One part of a pointer, with what pointers use for themselves escaped.
pub(super) fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::diagnostic::Sink;

    #[test]
    fn pointers_lead_to_bytes() {
        let text = r#"{"a/b": [{"c": 7}], "d": "e"}"#;
        let spans = Spans::new(crate::scenario::json::read(text, &mut Sink::default()).unwrap());
        assert_eq!(&text[spans.value(&format!("/{}/0/c", escape("a/b")))], "7");
        assert_eq!(&text[spans.key("/a~1b/0/c")], r#""c""#);
        assert_eq!(&text[spans.value("/d")], r#""e""#);
        assert_eq!(spans.value("/d/nothing/here"), spans.value("/d"));
        assert_eq!(spans.value("/a~1b/3"), spans.value("/a~1b"));
    }
}
