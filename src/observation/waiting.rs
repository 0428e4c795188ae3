//! The threads that are not done when an execution cannot go on: where each is, what it waits for, and who could end
//! its waiting.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Need;
use super::call::{CallKind, in_words, unquoted};
use crate::engine::trace::Operation;
use crate::terms::ThreadRole;

/// An execution that ended before everybody was done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stuck {
    /// Why it cannot go on.
    pub why: Why,
    /// Every thread that is not done: its place, what it holds, what it waits for.
    pub threads: Vec<Waiting>,
}

impl Stuck {
    /// Whether no thread can move.
    #[must_use]
    pub fn is_deadlock(&self) -> bool {
        self.why == Why::Deadlock
    }

    /// Whether a thread moves for ever.
    #[must_use]
    pub fn is_hang(&self) -> bool {
        self.why == Why::Hang
    }
}

/// Why an execution cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// No thread can move.
    Deadlock,
    /// It goes round for ever, though each thread that could move did move.
    Hang,
}

/// One thread that is not done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Waiting {
    /// The name of the thread.
    pub thread: String,
    /// Where it is, outermost first.
    pub place: Vec<Place>,
    /// The operation that it waits to do.
    pub operation: WaitsTo,
    /// The locks it holds.
    pub holds: Vec<String>,
    /// The threads that could end its waiting, as far as that is known.
    pub waits_for: Vec<String>,
    /// For an actor or the clock: the step of its list that it is in, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What of the scenario's would end its waiting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

impl Waiting {
    /// What the thread is for; none if it is an actor's.
    #[must_use]
    pub fn role(&self) -> Option<ThreadRole> {
        ThreadRole::of(&self.thread)
    }

    /// The lock that it waits for, if it waits for one.
    #[must_use]
    pub fn wanted_lock(&self) -> Option<&str> {
        match &self.operation {
            WaitsTo::Lock(lock) => Some(lock),
            WaitsTo::Sleep(_) | WaitsTo::Select(_) | WaitsTo::Other(_) => None,
        }
    }

    /// Where it is, in words: `step 2 › run › astep`; empty if that is not known.
    #[must_use]
    pub fn places(&self) -> String {
        let step = self.step.map(|step| format!("step {step}"));
        step.into_iter().chain(self.place.iter().map(Place::to_string)).collect::<Vec<_>>().join(" › ")
    }

    /// What would end its waiting, in words, one after the other: the threads that could, then what of the scenario's.
    #[must_use]
    pub fn needs_in_words(&self) -> Vec<String> {
        let opens = |name: &&String| {
            let mut openers = self.needs.iter().flat_map(Need::openers);
            openers.any(|opener| opener.thread == **name)
        };
        let threads: Vec<&str> =
            self.waits_for.iter().filter(|name| !opens(name)).map(String::as_str).collect();
        let threads = (!threads.is_empty()).then(|| format!("needs {}", threads.join(" or ")));
        threads.into_iter().chain(self.needs.iter().map(ToString::to_string)).collect()
    }
}

impl fmt::Display for Waiting {
    /// The thread in words: its place, what it waits to do, what it holds, what would end its waiting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.thread)?;
        let places = self.places();
        if !places.is_empty() {
            write!(f, " in {places}")?;
        }
        write!(f, " is at `{}`", self.operation)?;
        if !self.holds.is_empty() {
            write!(f, ", holds {}", self.holds.join(", "))?;
        }
        self.needs_in_words().iter().try_for_each(|need| write!(f, ", {need}"))
    }
}

/// The operation that a thread waits to do. In files it is written in words, by which it is also ordered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum WaitsTo {
    /// Takes this lock.
    Lock(String),
    /// Sleeps until this timer fires, with the whole thread.
    Sleep(String),
    /// Waits for this event loop to get something to do.
    Select(String),
    /// Anything else, in words: `wait gate`.
    Other(String),
}

const LOCK: &str = "lock ";
const SLEEP: &str = "sleep ";
const SELECT: &str = "select ";

impl fmt::Display for WaitsTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(lock) => write!(f, "{LOCK}{lock}"),
            Self::Sleep(timer) => write!(f, "{SLEEP}{timer}"),
            Self::Select(on) => write!(f, "{SELECT}{on}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl From<&str> for WaitsTo {
    fn from(words: &str) -> Self {
        let lock = words.strip_prefix(LOCK).map(|lock| Self::Lock(lock.to_owned()));
        let sleep = || words.strip_prefix(SLEEP).map(|timer| Self::Sleep(timer.to_owned()));
        let select = || words.strip_prefix(SELECT).map(|on| Self::Select(on.to_owned()));
        lock.or_else(sleep).or_else(select).unwrap_or_else(|| Self::Other(words.to_owned()))
    }
}

