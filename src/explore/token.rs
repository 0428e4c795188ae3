//! A token: a schedule with all that is needed to run it again, as one short word.
//!
//! `r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700` is scenario, defects (`-` for none; a revision in front, as
//! in `@1.25.0+finish-gap`, and `timers=race` where the timers race), schedule, and a check of the three, so that a damaged token is told from one that drifted.

use std::fmt;
use std::str::FromStr;

use crate::engine::execution::{Schedule, ScheduleError};
use crate::engine::fingerprint::digest;
use crate::harness::Firing;

/// What stands among the defects where the timers race. No defect has such a name.
const TIMERS_RACE: &str = "timers=race";

/// A schedule that names its scenario.
///
/// ```
/// use turnloom::explore::Firing;
/// use turnloom::explore::Token;
/// let token = Token {
///     scenario: "r08-finish-gap".to_owned(),
///     revision: None,
///     defects: vec!["finish-gap".to_owned()],
///     timers: Firing::Clock,
///     schedule: "bob@alice.lock-state.7".parse().unwrap(),
/// };
/// assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
/// assert!("r08-finish-gap:finish-gap:bob@alice.lock-state.8:000000".parse::<Token>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// The scenario's name.
    pub scenario: String,
    /// The revision, if not the scenario's own.
    pub revision: Option<String>,
    /// The defects that are switched on.
    pub defects: Vec<String>,
    /// Who fires the timers.
    pub timers: Firing,
    /// The schedule.
    pub schedule: Schedule,
}

/// A text that is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not four parts.
    #[error("a token has four parts, `scenario:defects:schedule:check`; this has {0}")]
    Parts(usize),
    /// The check does not match.
    #[error("the token is damaged: its check is `{found}`, but the rest of it gives `{expected}`")]
    Damaged {
        /// The check in the token.
        found: String,
        /// The check of what is in front of it.
        expected: String,
    },
    /// Two revisions.
    #[error("the token has two revisions, `{0}` and `{1}`; a run has one, so leave one of them out")]
    Revisions(String, String),
    /// Something is there twice.
    #[error("the token names `{name}` twice; named once it is `{once}`")]
    Twice {
        /// What.
        name: String,
        /// The token without the second one.
        once: String,
    },
    /// The parts are not where a token has them.
    #[error("a token has one form, and this is another: it is written `{0}`")]
    Form(String),
    /// The schedule is none.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

impl Token {
    fn front(&self) -> String {
        let revision = self.revision.iter().map(|revision| format!("@{revision}"));
        let timers = (self.timers == Firing::Race).then(|| TIMERS_RACE.to_owned());
        let changes: Vec<String> = revision.chain(timers).chain(self.defects.iter().cloned()).collect();
        let changes = if changes.is_empty() { "-".to_owned() } else { changes.join("+") };
        format!("{}:{changes}:{}", self.scenario, self.schedule)
    }
}

fn check(front: &str) -> String {
    format!("{:06x}", digest(front) & 0xff_ffff)
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let front = self.front();
        write!(f, "{front}:{}", check(&front))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // From the end, since only the name of a file may hold a colon of its own.
        let parts: Vec<&str> = text.rsplitn(4, ':').collect();
        let [found, schedule, changes, scenario] = parts[..] else {
            return Err(TokenError::Parts(parts.len()));
        };
        let expected = check(&text[..text.len() - found.len() - 1]);
        if found != expected {
            return Err(TokenError::Damaged { found: found.to_owned(), expected });
        }
        let mut once: Vec<&str> = Vec::new();
        let mut twice = None;
        for change in changes.split('+').filter(|change| *change != "-") {
            if once.contains(&change) {
                twice = twice.or(Some(change.to_owned()));
            } else {
                once.push(change);
            }
        }
        let (race, changes): (Vec<&str>, Vec<&str>) =
            once.into_iter().partition(|change| *change == TIMERS_RACE);
        let (revision, defects): (Vec<&str>, Vec<&str>) =
            changes.into_iter().partition(|change| change.starts_with('@'));
        if let [first, second, ..] = revision[..] {
            return Err(TokenError::Revisions(first[1..].to_owned(), second[1..].to_owned()));
        }
        let token = Self {
            scenario: scenario.to_owned(),
            revision: revision.first().map(|revision| revision[1..].to_owned()),
            defects: defects.into_iter().map(ToOwned::to_owned).collect(),
            timers: if race.is_empty() { Firing::Clock } else { Firing::Race },
            schedule: schedule.parse()?,
        };
        let written = token.to_string();
        match twice {
            Some(name) => Err(TokenError::Twice { name, once: written }),
            None if written == text => Ok(token),
            None => Err(TokenError::Form(written)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Token, check};

    fn refused(changes: &str) -> String {
        let front = format!("r08:{changes}:bob@alice.lock-state");
        format!("{front}:{}", check(&front)).parse::<Token>().unwrap_err().to_string()
    }

    #[test]
    fn a_token_has_one_form() {
        assert_eq!(
            refused("@1.25.0+@base"),
            "the token has two revisions, `1.25.0` and `base`; a run has one, so leave one of them out"
        );
        let once = |name: &str, once: &str| {
            let front = format!("r08:{once}:bob@alice.lock-state");
            let check = check(&front);
            format!("the token names `{name}` twice; named once it is `{front}:{check}`")
        };
        assert_eq!(refused("a+a"), once("a", "a"));
        assert_eq!(refused("@1.25.0+a+b+a"), once("a", "@1.25.0+a+b"));
        assert_eq!(refused("@1.25.0+@1.25.0"), once("@1.25.0", "@1.25.0"));
        assert_eq!(refused("timers=race+timers=race"), once("timers=race", "timers=race"));
        for (other, one) in [
            ("a+@1.25.0", "@1.25.0+a"),
            ("a+timers=race", "timers=race+a"),
            ("timers=race+@1.25.0", "@1.25.0+timers=race"),
            ("-+a", "a"),
            ("-+-", "-"),
        ] {
            let front = format!("r08:{one}:bob@alice.lock-state");
            let written = format!("{front}:{}", check(&front));
            let expected = format!("a token has one form, and this is another: it is written `{written}`");
            assert_eq!(refused(other), expected);
        }
    }
}
