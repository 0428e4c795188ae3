//! Random scenarios against the fixed runtime: none of them breaks a rule. With a defect the same ones do.
//!
//! A common run takes 2,000 of them. `TURNLOOM_SCENARIOS=100000 TURNLOOM_SEED=7 TURNLOOM_SCHEDULES=400 cargo test
//! --test suite random_scenarios -- --nocapture` takes more, others and more schedules of each, and says what it ran.
//!
//! A scenario with few interleavings is run through all of them. Of any other as many are run, first in the order of the
//! complete search and then drawn by PCT: that can only find, not prove. An execution that stands still since an actor or
//! the server waits for what does not come says nothing of the runtime; it is counted, and has to be rare.

mod draft;
mod tools;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;

use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use turnloom::engine::search::{Sample, Sampler};
use turnloom::explore::Firing;
use turnloom::explore::{Budget, Caught, Hunted, Job, Options, SearchKind, Verdict, hunt, smaller};
use turnloom::observation::{Observations, Place, Waiting};
use turnloom::rules::{Violation, rules};
use turnloom::scenario;
use turnloom::scenario::Vocabulary;
use turnloom::subject::model::{DECISIONS, DEFECTS, REVISIONS};
use turnloom::terms::ThreadRole;

/// A scenario as a file has it.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    /// Whether the timers race with everything else.
    racing: bool,
}

/// Who acts; a draft has three actors at most.
const NAMES: [&str; 3] = ["ann", "bob", "cem"];

/// The step that sends the next message. Messages are numbered in the order in which they are written down.
fn send(sends: &mut usize, run: bool) -> Value {
    let text = text(*sends);
    *sends += 1;
    if run { json!({"send": {"text": text, "run": true}}) } else { json!({"send": {"text": text}}) }
}

/// The text of the message at this place.
fn text(place: usize) -> String {
    format!("m{}", place + 1)
}

/// Which scenarios are run, and how.
#[derive(Debug, Clone, Copy)]
struct Survey {
    drafts: fn() -> BoxedStrategy<Written>,
    scenarios: u64,
    seed: u64,
    schedules: u64,
    defect: Option<&'static str>,
}

/// What was run.
#[derive(Debug, Default)]
struct Ran {
    scenarios: u64,
    /// Scenarios that were run through all their interleavings.
    proved: u64,
    executions: u64,
    /// Executions that stood still as the scenario waited for what never came.
    idle: u64,
    /// Scenarios with such an execution.
    with_idle: u64,
    /// Drafts that the linter refused.
    refused: u64,
    /// By rule, the scenarios that break it.
    found: BTreeMap<&'static str, Vec<(u64, Written)>>,
}

#[test]
fn the_fixed_runtime_breaks_no_rule_in_random_scenarios() {
    breaks_no_rule(|| draft::drafts().boxed());
}

#[test]
fn the_fixed_runtime_breaks_no_rule_where_an_llm_calls_tools() {
    breaks_no_rule(|| tools::drafts().boxed());
}

fn breaks_no_rule(drafts: fn() -> BoxedStrategy<Written>) {
    let survey = Survey {
        drafts,
        scenarios: number("TURNLOOM_SCENARIOS", 2_000),
        seed: number("TURNLOOM_SEED", 1),
        schedules: number("TURNLOOM_SCHEDULES", 20),
        defect: None,
    };
    let ran = survey.run();
    println!("{}", ran.summary());
    let told: Vec<String> = ran.found.iter().map(|(rule, drafts)| survey.tell(rule, drafts)).collect();
    assert!(told.is_empty(), "random scenarios break rules\n{}", told.join("\n"));
    assert!(ran.with_idle * 10 < ran.scenarios, "too many wait for what never comes: {}", ran.summary());
    assert!(ran.proved * 20 > ran.scenarios, "most are too large to be run through: {}", ran.summary());
}

#[test]
fn random_scenarios_find_a_defect() {
    assert_finds(|| draft::drafts().boxed(), "finish-gap", "nothing-stranded-after-finish");
}

#[test]
fn random_scenarios_with_tools_find_a_defect() {
    assert_finds(|| tools::drafts().boxed(), "tool-call-answered-twice", "tool-calls-are-answered-once");
}

fn assert_finds(drafts: fn() -> BoxedStrategy<Written>, defect: &'static str, rule: &str) {
    let ran = Survey { drafts, scenarios: 200, seed: 1, schedules: 20, defect: Some(defect) }.run();
    println!("{}", ran.summary());
    let found: Vec<_> = ran.found.iter().map(|(rule, drafts)| (*rule, drafts.len())).collect();
    assert!(found.iter().any(|(found, count)| *found == rule && *count >= 3), "{found:?}");
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")),
        Err(_) => default,
    }
}

