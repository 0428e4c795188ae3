//! The program as a system for the searches.
//!
//! A search gives a path, and the process runs it alone and goes on to the end by the default choices; what it did is kept, and a
//! search that wants just that takes it step by step. Where it wants something else, the execution is run again along the longer
//! path. A search that departs often is asked at each choice instead.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::protocol::{
    Announced, Answer, Begun, Call, Command, End, How, Load, Message, Ready, RunRequest, StepTaken,
};
use super::worker::{Gone, StartError, Worker};
use crate::engine::system::{
    Begin, Diverged, Failure, Keep, Next, Numbers, PathStep, Report, Run, System, Thread, Use,
};
use crate::engine::trace;
use crate::engine::trace::{Anchor, LockEdge, Operation, Step, Stopped, Unfinished};
use crate::observation::{EVENT_LOG, Observations, SERVER_LOG};

/// How many executions a process runs before another takes its place: what a program keeps for ever grows.
const EXECUTIONS: u64 = 400;

/// Whom the program speaks to, and who reads what was observed of it.
pub trait Host {
    /// A new execution begins: nothing of the last one is left.
    fn begin(&mut self);

    /// The program, or an actor, does something to the scripted server.
    fn answer(&mut self, call: Call) -> Answer;

    /// What there is to see of an execution.
    ///
    /// # Errors
    ///
    /// If what the adapter observed makes no sense.
    fn seen(&self, ended: Ended<'_>) -> Result<Observations, String>;
}

/// An execution that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// What the adapter observed.
    pub observed: &'a serde_json::Value,
    /// Whether it could not go on.
    pub is_stuck: bool,
    /// The roles that are not done.
    pub unfinished: &'a [Unfinished],
    /// The order in which locks were taken.
    pub lock_order: &'a BTreeSet<LockEdge>,
}

/// A Python program with a scenario.
pub struct Program<H> {
    shared: Rc<RefCell<Shared<H>>>,
}

/// What the executions of a program share.
struct Shared<H> {
    subject: PathBuf,
    load: Load,
    worker: Option<Worker>,
    host: H,
    /// How many executions the process has run.
    executions: u64,
    /// Whether the process asks at each choice.
    asks: bool,
    /// Attributes that threads shared and one of them wrote, in any execution so far.
    racy: BTreeSet<(String, String)>,
    /// The last execution, along whose beginning the next one needs no process.
    last: Option<Recorded>,
}

/// What a process told of an execution.
#[derive(Clone, Default)]
struct Recorded {
    begun: Rc<Begun>,
    steps: Vec<Rc<StepTaken>>,
}

impl Recorded {
    /// Whether the execution took these choices first, and then another step.
    fn goes_along(&self, path: &[(usize, usize)]) -> bool {
        let choices = self.steps.iter().map(|step| (step.thread, step.alternative));
        !path.is_empty()
            && path.len() < self.steps.len()
            && choices.zip(path).all(|(one, other)| one == *other)
    }
}

impl<H: Host> Program<H> {
    /// Starts the Python of a subject and loads the program. What it says of itself comes with it.
    ///
    /// # Errors
    ///
    /// If there is no Python, or the program cannot be run.
    pub fn start(subject: &Path, load: Load, host: H) -> Result<(Self, Ready), StartError> {
        let (worker, ready) = Worker::start(subject, &load)?;
        let shared = Shared {
            subject: subject.to_owned(),
            load,
            worker: Some(worker),
            host,
            executions: 0,
            asks: false,
            racy: BTreeSet::new(),
            last: None,
        };
        Ok((Self { shared: Rc::new(RefCell::new(shared)) }, ready))
    }
}

impl<H> Program<H> {
    /// Attributes, by class and name, that threads shared and one of them wrote, in any execution so far.
    #[must_use]
    pub fn racy(&self) -> Vec<(String, String)> {
        self.shared.borrow().racy.iter().cloned().collect()
    }

