//! How many schedules a search needs, side by side: turnloom, loom 0.7 and shuttle 0.9 on the same programs in one run.
//!
//! `cargo bench --bench searches` prints four tables: the programs below, run to completion or for ten seconds; the
//! catalogue, each scenario to completion with its defects off and with each of them on; the schedules that each
//! defect takes until a rule breaks, beside random sampling and PCT on the same engine (median of twenty seeds); and the
//! catalogue once more, beside loom at its bound, which is given ten times as long. Each measurement of the first two
//! tables is a process of its own, so its memory is its own too. A real clock is read here and in no engine.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Execution;
use turnloom::engine::search::Limits;
use turnloom::engine::search::{Cores, Sample, Sampler, dpor, run_search, sample, search_together};
use turnloom::explore::{Budget, Job, Options, SearchKind, Verdict, explore};

use shipped::jobs;

mod shared;
#[path = "../tests/shipped/mod.rs"]
mod shipped;

/// How long a search may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many schedules a sample may take until a rule breaks.
const PATIENT: u64 = 2_000;
/// How many seeds the median is taken of.
const SEEDS: u64 = 20;
/// The preemption bound on loom.
const PREEMPTIONS: usize = 2;

/// How many times as long as turnloom loom may take for a scenario, and how many seconds at least.
const TIMES_AS_LONG: f64 = 10.0;
const AT_LEAST: f64 = 1.0;

/// What is told of each execution: its outcome.
type Tell = dyn Fn(String);

/// The programs for libraries that look like `std`. `messages` is a turn loop, a portal and clients: the loop prompts
/// the oldest message that was not prompted and ends when there is none; the portal answers a prompt with a chunk; each
/// client sends one message, at any time. The outcome is the event log.
macro_rules! std_like {
    ($name:ident) => {
        mod $name {
            use std::collections::VecDeque;

            use $name::sync::{Arc, Condvar, Mutex};
            use $name::thread;

            /// Three threads take one lock `times` times each.
            pub fn locks(times: usize, tell: &super::Tell) {
                let lock = Arc::new(Mutex::new(String::new()));
                let threads = ["a", "b", "c"].map(|name| {
                    let lock = lock.clone();
                    thread::spawn(move || {
                        for _ in 0..times {
                            lock.lock().unwrap().push_str(name);
                        }
                    })
                });
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                tell(lock.lock().unwrap().clone());
            }

            /// Two threads take turns three times.
            pub fn ping(tell: &super::Tell) {
                let table = Arc::new((Mutex::new(0), Condvar::new()));
                let threads = [0, 1].map(|mine| {
                    let table = table.clone();
                    thread::spawn(move || {
                        for _ in 0..3 {
                            let mut turn = table.0.lock().unwrap();
                            while *turn != mine {
                                turn = table.1.wait(turn).unwrap();
                            }
                            *turn = 1 - mine;
                            table.1.notify_one();
                        }
                    })
                });
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                tell("done".to_owned());
            }

            struct Queue<T> {
                items: Mutex<VecDeque<T>>,
                there: Condvar,
            }

            impl<T> Queue<T> {
                fn new() -> Arc<Self> {
                    Arc::new(Self { items: Mutex::new(VecDeque::new()), there: Condvar::new() })
                }

                fn push(&self, item: T) {
                    self.items.lock().unwrap().push_back(item);
                    self.there.notify_one();
                }

                fn pop(&self) -> T {
                    let mut items = self.items.lock().unwrap();
                    loop {
                        if let Some(item) = items.pop_front() {
                            return item;
                        }
                        items = self.there.wait(items).unwrap();
                    }
                }
            }

            pub fn messages(clients: usize, tell: &super::Tell) {
                let log = Arc::new(Mutex::new(vec!["user 0".to_owned()]));
                let (prompts, answers) = (Queue::new(), Queue::new());
                let portal = {
                    let (log, prompts, answers) = (log.clone(), prompts.clone(), answers.clone());
                    thread::spawn(move || {
                        while prompts.pop() {
                            log.lock().unwrap().push("chunk".to_owned());
                            answers.push(());
                        }
                    })
                };
                let senders = (1..=clients).map(|client| {
                    let log = log.clone();
                    thread::spawn(move || log.lock().unwrap().push(format!("user {client}")))
                });
                let senders: Vec<_> = senders.collect();
                loop {
                    let mut events = log.lock().unwrap();
                    if !super::prompt_next(&mut events) {
                        break;
                    }
                    drop(events);
                    prompts.push(true);
                    answers.pop();
                    log.lock().unwrap().push("answer".to_owned());
                }
                prompts.push(false);
                portal.join().unwrap();
                senders.into_iter().for_each(|sender| sender.join().unwrap());
                tell(log.lock().unwrap().join(" "));
            }
        }
    };
}

