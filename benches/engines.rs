//! What the kernel costs: the kernel on loom against loom alone.
//!
//! Each program is written twice, on [`turnloom::engine::kernel`] and directly on loom, with the same loom
//! operations in the same order, so loom runs the same executions and the ratio of their times is the price of the
//! kernel. `cargo bench --bench engines` ends with a table of these ratios; Criterion measures the two forms one after the
//! other, so on a busy machine only the table compares them. A real clock is read here and in no engine.

use std::cell::Cell;
use std::collections::VecDeque;
use std::process;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput};
use turnloom::engine::kernel;
use turnloom::engine::kernel::Record;
use turnloom::engine::loom::{Bounds, Finished, permute};

mod shared;

use shared::take_turns;

/// The preemption bound of every run on loom.
const PREEMPTIONS: u32 = 2;
/// No execution of these programs has more branches.
const BRANCHES: usize = 1_000;
/// How often each form of a program is measured for the table.
const ROUNDS: usize = 9;
/// How long one such measurement takes at least.
const ROUND: Duration = Duration::from_millis(300);

/// One program in its two forms.
struct Program {
    name: &'static str,
    facade: fn(),
    direct: fn(),
}

const PROGRAMS: [Program; 3] = [
    Program { name: "locks", facade: facade::locks, direct: direct::locks },
    Program { name: "ping-pong", facade: facade::ping_pong, direct: direct::ping_pong },
    Program { name: "messages", facade: facade::messages, direct: direct::messages },
];

/// The programs on the kernel.
mod facade {
    use super::kernel::{Condvar, Mutex, Queue, thread};
    use super::{Rc, take_turns};

    /// Three threads take one lock twice each.
    pub fn locks() {
        let lock = Rc::new(Mutex::new("lock", 0_u32));
        for name in ["a", "b", "c"] {
            let lock = lock.clone();
            thread::spawn_detached(name, move || {
                for _ in 0..2 {
                    *lock.lock() += 1;
                }
            });
        }
    }

    /// Two threads take turns three times.
    pub fn ping_pong() {
        let table = Rc::new((Mutex::new("turn", 0_u32), Condvar::new("turned")));
        for (name, mine) in [("ping", 0), ("pong", 1)] {
            let table = table.clone();
            thread::spawn_detached(name, move || take_turns(&table, mine));
        }
    }

    /// Two threads push two messages each, a third pops all four.
    pub fn messages() {
        let queue = Queue::new("messages");
        for (name, messages) in [("ann", [1_u32, 2]), ("bob", [3, 4])] {
            let queue = queue.clone();
            thread::spawn_detached(name, move || {
                for message in messages {
                    queue.push(message, message);
                }
            });
        }
        thread::spawn_detached("loop", move || {
            let sum: u32 = (0..4).map(|_| queue.pop()).sum();
            assert_eq!(sum, 10);
        });
    }
}

/// The programs on loom alone.
mod direct {
    use super::{Cell, Rc, VecDeque};
    use loom::sync::{Condvar, Mutex};
    use loom::thread;

    /// As [`super::facade::locks`].
    pub fn locks() {
        let lock = Rc::new(Mutex::new(0_u32));
        for _ in 0..3 {
            let lock = lock.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    *lock.lock().unwrap() += 1;
                }
            });
        }
    }

    /// As [`super::facade::ping_pong`].
    pub fn ping_pong() {
        let table = Rc::new((Mutex::new(0_u32), Condvar::new()));
        for mine in [0, 1] {
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
            });
        }
    }

    /// A queue that tells of a change only if somebody waits.
    struct Queue {
        items: Mutex<VecDeque<u32>>,
        changed: Condvar,
        waiting: Cell<usize>,
    }

    impl Queue {
        fn push(&self, item: u32) {
            let mut items = self.items.lock().unwrap();
            items.push_back(item);
            self.tell();
            drop(items);
        }

        fn pop(&self) -> u32 {
            let mut items = self.items.lock().unwrap();
            loop {
                if let Some(item) = items.pop_front() {
                    self.tell();
                    return item;
                }
                self.waiting.set(self.waiting.get() + 1);
                items = self.changed.wait(items).unwrap();
                self.waiting.set(self.waiting.get() - 1);
            }
        }

        fn tell(&self) {
            if self.waiting.get() > 0 {
                self.changed.notify_all();
            }
        }
    }

    /// As [`super::facade::messages`].
    pub fn messages() {
        let queue =
            Rc::new(Queue { items: Mutex::default(), changed: Condvar::new(), waiting: Cell::new(0) });
        for messages in [[1, 2], [3, 4]] {
            let queue = queue.clone();
            thread::spawn(move || {
                for message in messages {
                    queue.push(message);
                }
            });
        }
        thread::spawn(move || {
            let sum: u32 = (0..4).map(|_| queue.pop()).sum();
            assert_eq!(sum, 10);
        });
    }
}

