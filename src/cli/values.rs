//! The values that options take for types of the domain, with the help texts of the command line.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::explore::EngineKind;
use crate::harness::Firing;
use crate::harness::python::Executor;
use crate::rules::Profile;

impl ValueEnum for EngineKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Turnloom, Self::Loom]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Turnloom => PossibleValue::new("turnloom")
                .help("The in-house engine: every interleaving, by a search over visited states"),
            Self::Loom => {
                PossibleValue::new("loom").help("loom, with a preemption bound, in a child process")
            }
        })
    }
}

impl ValueEnum for Firing {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Clock, Self::Race]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Clock => PossibleValue::new("clock")
                .help("the scenario's clock, as its steps say; a timer it does not fire never fires"),
            Self::Race => PossibleValue::new("race").help(
                "the timers race with everything else: each fires at any moment while it is armed, none before one \
                 that is due earlier; the steps of the scenario's clock are left out",
            ),
        })
    }
}

impl ValueEnum for Executor {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Greenlets, Self::Threads]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Greenlets => {
                PossibleValue::new("greenlets").help("greenlets on one thread of the operating system")
            }
            Self::Threads => {
                PossibleValue::new("threads").help("threads of the operating system, one at a time")
            }
        })
    }
}

impl ValueEnum for Profile {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Must, Self::Should, Self::Policy, Self::Runtime]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Must => "what the specification of ACP v1 demands",
            Self::Should => "what it recommends as well",
            Self::Policy => "what it leaves open as well",
            Self::Runtime => {
                "what the conversation runtime itself promises as well: nobody but it is held to that"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}
