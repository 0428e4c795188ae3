//! The waits of a scenario that decide: where every order breaks a rule, one that passes is possible without any one of
//! them.

use super::find_first::hunt;
use super::job::{Budget, ExploreError, Job, Options, SearchKind};
use crate::scenario::{Action, ClockStep, Scenario, Step};

/// How many schedules are run without each of the waits.
const SCHEDULES: u64 = 50;

/// The waits of a scenario, in words and in the order of its file, each of which alone keeps every order from passing, as
/// far as few schedules show.
///
/// # Errors
///
/// If a name decides nothing, or the scenario cannot be run at all.
pub fn deciding_waits(job: &Job) -> Result<Vec<String>, ExploreError> {
    let budget = Budget { schedules: Some(SCHEDULES), seconds: None };
    let options = Options { search: SearchKind::FewPreemptions, budget, ..Options::default() };
    let mut deciding = Vec::new();
    for (words, scenario) in without_each(&job.scenario) {
        let job = Job { scenario, ..job.clone() };
        let passing = hunt(&job, &options, &mut |_, violations| violations.is_empty())?;
        deciding.extend(passing.caught.map(|_| words));
    }
    Ok(deciding)
}

/// Each wait in words, with the scenario that does not have it.
fn without_each(scenario: &Scenario) -> Vec<(String, Scenario)> {
    let mut found = Vec::new();
    let mut without = |words: String, take_out: &dyn Fn(&mut Scenario)| {
        let mut scenario = scenario.clone();
        take_out(&mut scenario);
        found.push((words, scenario));
    };
    for (i, actor) in scenario.actors.iter().enumerate() {
        for (at, step) in actor.does.iter().enumerate() {
            if let Step::Wait(happening) = step {
                let words =
                    format!("the wait of `{}` for {} (step {})", actor.name, happening.in_words(), at + 1);
                without(words, &|scenario| drop(scenario.actors[i].does.remove(at)));
            }
        }
    }
    for (at, step) in scenario.clock.iter().enumerate() {
        if let ClockStep::Wait(happening) = step {
            let words = format!("the wait of the clock for {} (step {})", happening.in_words(), at + 1);
            without(words, &|scenario| drop(scenario.clock.remove(at)));
        }
    }
    for (at, delivery) in scenario.subscriber.iter().enumerate() {
        let words = format!("the wait of the subscriber for gate `{}`", delivery.gate);
        without(words, &|scenario| drop(scenario.subscriber.remove(at)));
    }
    for (i, reaction) in scenario.server.iter().enumerate() {
        for (at, action) in reaction.actions.iter().enumerate() {
            if let Action::Wait(happening) = action {
                let reaction = reaction.on.in_words();
                let words = format!(
                    "the wait for {} in the reaction to {reaction} (step {})",
                    happening.in_words(),
                    at + 1
                );
                without(words, &|scenario| drop(scenario.server[i].actions.remove(at)));
            }
        }
    }
    found
}
