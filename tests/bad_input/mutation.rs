//! Valid files, broken at random: whatever comes out is a scenario or findings with places in the text.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use turnloom::scenario;
use turnloom::scenario::Severity;

use super::vocabulary;

const WHOLE: &str = r##"{
  "version": 1, "title": "a replacement cancels the prompt in flight", "source": "#3376 – R03",
  "agent": {"kind": "acp", "session": "cold"}, "through": "service", "revision": "1.25.0",
  "decisions": {"first_prompt": "newest"}, "limits": {"iterations": 3, "drain": "2s"}, "gates": ["streamed"],
  "actors": [
    {"name": "ann", "does": [{"send": {"text": "long", "run": true}}, {"wait": {"gate": "streamed"}},
      {"send": {"text": "short", "run": true}}, {"wait": {"status": "idle"}}, "close"]},
    {"name": "tool", "does": [{"wait": {"frame": {"method": "session/prompt", "text": "long", "count": 1}}},
      {"tool": "begin"}, {"tool": "poll_token"}, "interrupt", "pause", "run"]}
  ],
  "clock": [{"wait": {"event": {"kind": "user_message", "text": "short"}}}, {"fire": "drain"}],
  "server": [
    {"on": {"prompt": "long"}, "do": [{"say": "añ \u0041"}, {"tool": {"id": "t", "status": "pending"}},
      {"open": "streamed"}, {"wait": {"frame": {"method": "session/cancel"}}}, {"answer": "cancelled"}]},
    {"on": "any_prompt", "do": [{"think": "x"}, {"fail": "no"}]}, {"on": "cancel", "do": []}
  ],
  "observe": ["events", "server"], "loom": {"preemptions": 1, "inline": ["server"]},
  "catches": [{"row": "R17", "defect": "fifo-skip", "rules": ["fifo"]}]
}"##;

/// Asserts what holds for every text.
fn assert_judged(text: &str) {
    let findings = match scenario::parse("case", text, &vocabulary()) {
        Ok(loaded) => {
            assert!(loaded.warnings.iter().all(|one| one.severity() == Severity::Warning));
            loaded.warnings
        }
        Err(findings) => {
            assert!(findings.has_errors(), "refused without a reason: {text}");
            findings
        }
    };
    assert_laid_out(text);
    for label in findings.iter().flat_map(|finding| finding.labels()) {
        let (_, held) = findings.file_of(label);
        assert!(label.span.start <= label.span.end && label.span.end <= held.len(), "{label:?} in {text}");
        assert!(held.get(label.span.clone()).is_some(), "{label:?} splits a character in {text}");
    }
    for finding in &findings {
        assert!(!finding.message().is_empty() && !finding.message().ends_with('.'), "{finding:?}");
    }
    let page = findings.render(false);
    assert_eq!(page, findings.render(false));
    // Every finding that has a place is shown with it.
    let placed = findings.iter().filter(|finding| !finding.labels().is_empty()).count();
    assert!(page.matches("[case:").count() >= placed, "{page}");
}

/// What is JSON is laid out in one way, which means the same; what is none is not.
fn assert_laid_out(text: &str) {
    let Ok(laid_out) = scenario::format("case", text) else { return };
    assert_eq!(scenario::format("case", &laid_out).as_ref(), Ok(&laid_out));
    let meant = |text: &str| scenario::parse("case", text, &vocabulary()).map(|loaded| loaded.scenario).ok();
    assert_eq!(meant(&laid_out), meant(text), "{text}");
}

/// The values of a tree, in order, with the tree itself first.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value with this number.
fn nth(value: &mut Value, at: usize) -> Option<&mut Value> {
    let mut left = at;
    nth_below(value, &mut left)
}

fn nth_below<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth_below(item, left)),
        Value::Object(fields) => fields.values_mut().find_map(|field| nth_below(field, left)),
        _ => None,
    }
}

/// The tokens of the text, roughly: words, strings without spaces, single signs.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |char: char| char.is_alphanumeric() || "_-\"/".contains(char);
    text.split_inclusive(|char: char| !is_word(char)).collect()
}

#[test]
fn the_whole_file_is_right() {
    let loaded = scenario::parse("case", WHOLE, &vocabulary())
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    let again = serde_json::to_string(&loaded.scenario).unwrap();
    assert_eq!(scenario::parse("case", &again, &vocabulary()).unwrap().scenario, loaded.scenario);
}

#[test]
fn cut_off_anywhere() {
    for at in (0..WHOLE.len()).filter(|&at| WHOLE.is_char_boundary(at)) {
        assert_judged(&WHOLE[..at]);
        assert_judged(&WHOLE[at..]);
    }
}

fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\/0-9e.u\n\r\x1b ".to_vec())]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(1e300),
        json!(""),
        json!("run"),
        json!("long"),
        json!("streamed"),
        json!("1h"),
        json!([]),
        json!({}),
        json!([[["x"]]]),
        json!({"wait": {"gate": "streamed"}}),
        json!({"open": "streamed", "run": null}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_changed(edits in prop::collection::vec((any::<Index>(), 0..3, byte()), 1..6)) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => _ = bytes.remove(at),
                1 => bytes.insert(at, byte),
                _ => bytes[at] = byte,
            }
        }
        assert_judged(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn tokens_swapped(swaps in prop::collection::vec((any::<Index>(), any::<Index>()), 1..4)) {
        let mut tokens = tokens(WHOLE);
        for (one, other) in swaps {
            let (one, other) = (one.index(tokens.len()), other.index(tokens.len()));
            tokens.swap(one, other);
        }
        assert_judged(&tokens.concat());
    }

    #[test]
    fn values_replaced(edits in prop::collection::vec((any::<Index>(), leaf()), 1..5), pretty in any::<bool>()) {
        let mut root: Value = serde_json::from_str(WHOLE).unwrap();
        for (at, leaf) in edits {
            let at = at.index(count(&root));
            *nth(&mut root, at).unwrap() = leaf;
        }
        assert_judged(&if pretty { format!("{root:#}") } else { root.to_string() });
    }

    #[test]
    fn fields_dropped(edits in prop::collection::vec((any::<Index>(), any::<Index>()), 1..6)) {
        let mut root: Value = serde_json::from_str(WHOLE).unwrap();
        for (at, which) in edits {
            let at = at.index(count(&root));
            match nth(&mut root, at).unwrap() {
                Value::Object(fields) if !fields.is_empty() => {
                    let key = fields.keys().nth(which.index(fields.len())).unwrap().clone();
                    fields.remove(&key);
                }
                Value::Array(items) if !items.is_empty() => _ = items.remove(which.index(items.len())),
                _ => {}
            }
        }
        assert_judged(&format!("{root:#}"));
    }
}
