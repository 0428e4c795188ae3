//! The log of the scripted server: what it read and wrote, in its own order.

use serde::{Deserialize, Serialize};

use crate::terms::{ReplyKind, StopReason, ToolStatus};

/// One entry of the server's log. A *process* is one life of the server, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServerEntry {
    /// A process starts.
    Started { process: u32 },
    /// A process was ended by the client.
    Ended { process: u32 },
    /// `initialize` was read.
    Initialize { process: u32 },
    /// `session/new` was read; the session it was answered with.
    New { process: u32, session: String },
    /// `session/load` was read; whether it was answered well.
    Load { process: u32, session: String, loaded: bool },
    /// `session/prompt` was read.
    Prompt { process: u32, session: String, text: String },
    /// The system suffix came with the prompt that was just read.
    Suffix { process: u32, session: String },
    /// `session/cancel` was read.
    Cancel { process: u32, session: String },
    /// `session/set_model` was read.
    SetModel { process: u32, session: String, model: String },
    /// A chunk of text was written.
    Said { process: u32, session: String, text: String },
    /// A chunk of thoughts was written.
    Thought { process: u32, session: String, text: String },
    /// A tool card was written.
    Tool { process: u32, session: String, id: String, status: ToolStatus },
    /// A request to the client was written: its name in the script, and its method.
    Called { process: u32, session: String, name: String, method: String },
    /// The client's answer to a request was read.
    Replied { process: u32, name: String, kind: ReplyKind },
    /// A prompt was answered.
    Answered { process: u32, session: String, text: String, reason: StopReason },
    /// A prompt was answered with an error.
    Failed { process: u32, session: String, text: String, message: String },
}
