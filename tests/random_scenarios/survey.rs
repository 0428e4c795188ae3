//! Draws scenarios, runs some schedules of each, and says which rules broke, with the smallest scenario that breaks each.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;
use turnloom::cli::vocabulary;
use turnloom::engine::search::{Sample, Sampler};
use turnloom::explore::{Budget, Caught, Firing, Hunted, Job, Options, SearchKind, Verdict, hunt, smaller};
use turnloom::observation::{Observations, Waiting};
use turnloom::rules::{Side, Violation};
use turnloom::scenario;
use turnloom::scenario::{AgentKind, Diagnostic, Loaded, Scenario};
use turnloom::terms::ThreadRole;

use super::draft::{Written, draw};
use super::table::{Cell, Table, acts_of, deeds_of};

/// Which scenarios are run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Survey {
    pub scenarios: u64,
    pub seed: u64,
    /// How many schedules of each scenario are run with few preemptions, and how many are drawn.
    pub schedules: u64,
    /// The number of the only scenario that is run.
    pub only: Option<u64>,
    pub defect: Option<&'static str>,
}

/// What was run.
#[derive(Debug, Default)]
pub struct Ran {
    pub scenarios: u64,
    /// Scenarios that were run through all their interleavings.
    pub proved: u64,
    executions: u64,
    /// Executions that stood still as the scenario waited for what never came.
    idle: u64,
    /// Scenarios with such an execution.
    pub with_idle: u64,
    /// By rule, or by what else went wrong, the places of the scenarios.
    pub found: BTreeMap<String, Vec<usize>>,
}

/// A draft that the linter takes.
pub struct Draft {
    pub number: u64,
    written: Written,
    scenario: Scenario,
}

/// The table of what can be: a cell cannot be if the linter refuses the smallest scenario that has it.
pub fn table() -> Table {
    Table::new(refusal)
}

/// Why a cell cannot be, in the linter's words.
fn refusal(cell: Cell) -> Option<String> {
    let smallest = draw(cell, false, 0);
    let loaded = match read(&smallest) {
        Ok(loaded) => loaded,
        Err(why) => return Some(why),
    };
    let is_drawn = deeds_of(&loaded.scenario, smallest.racing).contains(&cell.deed)
        && acts_of(&loaded.scenario).contains(&cell.act);
    assert!(is_drawn, "the smallest scenario lacks its cell {cell:?}: {}", smallest.text);
    None
}

/// The scenario, if the linter finds nothing wrong in it and an engine can run it. That an LLM fails without the retries of the
/// release, or calls its tools alike without its check for loops, does not keep the rest from being run.
fn read(written: &Written) -> Result<Loaded, String> {
    let said = |found: Option<&Diagnostic>| found.map(|one| format!("{} ({})", one.message(), one.code()));
    let loaded = match scenario::parse("random", &written.text, &vocabulary()) {
        Ok(loaded) => loaded,
        Err(found) => return Err(said(found.iter().next()).unwrap_or_default()),
    };
    let is_acp = loaded.scenario.agent.kind == AgentKind::Acp;
    let warnings = loaded.warnings.iter().filter(|warning| is_acp || warning.code() != "not-modelled");
    match said(loaded.only_live.iter().chain(warnings).next()) {
        Some(why) => Err(why),
        None => Ok(loaded),
    }
}

/// How often a draft with extras is drawn anew before the smallest scenario will do.
const TRIES: u64 = 20;

