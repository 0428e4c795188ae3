//! What goes over the pipe between turnloom and a Python process under the rig: one JSON object a line.
//!
//! The other half is `rig/protocol.py` and `rig/run.py`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What turnloom sends.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Command<'a> {
    /// The sources of the rig's modules, by their dotted names.
    Modules(&'a BTreeMap<&'static str, &'static str>),
    /// What is to be run.
    Load(&'a Load),
    /// One execution.
    Run(RunRequest<'a>),
    /// What the execution that asks does next: a thread, by its place, and an alternative.
    Take((usize, usize)),
    /// The execution that asks is thrown away.
    Stop(bool),
    /// The answer of the scripted server.
    Server(&'a Answer),
}

/// What is to be run.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// Who translates between the scenario and the program under test.
    pub adapter: Adapter,
    /// The scenario, as the adapter reads it.
    pub scenario: Value,
    /// Attributes of classes whose accesses are operations.
    pub visible: Vec<(String, String)>,
    /// The executor that is wanted; none for the best there is.
    pub executor: Option<Executor>,
}

/// Who translates between a scenario and a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Adapter {
    /// One that turnloom has, by its name.
    Named(String),
    /// A file with one.
    File {
        /// Its path, for messages.
        file: String,
        /// What it says.
        source: String,
    },
}

/// What the threads of the program run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Executor {
    /// Greenlets on one thread of the operating system: fast.
    Greenlets,
    /// Threads of the operating system, of which one runs at a time.
    Threads,
}

/// How one execution is run.
#[derive(Debug, Serialize)]
pub(super) struct RunRequest<'a> {
    /// The choices that are known: a thread, by its place, and an alternative.
    pub(super) path: &'a [(usize, usize)],
    /// Whether the process asks at each choice beyond the path; else it goes on by itself, without preemptions.
    pub(super) ask: bool,
    /// Whether the words of a timeline are wanted.
    pub(super) words: bool,
    /// Whether the accesses of attributes are wanted among what each step used: a search by races would need them, and no
    /// other does.
    pub(super) uses: bool,
    /// The most steps.
    pub(super) steps: usize,
}

/// What a Python process sends.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) ready: Option<Ready>,
    #[serde(default)]
    pub(super) refused: Option<Refused>,
    #[serde(default)]
    pub(super) begun: Option<Begun>,
    /// The steps since the last message. Without an end the process asks what comes next.
    #[serde(default)]
    pub(super) steps: Option<Vec<StepTaken>>,
    #[serde(default)]
    pub(super) end: Option<End>,
    #[serde(default)]
    pub(super) server: Option<Call>,
}

/// A process that has loaded its program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ready {
    /// The version of Python.
    pub python: String,
    /// What its threads run on.
    pub executor: Executor,
    /// The packages under test, with their versions.
    pub packages: BTreeMap<String, String>,
    /// What the rig does not see.
    pub not_tracked: Vec<String>,
}

/// Why a program cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refused {
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: String,
}

/// The threads when the program was set up.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Begun {
    pub(super) born: Vec<(String, String)>,
    pub(super) next: BTreeMap<usize, Option<Announced>>,
}

/// One step that was taken.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct StepTaken {
    #[serde(rename = "t")]
    pub(super) thread: usize,
    #[serde(rename = "a")]
    pub(super) alternative: usize,
    #[serde(rename = "op")]
    pub(super) operation: String,
    #[serde(rename = "on")]
    pub(super) object: String,
    /// The keys of the objects that it used, each with 1 if it changed.
    pub(super) uses: Vec<(String, u8)>,
    /// The threads that it began: key and role.
    pub(super) born: Vec<(String, String)>,
    /// What threads do next, as far as it changed.
    pub(super) next: BTreeMap<usize, Option<Announced>>,
    /// The value, in words.
    #[serde(default)]
    pub(super) says: String,
    /// The innermost place of the program under test.
    #[serde(default)]
    pub(super) at: Option<String>,
    /// The locks that the thread holds afterwards.
    #[serde(default)]
    pub(super) holds: Vec<String>,
    /// The entries of logs that it left.
    #[serde(default)]
    pub(super) anchors: Vec<(String, usize)>,
}

