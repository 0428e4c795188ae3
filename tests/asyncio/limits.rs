//! `wait_for`: the result, the timeout and the cancellation from outside, in every order.

use std::collections::BTreeSet;

use turnloom::engine::kernel::{Cell, Timers, thread};
use turnloom::subject::model::asyncio::{EventLoop, Result, Task, wait_for};

use super::{LIMIT, outcomes, pause, words};

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