std_like!(loom);
std_like!(shuttle);

/// The same programs on the kernel, with the lock and the queues that the runtime uses.
mod kernel {
    use std::rc::Rc;

    use turnloom::engine::kernel::{Condvar, FifoLock, GuardedCell, Mutex, Queue, thread};

    use super::shared::take_turns;

    pub fn locks(times: usize, tell: &super::Tell) {
        let lock = FifoLock::new("lock");
        let log = GuardedCell::new("log", &lock, String::new(), false);
        let threads = ["a", "b", "c"].map(|name| {
            let (lock, log) = (lock.clone(), log.clone());
            thread::spawn(name, move || {
                for _ in 0..times {
                    let _held = lock.lock();
                    log.write("append", name, |log| log.push_str(name));
                }
            })
        });
        threads.into_iter().for_each(thread::JoinHandle::join);
        tell(log.inspect(Clone::clone));
    }

    pub fn ping(tell: &super::Tell) {
        let table = Rc::new((Mutex::new("turn", 0_u32), Condvar::new("turned")));
        let threads = [("ping", 0), ("pong", 1)].map(|(name, mine)| {
            let table = table.clone();
            thread::spawn(name, move || take_turns(&table, mine))
        });
        threads.into_iter().for_each(thread::JoinHandle::join);
        tell("done".to_owned());
    }

    pub fn messages(clients: usize, tell: &super::Tell) {
        let lock = FifoLock::new("state");
        let log = GuardedCell::new("log", &lock, vec!["user 0".to_owned()], false);
        let (prompts, answers) = (Queue::new("prompts"), Queue::new("answers"));
        let append = {
            let (lock, log) = (lock.clone(), log.clone());
            move |event: String| {
                let _held = lock.lock();
                log.write("append", event.clone(), |log| log.push(event));
            }
        };
        let portal = {
            let (prompts, answers, append) = (prompts.clone(), answers.clone(), append.clone());
            thread::spawn("portal", move || {
                while prompts.pop() {
                    append("chunk".to_owned());
                    answers.push((), ());
                }
            })
        };
        let senders = (1..=clients).map(|client| {
            let append = append.clone();
            thread::spawn(&format!("client {client}"), move || append(format!("user {client}")))
        });
        let senders: Vec<_> = senders.collect();
        loop {
            let held = lock.lock();
            if !log.write("prompt", "", super::prompt_next) {
                break;
            }
            drop(held);
            prompts.push(true, true);
            answers.pop();
            append("answer".to_owned());
        }
        prompts.push(false, false);
        portal.join();
        senders.into_iter().for_each(thread::JoinHandle::join);
        tell(log.inspect(|log| log.join(" ")));
    }
}

/// Writes down that the oldest unprompted message is prompted, or that the run is finished because there is none.
fn prompt_next(log: &mut Vec<String>) -> bool {
    let count = |start: &str| log.iter().filter(|event| event.starts_with(start)).count();
    let is_due = count("user") > count("prompt");
    log.push(if is_due { "prompt" } else { "finished" }.to_owned());
    is_due
}

const PROGRAMS: [&str; 8] =
    ["locks 1", "locks 2", "locks 3", "ping", "messages 1", "messages 2", "messages 3", "messages 4"];

/// A program by name, in the form of one library.
macro_rules! program {
    ($library:ident, $name:expr) => {{
        let (kind, number) = $name.split_once(' ').unwrap_or(($name, "0"));
        let number: usize = number.parse().expect("programs are named here");
        move |tell: &Tell| match kind {
            "locks" => $library::locks(number, tell),
            "ping" => $library::ping(tell),
            _ => $library::messages(number, tell),
        }
    }};
}

