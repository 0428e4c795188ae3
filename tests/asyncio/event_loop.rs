//! The loop itself: how it ends, what wraps a future of it, what the outside and the clock bring.

use turnloom::engine::kernel::{Timers, thread};
use turnloom::engine::search::{Limits, search};
use turnloom::subject::model::asyncio::{EventLoop, Limit, concurrent, wrap_future};

use super::{LIMIT, alone, pause, say, sentences, words};

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
