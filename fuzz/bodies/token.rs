//! Any text is a token or is refused; whatever schedule is in it survives being written and read.

use turnloom::engine::execution::Schedule;
use turnloom::explore::Firing;
use turnloom::explore::Token;

pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse::<Token>().expect("what was read can be written"), token);
    }
    // The check at the end of a token keeps nearly all texts from getting any further.
    let Ok(schedule) = text.parse::<Schedule>() else { return };
    let (scenario, defects) = ("s".to_owned(), vec!["d".to_owned()]);
    let token = Token { scenario, revision: None, defects, timers: Firing::Race, schedule };
    assert_eq!(token.to_string().parse::<Token>().expect("what was read can be written"), token);
}
