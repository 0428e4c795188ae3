//! R25 and R30, the rows of the race catalogue that are demands on turnloom itself: what it says depends neither on real
//! time nor on the machine, and whatever hangs is a verdict.

use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use turnloom::explore::Firing;
use turnloom::explore::{Job, Options, explore};
use turnloom::observation::{Place, Why};
use turnloom::scenario;
use turnloom::scenario::Vocabulary;

/// Runs the binary, behind the words of another command if there are any.
fn turnloom(behind: &[&str], arguments: &[&str]) -> Output {
    let words: Vec<&str> =
        behind.iter().chain(&[env!("CARGO_BIN_EXE_turnloom")]).chain(arguments).copied().collect();
    let mut command = Command::new(words[0]);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("CI", "true").args(&words[1..]);
    command.output().unwrap_or_else(|error| panic!("failed to start {}: {error}", words[0]))
}

/// What the commands of the gate say, on scenarios of every kind: through the conversation and the service, with and
/// without a clock, proved, bounded, violated and stuck.
fn everything(behind: &[&str]) -> Vec<Output> {
    let commands: &[&[&str]] = &[
        &["check", "scenarios/r08-finish-gap.json", "scenarios/r28-drain-result-discarded.json"],
        &["explore", "scenarios/r08-finish-gap.json", "--defect", "finish-gap"],
        &["explore", "scenarios/r01-lock-held-across-prompt.json", "--defect", "lock-held-across-prompt"],
        &[
            "explore",
            "scenarios/r31-step-in-executor.json",
            "--defect",
            "step-in-executor",
            "--format",
            "json",
        ],
        &["audit", "scenarios/r38-async-agent-on-sync-path.json", "scenarios/r14-unbounded-cancel-send.json"],
        &[
            "explore",
            "scenarios/r39-stop-overridden-by-rerun.json",
            "--search",
            "pct",
            "--seed",
            "7",
            "--budget",
            "200",
        ],
    ];
    commands.iter().map(|arguments| turnloom(behind, arguments)).collect()
}

/// Keeps every core busy until it is dropped.
struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let spin = |over: Arc<AtomicBool>| {
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let threads = (0..4 * cores).map(|_| spin(over.clone())).collect();
        Self { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("it only spins"));
    }
}

#[test]
fn r25_a_loaded_machine_and_a_single_core_change_no_byte() {
    let quiet = everything(&[]);
    assert!(quiet.iter().all(|output| !output.stdout.is_empty()));
    let loaded = {
        let _load = Load::new();
        everything(&[])
    };
    assert_eq!(loaded, quiet, "under load");
    #[cfg(target_os = "linux")]
    assert_eq!(everything(&["taskset", "--cpu-list", &first_core()]), quiet, "on one core");
}

/// The first core that this process may run on.
#[cfg(target_os = "linux")]
fn first_core() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let cores =
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("it has cores");
    cores.trim().split([',', '-']).next().expect("a list has a first word").to_owned()
}

fn job(text: &str) -> Job {
    let vocabulary = Vocabulary { revisions: vec!["fixed"], ..Vocabulary::default() };
    let loaded = scenario::parse("hang", text, &vocabulary).expect("a scenario");
    Job {
        name: loaded.name,
        scenario: loaded.scenario,
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        subject: None,
    }
}

/// The first execution that breaks a rule: why nobody could go on, each thread that was not done with its place.
fn first_stuck(job: &Job) -> (Why, Vec<(String, Vec<String>)>) {
    let options = Options { first_violation: true, ..Options::default() };
    let found = explore(job, &options, &mut |_| ()).expect("it can be run");
    let seen = found.outcomes.keys().next().expect("something broke");
    let stuck = seen.stuck.as_ref().expect("it did not come to its end");
    let words = |places: &[Place]| places.iter().map(Place::to_string).collect();
    let places = stuck.threads.iter().map(|thread| (thread.thread.clone(), words(&thread.place)));
    (stuck.why, places.collect())
}

#[test]
fn r30_a_deadlock_is_a_verdict_with_the_place_of_every_thread() {
    let text = r#"{
        "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "gates": ["over"],
        "actors": [
            {"name": "ann", "does": [{"send": {"text": "first"}}, "run", {"open": "over"}]},
            {"name": "bob", "does": [{"wait": {"gate": "over"}}]}
        ],
        "server": [{"on": {"prompt": "first"}, "do": [{"wait": {"gate": "over"}}]}]
    }"#;
    let (why, places) = first_stuck(&job(text));
    assert_eq!(why, Why::Deadlock);
    let place = |name: &str| &places.iter().find(|(thread, _)| thread == name).expect("it is told of").1;
    assert_eq!(place("ann").last().map(String::as_str), Some("prompt \"first\""), "{places:?}");
    assert_eq!(place("bob").last().map(String::as_str), Some("wait for gate \"over\""), "{places:?}");
}
