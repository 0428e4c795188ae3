//! An execution as data: its steps, how it ended, what each thread holds and waits for, and the order in which locks were
//! taken.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// A visible operation by name: what is done, and the object it is done to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// What is done: `lock`, `push`, `write`…
    pub name: Cow<'static, str>,
    /// The name of the object.
    pub object: Rc<str>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.object)
    }
}

/// The operation that takes a lock.
pub(in crate::engine) const LOCK: &str = "lock";

impl Operation {
    /// The lock that the operation takes, if it takes one.
    #[must_use]
    pub fn takes(&self) -> Option<&str> {
        (self.name == LOCK).then_some(&*self.object)
    }
}

/// An execution as data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The roles, in the order in which they came up. A role is a thread, or a part that runs on another's thread.
    pub roles: Vec<Rc<str>>,
    /// How many of the steps only set the program up.
    pub setup_steps: usize,
    /// The visible operations, in order.
    pub steps: Vec<Step>,
    /// The roles that are not done, and what each of them waits for.
    pub unfinished: Vec<Unfinished>,
    /// The edges of the acquisition graph.
    pub lock_order: BTreeSet<LockEdge>,
}

impl Trace {
    /// The steps after the setup.
    #[must_use]
    pub fn scene(&self) -> &[Step] {
        &self.steps[self.setup_steps.min(self.steps.len())..]
    }
}

/// One visible operation that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The role that took it.
    pub role: Rc<str>,
    /// What was done.
    pub operation: Operation,
    /// The value that it wrote or got, in words; empty if there is nothing to say, or if words are not kept.
    pub detail: String,
    /// Which of its alternatives it was, counted from 0; none if there was only one.
    pub alternative: Option<usize>,
    /// The locks that the role holds after the step; empty if words are not kept.
    pub holds: Vec<Rc<str>>,
    /// What was observed in this step.
    pub anchors: Vec<Anchor>,
    /// When details are kept: what the role did behind the step, before its next one, that is no operation.
    pub notes: Vec<String>,
}

impl Step {
    /// A step of which nothing more is to be said than its operation.
    #[must_use]
    pub fn new(role: Rc<str>, operation: Operation) -> Self {
        let (detail, holds, anchors) = (String::new(), Vec::new(), Vec::new());
        Self { role, operation, detail, alternative: None, holds, anchors, notes: Vec::new() }
    }
}

/// Where in a log a step left its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Anchor {
    /// The name of the log.
    pub log: &'static str,
    /// The number of the entry that the step appended, from 0.
    pub entry: usize,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every thread is done, or idle with nothing to do.
    Complete,
    /// No thread can move, and some thread is neither done nor idle.
    Deadlock,
    /// It came back to a state that it had been in, and can do so for ever with each thread served that can move.
    Hang,
    /// A thread panicked: its name and the message.
    Panicked(String),
    /// The system failed under the program: its process died, its pipe broke, what it said made no sense. In words.
    Crashed(String),
    /// A thread was told to move and did not come to its next operation in time. In words.
    Unresponsive(String),
    /// The program did not do again what it had done: after the same steps, this one was different. It read a clock, a
    /// random number, an address, the order of a hash map or a value left by an execution before, or threads share
    /// what no kernel object holds. The search stops here.
    NotDeterministic {
        /// The first step that differs, counted from the end of the program's setup.
        step: usize,
        /// What the step was, in words: `bob: lock state`.
        first: String,
        /// What it is now; the same words if only what the operation got or left is different.
        now: String,
    },
    /// A limit of the search ended it. How the program would have gone on is not known.
    Stopped(Stopped),
}

/// Why a search, or an execution, stopped before it was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// So many executions were run.
    Executions,
    /// The time was up.
    Time,
    /// There was no more memory for what it keeps.
    Memory,
    /// An execution took more steps than the limits allow and had come back to no state.
    Steps,
    /// It was interrupted.
    Interrupted,
}

impl Ended {
    /// Whether threads that could have gone on were stopped: what they would have done is not known.
    #[must_use]
    pub fn cuts_short(&self) -> bool {
        match self {
            Self::Complete | Self::Deadlock => false,
            Self::Hang
            | Self::Panicked(_)
            | Self::Crashed(_)
            | Self::Unresponsive(_)
            | Self::NotDeterministic { .. }
            | Self::Stopped(_) => true,
        }
    }
}

/// A role that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its name.
    pub thread: String,
    /// Where it is, outermost first.
    pub place: Vec<String>,
    /// The operation that it waits to take.
    pub operation: Operation,
    /// The locks it holds.
    pub holds: Vec<String>,
    /// The roles that could end its waiting.
    pub waits_for: Vec<String>,
    /// Whether the program may end while it waits here.
    pub idle: bool,
}

/// One edge of the acquisition graph: `then` was taken while `held` was held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockEdge {
    /// The lock that was held.
    pub held: String,
    /// The lock (or the wait that needs another thread) that was taken while it was held.
    pub then: String,
    /// The role of the thread.
    pub thread: String,
}