    /// From the next execution on, accesses of these attributes are operations, and of no others. Nothing may be in flight.
    pub fn make_visible(&self, attributes: Vec<(String, String)>) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.load.visible == attributes {
            return;
        }
        shared.load.visible = attributes;
        shared.last = None;
        let loaded = shared.worker.as_mut().map(|worker| worker.load(&shared.load));
        if !matches!(loaded, Some(Ok(_))) {
            // The next execution starts another process, and says why that cannot be if it cannot.
            shared.worker = None;
        }
    }
}

impl<H> Shared<H> {
    /// The process, another one if this has run enough, or has ended.
    fn worker(&mut self) -> Result<&mut Worker, Gone> {
        if self.executions >= EXECUTIONS {
            self.worker = None;
            self.executions = 0;
        }
        if self.worker.is_none() {
            let started = Worker::start(&self.subject, &self.load);
            self.worker = Some(started.map_err(|error| Gone::Crashed(error.to_string()))?.0);
        }
        self.worker.as_mut().ok_or_else(|| Gone::Crashed("there is no process".to_owned()))
    }
}

impl<H: Host> System for Program<H> {
    type Run = ProgramRun<H>;

    fn begin(&self, begin: Begin<'_>) -> ProgramRun<H> {
        let asks = self.shared.borrow().asks;
        let mut run = ProgramRun {
            shared: self.shared.clone(),
            numbers: begin.numbers.clone(),
            words: begin.keep == Keep::Words,
            most: begin.limits.steps,
            report: Report::default(),
            announced: Vec::new(),
            steps: Vec::new(),
            places: BTreeMap::new(),
            taken: Vec::new(),
            recorded: Recorded::default(),
            ahead: VecDeque::new(),
            is_recalled: false,
            waits: false,
            end: None,
            departed: 0,
        };
        run.start(begin.path, asks);
        run
    }
}

/// One execution of a program.
pub struct ProgramRun<H: Host> {
    shared: Rc<RefCell<Shared<H>>>,
    numbers: Rc<Numbers>,
    words: bool,
    most: usize,
    report: Report,
    announced: Vec<Option<Announced>>,
    steps: Vec<Step>,
    /// Where each thread was last.
    places: BTreeMap<usize, String>,
    /// The choices so far.
    taken: Vec<(usize, usize)>,
    /// What the process told of the execution so far.
    recorded: Recorded,
    /// What it has done of that already, though the search has not taken it.
    ahead: VecDeque<Rc<StepTaken>>,
    /// Whether the search stands where the last execution has been, so that no process was asked yet.
    is_recalled: bool,
    /// Whether the process waits to be told what comes next.
    waits: bool,
    end: Option<Over>,
    /// How many of the choices that the search made step by step were not the default.
    departed: usize,
}

/// An execution that the process has ended.
struct Over {
    end: End,
    unfinished: Vec<Unfinished>,
    lock_order: BTreeSet<LockEdge>,
    seen: Observations,
}

impl<H: Host> ProgramRun<H> {
    /// Runs the program along a path, and takes the path's steps.
    fn start(&mut self, path: &[PathStep], asks: bool) {
        let choices: Vec<_> = path.iter().map(|step| (step.thread, step.alternative)).collect();
        if self.recall(&choices) {
            return;
        }
        if let Err(gone) = self.run(&choices, asks) {
            self.fail(gone);
            return;
        }
        self.go_along_path(choices, &[]);
        self.look_at_end();
    }

    /// Takes the steps of a path, which were these operations before, as far as that is known.
    fn go_along_path(&mut self, path: Vec<(usize, usize)>, before: &[Operation]) {
        for (at, choice) in path.into_iter().enumerate() {
            let was_taken = self.go_along(choice);
            let is_same = before.get(at).is_none_or(|before| self.took().as_ref() == Some(before));
            if !was_taken || !is_same {
                let ended = self.failure_of_end();
                self.report.failure = ended.or(Some(Failure::Diverged(Diverged { at, was_taken })));
                return;
            }
        }
    }

