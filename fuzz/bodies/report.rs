//! Any text is the report of a shard or is refused; what is one can be merged or not, and told in every form.

use turnloom::report::json::CheckDocument;
use turnloom::report::{annotations, checked, json, junit, sarif, shards};

pub fn holds(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<CheckDocument>(bytes) else { return };
    let again = serde_json::from_str::<CheckDocument>(&json::text(&document));
    assert_eq!(json::text(&again.expect("what was read can be written")), json::text(&document));
    let _ = (checked::text(&document, true), junit::of_check(&document));
    let log: serde_json::Value = serde_json::from_str(&sarif::of_check(&document)).expect("it is JSON");
    assert_eq!(log["version"], "2.1.0");
    let annotated = annotations::of_check(&document);
    assert!(annotated.lines().all(|line| line.starts_with("::")), "{annotated}");
    assert!(annotations::summary_of_check(&document, false).starts_with("### turnloom check"));
    let parts = [("1.json".to_owned(), document.clone()), ("2.json".to_owned(), document)];
    for most in [1, 2] {
        if let Err(refused) = shards::merge(parts[..most].to_vec()) {
            assert!(!refused.to_string().is_empty() && !refused.help().is_empty());
        }
    }
}
