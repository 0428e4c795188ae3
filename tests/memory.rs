//! What a search leaves behind: nothing, however its executions end.
//!
//! Most executions are thrown away in the middle, with threads that wait, tasks that never end and callbacks that nobody
//! calls. Whoever embeds turnloom explores many scenarios in one process, and a limit of memory means nothing if the
//! executions themselves stay.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use turnloom::explore::{Budget, Job, Options, explore};

mod shipped;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test alone in its process: nobody else allocates meanwhile.
#[test]
fn a_search_leaves_nothing_behind() {
    let budget = Budget { schedules: Some(60), seconds: None };
    let options = Options { budget, ..Options::default() };
    let run = |job: &Job| {
        let mut stripped = job.clone();
        stripped.scenario.preemptions = None;
        explore(&stripped, &options, &mut |_| ()).expect("a shipped scenario runs");
    };
    let jobs = shipped::jobs();
    // What is made once for the whole process is made now.
    jobs.iter().for_each(run);
    let left: Vec<String> = jobs
        .iter()
        .filter_map(|job| {
            let region = Region::new(ALLOCATOR);
            run(job);
            let change = region.change();
            let (taken, given_back) = (change.bytes_allocated, change.bytes_deallocated);
            (taken != given_back)
                .then(|| format!("{}: {taken} bytes taken, {given_back} given back", job.name))
        })
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
