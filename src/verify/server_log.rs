//! The server's log of a session, read out of its transcript.

use crate::observation::ServerEntry;
use crate::scenario::Scenario;
use crate::wire::session::LiveSession;
use crate::wire::transcript::{Entry, Transcript, is_of};

/// What the server of a scenario read and wrote in the session that a transcript tells of. If the scenario was made of
/// the transcript, the names in it are those of the scenario.
#[must_use]
pub fn server_log(scenario: &Scenario, entries: &[Entry]) -> Vec<ServerEntry> {
    if !is_of(scenario, entries) {
        return crate::import::server_log(entries);
    }
    let mut desk = LiveSession::new(scenario, Transcript::nowhere());
    // Nothing is written, so nothing can fail.
    let _ = desk.replay(entries);
    desk.script().log().to_vec()
}
