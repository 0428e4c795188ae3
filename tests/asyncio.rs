//! asyncio on the kernel. Where a test says "CPython 3.12.1", the same program was run on it, and the order of events
//! that the test requires is what it printed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;

use tokio_test::{assert_pending, assert_ready_eq, task};
use turnloom::asyncio::{
    Event, EventLoop, Exception, Executor, Limit, Lock, Portal, PortalThread, Result, Task, concurrent,
    run_coroutine_threadsafe, shield, wait_for, wrap_future,
};
use turnloom::explore::inhouse::{Ended, Recorded, follow, run_once, run_search};
use turnloom::explore::{Limits, Schedule, search};
use turnloom::kernel::{Cell, Flag, Timers, thread};

/// What happened on one loop, in order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn note(&self, what: impl ToString) {
        self.0.borrow_mut().push(what.to_string());
    }

    fn show(&self, what: impl Debug) {
        self.note(format!("{what:?}"));
    }
}

const LIMIT: Limit = Limit { timer: "limit", millis: 10 };

/// `asyncio.sleep(0)`: gives way for one hop, with no timer.
async fn pause(event_loop: &EventLoop) -> Result<()> {
    let mut turn = event_loop.future();
    std::future::poll_fn(move |context| {
        let polled = Pin::new(&mut turn).poll(context);
        if polled.is_pending() {
            turn.set_result(());
        }
        polled
    })
    .await
}

/// Runs `main` on a loop that nobody else knows of; what it noted.
fn alone<F>(main: impl Fn(EventLoop, Log) -> F + 'static) -> Vec<String>
where
    F: Future<Output = Result<()>> + 'static,
{
    let noted = Rc::new(RefCell::new(Vec::new()));
    let result = noted.clone();
    let found = search(&Limits::default(), move || {
        let (event_loop, log) = (EventLoop::new("loop", &Timers::new([])), Log::default());
        let ended = event_loop.run_until_complete("main", main(event_loop.clone(), log.clone()));
        assert_eq!(ended, Ok(()));
        *noted.borrow_mut() = log.0.take();
    });
    assert_eq!((found.panics, found.deadlocks, found.exhausted), (0, 0, true));
    result.take()
}

/// How to look at an outcome when the execution is over.
type Look<T> = Box<dyn Fn() -> T>;

/// The values that `program` can end with, over every interleaving.
fn outcomes<T: Ord + Clone + 'static>(program: impl Fn() -> Box<dyn Fn() -> T> + 'static) -> BTreeSet<T> {
    let last: Rc<RefCell<Option<Look<T>>>> = Rc::default();
    let slot = last.clone();
    let program: Rc<dyn Fn()> = Rc::new(move || *slot.borrow_mut() = Some(program()));
    let mut seen = BTreeSet::new();
    let found = run_search(&Limits::default(), &program, &mut |execution| {
        // A clock waits for a timer in vain when the timer was disarmed.
        let stuck = execution.book().unfinished();
        let fine = match execution.ended {
            Ended::Deadlock => stuck.iter().all(|thread| thread.idle || thread.thread == "clock"),
            _ => execution.ended == Ended::Complete,
        };
        assert!(fine, "{:?} {stuck:#?}", execution.ended);
        seen.insert(last.borrow().as_ref().expect("the program ran")());
        ControlFlow::Continue(())
    });
    assert!(found.exhausted);
    seen
}

/// As [`outcomes`], of a program that appends words to a cell.
fn sentences(program: impl Fn(Cell<String>) + 'static) -> BTreeSet<String> {
    outcomes(move || {
        let said = Cell::new("said", String::new());
        program(said.clone());
        Box::new(move || said.inspect(Clone::clone))
    })
}

