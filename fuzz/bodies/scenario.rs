//! Any text is a scenario or is refused in words; a scenario that is written down again, or laid out, is the same one.

use turnloom::cli::vocabulary;
use turnloom::scenario;
use turnloom::scenario::{Scenario, Vocabulary};

fn meant(text: &str, vocabulary: &Vocabulary) -> Option<Scenario> {
    scenario::parse("any", text, vocabulary).ok().map(|loaded| loaded.scenario)
}

pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let vocabulary = vocabulary();
    let read = match scenario::parse("any", text, &vocabulary) {
        Err(refused) => {
            assert!(!refused.render(false).is_empty(), "a refusal has words");
            None
        }
        Ok(loaded) => {
            let _ = (loaded.warnings.render(false), loaded.only_live.render(false));
            let written = serde_json::to_string(&loaded.scenario).expect("a scenario is JSON");
            assert_eq!(meant(&written, &vocabulary).as_ref(), Some(&loaded.scenario), "{written}");
            Some(loaded.scenario)
        }
    };
    if let Ok(laid_out) = scenario::format("any", text) {
        assert_eq!(scenario::format("any", &laid_out).as_deref(), Ok(laid_out.as_str()));
        assert_eq!(meant(&laid_out, &vocabulary), read, "{laid_out}");
    }
}
