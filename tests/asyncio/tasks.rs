//! Futures and tasks: hops, cancellations at any point and twice, shields.

use tokio_test::{assert_pending, assert_ready_eq, task};
use turnloom::engine::kernel::Timers;
use turnloom::engine::search::{Limits, search};
use turnloom::subject::model::asyncio::{Event, EventLoop, Exception, Lock, Task, shield};

use super::{alone, pause};

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
