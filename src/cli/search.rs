//! The arguments that say what an engine runs and how much of it, and what they mean for an exploration.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::engine::search::{Sample, Sampler};
use crate::explore::{Budget, EngineKind, Options, SearchKind};
use crate::harness::Firing;
use crate::rules::Profile;

/// What an engine runs.
#[derive(Args, Clone, Copy)]
pub(super) struct Engine {
    /// the engine that explores
    #[arg(long, value_enum, default_value = "turnloom")]
    pub(super) engine: EngineKind,
    /// at most so many switches away from a thread that could go on
    /// [default: the scenario's own bound; without one every interleaving]
    #[arg(long, value_name = "N")]
    pub(super) preemptions: Option<u32>,
    /// what the engine turnloom runs
    #[arg(long, value_enum, default_value = "complete")]
    pub(super) search: Search,
    /// who fires the timers
    #[arg(long, value_enum, default_value = "clock")]
    pub(super) timers: Firing,
    /// what schedules are drawn from: the same seed draws the same ones
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(super) seed: u64,
    /// stop after so many schedules (`5000`) or seconds (`30s`) with what is known
    #[arg(long, value_name = "N|Ns")]
    pub(super) budget: Option<Allowance>,
    /// stop with what is known when a scenario's states and outcomes would take more than this, by an estimate that is the
    /// same on every machine (`512MiB`, `4GiB`) [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub(super) memory: Option<Memory>,
    /// the rules that count, with those of the profiles before; `turnloom explain profiles` says what is in each
    #[arg(long, value_enum, default_value = "runtime")]
    pub(super) profile: Profile,
}

/// An amount of memory as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory(u64);

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = |unit, bytes: u64| text.strip_suffix(unit).map(|digits| (digits, bytes));
        let known = unit("KiB", 1 << 10).or(unit("MiB", 1 << 20)).or(unit("GiB", 1 << 30));
        let bytes = known.and_then(|(digits, unit)| digits.parse::<u64>().ok()?.checked_mul(unit));
        let bytes = bytes.filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or_else(|| "expected a size in KiB, MiB or GiB, such as 512MiB".to_owned())
    }
}

/// What the engine turnloom runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Search {
    /// every interleaving, or every one within the bound
    Complete,
    /// every interleaving without preemptions, then with one, then two… as far as the budget goes
    FewPreemptions,
    /// schedules drawn step by step
    Random,
    /// schedules drawn by probabilistic concurrency testing, for bugs of three ordering constraints
    Pct,
    /// schedules drawn by partial-order sampling
    Pos,
}

/// A budget as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// So many schedules.
    Schedules(u64),
    /// So many seconds.
    Seconds(u64),
}

impl FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, seconds) = match text.strip_suffix('s') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        match digits.parse() {
            Ok(number) if number > 0 && seconds => Ok(Self::Seconds(number)),
            Ok(number) if number > 0 => Ok(Self::Schedules(number)),
            _ => Err("expected a number of schedules, such as 5000, or of seconds, such as 30s".to_owned()),
        }
    }
}

/// How many ordering constraints a bug has that PCT is to find: three covers nearly all known ones (Lu, Park, Seo,
/// Zhou, ASPLOS 2008).
const CONSTRAINTS: u32 = 3;

