//! A scenario under loom: the parent asks a child process and turns its answer into findings; the child permutes.
//!
//! loom aborts its process on a deadlock. The child's panic hook writes what is known by then, with the place of every
//! thread, and ends the child itself. A schedule found here is replayed on the in-house engine before it becomes a
//! token, so a token never needs loom.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::findings::{Findings, Judge};
use super::{Exploration, Verdict};
use super::{ExploreError, Job, Options};
use crate::engine::execution::{Recorded, Schedule, run_once};
use crate::engine::trace::Book;
use crate::harness::model::{does_not_fit, threads};
use crate::harness::{Firing, Stage};
use crate::observation::{Observations, Why};
use crate::scenario::Scenario;

use crate::engine::loom::{Bounds, Finished, all_tried, permute};

/// The preemption bound of a scenario that names none.
const PREEMPTIONS: u32 = 2;
/// How many branches loom has for each step that an execution may take.
const BRANCHES_FOR_EACH: usize = 3;

/// What the parent asks.
#[derive(Serialize, Deserialize)]
struct Request {
    scenario: Scenario,
    revision: String,
    defects: Vec<String>,
    timers: Firing,
    preemptions: u32,
    branches: usize,
}

/// What the child answers.
#[derive(Serialize, Deserialize)]
struct Answer {
    executions: u64,
    ended: Ending,
    /// Whether every alternative of every choice was tried.
    all_tried: bool,
    outcomes: Vec<Outcome>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
enum Ending {
    /// Every permutation was run.
    All,
    /// loom stopped at an execution that could not go on.
    Stuck,
    /// loom stopped at an execution that has more branches than were asked for.
    TooLong,
    /// The program panicked.
    Panicked(String),
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    seen: Observations,
    /// Who moved, and which of its alternatives the operation was.
    steps: Vec<(String, usize)>,
    executions: u64,
}

/// Runs a scenario under loom.
pub(crate) fn explore(job: &Job, options: &Options) -> Result<Exploration, ExploreError> {
    let preemptions = options.preemptions.or(job.scenario.loom.preemptions).unwrap_or(PREEMPTIONS);
    let reduced =
        job.scenario.loom.inline.iter().map(|role| format!("{} inline", crate::scenario::word(role)));
    let reduced: Vec<String> = reduced.collect();
    let threads = threads(&job.scenario, job.timers);
    if let Some(reason) = does_not_fit(&job.scenario, threads) {
        let findings = Findings::default();
        let mut exploration = findings.report(job, options, Verdict::Incomplete(reason));
        exploration.reduced = reduced;
        return Ok(exploration);
    }
    let answer = ask(job, preemptions)?;
    if let Ending::Panicked(message) = answer.ended {
        return Err(ExploreError::Broken { scenario: job.name.clone(), message });
    }
    let judge = Judge::new(&job.scenario, options.profile);
    let mut findings = Findings::default();
    for outcome in &answer.outcomes {
        let (found, broken) = findings.take_in(judge.judge(&outcome.seen), outcome.executions);
        if broken && found.schedule.is_none() {
            found.schedule = Some(schedule(job, outcome)?);
        }
    }
    let clean = if answer.ended == Ending::TooLong {
        let branches = BRANCHES_FOR_EACH * job.limits().steps;
        Verdict::Incomplete(format!(
            "an execution took more than {branches} of loom's branches, and loom does not know whether it hangs: \
             explore it with `--engine turnloom`"
        ))
    } else if answer.all_tried {
        Verdict::ProvedUpTo(preemptions)
    } else {
        // Choices would take one of the few threads, and so far no scenario makes any.
        Verdict::Incomplete(
            "it makes free choices, of which loom took only the first alternatives".to_owned(),
        )
    };
    let mut exploration = findings.report(job, options, clean);
    exploration.statistics.executions = answer.executions;
    exploration.reduced = reduced;
    Ok(exploration)
}

/// The schedule of an outcome, as the in-house engine replays it.
fn schedule(job: &Job, outcome: &Outcome) -> Result<Schedule, ExploreError> {
    let stage = job.stage()?;
    let recorded = |(role, alternative): &(String, usize)| Recorded {
        role: role.as_str().into(),
        alternative: *alternative,
    };
    let steps: Vec<Recorded> = outcome.steps.iter().map(recorded).collect();
    let replayed = run_once(&job.limits(), &stage.program(), &steps, |execution| execution.schedule());
    replayed.map_err(|error| ExploreError::Child {
        scenario: job.name.clone(),
        message: format!("a schedule found under loom does not replay: {error}"),
    })
}

fn ask(job: &Job, preemptions: u32) -> Result<Answer, ExploreError> {
    let failed = |message: String| ExploreError::Child { scenario: job.name.clone(), message };
    let request = Request {
        scenario: job.scenario.clone(),
        revision: job.revision.clone().unwrap_or_else(|| job.scenario.revision.clone()),
        defects: job.defects.clone(),
        timers: job.timers,
        preemptions,
        branches: BRANCHES_FOR_EACH * job.limits().steps,
    };
    let request = serde_json::to_vec(&request).map_err(|error| failed(error.to_string()))?;
    let program = std::env::current_exe().map_err(|error| failed(format!("no program to start: {error}")))?;
    let mut child = Command::new(program)
        .arg("loom-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("the child does not start: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&request).map_err(|error| failed(format!("the child takes no request: {error}")))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("nothing");
        failed(format!("the child ended without an answer ({error}); its last words: {last}"))
    })
}