impl Survey {
    /// Runs the scenarios, on as many threads as there are cores. Which they are depends on the seed alone.
    fn run(self) -> Ran {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get) as u64;
        let share = move |first: u64| {
            let mut ran = Ran::default();
            (first..self.scenarios).step_by(usize::try_from(threads).expect("few")).for_each(|number| {
                self.run_one(number, &mut ran);
            });
            ran
        };
        let parts: Vec<Ran> = thread::scope(|scope| {
            let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
            parts.into_iter().map(|part| part.join().expect("a survey ends")).collect()
        });
        parts.into_iter().fold(Ran::default(), Ran::and)
    }

    fn run_one(self, number: u64, ran: &mut Ran) {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let drafts = (self.drafts)();
        let (draft, job) = loop {
            let draft = drafts.new_tree(&mut runner).expect("a draft").current();
            match self.job(&draft) {
                Some(job) => break (draft, job),
                None => ran.refused += 1,
            }
        };
        ran.scenarios += 1;
        let idle = ran.idle;
        if let Some(caught) = look(&job, self.schedules, ran) {
            let rule = broken(&caught.violations, &caught.seen)[0];
            ran.found.entry(rule).or_default().push((number, draft));
        }
        ran.with_idle += u64::from(ran.idle > idle);
    }

    /// The draft as a job; none if the linter refuses it.
    fn job(self, draft: &Written) -> Option<Job> {
        let loaded = scenario::parse("random", &draft.text, &vocabulary()).ok()?;
        Some(Job {
            name: "random".into(),
            scenario: loaded.scenario,
            revision: None,
            defects: self.defect.iter().map(ToString::to_string).collect(),
            timers: if draft.racing { Firing::Race } else { Firing::Clock },
        })
    }

    /// How many scenarios break a rule, and the smallest that could be made of some of them.
    fn tell(self, rule: &'static str, drafts: &[(u64, Written)]) -> String {
        let jobs = drafts.iter().take(3).filter_map(|(_, draft)| self.job(draft));
        let small = jobs
            .filter_map(|job| shrink(rule, job, self.schedules))
            .min_by_key(|(job, _)| serde_json::to_string(&job.scenario).expect("JSON").len());
        let numbers: Vec<u64> = drafts.iter().map(|(number, _)| *number).collect();
        let head = format!("{rule}: {} scenarios, numbers {numbers:?}", drafts.len());
        let Some((job, caught)) = small else { return head };
        let text = serde_json::to_string(&job.scenario).expect("a scenario is text");
        let violation = caught.violations.iter().find(|one| one.rule == rule).expect("it breaks");
        format!("{head}\n{text}\ntimers {:?}\n✗ {}\n  {}", job.timers, violation.message, caught.token)
    }
}

impl Ran {
    fn and(mut self, other: Self) -> Self {
        self.scenarios += other.scenarios;
        self.proved += other.proved;
        self.executions += other.executions;
        self.idle += other.idle;
        self.with_idle += other.with_idle;
        self.refused += other.refused;
        for (rule, drafts) in other.found {
            let all = self.found.entry(rule).or_default();
            all.extend(drafts);
            all.sort_by_key(|(number, _)| *number);
        }
        self
    }

    fn summary(&self) -> String {
        let Self { scenarios, proved, executions, idle, with_idle, refused, found } = self;
        let found: BTreeMap<_, _> = found.iter().map(|(rule, drafts)| (rule, drafts.len())).collect();
        format!(
            "{scenarios} scenarios ({refused} drafts refused), {proved} run through; {executions} executions, {idle} stood \
             still, in {with_idle} scenarios; broken {found:?}"
        )
    }
}

/// The rules that an execution breaks; none if it did not come to its end as the scenario waits for what never comes.
fn broken(violations: &[Violation], seen: &Observations) -> Vec<&'static str> {
    let rules = violations.iter().map(|one| one.rule);
    if is_idle(seen) { Vec::new() } else { rules.collect() }
}

/// Takes out one thing after another for as long as the rule breaks.
fn shrink(rule: &str, mut job: Job, schedules: u64) -> Option<(Job, Caught)> {
    let breaks = |job: &Job| {
        let mut ran = Ran::default();
        look(job, schedules * 2, &mut ran)
            .filter(|caught| broken(&caught.violations, &caught.seen).contains(&rule))
    };
    let mut caught = breaks(&job)?;
    loop {
        let tried = smaller(&job.scenario).into_iter().map(|scenario| Job { scenario, ..job.clone() });
        let Some(found) = tried.into_iter().find_map(|job| breaks(&job).map(|caught| (job, caught))) else {
            return Some((job, caught));
        };
        (job, caught) = found;
    }
}

/// The first execution that breaks a rule, if one was found.
fn look(job: &Job, schedules: u64, ran: &mut Ran) -> Option<Caught> {
    let complete = SearchKind::Complete;
    let drawn = SearchKind::Sampled(Sample { sampler: Sampler::Pct { depth: 3 }, seed: 1 });
    for search in [complete, drawn] {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options { search, budget, ..Options::default() };
        let mut idle = 0;
        let hunted = hunt(job, &options, &mut |seen, violations| {
            idle += u64::from(is_idle(seen));
            !broken(violations, seen).is_empty()
        });
        let Hunted { caught, executions, searched, .. } = hunted.expect("a random scenario can be run");
        ran.executions += executions;
        ran.idle += idle;
        if caught.is_some() {
            return caught;
        }
        if searched == Verdict::Proved {
            ran.proved += 1;
            break;
        }
    }
    None
}

/// Whether the execution stands still since somebody waits for what the scenario never does: a happening, a timer, an
/// answer.
fn is_idle(seen: &Observations) -> bool {
    let waits = |thread: &Waiting| {
        thread.role() == Some(ThreadRole::Clock)
            || thread.waits_for.iter().any(|whom| whom == "server")
            || thread.place.iter().any(|place| matches!(place, Place::WaitFor(_)))
    };
    seen.stuck.as_ref().is_some_and(|stuck| stuck.is_deadlock() && stuck.threads.iter().any(waits))
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        defects: DEFECTS.iter().map(|defect| defect.name).collect(),
        rules: rules().iter().map(|rule| rule.name()).collect(),
        revisions: REVISIONS.iter().map(|revision| revision.name).collect(),
        decisions: DECISIONS
            .iter()
            .map(|decision| (decision.name, decision.alternatives.iter().map(|one| one.name).collect()))
            .collect(),
        ..Vocabulary::default()
    }
}
