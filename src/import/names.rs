//! Names for what means something only on the machine where a session was played: paths, ids of tool calls. The same
//! thing has the same name throughout.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::Message;

/// What a path to the folder of the conversation becomes.
const WORKSPACE: &str = "workspace";

/// The names given so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The folders in which sessions work.
    folders: Vec<String>,
    paths: BTreeMap<String, String>,
    tools: BTreeMap<String, String>,
}

impl Names {
    /// Takes note of a folder in which a session works. The root is in every path, so it is none.
    pub(crate) fn folder(&mut self, path: &str) {
        let path = path.trim_end_matches(['/', '\\']);
        if !path.is_empty() && !self.folders.iter().any(|known| known == path) {
            self.folders.push(path.to_owned());
        }
    }

    /// The name of a tool call.
    pub(crate) fn tool(&mut self, id: &str) -> String {
        let next = self.tools.len() + 1;
        self.tools.entry(id.to_owned()).or_insert_with(|| format!("tool-{next}")).clone()
    }

    /// A text with names for the paths in it.
    pub(crate) fn text(&mut self, text: &str) -> String {
        let mut named = String::new();
        let mut rest = text;
        while let Some(at) = path_in(rest) {
            let (before, path) = rest.split_at(at);
            named += before.strip_suffix("file://").unwrap_or(before);
            let end = path.find(ends_path).unwrap_or(path.len());
            let (path, behind) = path.split_at(end);
            let bare = path.trim_end_matches(['.', ':', '!', '?']);
            named += &self.path(bare);
            named += &path[bare.len()..];
            rest = behind;
        }
        named + rest
    }

    fn path(&mut self, path: &str) -> String {
        for folder in &self.folders {
            match path.strip_prefix(folder.as_str()) {
                Some("") => return WORKSPACE.to_owned(),
                Some(below) if below.starts_with(['/', '\\']) => {
                    return format!("{WORKSPACE}{}", below.replace('\\', "/"));
                }
                _ => {}
            }
        }
        if path.split(['/', '\\']).filter(|part| !part.is_empty()).count() < 2 {
            return path.to_owned();
        }
        let next = self.paths.len() + 1;
        self.paths.entry(path.to_owned()).or_insert_with(|| format!("path-{next}")).clone()
    }

    /// A message with names, and with `"$session"` for the session that it belongs to.
    pub(crate) fn message(&mut self, message: &serde_json::Map<String, Value>, session: &str) -> Message {
        Message(message.iter().map(|(key, value)| (key.clone(), self.value(value, session))).collect())
    }

    fn value(&mut self, value: &Value, session: &str) -> Value {
        match value {
            Value::String(text) if text == session && !session.is_empty() => "$session".into(),
            Value::String(text) => match self.tools.get(text) {
                Some(tool) => tool.clone().into(),
                None => self.text(text).into(),
            },
            Value::Array(items) => items.iter().map(|item| self.value(item, session)).collect(),
            Value::Object(members) => Value::Object(self.message(members, session).0),
            other => other.clone(),
        }
    }
}

/// Where the first absolute path begins.
fn path_in(text: &str) -> Option<usize> {
    let begins = |(at, char): (usize, char)| {
        let before = &text[..at];
        let first = before.ends_with("file://") || before.chars().next_back().is_none_or(ends_path);
        let drive = char.is_ascii_alphabetic() && text[at + 1..].starts_with(":\\");
        (first && (char == '/' || drive)).then_some(at)
    };
    text.char_indices().find_map(begins)
}

/// Whether a path in running text ends before this character.
fn ends_path(char: char) -> bool {
    char.is_whitespace() || "\"'`()[]{}<>,;|=".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_get_names_and_the_same_path_the_same_name() {
        let mut names = Names::default();
        names.folder("/home/ann/work/");
        for (text, named) in [
            ("look at /home/ann/work/src/a.rs.", "look at workspace/src/a.rs."),
            ("in /home/ann/work, and file:///etc/hosts", "in workspace, and path-1"),
            ("(/etc/hosts) /etc/passwd", "(path-1) path-2"),
            ("/home/ann/workshop/x", "path-3"),
            ("C:\\Users\\ann x", "path-4 x"),
        ] {
            assert_eq!(names.text(text), named, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_stays() {
        let mut names = Names::default();
        names.folder("/");
        for text in ["and/or", "/help me", "a / b", "https://host/a/b", "3/4", "", "/", "x=1"] {
            assert_eq!(names.text(text), text);
        }
    }

    #[test]
    fn ids_in_a_message_get_names() {
        let mut names = Names::default();
        assert_eq!(names.tool("call_8f2"), "tool-1");
        let message = serde_json::json!({ "a": ["s1", "call_8f2", "/a/b/c", 7], "s1": "s10" });
        let message = names.message(message.as_object().unwrap(), "s1");
        assert_eq!(
            serde_json::to_string(&message).unwrap(),
            r#"{"a":["$session","tool-1","path-1",7],"s1":"s10"}"#
        );
    }
}