impl Engine {
    /// What to explore, or why that cannot be asked for, and what to do about it.
    pub(super) fn options(self) -> Result<Options, (String, String)> {
        let is_limited = self.budget.is_some() || self.memory.is_some();
        if self.engine == EngineKind::Loom && (self.search != Search::Complete || is_limited) {
            let what = "loom runs every interleaving within its preemption bound, without a budget";
            let help = "leave out --search, --budget and --memory, or --engine loom";
            return Err((what.to_owned(), help.to_owned()));
        }
        let drawn = |sampler| SearchKind::Sampled(Sample { sampler, seed: self.seed });
        let search = match self.search {
            Search::Complete => SearchKind::Complete,
            Search::FewPreemptions => SearchKind::FewPreemptions,
            Search::Random => drawn(Sampler::Random),
            Search::Pct => drawn(Sampler::Pct { depth: CONSTRAINTS }),
            Search::Pos => drawn(Sampler::Pos),
        };
        let budget = match self.budget {
            None => Budget::default(),
            Some(Allowance::Schedules(schedules)) => Budget { schedules: Some(schedules), seconds: None },
            Some(Allowance::Seconds(seconds)) => Budget { schedules: None, seconds: Some(seconds) },
        };
        let options = Options {
            engine: self.engine,
            preemptions: self.preemptions,
            search,
            budget,
            interrupted: Some(interruption()),
            seed: self.seed,
            profile: self.profile,
            ..Options::default()
        };
        Ok(match self.memory {
            Some(Memory(memory)) => Options { memory, ..options },
            None => options,
        })
    }

    /// The options as they would be written out.
    pub(super) fn words(self) -> String {
        let name =
            |value: Option<PossibleValue>| value.map_or(String::new(), |value| value.get_name().to_owned());
        let (engine, search) = (name(self.engine.to_possible_value()), name(self.search.to_possible_value()));
        let timers = name(self.timers.to_possible_value());
        let mut words = format!("--engine {engine} --timers {timers} --search {search} --seed {}", self.seed);
        if let Some(preemptions) = self.preemptions {
            let _ = write!(words, " --preemptions {preemptions}");
        }
        match self.budget {
            None => {}
            Some(Allowance::Schedules(schedules)) => drop(write!(words, " --budget {schedules}")),
            Some(Allowance::Seconds(seconds)) => drop(write!(words, " --budget {seconds}s")),
        }
        if let Some(Memory(bytes)) = self.memory {
            let _ = write!(words, " --memory {}", crate::explore::size_in_words(bytes));
        }
        if self.profile != Profile::Runtime {
            let _ = write!(words, " --profile {}", self.profile.name());
        }
        words
    }

    /// Whether something else is run than every interleaving of the scenario as it is written.
    pub(super) fn is_partial(self) -> bool {
        self.engine == EngineKind::Loom
            || self.preemptions.is_some()
            || self.search != Search::Complete
            || self.timers != Firing::Clock
    }
}

/// Set by Ctrl-C: the search ends with what is known. A second Ctrl-C ends the process.
fn interruption() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let set = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    // Where no handler can be set, Ctrl-C ends the process as it always does.
    drop(set);
    interrupted
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Engine, Memory, Search};
    use crate::explore::EngineKind;
    use crate::harness::Firing;
    use crate::rules::Profile;

    #[test]
    fn a_budget_is_a_number_of_schedules_or_of_seconds() {
        assert_eq!("5000".parse(), Ok(Allowance::Schedules(5000)));
        assert_eq!("30s".parse(), Ok(Allowance::Seconds(30)));
        for wrong in ["", "s", "0", "0s", "-1", "1m", "99999999999999999999"] {
            assert!(wrong.parse::<Allowance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory_is_a_size_with_a_unit() {
        assert_eq!("512MiB".parse(), Ok(Memory(512 << 20)));
        assert_eq!("3GiB".parse(), Ok(Memory(3 << 30)));
        for wrong in ["", "GiB", "0KiB", "1", "1GB", "-1MiB", "99999999999GiB"] {
            assert!(wrong.parse::<Memory>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_options_in_words_are_options() {
        let engine = Engine {
            engine: EngineKind::Turnloom,
            timers: Firing::Clock,
            preemptions: Some(2),
            search: Search::FewPreemptions,
            seed: 7,
            budget: Some(Allowance::Seconds(30)),
            memory: Some(Memory(3 << 29)),
            profile: Profile::Policy,
        };
        let words = "--engine turnloom --timers clock --search few-preemptions --seed 7 --preemptions 2 --budget 30s --memory 1536MiB --profile policy";
        assert_eq!(engine.words(), words);
    }
}
