//! A program that two of the benches measure.

use turnloom::engine::kernel::{Condvar, Mutex};

/// Whose turn it is, and that it has changed.
pub type Table = (Mutex<u32>, Condvar);

/// One of two who take turns three times.
pub fn take_turns(table: &Table, mine: u32) {
    for _ in 0..3 {
        let mut turn = table.0.lock();
        while *turn != mine {
            turn = table.1.wait(turn);
        }
        *turn = 1 - mine;
        table.1.notify_one();
    }
}
