//! What a thread that is not done waits for outside the program's own locks, and what would end the wait.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a thread which is not done waits for, and that does not come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A gate that is shut.
    Gate {
        /// The gate.
        gate: String,
        /// The steps that open it; none of them was reached.
        openers: Vec<Opener>,
    },
    /// The subscriber, which waits for a gate before it takes in an event.
    Subscriber {
        /// The gate.
        gate: String,
        /// The steps that open it; none of them was reached.
        openers: Vec<Opener>,
    },
    /// A frame that the server has not read often enough.
    Frame {
        /// The method, and the text if one is waited for.
        frame: String,
        /// How often it was read.
        read: usize,
        /// How often it has to be read.
        wanted: u32,
    },
    /// A status that the conversation does not have.
    Status {
        /// The status that is waited for.
        wanted: String,
        /// The status that it has.
        is: String,
    },
    /// An event that the log does not hold often enough.
    Event {
        /// The kind, and the text if one is waited for.
        event: String,
        /// How often the log holds it.
        held: usize,
        /// How often it has to hold it.
        wanted: u32,
    },
    /// A timer that the clock is to fire and that is not armed.
    Unarmed {
        /// The timer.
        timer: String,
    },
    /// A timer that is armed, would end the wait, and is not fired.
    Timer {
        /// The timer.
        timer: String,
        /// What the clock does about it.
        clock: ClockOf,
        /// The step of the execution in which it was armed.
        #[serde(default, skip_serializing_if = "Since::is_unknown")]
        since: Since,
    },
    /// An answer to a prompt that no reaction works on any more.
    Answer {
        /// The text of the prompt.
        prompt: String,
    },
    /// A server that reads.
    Reader {
        /// How many messages it has not read.
        unread: usize,
    },
    /// A server whose process has not ended.
    Process,
}

/// A step of the scenario that opens a gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Opener {
    /// The thread that takes the step.
    pub thread: String,
    /// The reaction that the step is of, in words; none for a step of an actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<String>,
    /// The step's number in its list, from 1.
    pub step: usize,
}

/// What the scenario's clock does about a timer that is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockOf {
    /// No step fires it.
    Never,
    /// The clock has fired such a timer before, and no step is left that does.
    Spent,
    /// This step fires it, counted from 1, but was not reached.
    Later(usize),
}

/// The step of the execution since which something holds, where one execution is told. It is no part of what is seen, so
/// any two are equal.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Since(Option<usize>);

impl Since {
    /// Since this step, if it is known.
    #[must_use]
    pub fn step(step: Option<usize>) -> Self {
        Self(step)
    }

    fn is_unknown(&self) -> bool {
        self.0.is_none()
    }
}