/// A place that a thread is in. In files it is written in words, by which it is also ordered.
///
/// ```
/// use turnloom::observation::Place;
/// assert_eq!(Place::from("prompt \"first\""), Place::Prompt("first".into()));
/// assert_eq!(Place::AsyncStep.to_string(), "astep");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Place {
    /// A call of the runtime's interface.
    Call(CallKind),
    /// The event service's part of a call.
    Service(CallKind),
    /// An asynchronous step of the agent.
    AsyncStep,
    /// A synchronous step of the agent.
    Step,
    /// The wait for a step that runs on a worker.
    StepInExecutor,
    /// The wait for the answer to the prompt with this text.
    Prompt(String),
    /// The sending of `session/cancel`.
    SendCancel,
    /// The wait for the answer to a prompt that was cancelled.
    Drain,
    /// A wait that a step of the scenario asks for, in words: `gate "open"`, `status finished`.
    WaitFor(String),
    /// A part of the runtime, in words.
    Within(String),
}

/// The part of the runtime that starts the agent, server and all, before a run or a message.
pub const ENSURE_AGENT_READY: &str = "ensure agent ready";

/// The places without anything more to say.
const BARE: [(Place, &str); 5] = [
    (Place::AsyncStep, "astep"),
    (Place::Step, "step"),
    (Place::StepInExecutor, "step in executor"),
    (Place::SendCancel, "send session/cancel"),
    (Place::Drain, "drain"),
];

const SERVICE: &str = "service ";
const PROMPT: &str = "prompt ";
const WAIT_FOR: &str = "wait for ";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => call.fmt(f),
            Self::Service(call) => write!(f, "{SERVICE}{call}"),
            Self::Prompt(text) => write!(f, "{PROMPT}{text:?}"),
            Self::WaitFor(what) => write!(f, "{WAIT_FOR}{what}"),
            Self::Within(words) => f.write_str(words),
            bare => f.write_str(BARE.iter().find(|(place, _)| place == bare).map_or("", |(_, word)| word)),
        }
    }
}

impl From<&str> for Place {
    fn from(words: &str) -> Self {
        let bare = BARE.iter().find(|(_, word)| *word == words).map(|(place, _)| place.clone());
        let prompt = || words.strip_prefix(PROMPT).and_then(unquoted).map(Self::Prompt);
        let wait = || words.strip_prefix(WAIT_FOR).map(|what| Self::WaitFor(what.to_owned()));
        let call = |words| Some(CallKind::from(words)).filter(|call| !matches!(call, CallKind::Other(_)));
        let service = || words.strip_prefix(SERVICE).and_then(call).map(Self::Service);
        let call = || call(words).map(Self::Call);
        let within = || Self::Within(words.to_owned());
        bare.or_else(prompt).or_else(wait).or_else(service).or_else(call).unwrap_or_else(within)
    }
}

impl From<Operation> for WaitsTo {
    fn from(operation: Operation) -> Self {
        Self::from(operation.to_string().as_str())
    }
}

in_words!(WaitsTo, Place);

#[cfg(test)]
mod tests {
    use super::{BARE, Place, WaitsTo};
    use crate::observation::CallKind;

    #[test]
    fn a_place_is_read_back_from_its_words() {
        let places = [
            Place::Call(CallKind::Run),
            Place::Call(CallKind::Send("it's \"so\"\n".into())),
            Place::Service(CallKind::Close),
            Place::Service(CallKind::Send("a".into())),
            Place::Prompt("\u{1}first".into()),
            Place::WaitFor("gate \"open\"".into()),
            Place::Within("finalize".into()),
        ];
        for place in places.into_iter().chain(BARE.map(|(place, _)| place)) {
            assert_eq!(Place::from(place.to_string()), place);
        }
    }

    #[test]
    fn an_operation_is_read_back_from_its_words() {
        for operation in [
            WaitsTo::Lock("state".into()),
            WaitsTo::Sleep("retry".into()),
            WaitsTo::Select("loop".into()),
            WaitsTo::Other("wait gate".into()),
            WaitsTo::Other("lock".into()),
        ] {
            assert_eq!(WaitsTo::from(operation.to_string()), operation);
        }
    }

    #[test]
    fn places_stand_in_the_order_of_their_words() {
        let mut places = ["step", "run", "prompt \"a\"", "finalize", "astep"].map(Place::from);
        places.sort();
        assert_eq!(
            places.map(|place| place.to_string()),
            ["astep", "finalize", "prompt \"a\"", "run", "step"]
        );
    }
}
