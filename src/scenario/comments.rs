//! Comments in a scenario file: `//` to the end of the line, wherever JSON allows white space.

use std::borrow::Cow;
use std::ops::Range;

/// The places of all comments, in order, each without its line's end.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let length = bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                let end = length.map_or(bytes.len(), |length| at + length);
                found.push(at..end);
                at = end;
            }
            _ => at += 1,
        }
    }
    found
}

/// The byte after the string that begins here. A string that is not closed ends with its line, as JSON has no others.
fn after_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\n' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The text with spaces for comments, byte for byte, so that every place in it is one in the text.
pub(super) fn blank(text: &str) -> Cow<'_, str> {
    let comments = find(text);
    if comments.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for comment in comments {
        plain.push_str(&text[plain.len()..comment.start]);
        plain.extend(std::iter::repeat_n(' ', comment.len()));
    }
    plain.push_str(&text[plain.len()..]);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_nothing_moves() {
        let text = "// ä\n{\"a\": \"// no \\\" // comment\", // ö\r\n\"b\": 1} //";
        let plain = blank(text);
        assert_eq!(plain, "     \n{\"a\": \"// no \\\" // comment\",      \r\n\"b\": 1}   ");
        assert_eq!(plain.len(), text.len());
    }

    #[test]
    fn a_text_without_comments_is_the_same_text() {
        assert!(matches!(blank("{\"a\": \"http://b\"} / /"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_string_that_is_not_closed_hides_no_comment_below_it() {
        assert_eq!(blank("\"a // b\n1 // c\n\"").trim_end(), "\"a // b\n1     \n\"");
        assert_eq!(blank("\"\\"), "\"\\");
    }
}
