//! The interpreter in another process, behind a pipe: this very test binary, begun once more as a child.
//!
//! An execution is one request: the path. The answer has the report at its end and, since the child then goes on by itself as
//! an execution does that is left alone, a report after each further step. As long as the search does the same, no
//! message is needed; where it does something else, the path and its step are asked for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use turnloom::engine::execution::{Ended, default_choice};
use turnloom::engine::system::{Begin, Diverged, Failure, Fingerprints, PathStep, Report, Run, System};
use turnloom::engine::trace::{LockEdge, Operation, Step, Unfinished};

use super::table::{Account, Failing, Machine, Program, Snapshot, Took};

/// Says that this process is the child.
const IS_CHILD: &str = "TURNLOOM_TEST_INTERPRETER";
/// Every line of the child that means something begins with this; the test harness prints others.
const MARK: &str = "@";

/// A step of a path: the thread, the alternative, and the trail if it is known.
type Taken = (usize, usize, Option<(u64, u64)>);

#[derive(Serialize, Deserialize)]
enum Request {
    Load(Program),
    Begin(Vec<Taken>),
}

#[derive(Serialize, Deserialize)]
struct Answer {
    /// The steps of the path.
    path: Vec<Took>,
    /// Where the path did not fit, and whether the step was taken.
    diverged: Option<(usize, bool)>,
    /// How things stand at the end of the path.
    there: Snapshot,
    /// How they stand after each step that the child took by itself, and the step.
    ahead: VecDeque<((usize, usize), Snapshot)>,
}

/// The child's side: answers until its input ends.
#[test]
fn a_child_interprets() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let mut program = Program::new();
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line.expect("a line")).expect("a request") {
            Request::Load(loaded) => program = loaded,
            Request::Begin(path) => {
                let answer = serde_json::to_string(&answer(&program, &path)).expect("an answer");
                let mut out = std::io::stdout().lock();
                writeln!(out, "\n{MARK}{answer}").and_then(|()| out.flush()).expect("the parent listens");
            }
        }
    }
}

fn answer(program: &Program, path: &[Taken]) -> Answer {
    let mut machine = Machine::begin(program);
    let mut answer =
        Answer { path: Vec::new(), diverged: None, there: machine.snapshot(), ahead: VecDeque::new() };
    die_if_told_to(&answer.there);
    let mut last = None;
    for (at, (thread, alternative, trail)) in path.iter().enumerate() {
        let can_be_taken = machine.can_take(*thread, *alternative);
        if can_be_taken {
            machine.step(*thread, *alternative);
            die_if_told_to(&machine.snapshot());
            answer.path.extend(machine.took());
            last = Some(*thread);
        }
        if !can_be_taken || trail.is_some_and(|trail| trail != machine.state()) {
            answer.diverged = Some((at, can_be_taken));
            break;
        }
    }
    answer.there = machine.snapshot();
    while answer.diverged.is_none() {
        let now = answer.ahead.back().map_or(&answer.there, |(_, ahead)| ahead);
        let is_ready = |index: &usize| now.threads[*index].next.as_ref().is_some_and(|next| next.ready);
        let enabled: Vec<usize> = (0..now.threads.len()).filter(is_ready).collect();
        if enabled.is_empty() || now.failed.is_some() {
            break;
        }
        let thread = default_choice(last, &enabled);
        machine.step(thread, 0);
        let ahead = machine.snapshot();
        if matches!(ahead.failed, Some((Failing::Crashes, _))) {
            break;
        }
        answer.ahead.push_back(((thread, 0), ahead));
        last = Some(thread);
    }
    answer
}

fn die_if_told_to(snapshot: &Snapshot) {
    if matches!(snapshot.failed, Some((Failing::Crashes, _))) {
        std::process::exit(3);
    }
}

/// The parent's end of the pipe. A child that died is begun again.
#[derive(Default)]
pub struct Pipe {
    talk: RefCell<Option<Talk>>,
    /// How many programs were loaded, and which of them the child has.
    programs: Cell<u64>,
    /// How many answers were asked for.
    pub answers: Cell<u64>,
}

