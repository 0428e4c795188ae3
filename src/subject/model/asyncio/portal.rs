//! anyio's `BlockingPortal`: a second event loop on its own thread, into which other threads call.
//!
//! Not a job queue: a task that is started while another one waits runs beside it. Starting one blocks the caller until
//! the portal has begun it; cancelling its future from outside waits for the portal as well (anyio 4,
//! `from_thread.py`: `start_task_soon`, `_call_func`, `_spawn_task_from_thread`).

use std::cell::RefCell;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;

use super::concurrent;
use super::event_loop::Label;
use super::executor::Coroutine;
use super::task::TaskRef;
use super::{EventLoop, Exception, Result};
use crate::engine::kernel::{Flag, Local, LogicalTask, OrderedCell, Queue, Timers, thread};

/// A thread that runs one portal after another, as each new `AsyncExecutor` has a thread of its own.
#[derive(Clone)]
pub struct PortalThread {
    name: Rc<str>,
    timers: Timers,
    portals: Queue<u32, Portal>,
    started: OrderedCell<u32>,
}

impl PortalThread {
    /// Begins the thread.
    #[must_use]
    pub fn spawn(name: &str, timers: &Timers) -> Self {
        let portals: Queue<u32, Portal> = Queue::new("portals");
        let next = portals.clone();
        thread::spawn_daemon(name, move || {
            while let Some(portal) = next.pop_idle() {
                portal.inner.event_loop.run_forever_idle();
                portal.inner.stopped.set();
            }
        });
        Self {
            name: name.into(),
            timers: timers.clone(),
            portals,
            started: OrderedCell::new("portals started", 0),
        }
    }
}

/// A portal.
#[derive(Clone)]
pub struct Portal {
    inner: Rc<Inner>,
}

struct Inner {
    event_loop: EventLoop,
    /// Tasks that have not ended, on the portal's loop.
    tasks: Local<usize>,
    stop_asked: Local<bool>,
    stopped: Flag,
}

impl Portal {
    /// Starts a portal.
    #[must_use]
    pub fn on_thread(thread: &PortalThread) -> Self {
        let number = thread.started.get() + 1;
        thread.started.set(number);
        let inner = Inner {
            event_loop: EventLoop::new(&thread.name, &thread.timers),
            tasks: Local::new(0),
            stop_asked: Local::new(false),
            stopped: Flag::new("portal stopped"),
        };
        let portal = Self { inner: Rc::new(inner) };
        thread.portals.push(number, portal.clone());
        portal
    }

    /// The portal's loop.
    #[must_use]
    pub fn event_loop(&self) -> &EventLoop {
        &self.inner.event_loop
    }

    /// Begins a task on the portal and blocks until it is begun; its result to come. A portal that has ended begins none.
    pub fn start_task_soon<T: Clone + Debug + Hash + 'static>(
        &self,
        label: impl Label,
        make: impl FnOnce() -> Coroutine<T> + 'static,
    ) -> concurrent::Future<T> {
        let future = concurrent::Future::new("portal task");
        let begun = Flag::new("portal task begun");
        let (portal, settled, begin) = (self.clone(), future.clone(), begun.clone());
        let make = RefCell::new(Some(make));
        let logical_task = LogicalTask::labelled(&(&label, future.key()));
        self.inner.event_loop.call_soon_threadsafe_as(logical_task, label, move || {
            match make.borrow_mut().take() {
                Some(_) if portal.has_ended() => _ = settled.settle(Err(not_running())),
                Some(make) => portal.begin_task(settled, make()),
                None => {}
            }
            begin.set();
        });
        let _place = thread::place_waiting_for("start on portal", "portal");
        if !begun.wait_unless(&self.inner.stopped) {
            future.settle(Err(not_running()));
        }
        future
    }

    /// Whether it was told to end and has, on the portal.
    fn has_ended(&self) -> bool {
        self.inner.stop_asked.inspect(|asked| *asked) && self.inner.tasks.inspect(|tasks| *tasks == 0)
    }

    /// `_call_func`, on the portal.
    fn begin_task<T: Clone + Debug + Hash + 'static>(
        &self,
        future: concurrent::Future<T>,
        body: Coroutine<T>,
    ) {
        self.inner.tasks.move_on(|tasks| *tasks += 1);
        let (portal, settled) = (self.clone(), future.clone());
        let event_loop = self.inner.event_loop.clone();
        self.inner.event_loop.create_task("portal task", async move {
            if let Some(scope) = event_loop.current_task() {
                portal.cancel_with(&future, scope);
            }
            let result = body.await;
            settled.settle(result);
            portal.task_ended();
            Ok(())
        });
    }

    /// Cancelling the future cancels the task, and waits for the portal if that happens on another thread.
    fn cancel_with<T: Clone + Debug + Hash + 'static>(&self, future: &concurrent::Future<T>, scope: TaskRef) {
        let (event_loop, own) = (self.inner.event_loop.clone(), thread::current());
        let logical_task = LogicalTask::labelled(&("cancel scope", &scope));
        future.call_back(logical_task, move |result| {
            if !matches!(result, Err(Exception::Cancelled)) {
                return;
            }
            if thread::current() == own {
                scope.cancel();
                return;
            }
            let done = Flag::new("scope cancelled");
            let cancelled = done.clone();
            event_loop.call_soon_threadsafe_as(logical_task, "cancel scope", move || {
                scope.cancel();
                cancelled.set();
            });
            let _place = thread::place_waiting_for("cancel on portal", "portal");
            done.wait();
        });
    }

    fn task_ended(&self) {
        self.inner.tasks.move_on(|tasks| *tasks -= 1);
        self.stop_when_done();
    }

    fn stop_when_done(&self) {
        if self.has_ended() {
            self.inner.event_loop.stop();
        }
    }

    /// Runs a coroutine on the portal and blocks until it has ended.
    ///
    /// # Errors
    ///
    /// What the coroutine fails with.
    pub fn call<T: Clone + Debug + Hash + 'static>(
        &self,
        label: impl Label,
        make: impl FnOnce() -> Coroutine<T> + 'static,
    ) -> Result<T> {
        let future = self.start_task_soon(label, make);
        let _place = thread::place_waiting_for("call on portal", "portal");
        future.result_blocking()
    }

    /// Ends the portal: waits until its tasks have ended, then until its thread has left the loop.
    pub fn stop(&self) {
        let portal = self.clone();
        self.inner.event_loop.call_soon_threadsafe("stop", move || {
            portal.inner.stop_asked.set(true);
            portal.stop_when_done();
        });
        let _place = thread::place_waiting_for("stop portal", "portal");
        self.inner.stopped.wait();
    }
}

fn not_running() -> Exception {
    Exception::Error { kind: "RuntimeError".to_owned(), message: "This portal is not running".to_owned() }
}
