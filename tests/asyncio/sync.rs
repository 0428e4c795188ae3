//! Locks and events of one loop.

use turnloom::subject::model::asyncio::{Event, Lock};

use super::{alone, pause};

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