struct Talk {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    loaded: Option<u64>,
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Talk {
    fn begin() -> std::io::Result<Self> {
        let (_, test) = concat!(module_path!(), "::a_child_interprets").split_once("::").expect("a path");
        let mut child = Command::new(std::env::current_exe()?)
            .args([test, "--exact", "--nocapture", "--test-threads", "1"])
            .env(IS_CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = (input.expect("it is piped"), BufReader::new(output.expect("it is piped")));
        Ok(Self { child, input, output, loaded: None })
    }

    fn say(&mut self, request: &Request) -> std::io::Result<()> {
        writeln!(self.input, "{}", serde_json::to_string(request)?)
    }

    fn ask(&mut self, request: &Request) -> std::io::Result<Answer> {
        self.say(request)?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                return Err(std::io::Error::other("the interpreter has died"));
            }
            if let Some(answer) = line.strip_prefix(MARK) {
                return Ok(serde_json::from_str(answer)?);
            }
        }
    }
}

impl Pipe {
    fn ask(&self, (number, program): (u64, &Program), path: &[PathStep]) -> std::io::Result<Answer> {
        self.answers.set(self.answers.get() + 1);
        let halves = |trail: u128| ((trail >> 64) as u64, trail as u64);
        let step = |step: &PathStep| (step.thread, step.alternative, step.trail.map(halves));
        let request = Request::Begin(path.iter().map(step).collect());
        let mut slot = self.talk.borrow_mut();
        let mut talk = match slot.take() {
            Some(talk) => talk,
            None => Talk::begin()?,
        };
        if talk.loaded != Some(number) {
            talk.say(&Request::Load(program.clone()))?;
            talk.loaded = Some(number);
        }
        let answer = talk.ask(&request)?;
        *slot = Some(talk);
        Ok(answer)
    }
}

/// The interpreter behind a pipe.
pub struct Piped {
    program: Rc<(u64, Program)>,
    pipe: Rc<Pipe>,
}

impl Piped {
    pub fn new(program: Program, pipe: &Rc<Pipe>) -> Self {
        let number = pipe.programs.get();
        pipe.programs.set(number + 1);
        Self { program: Rc::new((number, program)), pipe: pipe.clone() }
    }
}

impl Fingerprints for Piped {}

impl System for Piped {
    type Run = PipedRun;

    fn begin(&self, begin: Begin<'_>) -> PipedRun {
        let mut run = PipedRun {
            program: self.program.clone(),
            pipe: self.pipe.clone(),
            taken: begin.path.to_vec(),
            ahead: VecDeque::new(),
            account: Account::new(begin.numbers),
        };
        run.ask(true);
        run
    }
}

/// One execution of it.
pub struct PipedRun {
    program: Rc<(u64, Program)>,
    pipe: Rc<Pipe>,
    taken: Vec<PathStep>,
    /// What the child did by itself beyond the steps that were taken.
    ahead: VecDeque<((usize, usize), Snapshot)>,
    account: Account,
}

impl PipedRun {
    /// Asks for the execution along the steps that were taken; the account knows all of them but, if it is not new, the last.
    fn ask(&mut self, is_new: bool) {
        match self.pipe.ask((self.program.0, &self.program.1), &self.taken) {
            Ok(answer) => {
                let known = if is_new { 0 } else { self.taken.len() - 1 };
                answer.path.iter().skip(known).for_each(|took| self.account.pass(took));
                self.account.take_in(answer.there);
                self.ahead = answer.ahead;
                if let Some((at, was_taken)) = answer.diverged {
                    self.account.report.failure = Some(Failure::Diverged(Diverged { at, was_taken }));
                }
            }
            Err(error) => self.account.report.failure = Some(Failure::Crashed(error.to_string())),
        }
    }
}

impl Run for PipedRun {
    type Seen = String;

    fn report(&self) -> &Report {
        &self.account.report
    }

    fn step(&mut self, thread: usize, alternative: usize) {
        self.taken.push(PathStep { thread, alternative, trail: None });
        match self.ahead.pop_front() {
            Some((step, snapshot)) if step == (thread, alternative) => {
                snapshot.took.iter().for_each(|took| self.account.pass(took));
                self.account.take_in(snapshot);
            }
            _ => self.ask(false),
        }
    }

    fn state(&self) -> Option<u128> {
        Some(self.account.state())
    }

    fn trail(&self, _thread: usize) -> Option<u128> {
        self.state()
    }

    fn announced(&self, thread: usize) -> Option<Operation> {
        self.account.announced(thread)
    }

    fn took(&self) -> Option<Operation> {
        self.account.took()
    }

    fn roles(&self) -> Vec<Rc<str>> {
        self.account.roles()
    }

    fn steps(&self) -> Vec<Step> {
        self.account.steps()
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        self.account.unfinished()
    }

    fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.account.lock_order()
    }

    fn seen(&self, ended: &Ended) -> String {
        self.account.seen(ended)
    }
}