    /// Goes along a path as the last execution did, if that has the same beginning. What a picture needs was not told of it.
    fn recall(&mut self, path: &[(usize, usize)]) -> bool {
        let last = self.shared.borrow().last.clone().filter(|last| !self.words && last.goes_along(path));
        let Some(last) = last else { return false };
        self.set_up(&last.begun);
        for step in &last.steps[..path.len()] {
            self.apply(step);
        }
        self.is_recalled = true;
        true
    }

    fn set_up(&mut self, begun: &Begun) {
        self.be_born(&begun.born);
        self.announce(&begun.next);
        self.report.list_enabled();
    }

    /// Begins an execution of the process and takes in what it does.
    fn run(&mut self, path: &[(usize, usize)], asks: bool) -> Result<(), Gone> {
        let shared = self.shared.clone();
        let shared = &mut *shared.borrow_mut();
        shared.executions += 1;
        shared.host.begin();
        let request = RunRequest { path, ask: asks, words: self.words, uses: false, steps: self.most };
        shared.worker()?.send(&Command::Run(request))?;
        self.recorded = Recorded::default();
        if let Some(begun) = self.gather_from(shared)? {
            self.set_up(&begun);
            self.recorded.begun = Rc::new(begun);
        }
        Ok(())
    }

    /// Takes in what the process says until it ends the execution or asks.
    fn gather(&mut self) -> Result<(), Gone> {
        let shared = self.shared.clone();
        self.gather_from(&mut shared.borrow_mut()).map(drop)
    }

    fn gather_from(&mut self, shared: &mut Shared<H>) -> Result<Option<Begun>, Gone> {
        let mut begun = None;
        loop {
            let message = shared.worker()?.receive()?;
            if let Message { server: Some(call), .. } = message {
                let answer = shared.host.answer(call);
                shared.worker()?.send(&Command::Server(&answer))?;
                continue;
            }
            begun = message.begun.or(begun);
            let asks = message.steps.is_some() && message.end.is_none();
            let steps: Vec<_> = message.steps.into_iter().flatten().map(Rc::new).collect();
            self.recorded.steps.extend_from_slice(&steps);
            self.ahead.extend(steps);
            if let Some(mut end) = message.end {
                shared.racy.append(&mut end.racy);
                if end.recycle {
                    shared.worker = None;
                }
                self.end = Some(self.over(end, &shared.host)?);
            }
            self.waits = asks;
            if asks || self.end.is_some() {
                return Ok(begun);
            }
        }
    }

    fn over(&self, end: End, host: &H) -> Result<Over, Gone> {
        let unfinished: Vec<Unfinished> = end.unfinished.iter().map(unfinished).collect();
        let edge = |(held, then, thread): &(String, String, String)| LockEdge {
            held: held.clone(),
            then: then.clone(),
            thread: thread.clone(),
        };
        let lock_order: BTreeSet<LockEdge> = end.lock_order.iter().map(edge).collect();
        let is_over = matches!(end.how, How::Complete | How::Deadlock);
        let ended = Ended {
            observed: &end.seen,
            is_stuck: end.how == How::Deadlock,
            unfinished: &unfinished,
            lock_order: &lock_order,
        };
        let seen = if is_over { host.seen(ended).map_err(Gone::Crashed)? } else { Observations::default() };
        Ok(Over { end, unfinished, lock_order, seen })
    }

    /// Takes a step that the process has done already; false if it has done another, or none.
    fn go_along(&mut self, choice: (usize, usize)) -> bool {
        match self.ahead.pop_front() {
            Some(step) if (step.thread, step.alternative) == choice => {
                self.apply(&step);
                true
            }
            _ => false,
        }
    }

    fn apply(&mut self, step: &StepTaken) {
        self.taken.push((step.thread, step.alternative));
        let alternatives = self.report.alternatives(step.thread);
        self.be_born(&step.born);
        let uses = step.uses.iter();
        self.report.uses =
            uses.map(|(key, changes)| Use { object: self.number(key), changes: *changes > 0 }).collect();
        let notes = self.news_of(step.thread, step.at.as_deref()).into_iter().collect();
        let operation =
            Operation { name: step.operation.clone().into(), object: step.object.as_str().into() };
        let anchors = step.anchors.iter().filter_map(|(log, entry)| anchor(log, *entry)).collect();
        self.steps.push(Step {
            role: self.report.role(step.thread).clone(),
            operation,
            detail: step.says.clone(),
            alternative: (alternatives > 1).then_some(step.alternative),
            holds: step.holds.iter().map(|lock| lock.as_str().into()).collect(),
            anchors,
            notes,
        });
        self.announce(&step.next);
        self.report.list_enabled();
    }

