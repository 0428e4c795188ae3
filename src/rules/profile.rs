//! How binding a rule is, whom it binds and what it rests on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How binding a rule is. A profile holds the rules of those before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// What the specification of ACP v1 demands.
    Must,
    /// What it recommends as well.
    Should,
    /// What it leaves open as well.
    Policy,
    /// What the conversation runtime itself promises as well. It binds the runtime alone.
    Runtime,
}

/// The profiles by name, each with what it holds beside those before it.
pub const PROFILES: &[(Profile, &str, &str)] = &[
    (Profile::Must, "acp-v1-must", "what the specification of ACP v1 demands; the default for a transcript"),
    (Profile::Should, "acp-v1-should", "what it recommends as well"),
    (
        Profile::Policy,
        "policy",
        "what it leaves open as well, though whoever does it differently is in for trouble",
    ),
    (
        Profile::Runtime,
        "runtime",
        "what the conversation runtime itself promises as well, each a row of the race catalogue; the default for a \
         scenario",
    ),
];

impl Profile {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        PROFILES.iter().find(|(profile, ..)| *profile == self).map_or("", |(_, name, _)| name)
    }
}

/// Whose doing a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The client: the runtime under test.
    Client,
    /// The scripted agent: the scenario does it on purpose, or is wrong. Nothing is found out about a client by it.
    Agent,
    /// The scenario: it waits for what it never lets happen.
    Scenario,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the client",
            Self::Agent => "the agent, as scripted",
            Self::Scenario => "the scenario",
        })
    }
}

/// What a rule rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// The rule.
    pub rule: &'static str,
    /// How binding it is.
    pub profile: Profile,
    /// Whom it binds: whose doing a violation is, unless the violation knows better.
    pub binds: &'static [Side],
    /// The pages of the ACP v1 specification that say so; none for what it does not state.
    pub pages: &'static [&'static str],
    /// The rows of the race catalogue that it comes from.
    pub rows: &'static [&'static str],
}

impl Basis {
    /// Where the rule comes from, in words: `R08, R12`, `ACP v1 prompt-turn; R33`, `not stated by ACP v1`.
    #[must_use]
    pub fn cited(&self) -> String {
        let pages = (!self.pages.is_empty()).then(|| format!("ACP v1 {}", self.pages.join(", ")));
        let rows = (!self.rows.is_empty()).then(|| self.rows.join(", "));
        let unstated = (self.profile == Profile::Policy).then(|| "not stated by ACP v1".to_owned());
        let parts: Vec<String> = unstated.into_iter().chain(pages).chain(rows).collect();
        parts.join("; ")
    }

    /// Whom the rule binds, in words.
    #[must_use]
    pub fn bound(&self) -> String {
        let sides: Vec<String> = self.binds.iter().map(ToString::to_string).collect();
        sides.join(" and ")
    }
}
