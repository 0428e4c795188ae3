//! The transcript: one entry a line, one order over everything that happened to a live server.
//!
//! An entry is in the file before anybody can see what it tells of, since clients kill their agents without a word. The
//! file outlives a process: the next one of the same scenario reads it and goes on.

use std::fs::{File, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::scenario::Scenario;
use crate::terms::{EventKind, Status};

/// One line of a transcript.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the order, counted from 1.
    pub n: u64,
    /// The process of the server that wrote it, counted from 1.
    pub process: u32,
    /// Milliseconds since that process began; only if times were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A process begins.
    Begin {
        /// The scenario's name.
        scenario: String,
        /// A hash of what the scenario says.
        digest: String,
    },
    /// A frame was read.
    Read {
        /// The frame, byte for byte.
        frame: Box<RawValue>,
        /// What the server makes of a frame that the specification says nothing about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
    },
    /// What was read is no frame.
    Garbage {
        /// What was read; nothing of a line that is too long.
        bytes: Bytes,
        /// Why it is no frame.
        why: String,
    },
    /// The server took a step. What it writes leaves in one write, unless a cut is in it.
    Step {
        /// The running reaction that it belongs to; none for an answer at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reaction: Option<usize>,
        /// What it does, in words.
        did: String,
        /// What goes to the client.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        writes: Vec<Part>,
    },
    /// A completion was asked for over HTTP.
    Ask {
        /// The connection, counted from 1 in each process.
        connection: u64,
        /// The number of the request, in one count with those of the pipe.
        request: u64,
        /// The body: byte for byte, but on one line.
        body: Box<RawValue>,
    },
    /// The LLM took a step. What it writes leaves in one write, unless a cut is in it.
    Reply {
        /// The request that it answers.
        request: u64,
        /// The running reaction that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reaction: Option<usize>,
        /// What it does, in words.
        did: String,
        /// What goes to the client.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        writes: Vec<HttpPart>,
    },
    /// Something on a connection of HTTP that is no completion.
    Http {
        /// The connection.
        connection: u64,
        /// What it is: a request that was refused, a client that hung up.
        note: String,
        /// The body of what was refused, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<Bytes>,
    },
    /// A gate was opened.
    Open {
        /// The gate.
        gate: String,
        /// Who opened it.
        by: By,
    },
    /// An actor tells of what the server cannot see.
    Tell {
        /// The status of the conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
        /// An event of its log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<ToldEvent>,
    },
    /// A call of an actor returned.
    Call {
        /// The actor.
        actor: String,
        /// The call.
        call: String,
        /// What it returned.
        returned: String,
    },
    /// The process ends of itself. A process that was killed has no such entry.
    End {
        /// Why.
        why: End,
        /// What the running reactions wait for, in words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        waits: Vec<String>,
    },
}

/// An event of the conversation's log, as an actor tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldEvent {
    /// Its kind.
    pub kind: EventKind,
    /// The text of a message, the id of a tool card.
    #[serde(default)]
    pub text: String,
}

/// Who opens a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The script.
    Server,
    /// Somebody at the control port.
    Control,
}

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The client closed the server's input.
    InputEnded,
    /// The client reads no more.
    ClientGone,
    /// The script says so, with this exit code.
    Exit(u8),
    /// Somebody at the control port says so.
    Control,
    /// Nothing happened for as long as the watchdog waits: the result is inconclusive.
    Inconclusive,
}

/// A part of what goes to the client.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A frame on a line.
    Frame(Box<RawValue>),
    /// Bytes as they are.
    Raw(Bytes),
    /// The next frame is cut behind so many bytes.
    Split(u32),
    /// The output is closed.
    CloseOutput,
    /// The process ends.
    Exit(u8),
}

/// A part of what goes to the client of the LLM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpPart {
    /// The head of an answer.
    Head(Head),
    /// An event of a stream.
    Event(Box<RawValue>),
    /// The event that ends a stream: `[DONE]`.
    Done,
    /// A piece of the body as it is.
    Body(Bytes),
    /// The next piece is cut behind so many bytes.
    Split(u32),
    /// The answer is complete; the connection goes on.
    End,
    /// The connection is closed.
    HangUp,
    /// The server's half of the connection is closed.
    CloseOutput,
    /// The connection is reset.
    Reset,
    /// The process ends.
    Exit(u8),
}

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The length of the body in bytes; without it the body comes in chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// After how many seconds the client may try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// Bytes as a text if they are one, else as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// UTF-8.
    Text(String),
    /// Pairs of digits.
    Hex(String),
}