    /// Where in the program a thread is, in words, if it is somewhere else than at its last step.
    fn news_of(&mut self, thread: usize, at: Option<&str>) -> Option<String> {
        let at = at.filter(|at| !at.is_empty())?;
        let is_known = self.places.insert(thread, at.to_owned()).is_some_and(|before| before == at);
        (!is_known).then(|| format!("in {at}"))
    }

    /// The thread that the process moves by itself: the one that moved last, else the one that was born first.
    fn default_thread(&self) -> usize {
        let enabled = self.report.enabled();
        let last = self.taken.last().map(|(thread, _)| *thread);
        last.filter(|last| enabled.contains(last)).or(enabled.first().copied()).unwrap_or_default()
    }

    fn be_born(&mut self, born: &[(String, String)]) {
        for (key, role) in born {
            self.report.threads.push(Thread::new(self.numbers.thread(digest(key)), role));
            self.announced.push(None);
        }
    }

    fn announce(&mut self, changed: &BTreeMap<usize, Option<Announced>>) {
        for (thread, next) in changed {
            let in_short = next.as_ref().map(|next| Next {
                object: self.number(&next.key),
                reads: next.reads > 0,
                settled: false,
                waits: next.waits > 0,
                ready: next.ready > 0,
                idle: next.idle > 0,
                watches: Vec::new(),
                alternatives: next.alternatives,
            });
            if let Some(known) = self.report.threads.get_mut(*thread) {
                known.next = in_short;
                self.announced[*thread].clone_from(next);
            }
        }
    }

    fn number(&self, key: &str) -> u32 {
        self.numbers.object(digest(key))
    }

    /// Once all that the process did is taken: how it ended, if it did.
    fn look_at_end(&mut self) {
        if self.report.failure.is_none() && self.ahead.is_empty() {
            self.report.failure = self.failure_of_end();
            let is_stuck = self.end.as_ref().is_some_and(|over| over.end.how == How::Deadlock);
            if is_stuck {
                // The program is not at rest, though each of its threads may wait where it could end.
                let waiting = self.report.threads.iter_mut().filter_map(|thread| thread.next.as_mut());
                waiting.for_each(|next| next.idle = false);
            }
        }
    }

    fn failure_of_end(&self) -> Option<Failure> {
        let End { how, words, at, was_taken, .. } = &self.end.as_ref()?.end;
        match how {
            How::Complete | How::Deadlock | How::Stopped => None,
            How::Steps => Some(Failure::Stopped(Stopped::Steps)),
            How::Diverged => {
                Some(Failure::Diverged(Diverged { at: at.unwrap_or_default(), was_taken: *was_taken }))
            }
            How::Crashed | How::Uncontrolled => Some(Failure::Crashed(words.trim_end().to_owned())),
        }
    }

    fn fail(&mut self, gone: Gone) {
        self.shared.borrow_mut().worker = None;
        self.waits = false;
        self.report.failure = Some(match gone {
            Gone::Crashed(words) => Failure::Crashed(words),
            Gone::Silent(words) => Failure::Unresponsive(words),
        });
    }

    /// Runs the execution again, with a step more than was taken so far, which the process has not done.
    fn run_again(&mut self, choice: (usize, usize)) {
        let path: Vec<_> = self.taken.iter().copied().chain([choice]).collect();
        let before: Vec<Operation> = self.steps.iter().map(|step| step.operation.clone()).collect();
        let known = (std::mem::take(&mut self.report), std::mem::take(&mut self.announced));
        let went = (std::mem::take(&mut self.taken), std::mem::take(&mut self.steps));
        self.end = None;
        self.places.clear();
        self.ahead.clear();
        // One that departs from what it has just begun departs again, as far as one can tell.
        let asks = !std::mem::take(&mut self.is_recalled);
        if let Err(gone) = self.run(&path, asks) {
            // It failed on the way here, so what is known of the way is what was known before.
            ((self.report, self.announced), (self.taken, self.steps)) = (known, went);
            self.fail(gone);
            return;
        }
        self.go_along_path(path, &before);
    }
}