/// What one search came to.
struct Measured {
    schedules: u64,
    /// Those of them that were begun and led nowhere new, where the search counts them.
    blocked: u64,
    outcomes: usize,
    complete: bool,
    seconds: f64,
}

const SEARCHES: [&str; 8] = [
    "turnloom",
    "turnloom, every core",
    "turnloom, dpor",
    "turnloom, states only",
    "turnloom, random",
    "loom, bound 2",
    "shuttle, dfs",
    "shuttle, random",
];

/// Runs one search of one program in this process.
fn measure(search: &str, program: &'static str) -> Measured {
    let began = Instant::now();
    let measured = match search {
        "loom, bound 2" => on_loom(program),
        "shuttle, dfs" => on_shuttle(shuttle_lib::DfsScheduler::new(None, false), program),
        "shuttle, random" => on_shuttle(shuttle_lib::RandomScheduler::new(20_000), program),
        "turnloom, every core" => on_every_core(program),
        _ => on_turnloom(search, program),
    };
    Measured { seconds: began.elapsed().as_secs_f64(), ..measured }
}

impl Measured {
    fn new(schedules: u64, outcomes: usize, complete: bool) -> Self {
        Self { schedules, blocked: 0, outcomes, complete, seconds: 0.0 }
    }
}

mod shuttle_lib {
    pub use ::shuttle::scheduler::{DfsScheduler, RandomScheduler};
}

fn on_turnloom(search: &str, name: &'static str) -> Measured {
    let outcomes: Rc<RefCell<BTreeSet<String>>> = Rc::default();
    let seen = outcomes.clone();
    let program = on_kernel(name, move |outcome| {
        seen.borrow_mut().insert(outcome);
    });
    let mut limits = Limits { until: Some(Instant::now() + PATIENCE), ..Limits::default() };
    let mut go_on = |_: &Execution<'_>| ControlFlow::Continue(());
    let found = match search {
        "turnloom, states only" => {
            limits.preemptions = Some(100_000);
            run_search(&limits, &program, &mut go_on)
        }
        "turnloom, dpor" => dpor(&limits, &program, &mut go_on),
        "turnloom, random" => {
            limits.executions = Some(20_000);
            sample(&limits, &program, Sample { sampler: Sampler::Random, seed: 0 }, &mut go_on)
        }
        _ => run_search(&limits, &program, &mut go_on),
    };
    let outcomes = outcomes.borrow().len();
    Measured { blocked: found.blocked, ..Measured::new(found.executions, outcomes, found.exhausted) }
}

/// The default search by as many threads as there are cores.
fn on_every_core(name: &'static str) -> Measured {
    let limits = Limits { until: Some(Instant::now() + PATIENCE), ..Limits::default() };
    let others = available_parallelism().map_or(0, |cores| cores.get() - 1);
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let found = search_together(&limits, &Arc::new(Cores::new(others)), &|worker| {
        let seen = outcomes.clone();
        let program = on_kernel(name, move |outcome| {
            seen.lock().expect("nobody panicked").insert(outcome);
        });
        worker.search(&program, &mut |_| ControlFlow::Continue(()));
    });
    let found = found.expect("none of these programs goes round in circles");
    let outcomes = outcomes.lock().expect("nobody panicked").len();
    Measured { blocked: found.blocked, ..Measured::new(found.executions, outcomes, found.exhausted) }
}

/// A program on the kernel that tells its outcome.
fn on_kernel(name: &'static str, tell: impl Fn(String) + 'static) -> Coroutines {
    let run = program!(kernel, name);
    Coroutines::new(move || run(&tell))
}

/// Counts executions and collects outcomes for a library that wants its closures to be `Sync`.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<(u64, BTreeSet<String>)>>);

impl Counter {
    fn begin(&self) {
        self.0.lock().expect("nobody panicked").0 += 1;
    }

    fn tell(&self, outcome: String) {
        self.0.lock().expect("nobody panicked").1.insert(outcome);
    }

    fn counted(&self) -> (u64, usize) {
        let counted = self.0.lock().expect("nobody panicked");
        (counted.0, counted.1.len())
    }
}

