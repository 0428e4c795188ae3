//! The lock graph: every edge comes with a schedule that shows it, and every cycle is either driven into its deadlock or
//! told why it does not come to one.

use std::process::Command;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::{Ended, follow};
use turnloom::engine::kernel::{FifoLock, Flag, Mutex, thread};
use turnloom::engine::locks::{Attack, LockGraph, Reason, lock_graph};
use turnloom::engine::search::{Limits, run_search};
use turnloom::observation::LockEdge;

/// Each thread takes its locks in its order and lets them go again, `turns` times.
fn crossing(threads: &'static [(&'static str, &'static [usize])], turns: usize) -> Coroutines {
    Coroutines::new(move || {
        let locks = ["a", "b", "c", "gate"].map(FifoLock::new);
        for (name, order) in threads {
            let locks = locks.clone();
            thread::spawn_detached(name, move || {
                for _ in 0..turns {
                    let _held: Vec<_> = order.iter().map(|lock| locks[*lock].lock()).collect();
                }
            });
        }
    })
}

/// What became of the only cycle.
fn attacked(program: &Coroutines, limits: &Limits) -> (LockGraph, Attack) {
    let graph = lock_graph(limits, program, run_search);
    assert_eq!(graph, lock_graph(limits, program, run_search), "the same twice");
    let [(_, attack)] = &graph.cycles[..] else { panic!("one cycle: {:?}", graph.cycles) };
    let attack = attack.clone();
    (graph, attack)
}

#[test]
fn a_cycle_is_driven_into_its_deadlock_and_the_schedule_replays() {
    for program in [
        crossing(&[("x", &[0, 1]), ("y", &[1, 0])], 1),
        crossing(&[("x", &[0, 1]), ("y", &[1, 0])], 3),
        crossing(&[("x", &[0, 1]), ("y", &[1, 2]), ("z", &[2, 0])], 1),
    ] {
        let (_, attack) = attacked(&program, &Limits::default());
        let Attack::Confirmed(schedule) = attack else { panic!("a deadlock: {attack:?}") };
        assert!(schedule.switches() < 3, "no switch to spare: {schedule}");
        let (ended, drift) =
            follow(&Limits::default(), &program, &schedule, |execution| execution.ended.clone());
        assert_eq!((ended, drift.len()), (Ended::Deadlock, 0));
    }
}

#[test]
fn a_deadlock_is_found_where_the_search_was_bounded_short_of_it() {
    let program = crossing(&[("x", &[0, 1]), ("y", &[1, 0])], 1);
    let limits = Limits { preemptions: Some(0), ..Limits::default() };
    let (_, attack) = attacked(&program, &limits);
    assert!(matches!(attack, Attack::Confirmed(_)), "{attack:?}");
}

#[test]
fn each_edge_is_shown_by_its_schedule() {
    let program = crossing(&[("x", &[0, 1]), ("y", &[1, 2]), ("z", &[2, 0])], 1);
    let graph = lock_graph(&Limits::default(), &program, run_search);
    let edge = |held: &str, then: &str, thread: &str| LockEdge {
        held: held.into(),
        then: then.into(),
        thread: thread.into(),
    };
    assert_eq!(
        graph.edges.keys().cloned().collect::<Vec<_>>(),
        [edge("a", "b", "x"), edge("b", "c", "y"), edge("c", "a", "z")]
    );
    for (edge, schedule) in &graph.edges {
        assert_eq!(schedule.to_string(), "-", "each thread takes its locks by itself");
        let (edges, _) = follow(&Limits::default(), &program, schedule, |execution| execution.lock_order());
        assert!(edges.contains(edge), "{edge:?} by {schedule}");
    }
}

#[test]
fn a_guarded_cycle_is_potential_and_its_guard_is_named() {
    let program = crossing(&[("x", &[3, 0, 1]), ("y", &[3, 1, 0])], 1);
    let (_, attack) = attacked(&program, &Limits::default());
    assert_eq!(attack, Attack::Potential(Reason::Guarded("gate".into())));
    let Attack::Potential(reason) = attack else { unreachable!("it is potential") };
    assert_eq!(
        reason.to_string(),
        "every interleaving was run and none comes to it: each of the threads holds `gate` meanwhile"
    );
    // Not all was run, so nothing is claimed.
    let limits = Limits { preemptions: Some(0), ..Limits::default() };
    assert_eq!(attacked(&program, &limits).1, Attack::Potential(Reason::NotReached));
}

#[test]
fn a_cycle_of_threads_that_never_meet_is_potential() {
    let program = Coroutines::new(|| {
        let (a, b, first_done) =
            (Rc::new(Mutex::new("a", 0)), Rc::new(Mutex::new("b", 0)), Flag::new("done"));
        let (a2, b2, done) = (a.clone(), b.clone(), first_done.clone());
        thread::spawn_detached("first", move || {
            let held = a2.lock();
            drop(b2.lock());
            drop(held);
            done.set();
        });
        thread::spawn_detached("then", move || {
            first_done.wait();
            let _b = b.lock();
            let _a = a.lock();
        });
    });
    let (_, attack) = attacked(&program, &Limits::default());
    assert_eq!(attack, Attack::Potential(Reason::NeverTogether));
}

#[test]
fn locks_in_one_order_have_no_cycle() {
    let program = crossing(&[("x", &[0, 1, 2]), ("y", &[0, 2])], 2);
    assert_eq!(lock_graph(&Limits::default(), &program, run_search).cycles, []);
}

/// Through the binary: the edge of a scenario comes with a token, and the token replays.
#[test]
fn explore_gives_a_token_for_each_edge() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
        let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
        String::from_utf8(output.expect("the binary starts").stdout).expect("text")
    };
    let file = "scenarios/r01-lock-held-across-prompt.json";
    let defect = ["explore", file, "--defect", "lock-held-across-prompt"];
    let document: serde_json::Value =
        serde_json::from_str(&run(&[&defect[..], &["--format", "json"]].concat())).expect("a document");
    let edges = document["lock_graph"]["edges"].as_array().expect("a list");
    let token = edges[0]["token"].as_str().expect("a token");
    assert_eq!((&edges[0]["held"], &edges[0]["then"]), (&"state".into(), &"prompt".into()));
    let said = run(&defect);
    assert!(
        said.contains(&format!("  alice takes prompt while it holds state\n    token    {token}\n")),
        "{said}"
    );
    assert!(!run(&["replay", file, token]).contains("drifted"));
}
