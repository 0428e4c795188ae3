//! Several threads: jobs on workers, coroutines from outside, portals.

use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Schedule;
use turnloom::engine::execution::{Ended, Recorded, follow, run_once};
use turnloom::engine::kernel::{Cell, Flag, Timers, thread};
use turnloom::engine::search::{Limits, search};
use turnloom::subject::model::asyncio::{
    Event, EventLoop, Exception, Executor, Lock, Portal, PortalThread, Result, run_coroutine_threadsafe,
    shield,
};

use super::{say, sentences, words};

/// A program with two jobs on a pool.
fn pooled(inline: bool, workers: usize) -> impl Fn(Cell<String>) + 'static {
    move |said| {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let executor = Executor::new("worker", workers, inline);
        thread::spawn_detached("loop", move || {
            let inner = event_loop.clone();
            let main = async move {
                let jobs = ["a", "b"].map(|word| {
                    let said = said.clone();
                    inner.run_in_executor(&executor, word, move || {
                        say(&said, word);
                        Ok(word.to_owned())
                    })
                });
                say(&said, "loop");
                for job in jobs {
                    let word = job.await?;
                    say(&said, &word.to_uppercase());
                }
                Ok(())
            };
            event_loop.run_until_complete("main", main).expect("main does not raise");
        });
    }
}

#[test]
fn jobs_run_on_workers() {
    let one = sentences(pooled(false, 1));
    assert_eq!(one, words(&["a b loop A B", "a loop b A B", "a loop A b B", "loop a b A B", "loop a A b B"]));
    let two = sentences(pooled(false, 2));
    assert!(two.is_superset(&one) && two.contains("b a loop A B"));
    assert_eq!(sentences(pooled(true, 1)), words(&["a b loop A B"]));
}

#[test]
fn what_was_recorded_inline_replays_with_a_worker() {
    let program = |inline: bool| {
        let run = pooled(inline, 1);
        Coroutines::new(move || run(Cell::new("said", String::new())))
    };
    let steps = |execution: &turnloom::engine::execution::Execution<'_>| {
        assert_eq!(execution.ended, Ended::Complete);
        let steps = execution.trace().steps.into_iter();
        steps.map(|step| (step.role, step.operation, step.detail)).collect::<Vec<_>>()
    };
    let limits = Limits::default();
    let (recorded, _) = follow(&limits, &program(true), &Schedule::default(), steps);
    let order: Vec<_> =
        recorded.iter().map(|step| Recorded { role: step.0.clone(), alternative: 0 }).collect();
    assert!(order.iter().any(|step| &*step.role == "worker"));
    let replayed = run_once(&limits, &program(false), &order, steps).expect("it fits");
    assert_eq!(recorded, replayed);
}

#[test]
fn a_job_that_has_not_begun_can_be_cancelled() {
    let seen = sentences(|said| {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let executor = Executor::new("worker", 1, false);
        thread::spawn_detached("loop", move || {
            let inner = event_loop.clone();
            let main = async move {
                let job = said.clone();
                let future = inner.run_in_executor(&executor, "job", move || {
                    say(&job, "job");
                    Ok(1)
                });
                future.cancel();
                assert_eq!(future.await, Err(Exception::Cancelled));
                Ok(())
            };
            event_loop.run_until_complete("main", main).expect("main does not raise");
        });
    });
    assert_eq!(seen, words(&["", "job"]));
}

#[test]
fn a_coroutine_from_another_thread_gives_its_result_or_is_cancelled() {
    let seen = sentences(|said| {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let (served, result) = (event_loop.clone(), said.clone());
        thread::spawn_daemon("loop", move || served.run_forever_idle());
        let future = run_coroutine_threadsafe(&event_loop, "coroutine", move || {
            Box::pin(async move {
                say(&said, "ran");
                Ok(1)
            })
        });
        let canceller = future.clone();
        thread::spawn_detached("canceller", move || {
            canceller.cancel();
        });
        let ended = future.result_blocking();
        say(&result, if ended.is_ok() { "ended" } else { "cancelled" });
    });
    // A task that is cancelled before it begins still takes its first step: the request is behind it in the queue
    // (CPython 3.12.1 does the same). And the request may come too late for the task yet in time for the future.
    assert_eq!(seen, words(&["cancelled ran", "ran cancelled", "ran ended"]));
}

