//! `no-hang`: an execution that goes round for ever.

use super::waits::describe;
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, Stuck};

/// Nobody moves for ever.
pub struct NoHang;

impl Rule for NoHang {
    fn name(&self) -> &'static str {
        "no-hang"
    }

    fn title(&self) -> &'static str {
        "nobody moves for ever"
    }

    fn page(&self) -> &'static str {
        "An execution that comes back to a state it had been in, though each thread that could move did move, can go \
round for ever: a thread retries, polls or prompts without end, and nothing that the others do stops it.

It breaks on every execution that goes round like this; the message says where each thread was. An execution that is \
merely long is no hang: where it takes more steps than the search allows, the verdict is `incomplete`.

Source: R30 `hung-worker`, #3376 (no verdict of the harness depends on real time, and a hang is a verdict)."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let hang = seen.stuck.as_ref().filter(|stuck| stuck.is_hang());
        let violation = |stuck: &Stuck| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!("it goes round for ever, not done: {}", describe(stuck)),
            marks: stuck.threads.iter().map(|thread| Mark::Thread(thread.thread.clone())).collect(),
        };
        hang.map(violation).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::NoHang;
    use crate::observation::Why;
    use crate::rules::testkit::*;

    #[test]
    fn an_execution_that_goes_round_for_ever_breaks_it() {
        let seen = stuck(Why::Hang, vec![waiting("loop", "run/astep", "read status", &[], &[])]);
        assert_eq!(
            breaks(&NoHang, &seen),
            "it goes round for ever, not done: loop in run › astep is at `read status`"
        );
        assert_eq!(broken(&seen), ["no-hang"].into());
    }

    #[test]
    fn a_deadlock_is_not_a_hang() {
        holds(&NoHang, &deadlock(step_in_executor()));
    }
}