fn on_loom(name: &'static str) -> Measured {
    if name == "messages 4" {
        // Six threads; loom has five.
        return Measured::new(0, 0, false);
    }
    let counter = Counter::default();
    let (counting, run) = (counter.clone(), program!(loom, name));
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 100_000;
    builder.max_duration = Some(PATIENCE);
    builder.checkpoint_interval = 100;
    let began = Instant::now();
    builder.check(move || {
        counting.begin();
        let telling = counting.clone();
        run(&move |outcome| telling.tell(outcome));
    });
    let (schedules, outcomes) = counter.counted();
    Measured::new(schedules, outcomes, began.elapsed() < PATIENCE)
}

fn on_shuttle(scheduler: impl ::shuttle::scheduler::Scheduler + 'static, name: &'static str) -> Measured {
    let counter = Counter::default();
    let (counting, run) = (counter.clone(), program!(shuttle, name));
    let mut config = ::shuttle::Config::new();
    config.max_time = Some(PATIENCE);
    let began = Instant::now();
    ::shuttle::Runner::new(scheduler, config).run(move || {
        counting.begin();
        let telling = counting.clone();
        run(&move |outcome| telling.tell(outcome));
    });
    let (schedules, outcomes) = counter.counted();
    Measured::new(schedules, outcomes, began.elapsed() < PATIENCE)
}

/// The most memory this process ever had, in KiB, where the system tells.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The first table: each measurement in a process of its own.
fn compare_programs() {
    println!(
        "{:<12} {:<22} {:>10} {:>9} {:>9} {:>9} {:>11} {:>9}",
        "program", "search", "schedules", "blocked", "outcomes", "seconds", "schedules/s", "MiB"
    );
    for program in PROGRAMS {
        for search in SEARCHES {
            in_a_process(&["measure", search, program]);
        }
    }
}

