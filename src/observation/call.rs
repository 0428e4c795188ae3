//! The calls of actors: what was called, and what it returned.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One call of an actor that returned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    /// What was called.
    pub call: CallKind,
    /// What it returned: `ok`, or the name of the error.
    pub returned: String,
}

/// What a call returns that went well.
const OK: &str = "ok";

impl Call {
    /// A call that returned `Ok`, or the name of the error.
    #[must_use]
    pub fn new(call: CallKind, returned: Result<(), &str>) -> Self {
        Self { call, returned: returned.err().unwrap_or(OK).to_owned() }
    }

    /// Whether it was cancelled: a task of the caller's loop that was cancelled raises `CancelledError`.
    #[must_use]
    pub fn was_cancelled(&self) -> bool {
        self.returned == "CancelledError"
    }

    /// Whether it went well.
    #[must_use]
    pub fn went_well(&self) -> bool {
        self.returned == OK
    }
}

/// A call of the runtime's interface. In files it is written in words, by which it is also ordered.
///
/// ```
/// use turnloom::observation::CallKind;
/// let call = CallKind::from("send \"first\"");
/// assert_eq!(call, CallKind::Send("first".into()));
/// assert_eq!(call.to_string(), "send \"first\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CallKind {
    /// Sends this message.
    Send(String),
    /// Runs the conversation.
    Run,
    /// Runs it with synchronous steps.
    RunSync,
    /// Interrupts the run.
    Interrupt,
    /// Asks the run to pause.
    Pause,
    /// Accepts the tool calls that wait.
    Accept,
    /// Rejects them.
    Reject,
    /// Closes the conversation.
    Close,
    /// Takes it up again from what was saved.
    Reload,
    /// Switches to this model.
    SwitchModel(String),
    /// A call that no step of a scenario makes, in words: a transcript may tell of any.
    Other(String),
}

/// The calls without anything more to say.
const BARE: [(CallKind, &str); 8] = [
    (CallKind::Run, "run"),
    (CallKind::RunSync, "run_sync"),
    (CallKind::Interrupt, "interrupt"),
    (CallKind::Pause, "pause"),
    (CallKind::Accept, "accept"),
    (CallKind::Reject, "reject"),
    (CallKind::Close, "close"),
    (CallKind::Reload, "reload"),
];

const SEND: &str = "send ";
const SWITCH_MODEL: &str = "switch_model ";

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(text) => write!(f, "{SEND}{text:?}"),
            Self::SwitchModel(model) => write!(f, "{SWITCH_MODEL}{model:?}"),
            Self::Other(words) => f.write_str(words),
            bare => f.write_str(BARE.iter().find(|(call, _)| call == bare).map_or("", |(_, word)| word)),
        }
    }
}

impl From<&str> for CallKind {
    fn from(words: &str) -> Self {
        let quoted = |verb: &str| words.strip_prefix(verb).and_then(unquoted);
        let bare = || BARE.iter().find(|(_, word)| *word == words).map(|(call, _)| call.clone());
        let send = || quoted(SEND).map(Self::Send);
        let switch = || quoted(SWITCH_MODEL).map(Self::SwitchModel);
        bare().or_else(send).or_else(switch).unwrap_or_else(|| Self::Other(words.to_owned()))
    }
}

/// The text between quotes, with the escapes of JSON or of Rust; none if it is no such text.
pub(super) fn unquoted(quoted: &str) -> Option<String> {
    if let Ok(text) = serde_json::from_str(quoted) {
        return Some(text);
    }
    let mut chars = quoted.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut text = String::new();
    while let Some(char) = chars.next() {
        text.push(match char {
            '"' => return None,
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let digits: String = chars.by_ref().take_while(|char| *char != '}').collect();
                    char::from_u32(u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?)?
                }
                plain @ ('"' | '\\' | '\'') => plain,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(text)
}

/// A type that files hold in words: it is read and written as them, and ordered by them, so that outcomes stand in the
/// order of what is shown.
macro_rules! in_words {
    ($($name:ident),*) => {$(
        impl From<String> for $name {
            fn from(words: String) -> Self {
                Self::from(words.as_str())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                if self == other { Ordering::Equal } else { self.to_string().cmp(&other.to_string()) }
            }
        }
    )*};
}

pub(super) use in_words;

in_words!(CallKind);

#[cfg(test)]
mod tests {
    use super::{BARE, Call, CallKind};

    #[test]
    fn a_call_is_read_back_from_its_words() {
        let texts = ["", "first", "\"quoted\" \\ it's", "a\nb\t\0", "\u{7f}\u{200b}ü", "}"];
        let sends = texts.iter().map(|text| CallKind::Send((*text).to_owned()));
        let switches = texts.iter().map(|text| CallKind::SwitchModel((*text).to_owned()));
        for call in BARE.iter().map(|(call, _)| call.clone()).chain(sends).chain(switches) {
            assert_eq!(CallKind::from(call.to_string()), call);
        }
    }

    #[test]
    fn what_is_no_call_keeps_its_words() {
        for words in ["", "send", "send first", "send \"a\"b\"", "send \"a", "send \"\\u{}\"", "Run"] {
            assert_eq!(CallKind::from(words), CallKind::Other(words.to_owned()));
        }
    }

    #[test]
    fn calls_stand_in_the_order_of_their_words() {
        let mut calls =
            ["switch_model \"m\"", "send \"a\"", "run_sync", "send \"a!\"", "close"].map(CallKind::from);
        calls.sort();
        let words = calls.map(|call| call.to_string());
        assert_eq!(words, ["close", "run_sync", "send \"a!\"", "send \"a\"", "switch_model \"m\""]);
    }

    #[test]
    fn a_call_tells_how_it_went() {
        assert!(Call::new(CallKind::Run, Ok(())).went_well());
        let refused = Call::new(CallKind::Run, Err("ValueError"));
        assert!(!refused.went_well());
        assert_eq!(refused.returned, "ValueError");
    }
}
