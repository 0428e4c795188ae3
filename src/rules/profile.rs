//! How binding each rule is, whom it binds and what it rests on: one table for the rules of an execution (`check`) and
//! those of a transcript (`verify`).

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

    /// Whether the rule of this name is one of the profile's. A rule that is in no table is held by none.
    ///
    /// ```
    /// use turnloom::rules::Profile;
    /// assert!(Profile::Runtime.holds("no-replay") && !Profile::Policy.holds("no-replay"));
    /// ```
    #[must_use]
    pub fn holds(self, rule: &str) -> bool {
        basis(rule).is_some_and(|basis| basis.profile <= self)
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

/// What the rule of this name rests on, if there is such a rule.
#[must_use]
pub fn basis(rule: &str) -> Option<&'static Basis> {
    BASES.iter().find(|basis| basis.rule == rule)
}

const CLIENT: &[Side] = &[Side::Client];
const AGENT: &[Side] = &[Side::Agent];
const BOTH: &[Side] = &[Side::Client, Side::Agent];

/// Of the protocol: read out of a transcript.
const fn acp(
    rule: &'static str,
    profile: Profile,
    binds: &'static [Side],
    pages: &'static [&'static str],
) -> Basis {
    Basis { rule, profile, binds, pages, rows: &[] }
}

/// Of the runtime: read out of an execution.
const fn runtime(rule: &'static str, rows: &'static [&'static str]) -> Basis {
    Basis { rule, profile: Profile::Runtime, binds: CLIENT, pages: &[], rows }
}

/// Every rule, those of an execution first.
pub const BASES: &[Basis] = &[
    runtime("no-lock-across-prompt", &["R01", "R32"]),
    runtime("callback-on-lock-owner", &["R31", "R32", "N25", "P02"]),
    runtime("lock-order", &["R21", "R23", "R31", "R32"]),
    Basis {
        binds: &[Side::Client, Side::Scenario],
        ..runtime("no-deadlock", &["R14", "R30", "N07", "N08", "N23", "P03"])
    },
    runtime("no-hang", &["R30"]),
    runtime("no-replay", &["R05", "R19", "R24", "N12", "N13"]),
    runtime("nothing-stranded-after-finish", &["R08", "R12", "N15"]),
    Basis { profile: Profile::Policy, ..runtime("one-prompt-a-session", &["R10", "N04", "N26"]) },
    runtime("prompts-in-message-order", &["R17", "R27"]),
    runtime("completed-turn-is-kept", &["R28"]),
    runtime("one-terminal-event-a-card", &["R09", "N10"]),
    Basis {
        profile: Profile::Should,
        pages: &["prompt-turn"],
        ..runtime("no-open-card", &["R13", "R33", "N29"])
    },
    runtime("nothing-after-turn-end", &["R06", "R11", "R29", "N01"]),
    runtime("restart-between-turns", &["R16"]),
    runtime("session-survives-restart", &["R22"]),
    runtime("switched-model-stays", &["N30"]),
    runtime("no-restart-under-lock", &["R23"]),
    runtime("final-events-together", &["R07", "R21"]),
    runtime("suffix-once-a-session", &["R15", "N27"]),
    runtime("every-chunk-published", &["R02"]),
    runtime("run-stops-after-error", &["R18", "N05"]),
    runtime("tool-sees-its-cancel", &["R35", "R36"]),
    runtime("superseded-prompt-is-cancelled", &["R03"]),
    runtime("superseded-prompt-is-not-repeated", &["N20"]),
    runtime("user-stop-wins", &["R39", "N06"]),
    runtime("asked-run-happens", &["R20", "R40", "R41", "N11", "N22", "N28", "P01"]),
    runtime("no-run-unasked", &["R26", "N24"]),
    runtime("dispatch-by-agent", &["R37", "R38"]),
    runtime("no-step-after-pause", &["N02", "N14"]),
    runtime("stop-returns-well", &["N16", "N17"]),
    runtime("tool-calls-are-answered-once", &["N19"]),
    runtime("accept-is-honoured", &["N21"]),
    runtime("last-state-is-true", &["N03"]),
    runtime("loop-goes-on", &["R34"]),
    runtime("final-state-last", &["R42"]),
    runtime("usage-kept-apart", &["R04"]),
    acp("frames-are-valid", Profile::Must, BOTH, &["transports"]),
    acp("answers-have-requests", Profile::Must, BOTH, &["overview"]),
    acp("setup-before-prompt", Profile::Must, CLIENT, &["prompt-turn", "initialization"]),
    Basis {
        rows: &["N18"],
        ..acp("permissions-are-cancelled", Profile::Must, CLIENT, &["prompt-turn", "tool-calls"])
    },
    acp("cancel-is-answered-cancelled", Profile::Must, AGENT, &["prompt-turn"]),
    acp("cancel-is-no-error", Profile::Must, AGENT, &["prompt-turn"]),
    acp("updates-before-answer", Profile::Must, AGENT, &["prompt-turn"]),
    acp("capabilities-are-advertised", Profile::Must, AGENT, &["initialization"]),
    acp("permitted-tools-report", Profile::Should, AGENT, &["prompt-turn"]),
    acp("one-prompt-a-turn", Profile::Policy, CLIENT, &[]),
    acp("cancel-has-a-turn", Profile::Policy, CLIENT, &[]),
    acp("updates-in-a-turn", Profile::Policy, AGENT, &[]),
];