impl<H: Host> Run for ProgramRun<H> {
    type Seen = Observations;

    fn report(&self) -> &Report {
        &self.report
    }

    fn step(&mut self, thread: usize, alternative: usize) {
        let choice = (thread, alternative);
        self.departed += usize::from(choice != (self.default_thread(), 0));
        if self.ahead.is_empty() && self.waits {
            let told =
                self.shared.borrow_mut().worker().and_then(|worker| worker.send(&Command::Take(choice)));
            if let Err(gone) = told.and_then(|()| self.gather()) {
                self.fail(gone);
                return;
            }
        }
        let is_done = self.ahead.front().is_some_and(|step| (step.thread, step.alternative) == choice);
        if is_done {
            self.go_along(choice);
        } else {
            self.stop();
            self.run_again(choice);
        }
        self.look_at_end();
    }

    fn announced(&self, thread: usize) -> Option<Operation> {
        let next = self.announced.get(thread)?.as_ref()?;
        Some(Operation { name: next.operation.clone().into(), object: next.object.as_str().into() })
    }

    fn took(&self) -> Option<Operation> {
        self.steps.last().map(|step| step.operation.clone())
    }

    fn roles(&self) -> Vec<Rc<str>> {
        self.report.threads.iter().map(|thread| thread.role.clone()).collect()
    }

    fn steps(&self) -> Vec<Step> {
        self.steps.clone()
    }

    fn unfinished(&self) -> Vec<Unfinished> {
        self.end.as_ref().map(|over| over.unfinished.clone()).unwrap_or_default()
    }

    fn lock_order(&self) -> BTreeSet<LockEdge> {
        self.end.as_ref().map(|over| over.lock_order.clone()).unwrap_or_default()
    }

    fn seen(&self, _: &trace::Ended) -> Observations {
        self.end.as_ref().map(|over| over.seen.clone()).unwrap_or_default()
    }
}

impl<H: Host> ProgramRun<H> {
    /// Has the process throw the execution away, if it is in the middle of it.
    fn stop(&mut self) {
        if !std::mem::take(&mut self.waits) || self.end.is_some() {
            return;
        }
        let told = self.shared.borrow_mut().worker().and_then(|worker| worker.send(&Command::Stop(true)));
        if told.and_then(|()| self.gather()).is_err() {
            self.shared.borrow_mut().worker = None;
        }
    }
}

impl<H: Host> Drop for ProgramRun<H> {
    fn drop(&mut self) {
        self.stop();
        let mut shared = self.shared.borrow_mut();
        // The next execution is likely to depart as often as this one.
        shared.asks = self.departed > 1;
        if !self.recorded.steps.is_empty() {
            shared.last = Some(std::mem::take(&mut self.recorded));
        }
    }
}

fn unfinished(waits: &super::protocol::Waits) -> Unfinished {
    Unfinished {
        thread: waits.role.clone(),
        place: waits.place.clone(),
        operation: Operation { name: waits.op.clone().into(), object: waits.on.as_str().into() },
        holds: waits.holds.clone(),
        waits_for: waits.waits_for.clone(),
        idle: waits.idle,
    }
}

fn anchor(log: &str, entry: usize) -> Option<Anchor> {
    let log = [EVENT_LOG, SERVER_LOG].into_iter().find(|known| *known == log)?;
    Some(Anchor { log, entry })
}

/// What stands for a key of a thread or an object.
fn digest(key: &str) -> u128 {
    let mut hasher = SipHasher13::new();
    key.hash(&mut hasher);
    hasher.finish128().as_u128()
}
