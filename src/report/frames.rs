//! The frames between client and server in an execution: in which step each was sent, and in which it was read.
//!
//! A frame of the client is written to the server's pipe and read when the server's script comes to it. A frame of the
//! server is fed to an event loop and collected when that loop looks for input.

use super::picture::Picture;
use super::words::plain;
use crate::explore::{Anchor, Replay, TraceStep};
use crate::observation::ServerEntry;
use crate::snapshot::ServerWords;

/// The role under which the scripted server moves, and the object that its operations are done to.
const SERVER: &str = "server";

/// What went over the pipe in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether the server sent it.
    pub from_server: bool,
    /// The lane of the sender.
    pub from: usize,
    /// The lane of the reader; none if nobody read it.
    pub to: Option<usize>,
    /// The step in which it was sent.
    pub sent: usize,
    /// The step in which it was read; none if nobody read it.
    pub read: Option<usize>,
    /// What it says.
    pub words: String,
}

/// The frames of an execution, in the order in which they were sent.
#[must_use]
pub fn frames(replay: &Replay, picture: &Picture) -> Vec<Frame> {
    let said = said(replay);
    let mut frames: Vec<(Frame, Reader)> = Vec::new();
    for (at, (step, moment)) in replay.steps.iter().zip(&picture.moments).enumerate() {
        let waiting = frames.iter_mut().filter(|(frame, _)| frame.read.is_none());
        let mut read: Vec<_> = waiting.filter(|(_, reader)| reader.is(step)).collect();
        if step.thread == SERVER {
            // Two frames that say the same are read one after the other.
            read.truncate(1);
        }
        for (frame, _) in read {
            (frame.read, frame.to) = (Some(at), Some(moment.thread));
        }
        let (words, reader) = match step.operation.as_str() {
            "write" if step.object == SERVER => (plain(&step.detail), Reader::Server(step.detail.clone())),
            "feed" if step.thread == SERVER => {
                (spoken(&replay.steps[..at], &said), Reader::Loop(step.object.clone()))
            }
            _ => continue,
        };
        let from_server = step.thread == SERVER;
        frames.push((
            Frame { from_server, from: moment.thread, to: None, sent: at, read: None, words },
            reader,
        ));
    }
    frames.into_iter().map(|(frame, _)| frame).collect()
}

/// Who reads a frame.
enum Reader {
    /// The server, when it comes to what was written.
    Server(String),
    /// The thread that runs this event loop, when it looks for input.
    Loop(String),
}

impl Reader {
    fn is(&self, step: &TraceStep) -> bool {
        match self {
            Self::Server(written) => {
                step.thread == SERVER && step.detail.strip_prefix("read ") == Some(written.as_str())
            }
            Self::Loop(inbox) => step.operation == "select" && step.object == *inbox,
        }
    }
}

/// For each entry of the server's log what the server says with it; none if it only read something.
fn said(replay: &Replay) -> Vec<Option<String>> {
    let mut words = ServerWords::default();
    let entries = replay.outcome.server.iter().map(|entry| {
        let words = words.entry(entry);
        let is_said = matches!(
            entry,
            ServerEntry::Said { .. }
                | ServerEntry::Thought { .. }
                | ServerEntry::Tool { .. }
                | ServerEntry::Called { .. }
                | ServerEntry::Answered { .. }
                | ServerEntry::Failed { .. }
        );
        is_said.then(|| plain(&words))
    });
    entries.collect()
}

/// What the server sends: what it says in the step before, or else the answer to what it read there.
fn spoken(before: &[TraceStep], said: &[Option<String>]) -> String {
    let Some(step) = before.iter().rev().find(|step| step.thread == SERVER) else { return String::new() };
    let entries = step.anchors.iter().filter_map(|anchor| match anchor {
        Anchor::Server(entry) => said.get(*entry)?.clone(),
        Anchor::Event(_) => None,
    });
    let words: Vec<String> = entries.collect();
    match step.detail.strip_prefix("read ") {
        Some(request) if words.is_empty() => format!("answer to {}", plain(request)),
        _ => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::frames;
    use crate::explore::Replay;
    use crate::observation::ServerEntry;
    use crate::report::picture::Picture;
    use crate::report::testkit::replay;

    fn told(replay: &Replay) -> Vec<String> {
        let picture = Picture::of(replay);
        let told = frames(replay, &picture).into_iter().map(|frame| {
            let to = frame.to.map_or("nobody", |lane| picture.threads[lane].as_str());
            let read = frame.read.map(|read| read.to_string()).unwrap_or_default();
            format!("{} {} → {to} {read}: {}", frame.sent, picture.threads[frame.from], frame.words)
        });
        told.collect()
    }

    #[test]
    fn a_frame_is_read_by_who_it_was_sent_to() {
        let mut replay = replay(
            &["portal", "server"],
            "
            portal: write server session/new
            portal: select portal
            server: step server read session/new {s0}
            server: feed portal [NewSession]
            portal: write server session/prompt \"a\"
            portal: select portal [NewSession]
            server: step server read session/prompt \"a\" {s1}
            server: step server say \"hi\", answer end_turn {s2 s3}
            server: feed portal [..]
            ",
        );
        let (process, session, text) = (1, "s1".to_owned(), "a".to_owned());
        replay.outcome.server = vec![
            ServerEntry::New { process, session: session.clone() },
            ServerEntry::Prompt { process, session: session.clone(), text: text.clone() },
            ServerEntry::Said { process, session: session.clone(), text: "hi".into() },
            ServerEntry::Answered { process, session, text, reason: crate::scenario::StopReason::EndTurn },
        ];
        assert_eq!(
            told(&replay),
            [
                "0 portal → server 2: session/new",
                "3 server → portal 5: answer to session/new",
                "4 portal → server 6: session/prompt \"a\"",
                "8 server → nobody : say \"hi\", answered end_turn",
            ]
        );
    }

    #[test]
    fn two_frames_that_say_the_same_are_read_in_their_order() {
        let replay = replay(
            &["portal", "server"],
            "
            portal: write server session/cancel s1
            portal: write server session/cancel s1
            server: step server read session/cancel s1
            server: step server read session/cancel s1
            portal: write server session/cancel s1
            ",
        );
        assert_eq!(
            told(&replay),
            [
                "0 portal → server 2: session/cancel s1",
                "1 portal → server 3: session/cancel s1",
                "4 portal → nobody : session/cancel s1",
            ]
        );
    }
}
