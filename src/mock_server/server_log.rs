//! What a server read and wrote. A live server, which may go on for long, keeps of it only how often it has read which frame.

use std::collections::BTreeMap;
use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::ServerEntry;
use super::message::LLM;
use crate::scenario::{FrameSeen, Method};

/// The log of a server.
#[derive(Debug, Clone, Hash)]
pub(super) enum ServerLog {
    /// Every entry.
    Whole(Vec<ServerEntry>),
    /// How often each frame was read: of this method, and of this method with this text, as a digest.
    Counted(BTreeMap<(Method, Option<u128>), u32>),
}

impl Default for ServerLog {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

impl ServerLog {
    pub(super) fn push(&mut self, entry: ServerEntry) {
        match self {
            Self::Whole(entries) => entries.push(entry),
            Self::Counted(counts) => {
                let Some((method, text)) = frame(&entry) else { return };
                for key in std::iter::once(None).chain(text.map(|text| Some(digest(text)))) {
                    *counts.entry((method, key)).or_default() += 1;
                }
            }
        }
    }

    /// All entries; none if they were only counted.
    pub(super) fn entries(&self) -> &[ServerEntry] {
        match self {
            Self::Whole(entries) => entries,
            Self::Counted(_) => &[],
        }
    }

    /// How often such a frame was read.
    pub(super) fn count(&self, wanted: &FrameSeen) -> usize {
        match self {
            Self::Whole(entries) => entries.iter().filter(|entry| is_frame(entry, wanted)).count(),
            Self::Counted(counts) => {
                let has_text = matches!(wanted.method, Method::Prompt | Method::Completion);
                let key = (wanted.method, wanted.text.as_deref().filter(|_| has_text).map(digest));
                counts.get(&key).map_or(0, |count| *count as usize)
            }
        }
    }

    /// The load at this place of the log was answered, well or not.
    pub(super) fn answer_load(&mut self, place: usize, ok: bool) {
        if let Self::Whole(entries) = self
            && let Some(ServerEntry::Load { loaded, .. }) = entries.get_mut(place)
        {
            *loaded = ok;
        }
    }
}

/// The frame that an entry is the reading of; none if it is another entry.
fn frame(entry: &ServerEntry) -> Option<(Method, Option<&str>)> {
    match entry {
        ServerEntry::Initialize { .. } => Some((Method::Initialize, None)),
        ServerEntry::New { .. } => Some((Method::New, None)),
        ServerEntry::Load { .. } => Some((Method::Load, None)),
        ServerEntry::Prompt { process, session, text } => {
            // The LLM of a native agent has no process, and its completions are the prompts.
            let beside = *process > 0 && session == LLM;
            Some((if beside { Method::Completion } else { Method::Prompt }, Some(text)))
        }
        ServerEntry::Cancel { .. } => Some((Method::Cancel, None)),
        ServerEntry::SetModel { .. } => Some((Method::SetModel, None)),
        _ => None,
    }
}

/// Whether the entry is the reading of such a frame. Where a frame has no text, a text that is asked for does not matter.
fn is_frame(entry: &ServerEntry, wanted: &FrameSeen) -> bool {
    frame(entry).is_some_and(|(method, text)| {
        let differs = text.zip(wanted.text.as_deref()).is_some_and(|(text, wanted)| text != wanted);
        method == wanted.method && !differs
    })
}

fn digest(text: &str) -> u128 {
    let mut hasher = SipHasher13::new();
    text.hash(&mut hasher);
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_are_only_counted_are_as_many_as_in_the_whole_log() {
        let prompt = |process, session: &str, text: &str| ServerEntry::Prompt {
            process,
            session: session.into(),
            text: text.into(),
        };
        let entries = [
            ServerEntry::Started { process: 1 },
            ServerEntry::Initialize { process: 1 },
            prompt(1, "s1", "a"),
            prompt(1, "s1", "b"),
            prompt(2, "s1", "a"),
            prompt(1, LLM, "a"),
            ServerEntry::Cancel { process: 1, session: "s1".into() },
        ];
        let (mut whole, mut counted) = (ServerLog::default(), ServerLog::Counted(BTreeMap::new()));
        for entry in entries {
            whole.push(entry.clone());
            counted.push(entry);
            for method in
                [Method::Initialize, Method::Prompt, Method::Completion, Method::Cancel, Method::Load]
            {
                for text in [None, Some("a"), Some("b"), Some("c")] {
                    let frame = FrameSeen { method, text: text.map(str::to_owned), count: 1 };
                    assert_eq!(whole.count(&frame), counted.count(&frame), "{frame:?}");
                }
            }
        }
        assert!(counted.entries().is_empty());
    }
}