/// A coroutine for a portal that says when it begins, holds until the event is set, and says how it ends.
fn hold(name: &'static str, event: &Event, said: &Cell<String>) -> impl Future<Output = Result<u32>> + use<> {
    let (event, said) = (event.clone(), said.clone());
    async move {
        say(&said, name);
        let ended = event.wait().await;
        say(&said, &format!("{name}{}", if ended.is_ok() { "." } else { "!" }));
        ended.map(|()| 1)
    }
}

#[test]
fn two_tasks_of_a_portal_interleave() {
    let seen = sentences(|said| {
        let portal = Portal::on_thread(&PortalThread::spawn("portal", &Timers::new([])));
        let event = Event::new(portal.event_loop());
        let futures = ["a", "b"].map(|name| {
            let held = hold(name, &event, &said);
            portal.start_task_soon(name, move || Box::pin(held))
        });
        let answer = portal.call("set", move || {
            event.set();
            Box::pin(async { Ok(7) })
        });
        assert_eq!(answer, Ok(7));
        for future in futures {
            assert_eq!(future.result_blocking(), Ok(1));
        }
        portal.stop();
    });
    assert_eq!(seen, words(&["a b a. b."]));
}

#[test]
fn the_canceller_waits_for_the_portal() {
    let found = search(&Limits::default(), || {
        let portal = Portal::on_thread(&PortalThread::spawn("portal", &Timers::new([])));
        let event = Event::new(portal.event_loop());
        let cancelled = Flag::new("cancelled");
        let busy = cancelled.clone();
        let future = portal.start_task_soon("x", move || {
            Box::pin(async move {
                event.wait().await?;
                Ok(1)
            })
        });
        // The portal's thread is blocked until the canceller is done.
        portal.event_loop().call_soon_threadsafe("block", move || busy.wait());
        future.cancel();
        cancelled.set();
        portal.stop();
    });
    assert!(found.exhausted && found.panics == 0 && found.deadlocks > 0, "{found:?}");
}

/// anyio 4.16 on CPython 3.12.1: `['c begins', 'set', 'c ends', 'stopped']`.
#[test]
fn stopping_a_portal_waits_for_its_tasks() {
    let seen = sentences(|said| {
        let portal = Portal::on_thread(&PortalThread::spawn("portal", &Timers::new([])));
        let event = Event::new(portal.event_loop());
        let held = hold("c", &event, &said);
        portal.start_task_soon("c", move || Box::pin(held));
        let (setter, setting) = (portal.event_loop().clone(), said.clone());
        thread::spawn_detached("setter", move || {
            say(&setting, "set");
            setter.call_soon_threadsafe("set", move || event.set());
        });
        portal.stop();
        say(&said, "stopped");
    });
    assert_eq!(seen, words(&["c set c. stopped", "set c c. stopped"]));
}

#[test]
fn a_portal_thread_runs_one_portal_after_another() {
    let found = search(&Limits::default(), || {
        let on = PortalThread::spawn("portal", &Timers::new([]));
        for round in 0..2 {
            let portal = Portal::on_thread(&on);
            assert_eq!(portal.call("round", move || Box::pin(async move { Ok(round) })), Ok(round));
            portal.stop();
        }
    });
    assert_eq!((found.panics, found.deadlocks, found.exhausted), (0, 0, true));
}

/// The executions of a search are thrown away at every place; what a loop holds in circles is let go each time.
#[test]
fn an_execution_that_is_thrown_away_leaves_nothing_behind() {
    let alive: Rc<()> = Rc::default();
    let held = alive.clone();
    let seen = sentences(move |said| {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let executor = Executor::new("worker", 1, false);
        let portal = Portal::on_thread(&PortalThread::spawn("portal", &Timers::new([])));
        let lock = Lock::new(&event_loop);
        let held = held.clone();
        for word in ["a", "b"] {
            let (l, lock, pool, portal) =
                (event_loop.clone(), lock.clone(), executor.clone(), portal.clone());
            let (held, said) = (held.clone(), said.clone());
            run_coroutine_threadsafe(&event_loop, word, move || {
                Box::pin(async move {
                    let _locked = lock.acquire().await?;
                    let job = (held.clone(), portal.clone());
                    l.run_in_executor(&pool, word, move || Ok(Rc::strong_count(&job.0) > 0)).await?;
                    say(&said, word);
                    let never = l.future::<()>();
                    shield(&never).await?;
                    drop((held, l));
                    Ok(1)
                })
            });
        }
        thread::spawn_daemon("loop", move || event_loop.run_forever_idle());
    });
    assert_eq!(seen, words(&["a"]));
    assert_eq!(Rc::strong_count(&alive), 1);
}