impl Bytes {
    /// The bytes as they were.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            // Only what was made from bytes is here, or what somebody has spoilt since.
            Self::Hex(hex) => crate::scenario::Raw::Hex(hex.clone()).bytes().unwrap_or_default(),
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

/// Why a transcript cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The file.
    #[error("failed to {verb} transcript `{}`: {}", path.display(), error.kind())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
    /// A line.
    #[error("failed to read transcript `{}`: line {line} is no entry: {error}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// Another process writes it.
    #[error("failed to open transcript `{}`: another process of the server still writes it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// It tells of another scenario.
    #[error("failed to go on with transcript `{}`: it is of another scenario, or the scenario has changed since", path.display())]
    OtherScenario {
        /// The file.
        path: PathBuf,
    },
}

/// The entries of a transcript. A line that was not written to its end is left out.
///
/// # Errors
///
/// If the file cannot be read or a line is no entry.
pub fn read(path: &Path) -> Result<Vec<Entry>, TranscriptError> {
    let text = std::fs::read_to_string(path).map_err(file("read", path))?;
    entries(path, &text)
}

fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, TranscriptError> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let entry = |(at, line): (usize, &str)| {
        let wrong = |error| TranscriptError::Line { path: path.to_owned(), line: at + 1, error };
        serde_json::from_str(line).map_err(wrong)
    };
    whole.lines().enumerate().map(entry).collect()
}

fn file(verb: &'static str, path: &Path) -> impl Fn(io::Error) -> TranscriptError {
    move |error| TranscriptError::File { verb, path: path.to_owned(), error }
}

/// Where entries go.
pub(crate) struct Transcript {
    to: Option<(PathBuf, File)>,
    entries: u64,
    process: u32,
    began: Option<Instant>,
}

impl Transcript {
    /// No file: entries are only counted.
    pub(crate) fn nowhere() -> Self {
        Self { to: None, entries: 0, process: 0, began: None }
    }

    /// Opens the file and keeps others from writing it; the entries that it has already.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Entry>), TranscriptError> {
        let mut options = OpenOptions::new();
        let mut opened =
            options.read(true).append(true).create(true).open(path).map_err(file("open", path))?;
        match opened.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(TranscriptError::Busy { path: path.to_owned() });
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(file("lock", path)(error)),
        }
        let mut text = String::new();
        opened.read_to_string(&mut text).map_err(file("read", path))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            opened.set_len(whole as u64).map_err(file("mend", path))?;
            opened.seek(SeekFrom::End(0)).map_err(file("mend", path))?;
        }
        let entries = entries(path, &text)?;
        let last = entries.last();
        let transcript = Self {
            to: Some((path.to_owned(), opened)),
            entries: last.map_or(0, |entry| entry.n),
            process: last.map_or(0, |entry| entry.process),
            began: None,
        };
        Ok((transcript, entries))
    }

    /// The next process begins; whether entries get times.
    pub(crate) fn begin_process(&mut self, times: bool) {
        self.process += 1;
        self.began = times.then(Instant::now);
    }

    /// Writes an entry. When this returns, the entry outlives the process.
    pub(crate) fn write(&mut self, what: What) -> Result<(), TranscriptError> {
        self.entries += 1;
        let Some((path, to)) = &mut self.to else { return Ok(()) };
        let ms = self.began.map(|began| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let entry = Entry { n: self.entries, process: self.process, ms, what };
        let mut line = serde_json::to_vec(&entry).map_err(|error| file("write", path)(error.into()))?;
        line.push(b'\n');
        to.write_all(&line).map_err(file("write", path))
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.entries
    }

    /// The file as it is now; none if there is no file.
    pub(crate) fn text(&self) -> Option<io::Result<Vec<u8>>> {
        self.to.as_ref().map(|(path, _)| std::fs::read(path))
    }
}

/// A hash of what a scenario says, however it is laid out.
pub(crate) fn digest(scenario: &Scenario) -> String {
    let mut hasher = SipHasher13::new();
    // A scenario that was read can be written.
    hasher.write(&serde_json::to_vec(scenario).unwrap_or_default());
    let digest = hasher.finish128();
    format!("{:016x}{:016x}", digest.h1, digest.h2)
}

/// Whether a transcript is of this scenario as it is now.
#[must_use]
pub fn is_of(scenario: &Scenario, entries: &[Entry]) -> bool {
    let digest = digest(scenario);
    entries.iter().all(|entry| !matches!(&entry.what, What::Begin { digest: of, .. } if *of != digest))
}
