//! Rows of the race catalogue that are demands on turnloom itself: no defect of the runtime shows them, a test of ours does.
//!
//! `tests/catalogue.rs` holds the names against the tests that there are.

use crate::report::json::Demand;

/// Every such row.
pub(in crate::cli) const DEMANDS: &[Demand] = &[
    Demand {
        id: "R25",
        name: "wall-clock-verdict",
        demand: "no verdict of the harness depends on real time",
        shown_by: &["tests/machine.rs: r25_a_loaded_machine_and_a_single_core_change_no_byte"],
    },
    Demand {
        id: "R30",
        name: "hung-worker",
        demand: "a hang is a verdict with the place of every thread, within a bounded number of steps",
        shown_by: &[
            "tests/machine.rs: r30_a_deadlock_is_a_verdict_with_the_place_of_every_thread",
            "tests/kernel.rs: a_thread_that_never_ends_is_a_hang",
        ],
    },
];