impl Survey {
    /// The drafts, one after another, each for the cell that was drawn least often.
    pub fn draw(self) -> (Table, Vec<Draft>) {
        let mut table = table();
        let mut rng = Rng::with_seed(self.seed);
        let mut drafts = Vec::new();
        for number in 0..self.scenarios {
            let cell = table.least_drawn(|candidates| rng.usize(0..candidates));
            let seed = rng.u64(..);
            let tries = (0..TRIES).map(|at| draw(cell, true, seed.wrapping_add(at)));
            let drawn =
                tries.chain([draw(cell, false, 0)]).find_map(|written| Some((read(&written).ok()?, written)));
            let (loaded, written) = drawn.expect("the smallest scenario of a cell that can be is taken");
            table.count(&loaded.scenario, written.racing);
            drafts.push(Draft { number, written, scenario: loaded.scenario });
        }
        if let Some(only) = self.only {
            drafts.retain(|draft| draft.number == only);
            drafts.iter().for_each(|draft| println!("{}", draft.job(self.defect).file()));
        }
        (table, drafts)
    }

    /// Runs the drafts, on as many threads as there are cores.
    pub fn run(self, drafts: &[Draft]) -> Ran {
        let next = AtomicUsize::new(0);
        let take = || {
            let place = next.fetch_add(1, Ordering::Relaxed);
            Some((place, drafts.get(place)?))
        };
        let share = || {
            let mut ran = Ran::default();
            while let Some((place, draft)) = take() {
                self.run_one(place, draft, &mut ran);
            }
            ran
        };
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parts: Vec<Ran> = thread::scope(|scope| {
            let parts: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
            parts.into_iter().map(|part| part.join().expect("a survey ends")).collect()
        });
        parts.into_iter().fold(Ran::default(), Ran::and)
    }

    fn run_one(self, place: usize, draft: &Draft, ran: &mut Ran) {
        ran.scenarios += 1;
        let idle = ran.idle;
        match look(&draft.job(self.defect), self.schedules, draft.number, ran) {
            Ok(None) => {}
            Ok(Some(caught)) => {
                for rule in broken(&caught.violations, &caught.seen) {
                    ran.found.entry(rule.to_owned()).or_default().push(place);
                }
            }
            Err(why) => ran.found.entry(why).or_default().push(place),
        }
        ran.with_idle += u64::from(ran.idle > idle);
    }

    /// By rule how many scenarios break it, and the smallest that could be made of some of them.
    pub fn tell(self, ran: &Ran, drafts: &[Draft]) -> Vec<String> {
        ran.found.iter().map(|(rule, places)| self.tell_one(rule, places, drafts)).collect()
    }

    fn tell_one(self, rule: &str, places: &[usize], drafts: &[Draft]) -> String {
        let numbers: Vec<u64> = places.iter().map(|place| drafts[*place].number).collect();
        let head = format!("{rule}: {} scenarios, numbers {numbers:?}", places.len());
        let jobs = places.iter().take(3).map(|place| drafts[*place].job(self.defect));
        let small = jobs.filter_map(|job| shrink(rule, job, self.schedules * 2));
        let (job, caught) = small.min_by_key(|(job, _)| job.file().len()).unwrap_or_else(|| {
            let first = &drafts[places[0]];
            let job = first.job(self.defect);
            let found = look(&job, self.schedules, first.number, &mut Ran::default());
            (job, found.ok().flatten().expect("the same schedules break the same rule"))
        });
        let violation = caught.violations.iter().find(|one| one.rule == rule).expect("it breaks");
        format!("{head}\n{}timers {:?}\n✗ {}\n  {}", job.file(), job.timers, violation.message, caught.token)
    }
}

impl Draft {
    pub fn is_racing(&self) -> bool {
        self.written.racing
    }

    pub fn is_crossed(&self) -> bool {
        self.written.is_crossed
    }

    pub fn job(&self, defect: Option<&'static str>) -> Job {
        Job {
            name: "random".into(),
            scenario: self.scenario.clone(),
            revision: None,
            defects: defect.iter().map(ToString::to_string).collect(),
            timers: if self.written.racing { Firing::Race } else { Firing::Clock },
            subject: None,
        }
    }
}

/// A job's scenario as a file.
pub trait File {
    fn file(&self) -> String;
}