/// Has a process of its own measure and print.
fn in_a_process(arguments: &[&str]) {
    let me = env::current_exe().expect("a running program has a file");
    let output = Command::new(&me).args(arguments).output().expect("this very program can be run");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

fn measured_line(search: &str, program: &'static str) -> String {
    let Measured { schedules, blocked, outcomes, complete, seconds } = measure(search, program);
    let more = if complete { "" } else { "+" };
    #[expect(clippy::cast_precision_loss, reason = "far fewer schedules than 2^52")]
    let rate = schedules as f64 / seconds;
    let memory = memory() / 1024;
    format!(
        "{program:<12} {search:<22} {:>10} {blocked:>9} {outcomes:>9} {seconds:>9.3} {rate:>11.0} {memory:>9}\n",
        format!("{schedules}{more}")
    )
}

fn run(job: &Job, options: &Options) -> turnloom::explore::Exploration {
    explore(job, options, &mut |_| ()).expect("a shipped scenario runs")
}

/// The second table: each measurement in a process of its own.
fn complete_catalogue() {
    println!(
        "\n{:<36} {:<30} {:<28} {:>10} {:>9} {:>9}",
        "scenario", "defect", "verdict", "schedules", "seconds", "MiB"
    );
    for job in jobs() {
        in_a_process(&["complete", &job.name, ""]);
        job.scenario.catches.iter().for_each(|caught| in_a_process(&["complete", &job.name, &caught.defect]));
    }
}

fn complete_line(name: &str, defect: &str) -> String {
    let job = jobs().into_iter().find(|job| job.name == name).expect("scenarios are named here");
    let defects = Some(defect.to_owned()).filter(|defect| !defect.is_empty()).into_iter().collect();
    let explored = run(&Job { defects, ..job }, &Options::default());
    let statistics = &explored.statistics;
    let verdict = turnloom::report::words::verdict(&explored.verdict);
    let memory = memory() / 1024;
    format!(
        "{name:<36} {defect:<30} {verdict:<28} {:>10} {:>9.3} {memory:>9}\n",
        statistics.executions, statistics.seconds
    )
}

/// The third table.
fn first_violations() {
    println!(
        "\n{:<30} {:>10} {:>10} {:>10}   schedules until a rule breaks",
        "defect", "turnloom", "random", "PCT"
    );
    for mut job in jobs() {
        for caught in job.scenario.catches.clone() {
            job.defects = vec![caught.defect.clone()];
            let first = run(&job, &Options { first_violation: true, ..Options::default() });
            let random = median_until_broken(&job, Sampler::Random);
            let pct = median_until_broken(&job, Sampler::Pct { depth: 3 });
            println!("{:<30} {:>10} {random:>10} {pct:>10}", caught.defect, first.statistics.executions);
        }
    }
}

/// The median over the seeds of the schedules that are drawn until a rule breaks.
fn median_until_broken(job: &Job, sampler: Sampler) -> String {
    let mut needed: Vec<u64> = (0..SEEDS).map(|seed| until_broken(job, Sample { sampler, seed })).collect();
    needed.sort_unstable();
    let median = needed[needed.len() / 2];
    if median > PATIENT { format!("> {PATIENT}") } else { median.to_string() }
}

fn until_broken(job: &Job, drawn: Sample) -> u64 {
    let breaks = |schedules: u64| {
        let budget = Budget { schedules: Some(schedules), seconds: None };
        let options = Options {
            search: SearchKind::Sampled(drawn),
            budget,
            first_violation: true,
            ..Options::default()
        };
        let explored = run(job, &options);
        (!matches!(explored.verdict, Verdict::Sampled { .. })).then_some(explored.statistics.executions)
    };
    breaks(PATIENT).unwrap_or(PATIENT + 1)
}

/// The fourth table: the command line with either engine, from the start of the process to its end. loom's processes
/// are ended by `timeout` of coreutils, which ends their children with them.
fn beside_loom() {
    println!("\n{:<36} {:>10} {:>10} {:>10}   seconds", "scenario", "turnloom", "loom", "ratio");
    let (mut all, mut all_of_loom) = (0.0, 0.0);
    for Job { name, .. } in jobs() {
        let file = format!("{}/scenarios/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let (ours, _) = explored_within(600.0, &["explore", &file]);
        let patience = (ours * TIMES_AS_LONG).max(AT_LEAST);
        let bound = PREEMPTIONS.to_string();
        let on_loom = ["explore", "--engine", "loom", "--preemptions", &bound, &file];
        let (loom, ended) = explored_within(patience, &on_loom);
        let (loom_seconds, ratio) = match ended {
            Ended::Complete => (format!("{loom:.3}"), format!("{:.1}", loom / ours)),
            Ended::GivenUp => (format!("> {patience:.1}"), format!("> {:.1}", patience / ours)),
            Ended::DoesNotFit => ("-".to_owned(), "-".to_owned()),
        };
        if ended != Ended::DoesNotFit {
            all += ours;
            all_of_loom += loom;
        }
        println!("{name:<36} {ours:>10.3} {loom_seconds:>10} {ratio:>10}");
    }
    println!("{:<36} {all:>10.3} {all_of_loom:>10.3} {:>10.1}", "those that loom can run", all_of_loom / all);
}

#[derive(Clone, Copy, PartialEq)]
enum Ended {
    Complete,
    GivenUp,
    /// loom has too few threads for it, or no choices.
    DoesNotFit,
}

/// How long the command line took, and how it ended.
fn explored_within(patience: f64, arguments: &[&str]) -> (f64, Ended) {
    let began = Instant::now();
    let timeout = Command::new("timeout")
        .arg(format!("{patience:.3}"))
        .arg(env!("CARGO_BIN_EXE_turnloom"))
        .args(arguments)
        .output()
        .expect("coreutils are there");
    let ended = match timeout.status.code() {
        Some(124) => Ended::GivenUp,
        Some(3) => Ended::DoesNotFit,
        _ => Ended::Complete,
    };
    (began.elapsed().as_secs_f64(), ended)
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, measure, search, program] = &arguments[..]
        && measure == "measure"
    {
        let program = PROGRAMS.into_iter().find(|known| known == program).expect("programs are named here");
        print!("{}", measured_line(search, program));
        return;
    }
    if let [_, complete, name, defect] = &arguments[..]
        && complete == "complete"
    {
        print!("{}", complete_line(name, defect));
        return;
    }
    // Only `cargo bench` passes this; `cargo test` sees that one measurement works.
    if arguments.iter().any(|argument| argument == "--bench") {
        compare_programs();
        complete_catalogue();
        first_violations();
        beside_loom();
    } else {
        print!("{}", measured_line("turnloom", "messages 1"));
    }
}
