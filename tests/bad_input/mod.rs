//! Bad scenario files, small and inline, each with the text that a person gets to read. Everything goes through the
//! public functions `scenario::load` and `scenario::parse`.

mod actors;
mod confirmation;
mod files;
mod format;
mod fragments;
mod gates;
mod json;
mod live;
mod llm;
mod mutation;
mod names;
mod parts;
mod protocol;
mod reach;
mod regressions;
mod server;
mod shows;
mod unmodelled;
mod waits;

use turnloom::explore::{Token, TokenError};
use turnloom::scenario;
use turnloom::scenario::{TokenNames, Vocabulary};

/// A few names, as a caller would pass in.
fn vocabulary() -> Vocabulary {
    Vocabulary {
        defects: vec!["finish-gap", "fifo-skip"],
        rules: vec!["no-lost-message", "fifo"],
        revisions: vec!["1.24.0", "1.25.0", "fixed"],
        decisions: vec![("first_prompt", vec!["oldest", "newest"]), ("restart", vec!["next_turn", "inline"])],
        protocol: vec![
            ("frames-are-valid", "each line is a message"),
            ("cancel-is-answered-cancelled", "a cancelled prompt is answered cancelled"),
            ("cancel-is-no-error", "a cancelled prompt is not answered with an error"),
            ("updates-before-answer", "updates come before the answer"),
            ("answers-have-requests", "each answer is the only one to a request"),
        ],
        read_token: Some(|text| {
            let token: Token = text.parse().map_err(|error: TokenError| error.to_string())?;
            Ok(TokenNames { scenario: token.scenario, revision: token.revision, defects: token.defects })
        }),
        ..Vocabulary::default()
    }
}

/// All that is said of a text: why it is refused, or the warnings about it.
fn said(text: &str) -> String {
    let findings = match scenario::parse("case", text, &vocabulary()) {
        Ok(loaded) => loaded.warnings,
        Err(findings) => findings,
    };
    format!("\n{}", findings.render(false))
}

/// All that is said of a scenario whose first line is right.
fn said_of(rest: &str) -> String {
    said(&format!(r#"{{"version": 1, "title": "t", "source": "s", "agent": {{"kind": "acp"}},{rest}}}"#))
}

/// The same with an actor who says `hi` and runs, where only the server, the clock and the lists are of interest.
fn said_beside_ann(rest: &str) -> String {
    said_of(&format!(
        "\n\"actors\": [{{\"name\": \"ann\", \"does\": [{{\"send\": {{\"text\": \"hi\"}}}}, \"run\"]}}],{rest}"
    ))
}
