//! The layout of random JSON and of every shipped scenario, however they are spread over lines and whatever comments
//! stand between.

use proptest::prelude::*;
use turnloom::scenario;

use super::shipped;

/// What stands between two tokens of JSON.
fn gap() -> impl Strategy<Value = Vec<&'static str>> {
    let gaps = [
        "",
        "",
        " ",
        "\n",
        "\n\n",
        "\r\n \t",
        " // one\n",
        "\n// two \"\n\n",
        "//\r\n",
        "\n\n\n  // \u{e9} //\n",
    ];
    prop::collection::vec(prop::sample::select(gaps.to_vec()), 1..40)
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z/\"\\\\]{0,60}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z/]{1,9}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The tokens of a tree, in order.
fn tokens(value: &serde_json::Value, into: &mut Vec<String>) {
    let separated = |into: &mut Vec<String>, at: usize| {
        if at > 0 {
            into.push(",".to_owned())
        }
    };
    match value {
        serde_json::Value::Array(items) => {
            into.push("[".to_owned());
            for (at, item) in items.iter().enumerate() {
                separated(into, at);
                tokens(item, into);
            }
            into.push("]".to_owned());
        }
        serde_json::Value::Object(members) => {
            into.push("{".to_owned());
            for (at, (key, value)) in members.iter().enumerate() {
                separated(into, at);
                into.push(serde_json::Value::from(key.as_str()).to_string());
                into.push(":".to_owned());
                tokens(value, into);
            }
            into.push("}".to_owned());
        }
        leaf => into.push(leaf.to_string()),
    }
}

/// The text with the gaps between its tokens.
fn spread(tokens: &[String], gaps: &[&str]) -> String {
    let mut text = String::new();
    for (token, gap) in tokens.iter().zip(gaps.iter().cycle()) {
        text.push_str(gap);
        text.push_str(token);
    }
    text + gaps[0]
}

/// The comments of a text whose strings hold no two slashes after a space or a line's end.
fn comments(text: &str, tokens: &[String]) -> (Vec<String>, String) {
    let (mut rest, mut found, mut bare) = (text, Vec::new(), String::new());
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            found.push(rest[..end].trim_end().to_owned());
            rest = &rest[end..];
        } else if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else {
            let token = tokens.iter().filter(|token| rest.starts_with(token.as_str()));
            let token = token.max_by_key(|token| token.len()).expect("a token of the tree");
            bare.push_str(token);
            rest = &rest[token.len()..];
        }
    }
    (found, bare)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the white space and wherever the comments: laid out once is laid out for good, and nothing is lost.
    #[test]
    fn a_layout_keeps_all_but_white_space(tree in tree(), gaps in gap()) {
        let mut parts = Vec::new();
        tokens(&tree, &mut parts);
        let text = spread(&parts, &gaps);
        let laid_out = scenario::format("case", &text).expect("it is JSON");
        prop_assert_eq!(scenario::format("case", &laid_out).expect("it still is"), laid_out.clone());
        let (mut before, bare) = comments(&text, &parts);
        let (mut after, still) = comments(&laid_out, &parts);
        prop_assert_eq!(bare, parts.concat());
        prop_assert_eq!(still, parts.concat());
        before.sort();
        after.sort();
        prop_assert_eq!(before, after);
    }

    /// A scenario means the same however it is written.
    #[test]
    fn a_layout_keeps_the_meaning(which in any::<prop::sample::Index>(), gaps in gap()) {
        let mut shipped = shipped();
        // One that uses a fragment is no scenario by its text alone.
        shipped.retain(|(_, text)| !text.contains(r#"{"use": "#));
        let (name, text) = &shipped[which.index(shipped.len())];
        let mut parts = Vec::new();
        tokens(&serde_json::from_str(text).expect("JSON"), &mut parts);
        let loose = spread(&parts, &gaps);
        let read = |text: &str| {
            let vocabulary = vocabulary();
            scenario::parse(name, text, &vocabulary).map(|loaded| loaded.scenario).map_err(|wrong| wrong.render(false))
        };
        let laid_out = scenario::format(name, &loose).expect("it is JSON");
        prop_assert_eq!(read(&laid_out), read(&loose));
        prop_assert_eq!(read(&laid_out), read(text));
        prop_assert!(read(text).is_ok());
    }
}

/// Every name that a shipped scenario uses.
fn vocabulary() -> scenario::Vocabulary {
    use turnloom::subject::model as runtime;
    use turnloom::{rules as check, verify};
    let alternatives =
        |decision: &runtime::Decision| decision.alternatives.iter().map(|one| one.name).collect();
    scenario::Vocabulary {
        defects: runtime::DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: check::rules().iter().map(|rule| rule.name()).collect(),
        revisions: runtime::REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: runtime::DECISIONS.iter().map(|one| (one.name, alternatives(one))).collect(),
        protocol: verify::protocol::RULES.iter().map(|rule| (rule.name, rule.title)).collect(),
        ..scenario::Vocabulary::default()
    }
}
