//! Any text is a scenario or is refused in words; a scenario that is written down again is the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnloom::explore::{Token, TokenError};
use turnloom::scenario::{self, TokenNames, Vocabulary};

fn read_token(text: &str) -> Result<TokenNames, String> {
    let token: Token = text.parse().map_err(|error: TokenError| error.to_string())?;
    Ok(TokenNames { scenario: token.scenario, revision: token.revision, defects: token.defects })
}

fuzz_target!(|text: &str| {
    let vocabulary = Vocabulary {
        defects: vec!["finish-gap", "fifo-skip"],
        rules: vec!["no-replay", "no-hang"],
        revisions: vec!["1.25.0", "fixed"],
        decisions: vec![("finish_check", vec!["atomic", "split"])],
        read_token: Some(read_token),
    };
    match scenario::parse("fuzz", text, &vocabulary) {
        Err(refused) => assert!(!refused.render(false).is_empty(), "a refusal has words"),
        Ok(loaded) => {
            let _ = loaded.warnings.render(false);
            let written = serde_json::to_string(&loaded.scenario).expect("a scenario is JSON");
            let again = scenario::parse("fuzz", &written, &vocabulary).expect("what was read can be written");
            assert_eq!(again.scenario, loaded.scenario);
        }
    }
});