/// What the child has found so far.
#[derive(Default)]
struct Known {
    executions: u64,
    outcomes: BTreeMap<Observations, (Vec<(String, usize)>, u64)>,
}

impl Known {
    fn take_in(&mut self, seen: Observations, book: &Book) {
        self.executions += 1;
        let entry = self.outcomes.entry(seen).or_insert_with(|| {
            let names = book.names();
            let scene = book.steps().into_iter().skip(book.setup_steps());
            let recorded = scene.map(|step| (names[step.role.0].to_string(), step.alternative.unwrap_or(0)));
            (recorded.collect(), 0)
        });
        entry.1 += 1;
    }

    fn answer(&self, ended: Ending) -> Answer {
        let outcomes = self.outcomes.iter().map(|(seen, (steps, executions))| Outcome {
            seen: seen.clone(),
            steps: steps.clone(),
            executions: *executions,
        });
        Answer { executions: self.executions, ended, all_tried: all_tried(), outcomes: outcomes.collect() }
    }
}

/// The child: permutes the scenario that its standard input asks for and writes the answer to its standard output.
///
/// # Errors
///
/// If the request cannot be read or the answer cannot be written.
pub fn child() -> Result<(), Box<dyn std::error::Error>> {
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let request: Request = serde_json::from_slice(&request)?;
    let revision = Some(request.revision.as_str());
    let stage = Stage::with_few_threads(&request.scenario, revision, &request.defects, request.timers)?;
    let known: Rc<RefCell<Known>> = Rc::default();
    let (visited, on_stage) = (known.clone(), stage.clone());
    let visit = move |finished: Finished, book: &Book, message: &str| {
        let why = match finished {
            Finished::Complete => None,
            Finished::Deadlock => Some(Why::Deadlock),
            Finished::TooLong => end(&visited.borrow().answer(Ending::TooLong)),
            Finished::Panicked => end(&visited.borrow().answer(Ending::Panicked(message.to_owned()))),
        };
        visited.borrow_mut().take_in(on_stage.observe(why, book), book);
        if why.is_some() {
            end(&visited.borrow().answer(Ending::Stuck));
        }
    };
    let preemptions = Some(request.preemptions);
    let bounds = Bounds { preemptions, branches: request.branches, alternatives: 0 };
    permute(bounds, stage.program(), Rc::new(visit));
    serde_json::to_writer(std::io::stdout().lock(), &known.borrow().answer(Ending::All))?;
    Ok(())
}

/// Writes the answer from inside loom and ends the process, before loom aborts it.
fn end(answer: &Answer) -> ! {
    let written = serde_json::to_writer(std::io::stdout().lock(), answer);
    std::process::exit(i32::from(written.is_err()));
}