fn say(said: &Cell<String>, word: &str) {
    said.update("say", |said| {
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(word);
    });
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn a_future_polled_outside_a_task_wakes_its_waker() {
    let found = search(&Limits::default(), || {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let future = event_loop.future::<u32>();
        let mut polled = task::spawn(future.clone());
        assert_pending!(polled.poll());
        assert!(!polled.is_woken());
        future.set_result(3);
        future.set_result(4);
        assert!(!future.cancel());
        assert!(polled.is_woken());
        assert_ready_eq!(polled.poll(), Ok(3));

        let lock = Lock::new(&event_loop);
        let mut first = task::spawn(lock.acquire());
        let held = tokio_test::assert_ready!(first.poll()).expect("the lock is free");
        let mut second = task::spawn(lock.acquire());
        assert_pending!(second.poll());
        drop(held);
        assert!(second.is_woken());
        assert!(tokio_test::assert_ready!(second.poll()).is_ok());

        let event = Event::new(&event_loop);
        let mut waiting = task::spawn(event.wait());
        assert_pending!(waiting.poll());
        event.set();
        assert_ready_eq!(waiting.poll(), Ok(()));
    });
    assert_eq!((found.panics, found.exhausted), (0, true));
}

/// CPython 3.12.1: `['main', 'before', 'a', 'b', 'after', 'late', 'main again']`.
#[test]
fn waking_is_one_hop_in_order() {
    let noted = alone(|event_loop, log| async move {
        let future = event_loop.future::<()>();
        for name in ["a", "b"] {
            let (future, log) = (future.clone(), log.clone());
            event_loop.create_task(name, async move {
                future.await?;
                log.note(name);
                Ok(())
            });
        }
        pause(&event_loop).await?;
        let (before, after, late) = (log.clone(), log.clone(), log.clone());
        event_loop.call_soon(move || before.note("before"));
        future.set_result(());
        event_loop.call_soon(move || after.note("after"));
        future.add_done_callback(move |_| late.note("late"));
        log.note("main");
        pause(&event_loop).await?;
        log.note("main again");
        Ok(())
    });
    assert_eq!(noted, ["main", "before", "a", "b", "after", "late", "main again"]);
}

/// CPython 3.12.1: `[True, 'cancelled', [True, False]]`.
#[test]
fn a_task_cancelled_before_its_first_step_never_begins() {
    let noted = alone(|event_loop, log| async move {
        let never = log.clone();
        let child: Task<()> = event_loop.create_task("child", async move {
            never.note("never");
            Ok(())
        });
        log.show(child.cancel());
        if child.clone().await == Err(Exception::Cancelled) {
            log.note("cancelled");
        }
        log.show([child.cancelled(), child.cancel()]);
        Ok(())
    });
    assert_eq!(noted, ["true", "cancelled", "[true, false]"]);
}

/// CPython 3.12.1: `[0, 'asked', 1, 'caught', 2, 'cleaned', 3, 'seen', [True, True]]`.
#[test]
fn a_cancelled_task_may_await_while_it_cleans_up() {
    let noted = alone(|event_loop, log| async move {
        let future = event_loop.future::<()>();
        let child = event_loop.create_task("child", {
            let (event_loop, future, log) = (event_loop.clone(), future.clone(), log.clone());
            async move {
                let result = future.await;
                log.note("caught");
                pause(&event_loop).await?;
                log.note("cleaned");
                result
            }
        });
        let other = event_loop.create_task("other", {
            let (event_loop, log) = (event_loop.clone(), log.clone());
            async move {
                for round in 0..4 {
                    log.note(round);
                    pause(&event_loop).await?;
                }
                Ok(())
            }
        });
        pause(&event_loop).await?;
        child.cancel();
        log.note("asked");
        if child.clone().await.is_err() {
            log.note("seen");
        }
        log.show([future.cancelled(), child.cancelled()]);
        other.await
    });
    assert_eq!(noted, ["0", "asked", "1", "caught", "2", "cleaned", "3", "seen", "[true, true]"]);
}

/// CPython 3.12.1: `[2, 'first', [False, False], 'second', 7]`.
#[test]
fn two_cancellations_at_one_suspension_are_one_and_a_third_hits_the_cleanup() {
    let noted = alone(|event_loop, log| async move {
        let (one, two) = (event_loop.future::<()>(), event_loop.future::<()>());
        let child = event_loop.create_task("child", {
            let (two, log) = (two.clone(), log.clone());
            async move {
                one.await.expect_err("it is cancelled");
                log.note("first");
                two.await.expect_err("it is cancelled");
                log.note("second");
                Ok(7)
            }
        });
        pause(&event_loop).await?;
        child.cancel();
        child.cancel();
        log.note(child.handle().cancelling());
        pause(&event_loop).await?;
        pause(&event_loop).await?;
        log.show([child.done(), two.done()]);
        child.cancel();
        log.show(child.await?);
        Ok(())
    });
    assert_eq!(noted, ["2", "first", "[false, false]", "second", "7"]);
}

/// CPython 3.12.1: `['cancelled though done', 5]`.
#[test]
fn a_cancellation_overtakes_a_result_that_is_on_its_way() {
    let noted = alone(|event_loop, log| async move {
        let future = event_loop.future::<u32>();
        let child = event_loop.create_task("child", {
            let (future, log) = (future.clone(), log.clone());
            async move {
                let result = future.await;
                if result.is_err() {
                    log.note("cancelled though done");
                }
                result
            }
        });
        pause(&event_loop).await?;
        future.set_result(5);
        child.cancel();
        assert!(child.await.is_err());
        log.show(future.result().expect("it is done")?);
        Ok(())
    });
    assert_eq!(noted, ["cancelled though done", "5"]);
}

/// CPython 3.12.1: `['cancelled', 'at the next suspension']`, result 2.
#[test]
fn a_task_that_cancels_itself() {
    let noted = alone(|event_loop, log| async move {
        let me = event_loop.clone();
        let ends: Task<u32> = event_loop.create_task("ends", async move {
            me.current_task().expect("it runs").cancel();
            Ok(1)
        });
        let (me, next) = (event_loop.clone(), log.clone());
        let goes_on = event_loop.create_task("goes on", async move {
            me.current_task().expect("it runs").cancel();
            if pause(&me).await.is_err() {
                next.note("at the next suspension");
            }
            Ok(2)
        });
        if ends.await == Err(Exception::Cancelled) {
            log.note("cancelled");
        }
        assert_eq!(goes_on.await, Ok(2));
        Ok(())
    });
    assert_eq!(noted, ["cancelled", "at the next suspension"]);
}

/// CPython 3.12.1: `['outer cancelled', 0, 'inner goes on']`, result 3.
#[test]
fn a_shielded_task_goes_on() {
    let noted = alone(|event_loop, log| async move {
        let future = event_loop.future::<&str>();
        let inner = event_loop.create_task("inner", {
            let (future, log) = (future.clone(), log.clone());
            async move {
                log.note(future.await?);
                Ok(3)
            }
        });
        let outer = event_loop.create_task("outer", {
            let (inner, log) = (inner.clone(), log.clone());
            async move {
                assert_eq!(shield(&inner.future()).await, Err(Exception::Cancelled));
                log.note("outer cancelled");
                inner.await
            }
        });
        pause(&event_loop).await?;
        pause(&event_loop).await?;
        outer.cancel();
        pause(&event_loop).await?;
        log.note(inner.handle().cancelling());
        future.set_result("inner goes on");
        assert_eq!(outer.await, Ok(3));
        Ok(())
    });
    assert_eq!(noted, ["outer cancelled", "0", "inner goes on"]);
}

/// CPython 3.12.1: `[[True, False], True]`.
#[test]
fn a_shield_of_what_is_cancelled_is_cancelled_one_hop_later() {
    let noted = alone(|event_loop, log| async move {
        let future = event_loop.future::<()>();
        let outer = shield(&future);
        future.cancel();
        log.show([future.cancelled(), outer.cancelled()]);
        pause(&event_loop).await?;
        log.show(outer.cancelled());
        Ok(())
    });
    assert_eq!(noted, ["[true, false]", "true"]);
}

/// CPython 3.12.1: `[0, 'inner', 1, 'outer', 2, 3]`.
#[test]
fn cancelling_a_task_that_awaits_a_task_cancels_the_inner_one_first() {
    let noted = alone(|event_loop, log| async move {
        let outer = event_loop.create_task("outer", {
            let (event_loop, log) = (event_loop.clone(), log.clone());
            async move {
                let inner_log = log.clone();
                let inner_loop = event_loop.clone();
                let inner = event_loop.create_task("inner", async move {
                    pause(&inner_loop).await?;
                    let result = inner_loop.future::<()>().await;
                    inner_log.note("inner");
                    result
                });
                let result = inner.await;
                log.note("outer");
                result
            }
        });
        for _ in 0..4 {
            pause(&event_loop).await?;
        }
        outer.cancel();
        for round in 0..4 {
            log.note(round);
            pause(&event_loop).await?;
        }
        Ok(())
    });
    assert_eq!(noted, ["0", "inner", "1", "outer", "2", "3"]);
}

/// CPython 3.12.1: `['not a', 'b', 'c', 'late']`.
#[test]
fn a_lock_is_fifo_and_passes_over_a_cancelled_waiter() {
    let noted = alone(|event_loop, log| async move {
        let lock = Lock::new(&event_loop);
        let held = lock.acquire().await?;
        let waiter = |name: &'static str| {
            let (event_loop, lock, log) = (event_loop.clone(), lock.clone(), log.clone());
            async move {
                match lock.acquire().await {
                    Ok(_held) => {
                        log.note(name);
                        pause(&event_loop).await
                    }
                    Err(_) => {
                        log.note(format!("not {name}"));
                        Ok(())
                    }
                }
            }
        };
        let mut tasks: Vec<_> =
            ["a", "b", "c"].into_iter().map(|name| event_loop.create_task(name, waiter(name))).collect();
        pause(&event_loop).await?;
        pause(&event_loop).await?;
        drop(held);
        tasks[0].cancel();
        tasks.push(event_loop.create_task("late", waiter("late")));
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
    assert_eq!(noted, ["not a", "b", "c", "late"]);
}

/// CPython 3.12.1: `['at once', 'b', 'c', True]`.
#[test]
fn an_event_wakes_who_waits_and_was_not_cancelled() {
    let noted = alone(|event_loop, log| async move {
        let event = Event::new(&event_loop);
        let tasks = ["a", "b"].map(|name| {
            let (event, log) = (event.clone(), log.clone());
            event_loop.create_task(name, async move {
                event.wait().await?;
                log.note(name);
                Ok(())
            })
        });
        pause(&event_loop).await?;
        tasks[0].cancel();
        event.set();
        let later = log.clone();
        event_loop.call_soon(move || later.note("c"));
        event.wait().await?;
        log.note("at once");
        let [a, b] = tasks;
        b.await?;
        pause(&event_loop).await?;
        log.show(a.cancelled());
        Ok(())
    });
    assert_eq!(noted, ["at once", "b", "c", "true"]);
}

/// CPython 3.12.1: `['a', 'a cleaned']` after `main` has returned.
#[test]
fn run_until_complete_cancels_what_is_left_and_waits_for_it() {
    let noted = alone(|event_loop, log| async move {
        let child = {
            let event_loop = event_loop.clone();
            async move {
                let result = event_loop.future::<()>().await;
                log.note("a");
                pause(&event_loop).await?;
                log.note("a cleaned");
                result
            }
        };
        event_loop.create_task("a", child);
        pause(&event_loop).await
    });
    assert_eq!(noted, ["a", "a cleaned"]);
}

/// CPython 3.12.1: the wrapper of a finished future is done one hop after: `[False, True]`; a cancelled wrapper cancels
/// its future one hop later: `[[True, False], True]`.
#[test]
fn wrapping_and_cancelling_on_one_thread() {
    let noted = alone(|event_loop, log| async move {
        let source = concurrent::Future::new("source");
        let wrapper = wrap_future(&event_loop, &source);
        source.set_result(1);
        log.show(wrapper.done());
        pause(&event_loop).await?;
        log.show(wrapper.done());
        let source = concurrent::Future::<u32>::new("cancelled");
        let wrapper = wrap_future(&event_loop, &source);
        wrapper.cancel();
        log.show([wrapper.cancelled(), source.cancelled()]);
        pause(&event_loop).await?;
        log.show(source.cancelled());
        Ok(())
    });
    assert_eq!(noted, ["false", "true", "[true, false]", "true"]);
}

/// A task under `wait_for` on `make`'s future, with a clock that fires the timer; what the task came to, and how many
/// requests to cancel were left when it ended.
fn limited<F>(
    make: impl Fn(&EventLoop) -> F + Clone + 'static,
    also: impl Fn(&EventLoop, &Task<&'static str>) + Clone + 'static,
) -> BTreeSet<String>
where
    F: Future<Output = Result<&'static str>> + 'static,
{
    outcomes(move || {
        let timers = Timers::new(["limit"]);
        let ended = Cell::new("ended", String::new());
        let (clock, result) = (timers.clone(), ended.clone());
        let event_loop = EventLoop::new("loop", &timers);
        thread::spawn_detached("clock", move || clock.fire("limit"));
        let (make, also) = (make.clone(), also.clone());
        thread::spawn_detached("loop", move || {
            let inner = event_loop.clone();
            let main = async move {
                let (l, what) = (inner.clone(), make(&inner));
                let child = inner.create_task("child", async move { wait_for(&l, what, LIMIT).await });
                pause(&inner).await?;
                also(&inner, &child);
                let result = child.clone().await;
                ended.set(format!("{result:?} {}", child.handle().cancelling()));
                Ok(())
            };
            event_loop.run_until_complete("main", main).expect("main does not raise");
        });
        Box::new(move || result.inspect(Clone::clone))
    })
}

/// CPython 3.12.1: `TimeoutError`, `cancelling() == 0`.
#[test]
fn wait_for_times_out() {
    let seen = limited(|l| l.future::<&str>(), |_, _| ());
    assert_eq!(seen, words(&["Err(Timeout) 0"]));
}

/// CPython 3.12.1: `['kept', 0]`.
#[test]
fn wait_for_returns_what_came_in_spite_of_the_timeout() {
    let make = |l: &EventLoop| {
        let future = l.future::<&str>();
        async move { future.await.or(Ok("kept")) }
    };
    assert_eq!(limited(make, |_, _| ()), words(&["Ok(\"kept\") 0"]));
}

#[test]
fn wait_for_gives_the_result_or_times_out_when_both_come() {
    let make = |l: &EventLoop| {
        let (future, l) = (l.future(), l.clone());
        let result = future.clone();
        let setter = l.clone();
        thread::spawn_detached("server", move || {
            setter.feed("answer", move || {
                result.set_result("answer");
            });
        });
        future
    };
    assert_eq!(limited(make, |_, _| ()), words(&["Err(Timeout) 0", "Ok(\"answer\") 0"]));
}

/// CPython 3.12.1: with both in one iteration, in either order, `CancelledError`, `cancelling() == 1`.
#[test]
fn a_cancellation_from_outside_is_not_a_timeout() {
    let seen = limited(|l| l.future::<&str>(), |_, child| assert!(child.cancel()));
    assert!(seen.contains("Err(Cancelled) 1"), "{seen:?}");
    // The timeout came an iteration before: it has been dealt with when the request comes, which is then too late.
    assert!(seen.iter().all(|end| end == "Err(Cancelled) 1" || end == "Err(Timeout) 0"), "{seen:?}");
}

#[test]
fn io_is_collected_by_select_only() {
    let seen = sentences(|said| {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let (foreign, io) = (event_loop.clone(), said.clone());
        thread::spawn_detached("server", move || foreign.feed("io", move || say(&io, "io")));
        thread::spawn_daemon("loop", move || {
            for word in ["1", "2"] {
                let (event_loop_then, said) = (event_loop.clone(), said.clone());
                event_loop.call_soon(move || {
                    let again = said.clone();
                    event_loop_then.call_soon(move || say(&again, &format!("{word}'")));
                    say(&said, word);
                });
            }
            event_loop.run_forever_idle();
        });
    });
    // Never between 1 and 2: they are run by one iteration.
    assert_eq!(seen, words(&["1 2 io 1' 2'", "1 2 1' 2' io"]));
}

#[test]
fn a_loop_can_be_stopped_from_another_thread() {
    let found = search(&Limits::default(), || {
        let event_loop = EventLoop::new("loop", &Timers::new([]));
        let stopper = event_loop.clone();
        let handle = thread::spawn("loop", move || event_loop.run_forever_idle());
        stopper.stop_threadsafe();
        handle.join();
    });
    assert_eq!((found.deadlocks, found.panics, found.exhausted), (0, 0, true));
}

#[test]
fn a_cancelled_timer_never_fires_and_sleep_ends_with_its_timer() {
    let seen = sentences(|said| {
        let timers = Timers::new(["limit"]);
        let clock = timers.clone();
        thread::spawn_detached("clock", move || clock.fire("limit"));
        let event_loop = EventLoop::new("loop", &timers);
        thread::spawn_detached("loop", move || {
            let inner = event_loop.clone();
            let main = async move {
                let never = said.clone();
                let unwatched =
                    inner.call_later(Limit { timer: "never", millis: 1 }, move || say(&never, "never"));
                unwatched.cancel();
                inner.sleep(LIMIT).await?;
                say(&said, "slept");
                Ok(())
            };
            event_loop.run_until_complete("main", main).expect("main does not raise");
        });
    });
    assert_eq!(seen, words(&["slept"]));
}

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
    let program = |inline: bool| -> Rc<dyn Fn()> {
        let run = pooled(inline, 1);
        Rc::new(move || run(Cell::new("said", String::new())))
    };
    let steps = |execution: &turnloom::explore::inhouse::Execution<'_>| {
        assert_eq!(execution.ended, Ended::Complete);
        let book = execution.book();
        let step = |step: &turnloom::kernel::Step| {
            (book.name(step.role), step.operation, step.object.clone(), step.detail.clone())
        };
        book.steps().iter().map(step).collect::<Vec<_>>()
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
