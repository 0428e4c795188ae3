//! Any text is a token or is refused; whatever schedule is in it survives being written and read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnloom::explore::{Schedule, Token};

fuzz_target!(|text: &str| {
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse::<Token>().expect("what was read can be written"), token);
    }
    // The check at the end of a token keeps nearly all texts from getting any further.
    let Ok(schedule) = text.parse::<Schedule>() else { return };
    let (scenario, defects) = ("s".to_owned(), vec!["d".to_owned()]);
    let token = Token { scenario, revision: None, defects, schedule };
    assert_eq!(token.to_string().parse::<Token>().expect("what was read can be written"), token);
});