/// The operation that a thread takes next.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Announced {
    #[serde(rename = "op")]
    pub(super) operation: String,
    #[serde(rename = "on")]
    pub(super) object: String,
    /// The key of the object.
    #[serde(rename = "o")]
    pub(super) key: String,
    #[serde(rename = "r")]
    pub(super) reads: u8,
    #[serde(rename = "w")]
    pub(super) waits: u8,
    #[serde(rename = "y")]
    pub(super) ready: u8,
    #[serde(rename = "i", default)]
    pub(super) idle: u8,
    #[serde(rename = "n", default = "one")]
    pub(super) alternatives: usize,
}

fn one() -> usize {
    1
}

/// How an execution ended.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct End {
    pub(super) how: How,
    #[serde(default)]
    pub(super) words: String,
    /// What was observed of it, in the adapter's words.
    #[serde(default)]
    pub(super) seen: Value,
    #[serde(default)]
    pub(super) unfinished: Vec<Waits>,
    /// A lock that was held, one that was taken then, and the role.
    #[serde(default)]
    pub(super) lock_order: Vec<(String, String, String)>,
    /// Attributes, by class and name, that threads shared and one of them wrote.
    #[serde(default)]
    pub(super) racy: BTreeSet<(String, String)>,
    /// Whether a thread could not be ended, so that another process has to run the next execution.
    #[serde(default)]
    pub(super) recycle: bool,
    /// Where the path did not fit.
    #[serde(default)]
    pub(super) at: Option<usize>,
    #[serde(default)]
    pub(super) was_taken: bool,
}

/// How an execution ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    Complete,
    Deadlock,
    Steps,
    Stopped,
    Diverged,
    Crashed,
    Uncontrolled,
}

/// A thread that is not done.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Waits {
    pub(super) role: String,
    pub(super) place: Vec<String>,
    pub(super) op: String,
    pub(super) on: String,
    pub(super) holds: Vec<String>,
    pub(super) waits_for: Vec<String>,
    pub(super) idle: bool,
}

/// What the program, or an actor, does to the scripted server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Call {
    /// A process of it begins.
    Start,
    /// The client wrote a line.
    Frame {
        /// The line.
        line: String,
    },
    /// The process is ended from outside.
    Kill,
    /// A gate opens.
    Open {
        /// Its name.
        gate: String,
    },
    /// The server takes its next step, in one of the ways that it can.
    Take {
        /// Which.
        which: usize,
    },
    /// An LLM is asked for a completion.
    Complete {
        /// The body of the request.
        request: Value,
    },
    /// Which of the scenario's conditions hold now.
    Happened {
        /// In the order in which the scenario gives them.
        is: Vec<bool>,
    },
}

/// How the scripted server stands, and what it did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// In how many ways it can go on.
    pub choices: usize,
    /// Whether it reads what is written to it; else the pipe is full.
    pub reads: bool,
    /// The gates that are open.
    pub gates: BTreeMap<String, bool>,
    /// How many it read of each frame that an actor or the clock waits for.
    pub frames_read: Vec<usize>,
    /// What the step did, if it was told to take one.
    pub did: Option<Did>,
    /// How many entries its log has.
    pub log: usize,
    /// The number of the completion that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<u64>,
}

/// What a step of the scripted server did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Did {
    /// What leaves it, one write after another.
    pub write: Vec<String>,
    /// Where what leaves is cut in two, in bytes; none if it leaves in one piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<usize>,
    /// The completion that is written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Whether the connection, or the output, is closed afterwards.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub close: bool,
    /// The code with which the process ends.
    pub exit: Option<u8>,
    /// What was done, in words.
    pub label: String,
}
