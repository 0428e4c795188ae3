//! Single observations in words. Texts are quoted and nothing that differs reads the same, so that a reviewer never
//! sees two outcomes that look like one.
//!
//! Threads are left out: which role recorded an event is for rules, and would double outcomes that are one to a user.

use crate::observation::{Call, End, Event, Published, ServerEntry, TokenView};
use crate::scenario::{EventKind, word};

/// An event of the log: `user "first"`, `finish`, `tool "t1" completed`.
///
/// ```
/// use turnloom::observation::Event;
/// use turnloom::scenario::EventKind;
///
/// let message =
///     Event { kind: EventKind::UserMessage, text: "first".into(), tool: None, thread: "bob".into() };
/// assert_eq!(turnloom::snapshot::event(&message), "user \"first\"");
/// ```
#[must_use]
pub fn event(event: &Event) -> String {
    let mut words = match event.kind {
        EventKind::UserMessage => "user".to_owned(),
        EventKind::AgentMessage => "agent".to_owned(),
        EventKind::ToolCall => "tool".to_owned(),
        EventKind::SystemPrompt => "system prompt".to_owned(),
        EventKind::AgentError => "agent error".to_owned(),
        EventKind::Finish
        | EventKind::Interrupt
        | EventKind::Pause
        | EventKind::Error
        | EventKind::Action
        | EventKind::Observation
        | EventKind::Rejection => word(&event.kind),
    };
    let has_text =
        matches!(event.kind, EventKind::UserMessage | EventKind::AgentMessage | EventKind::ToolCall);
    if has_text || !event.text.is_empty() {
        words += &format!(" {:?}", event.text);
    }
    if let Some(status) = &event.tool {
        words += &format!(" {}", word(status));
    }
    words
}

/// What a subscriber saw: an event of the log, `delta "x"`, `state running`.
#[must_use]
pub fn published(seen: &Published) -> String {
    match seen {
        Published::Event(one) => event(one),
        Published::Delta(text) => format!("delta {text:?}"),
        Published::State(status) => format!("state {}", word(status)),
    }
}

/// What a tool saw of its token: `run 1 sees token of run 1, cancelled`.
#[must_use]
pub fn token(view: &TokenView) -> String {
    let own = match view.own_run {
        0 => "outside a run".to_owned(),
        run => format!("run {run}"),
    };
    let cancelled = if view.cancelled { ", cancelled" } else { "" };
    match view.seen_run {
        None => format!("{own} sees no token{cancelled}"),
        Some(run) => format!("{own} sees token of run {run}{cancelled}"),
    }
}

pub(super) fn call(call: &Call) -> String {
    format!("{} → {}", call.call, call.returned)
}

pub(super) fn end(end: &End) -> String {
    let cursor = match &end.cursor {
        Some(text) => format!("cursor {text:?}"),
        None => "no cursor".to_owned(),
    };
    let session = match &end.session {
        Some(used) => format!("session {} of process {}", used.session, used.process),
        None => "no session".to_owned(),
    };
    format!("{}, {cursor}, {session}", word(&end.status))
}

/// Entries of the server's log in words, one after the other: what the entries before have said (the process, the
/// session, the prompt) is not said again.
///
/// ```
/// use turnloom::observation::ServerEntry;
/// use turnloom::snapshot::ServerWords;
///
/// let mut words = ServerWords::default();
/// assert_eq!(words.entry(&ServerEntry::Started { process: 1 }), "process 1");
/// assert_eq!(words.entry(&ServerEntry::Initialize { process: 1 }), "initialize");
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerWords {
    process: u32,
    session: String,
    prompt: String,
}

impl ServerWords {
    /// The next entry.
    pub fn entry(&mut self, entry: &ServerEntry) -> String {
        match entry {
            ServerEntry::Started { process } => {
                self.process = *process;
                format!("process {process}")
            }
            ServerEntry::Ended { process } => format!("process {process} ended"),
            ServerEntry::Initialize { process } => self.of(*process, "initialize".to_owned()),
            ServerEntry::New { process, session } => self.asked(*process, session, format!("new {session}")),
            ServerEntry::Load { process, session, loaded } => {
                let result = if *loaded { "ok" } else { "failed" };
                self.asked(*process, session, format!("load {session} → {result}"))
            }
            ServerEntry::Prompt { process, session, text } => {
                self.prompt.clone_from(text);
                self.asked(*process, session, format!("prompt {session} {text:?}"))
            }
            ServerEntry::Suffix { process, session } => {
                self.asked(*process, session, "with suffix".to_owned())
            }
            ServerEntry::Cancel { process, session } => {
                self.asked(*process, session, format!("cancel {session}"))
            }
            ServerEntry::SetModel { process, session, model } => {
                self.asked(*process, session, format!("set model {session} {model:?}"))
            }
            ServerEntry::Said { process, session, text } => {
                self.told(*process, session, format!("say {text:?}"))
            }
            ServerEntry::Thought { process, session, text } => {
                self.told(*process, session, format!("think {text:?}"))
            }
            ServerEntry::Tool { process, session, id, status } => {
                self.told(*process, session, format!("tool {id:?} {}", word(status)))
            }
            ServerEntry::Called { process, session, name, method } => {
                self.told(*process, session, format!("call {method} {name:?}"))
            }
            ServerEntry::Replied { process, name, kind } => {
                self.of(*process, format!("reply to {name:?}: {}", word(kind)))
            }
            ServerEntry::Answered { process, session, text, reason } => {
                let prompt = self.answered(text);
                self.told(*process, session, format!("answered{prompt} {}", word(reason)))
            }
            ServerEntry::Failed { process, session, text, message } => {
                let prompt = self.answered(text);
                self.told(*process, session, format!("failed{prompt}: {message:?}"))
            }
        }
    }

    /// A frame of the client, which names its session itself.
    fn asked(&mut self, process: u32, session: &str, words: String) -> String {
        session.clone_into(&mut self.session);
        self.of(process, words)
    }

    /// A frame of the server: the session only if it is another one than before.
    fn told(&mut self, process: u32, session: &str, words: String) -> String {
        let words = if self.session == session { words } else { format!("{words} in {session}") };
        session.clone_into(&mut self.session);
        self.of(process, words)
    }

    /// The prompt that is answered, unless it is the last one that was read.
    fn answered(&self, text: &str) -> String {
        if self.prompt == text { String::new() } else { format!(" {text:?}") }
    }

    fn of(&mut self, process: u32, words: String) -> String {
        let known = self.process == process;
        self.process = process;
        if known { words } else { format!("{words} of process {process}") }
    }
}