impl File for Job {
    fn file(&self) -> String {
        let text = serde_json::to_string(&self.scenario).expect("a scenario is text");
        scenario::format(&self.name, &text).unwrap_or(text)
    }
}

impl Ran {
    fn and(mut self, other: Self) -> Self {
        self.scenarios += other.scenarios;
        self.proved += other.proved;
        self.executions += other.executions;
        self.idle += other.idle;
        self.with_idle += other.with_idle;
        for (rule, places) in other.found {
            let all = self.found.entry(rule).or_default();
            all.extend(places);
            all.sort_unstable();
        }
        self
    }

    pub fn summary(&self) -> String {
        let Self { scenarios, proved, executions, idle, with_idle, found } = self;
        let found: BTreeMap<_, _> = found.iter().map(|(rule, places)| (rule, places.len())).collect();
        format!(
            "{scenarios} scenarios, {proved} run through; {executions} executions, {idle} stood still, in {with_idle} \
             scenarios; broken {found:?}"
        )
    }
}

/// The rules that an execution breaks; none if it stands still by the scenario's own doing. When the clock alone waits
/// for a timer, the runtime waits for nothing.
pub fn broken(violations: &[Violation], seen: &Observations) -> Vec<&'static str> {
    if is_idle(violations, seen) {
        return Vec::new();
    }
    let rules = violations.iter().map(|one| one.rule);
    rules.filter(|rule| !(*rule == "no-deadlock" && is_left_to_clock(seen))).collect()
}

/// Whether the execution stands still since the scenario does not do what it alone can do. Whose doing a deadlock is, `src/rules/`
/// says and its tests show.
pub fn is_idle(violations: &[Violation], seen: &Observations) -> bool {
    let is_scenarios = |one: &Violation| one.rule == "no-deadlock" && one.side == Side::Scenario;
    violations.iter().any(is_scenarios) && !is_left_to_clock(seen)
}

fn is_left_to_clock(seen: &Observations) -> bool {
    let is_clock = |one: &Waiting| one.role() == Some(ThreadRole::Clock);
    seen.stuck.as_ref().is_some_and(|stuck| stuck.threads.iter().all(is_clock))
}

/// Takes out one thing after another for as long as the rule breaks and the linter says nothing.
fn shrink(rule: &str, mut job: Job, schedules: u64) -> Option<(Job, Caught)> {
    let breaks = |job: &Job| {
        let caught = look(job, schedules, 1, &mut Ran::default()).ok()??;
        broken(&caught.violations, &caught.seen).contains(&rule).then_some(caught)
    };
    let is_taken = |job: &Job| {
        let text = serde_json::to_string(&job.scenario).expect("a scenario is text");
        scenario::parse("random", &text, &vocabulary()).is_ok()
    };
    let mut caught = breaks(&job)?;
    loop {
        let tried = smaller(&job.scenario).into_iter().map(|scenario| Job { scenario, ..job.clone() });
        let mut tried = tried.filter(is_taken);
        let Some(found) = tried.find_map(|job| breaks(&job).map(|caught| (job, caught))) else {
            return Some((job, caught));
        };
        (job, caught) = found;
    }
}

/// The first execution that breaks a rule, if one was found; what keeps the scenario from being run.
pub fn look(job: &Job, schedules: u64, seed: u64, ran: &mut Ran) -> Result<Option<Caught>, String> {
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed });
    for search in [SearchKind::FewPreemptions, drawn] {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options { search, budget, ..Options::default() };
        let mut idle = 0;
        let hunted = hunt(job, &options, &mut |seen, violations| {
            idle += u64::from(is_idle(violations, seen));
            !broken(violations, seen).is_empty()
        });
        let Hunted { caught, executions, searched, .. } = hunted.map_err(|error| error.to_string())?;
        ran.executions += executions;
        ran.idle += idle;
        if caught.is_some() {
            return Ok(caught);
        }
        if searched == Verdict::Proved {
            ran.proved += 1;
            break;
        }
    }
    Ok(None)
}
