//! The same tables as programs of the kernel.

use std::cell::RefCell;
use std::rc::Rc;

use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::kernel::{Cell, FifoLock, OrderedCell, Queue, choose, thread};

use super::table::{Do, NAMES, Program, outcome};

struct World {
    locks: [FifoLock; 2],
    cells: [Cell<u32>; 2],
    queues: [Queue<u32, u32>; 2],
    logs: RefCell<Vec<(String, OrderedCell<String>)>>,
}

impl World {
    fn new() -> Self {
        Self {
            locks: [FifoLock::new("l0"), FifoLock::new("l1")],
            cells: [Cell::new("c0", 0), Cell::new("c1", 1)],
            queues: [Queue::new("q0"), Queue::new("q1")],
            logs: RefCell::default(),
        }
    }

    fn spawn(self: &Rc<Self>, name: String, body: Vec<Do>) {
        let log = OrderedCell::new(&format!("log of {name}"), String::new());
        self.logs.borrow_mut().push((name.clone(), log.clone()));
        let world = self.clone();
        thread::spawn_detached(&name.clone(), move || world.run(&name, &body, &log));
    }

    fn run(self: &Rc<Self>, name: &str, body: &[Do], log: &OrderedCell<String>) {
        let (mut at, mut last, mut children) = (0, 0, 0);
        let note = |value: u32| {
            log.set(format!("{}{value}", log.get()));
            value
        };
        while let Some(step) = body.get(at) {
            at += 1;
            match step {
                Do::Lock(lock) => self.locks[*lock].acquire(),
                Do::Unlock(lock) => self.locks[*lock].release(),
                Do::Push(queue) => self.queues[*queue].push(last + 1, last + 1),
                Do::Pop(queue) => last = note(self.queues[*queue].pop()),
                Do::Read(cell) => last = note(self.cells[*cell].get()),
                Do::Write(cell, value) => self.cells[*cell].set(*value),
                Do::Choose(alternatives) => {
                    last = note(u32::try_from(choose(*alternatives)).expect("few alternatives"));
                }
                Do::UnlessOdd(count) => at += if last % 2 == 1 { 0 } else { *count },
                Do::Spawn(body) => {
                    children += 1;
                    self.spawn(format!("{name}{children}"), body.clone());
                }
                Do::Fail(_) => panic!("on purpose"),
            }
        }
    }

    fn seen(&self) -> String {
        let cells = self.cells.each_ref().map(|cell| cell.inspect(|value| *value));
        let logs = self.logs.borrow();
        let mut logs: Vec<(&str, String)> =
            logs.iter().map(|(name, log)| (name.as_str(), log.inspect(Clone::clone))).collect();
        logs.sort_unstable();
        format!("{cells:?} {logs:?}")
    }
}

/// A table as a program of the kernel.
pub fn on_kernel(program: Program) -> Coroutines<String> {
    let last: Rc<RefCell<Option<Rc<World>>>> = Rc::default();
    let slot = last.clone();
    let main = move || {
        let world = Rc::new(World::new());
        *slot.borrow_mut() = Some(world.clone());
        for (name, body) in NAMES.into_iter().zip(program.clone()) {
            world.spawn(name.to_owned(), body);
        }
    };
    Coroutines::observed(Rc::new(main), move |ended, record| {
        let seen = last.borrow().as_ref().map(|world| world.seen()).unwrap_or_default();
        outcome(ended, &seen, record.unfinished())
    })
}