impl Program {
    /// Runs every permutation on the kernel; how many there are.
    fn permute_facade(&self) -> u64 {
        let executions = Rc::new(Cell::new(0));
        let counter = executions.clone();
        let name = self.name;
        let visit = move |finished, _: Record<'_>, message: &str| {
            if finished != Finished::Complete {
                eprintln!("`{name}` ended as {finished:?}: {message}");
                process::exit(1);
            }
            counter.set(counter.get() + 1);
        };
        let bounds = Bounds { preemptions: Some(PREEMPTIONS), branches: BRANCHES, alternatives: 0 };
        permute(bounds, Rc::new(self.facade), Rc::new(visit));
        executions.get()
    }

    /// Runs every permutation on loom alone; how many there are.
    fn permute_direct(&self) -> u64 {
        let executions = Arc::new(AtomicU64::new(0));
        let counter = executions.clone();
        let program = self.direct;
        loom_builder().check(move || {
            program();
            counter.fetch_add(1, Ordering::Relaxed);
        });
        executions.load(Ordering::Relaxed)
    }
}

/// loom as [`permute`] sets it.
fn loom_builder() -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS as usize);
    builder.max_branches = BRANCHES;
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.checkpoint_file = None;
    builder.log = false;
    builder.location = false;
    builder
}

/// Criterion's numbers for the kernel on loom and loom alone.
fn bench_facade(criterion: &mut Criterion) {
    for program in &PROGRAMS {
        let (facade, direct) = (program.permute_facade(), program.permute_direct());
        eprintln!("{}: {facade} executions on the kernel, {direct} on loom alone", program.name);
        let mut group = criterion.benchmark_group(format!("facade/{}", program.name));
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(facade));
        group.bench_function("kernel", |bencher| bencher.iter(|| program.permute_facade()));
        group.throughput(Throughput::Elements(direct));
        group.bench_function("loom", |bencher| bencher.iter(|| program.permute_direct()));
        group.finish();
    }
}

/// Seconds per execution, over as many runs as fill a round.
fn seconds_per_execution(run: impl Fn() -> u64) -> f64 {
    let began = Instant::now();
    let mut executions = 0;
    while began.elapsed() < ROUND {
        executions += run();
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer executions than 2^52")]
    let executions = executions as f64;
    began.elapsed().as_secs_f64() / executions
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The time of an execution on the kernel as a multiple of loom's own: both measured by turns, so that whatever else
/// the machine does meets both.
fn print_ratios() {
    println!("\n{:<12} {:>12} {:>12} {:>8}   range", "program", "kernel µs", "loom µs", "ratio");
    for program in &PROGRAMS {
        let (mut facade, mut direct, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let on_kernel = seconds_per_execution(|| program.permute_facade());
            let on_loom = seconds_per_execution(|| program.permute_direct());
            facade.push(on_kernel * 1e6);
            direct.push(on_loom * 1e6);
            ratios.push(on_kernel / on_loom);
        }
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        println!(
            "{:<12} {:>12.2} {:>12.2} {:>8.2}   {least:.2}–{most:.2}",
            program.name,
            median(facade),
            median(direct),
            median(ratios),
        );
    }
}

fn main() {
    // loom's coroutines end by a panic, which a hook keeps quiet. It is set on first use, and `permute` puts back the
    // hook that it found, so that first use must not be in there.
    loom_builder().check(|| ());
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .without_plots()
        .configure_from_args();
    bench_facade(&mut criterion);
    // Only `cargo bench` passes this; `cargo test` runs each benchmark once, to see that it works.
    if std::env::args().any(|argument| argument == "--bench") {
        print_ratios();
    }
    criterion.final_summary();
}
