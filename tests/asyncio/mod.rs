//! asyncio on the kernel. Where a test says "CPython 3.12.1", the same program was run on it, and the order of events
//! that the test requires is what it printed.

mod event_loop;
mod limits;
mod sync;
mod tasks;
mod threads;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::execution::Ended;
use turnloom::engine::kernel::{Cell, Timers};
use turnloom::engine::search::run_search;
use turnloom::engine::search::{Limits, search};
use turnloom::subject::model::asyncio::{EventLoop, Limit, Result};

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
    let program = Coroutines::new(move || *slot.borrow_mut() = Some(program()));
    let mut seen = BTreeSet::new();
    let found = run_search(&Limits::default(), &program, &mut |execution| {
        // A clock waits for a timer in vain when the timer was disarmed.
        let stuck = execution.unfinished();
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