impl PartialEq for Since {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Since {}

impl PartialOrd for Since {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Since {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl std::hash::Hash for Since {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl Need {
    /// The steps that would end the wait, if it is for a gate.
    #[must_use]
    pub fn openers(&self) -> &[Opener] {
        match self {
            Self::Gate { openers, .. } | Self::Subscriber { openers, .. } => openers,
            _ => &[],
        }
    }
}

impl fmt::Display for Need {
    /// The need in words: "needs gate `read`, which `bob` opens in step 3, never reached".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate { gate, openers } => write!(f, "needs gate `{gate}`, {}", opened(openers)),
            Self::Subscriber { gate, openers } => {
                write!(f, "waits for the subscriber at gate `{gate}`, {}", opened(openers))
            }
            Self::Frame { frame, read, wanted: 1 } => {
                debug_assert_eq!(*read, 0, "a frame that was read is not waited for");
                write!(f, "needs frame {frame}, which the server has not read")
            }
            Self::Frame { frame, read, wanted } => {
                write!(f, "needs {wanted} frames {frame}, of which the server has read {}", number(*read))
            }
            Self::Status { wanted, is } => write!(f, "needs status {wanted}, but the status is {is}"),
            Self::Event { event, wanted: 1, .. } => {
                write!(f, "needs event {event}, which is not in the log")
            }
            Self::Event { event, held, wanted } => {
                write!(f, "needs {wanted} events {event}, of which the log holds {}", number(*held))
            }
            Self::Unarmed { timer } => write!(f, "timer `{timer}` is not armed"),
            Self::Timer { timer, clock, since: Since(since) } => {
                write!(f, "timer `{timer}` is armed")?;
                if let Some(step) = since {
                    write!(f, " since step {step}")?;
                }
                match clock {
                    ClockOf::Never => f.write_str(", and no clock step fires it"),
                    ClockOf::Spent => f.write_str(", and no clock step is left that fires it"),
                    ClockOf::Later(step) => {
                        write!(f, ", and the clock fires it in step {step}, never reached")
                    }
                }
            }
            Self::Answer { prompt } => {
                write!(f, "prompt {prompt:?} is not answered, and its reaction has ended")
            }
            Self::Reader { unread } => {
                let messages = if *unread == 1 { "message" } else { "messages" };
                write!(f, "the server has stopped reading, with {unread} {messages} unread")
            }
            Self::Process => f.write_str("the server's process has ended"),
        }
    }
}

fn number(count: usize) -> String {
    if count == 0 { "none".to_owned() } else { count.to_string() }
}

fn opened(openers: &[Opener]) -> String {
    let each: Vec<String> = openers.iter().map(ToString::to_string).collect();
    match &each[..] {
        [] => "which no step opens".to_owned(),
        [one] => format!("which {one}, never reached"),
        several => format!("which {}, none of them reached", several.join(" or ")),
    }
}

impl fmt::Display for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { thread, reaction, step } = self;
        match reaction {
            Some(reaction) => write!(f, "{reaction} opens in step {step}"),
            None => write!(f, "`{thread}` opens in step {step}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClockOf, Need, Opener, Since};

    fn opener(thread: &str, reaction: Option<&str>, step: usize) -> Opener {
        Opener { thread: thread.into(), reaction: reaction.map(Into::into), step }
    }

    #[test]
    fn each_need_says_what_would_help() {
        let gate = |openers| Need::Gate { gate: "read".into(), openers };
        let timer = |clock, since| Need::Timer { timer: "retry".into(), clock, since: Since::step(since) };
        let openers = vec![opener("bob", None, 3), opener("server", Some("the reaction to prompt \"a\""), 1)];
        for (need, words) in [
            (gate(Vec::new()), "needs gate `read`, which no step opens"),
            (gate(openers[..1].to_vec()), "needs gate `read`, which `bob` opens in step 3, never reached"),
            (
                gate(openers),
                "needs gate `read`, which `bob` opens in step 3 or the reaction to prompt \"a\" opens in step 1, \
                 none of them reached",
            ),
            (
                Need::Subscriber { gate: "g".into(), openers: Vec::new() },
                "waits for the subscriber at gate `g`, which no step opens",
            ),
            (
                Need::Frame { frame: "session/cancel".into(), read: 0, wanted: 1 },
                "needs frame session/cancel, which the server has not read",
            ),
            (
                Need::Frame { frame: "session/cancel".into(), read: 0, wanted: 2 },
                "needs 2 frames session/cancel, of which the server has read none",
            ),
            (
                Need::Status { wanted: "running".into(), is: "finished".into() },
                "needs status running, but the status is finished",
            ),
            (
                Need::Event { event: "finish".into(), held: 1, wanted: 2 },
                "needs 2 events finish, of which the log holds 1",
            ),
            (Need::Unarmed { timer: "drain".into() }, "timer `drain` is not armed"),
            (
                timer(ClockOf::Never, Some(41)),
                "timer `retry` is armed since step 41, and no clock step fires it",
            ),
            (timer(ClockOf::Spent, None), "timer `retry` is armed, and no clock step is left that fires it"),
            (
                timer(ClockOf::Later(2), None),
                "timer `retry` is armed, and the clock fires it in step 2, never reached",
            ),
            (Need::Reader { unread: 1 }, "the server has stopped reading, with 1 message unread"),
        ] {
            assert_eq!(need.to_string(), words);
        }
    }

    #[test]
    fn the_step_in_which_a_timer_was_armed_tells_no_outcomes_apart() {
        let timer =
            |since| Need::Timer { timer: "t".into(), clock: ClockOf::Never, since: Since::step(since) };
        assert_eq!(timer(Some(3)), timer(None));
        assert!(timer(Some(3)) <= timer(Some(2)));
    }
}
