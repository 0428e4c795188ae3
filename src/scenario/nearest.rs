//! Names in messages: the nearest valid one is offered, lists and single names are quoted.

pub(super) use crate::terms::nearest;

/// The question that offers the nearest name, or else the list of all that are valid.
pub(super) fn offer<'a, C>(name: &str, candidates: C, all: &str) -> String
where
    C: IntoIterator<Item = &'a str> + Clone,
{
    match nearest(name, candidates.clone()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None => {
            let list = list(candidates);
            if list.is_empty() { format!("there are no {all}") } else { format!("{all}: {list}") }
        }
    }
}

/// The names in backticks, divided by commas; of a long list only the beginning.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 40;
    let mut names = names.into_iter();
    let mut shown: Vec<String> = names.by_ref().take(SHOWN).map(quoted).collect();
    let rest = names.count();
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    shown.join(", ")
}

/// A name in backticks, without what would break a line, and not longer than a line.
pub(super) fn quoted(name: &str) -> String {
    const SHOWN: usize = 60;
    let mut text: String = name.chars().take(SHOWN).flat_map(visible).collect();
    if name.chars().nth(SHOWN).is_some() {
        text.push_str("...");
    }
    format!("`{text}`")
}

/// A character as it may be printed: control characters are written as escapes.
pub(super) fn visible(char: char) -> impl Iterator<Item = char> {
    let escaped = char.is_control().then(|| char.escape_default());
    let plain = escaped.is_none().then_some(char);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("sned", ["wait", "send", "run"]), Some("send"));
        assert_eq!(nearest("Interupt", ["pause", "interrupt"]), Some("interrupt"));
        assert_eq!(nearest("elephant", ["pause", "interrupt"]), None);
        assert_eq!(nearest("a", ["b", "c"]), Some("b"));
    }

    #[test]
    fn what_is_quoted_stays_on_its_line() {
        assert_eq!(quoted("a\n\u{1b}[0m"), "`a\\n\\u{1b}[0m`");
        assert!(quoted(&"x".repeat(1_000)).len() < 80);
    }
}
