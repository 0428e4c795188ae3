//! Whose doing a deadlock is: the scenario's, if each thread that is stuck in the runtime would go on as soon as the
//! scenario did what it alone can do.
//!
//! The runtime cannot open a gate, fire a timer or answer a prompt. It has to see to it, though, that a stop ends a turn
//! whatever the server does: while one is under way, a silent server is no excuse. Then only a timer that would have
//! ended the wait, or a subscriber that takes nothing in, is.

use std::collections::BTreeSet;

use super::facts::is_paused_since;
use super::waits::is_in_runtime;
use crate::observation::{
    CallKind, ENSURE_AGENT_READY, Event, Need, Observations, Place, ServiceEntry, Stuck, Waiting, WaitsTo,
};
use crate::scenario::EventKind;
use crate::terms::{ThreadRole, Timer};

/// The timers of waits that end by themselves. `prompt` is not among them: half an hour is no excuse for a runtime that
/// waits for a server when it need not; nor are the limits of waits for a run, which is stuck for a reason of its own.
const EXCUSES: [Timer; 4] = [Timer::Drain, Timer::CancelSend, Timer::Retry, Timer::PendingDrain];

/// Whether the scenario made the deadlock itself.
pub(super) fn is_of_scenario(stuck: &Stuck, seen: &Observations) -> bool {
    let stops = !is_synchronous(stuck)
        && (stuck.threads.iter().any(|thread| is_stopping(thread, stuck)) || was_stopped(seen));
    let mut free: BTreeSet<&str> = BTreeSet::new();
    loop {
        let goes_on = |thread: &&Waiting| {
            !free.contains(thread.thread.as_str())
                && (waits_for_scenario(thread, stops)
                    || is_limit_of_switch(thread, stuck)
                    || is_freed(thread, &free, stuck))
        };
        let more: Vec<&str> = stuck.threads.iter().filter(goes_on).map(|thread| &*thread.thread).collect();
        if more.is_empty() {
            break;
        }
        free.extend(more);
    }
    stuck.threads.iter().filter(|thread| is_in_runtime(thread)).all(|thread| free.contains(&*thread.thread))
}

/// Whether the thread waits no longer than a switch of the model may take, and the scenario does not let that time pass: no turn
/// is under way, and so the limit of prompts is the switch's.
fn is_limit_of_switch(thread: &Waiting, stuck: &Stuck) -> bool {
    let is_limit = |need: &Need| matches!(need, Need::Timer { timer, .. } if timer == Timer::Prompt.name());
    thread.needs.iter().any(is_limit) && !is_turn_under_way(stuck)
}

fn is_turn_under_way(stuck: &Stuck) -> bool {
    let is_turn = |place: &Place| matches!(place, Place::Prompt(_) | Place::AsyncStep | Place::Step);
    stuck.threads.iter().flat_map(|thread| &thread.place).any(is_turn)
}

/// Whether a synchronous step is under way, or a start on a worker, which no stop can end: either comes to its end with the
/// server's answer.
fn is_synchronous(stuck: &Stuck) -> bool {
    let is_start = |thread: &Waiting| {
        thread.role() == Some(ThreadRole::Worker)
            && thread.place.contains(&Place::Within(ENSURE_AGENT_READY.to_owned()))
    };
    stuck.threads.iter().any(|thread| thread.place.contains(&Place::Step) || is_start(thread))
}

/// Whether the thread is in a stop. An interrupt that has become a pause lets a turn come to its end. Which stops of the service
/// came in time, its book says.
fn is_stopping(thread: &Waiting, stuck: &Stuck) -> bool {
    let lets_end = thread.place.contains(&Place::Call(CallKind::Pause)) && is_turn_under_way(stuck);
    !lets_end
        && thread.place.iter().any(|place| match place {
            Place::Call(call) => is_stop(call),
            Place::SendCancel | Place::Drain => true,
            _ => false,
        })
}

/// Whether a stop that should end a turn came after the last run had begun, and has returned or is in the service's book. A pause
/// lets the turn come to its end. Whether a newer message cancels a prompt, `superseded-prompt-is-cancelled` asks.
fn was_stopped(seen: &Observations) -> bool {
    if !seen.service.is_empty() {
        let began = seen.service.iter().rposition(|entry| matches!(entry, ServiceEntry::Began { .. }));
        return seen.service[began.map_or(0, |began| began + 1)..].contains(&ServiceEntry::Stop);
    }
    // An interrupt that finds no run pauses. Where a stop has left its event before the last run began, what else returned may
    // have stopped nothing: the call has no place among the events.
    let begun = seen.runs.iter().map(|run| run.after).max().unwrap_or(0);
    let has_stopped = |event: &Event| event.kind == EventKind::Interrupt;
    seen.calls.values().flatten().any(|call| is_stop(&call.call))
        && !seen.events[..begun].iter().any(has_stopped)
        && !is_paused_since(seen, 0)
}

fn is_stop(call: &CallKind) -> bool {
    matches!(call, CallKind::Interrupt | CallKind::Close | CallKind::Reload)
}

/// Whether the thread would go on by itself, did the scenario do what it alone can do.
fn waits_for_scenario(thread: &Waiting, stops: bool) -> bool {
    thread.needs.iter().any(|need| match need {
        Need::Timer { timer, .. } => EXCUSES.iter().any(|excuse| excuse.name() == timer),
        Need::Subscriber { .. } => true,
        Need::Gate { openers, .. } => !stops || openers.is_empty(),
        Need::Frame { .. }
        | Need::Status { .. }
        | Need::Event { .. }
        | Need::Unarmed { .. }
        | Need::Answer { .. }
        | Need::Reader { .. } => !stops,
        Need::Process => false,
    })
}

/// Whether one of the threads that go on could end the wait of this one.
fn is_freed(thread: &Waiting, free: &BTreeSet<&str>, stuck: &Stuck) -> bool {
    let goes_on = |name: &String| free.contains(name.as_str());
    let is_listed = |name: &str| stuck.threads.iter().any(|other| other.thread == name);
    // A portal that is not listed waits for the server alone.
    let brings_server = |name: &String| {
        ThreadRole::of(name) == Some(ThreadRole::Portal)
            && !is_listed(name)
            && free.contains(ThreadRole::Server.name())
    };
    // A loop that is not listed waits for whatever the others put into it.
    let brings_loop = |name: &String| {
        ThreadRole::of(name) == Some(ThreadRole::Loop) && !is_listed(name) && brings_more(free, stuck)
    };
    let openers = thread.needs.iter().flat_map(Need::openers).map(|opener| &opener.thread);
    thread.waits_for.iter().chain(openers).any(goes_on)
        || thread.waits_for.iter().any(brings_server)
        || thread.waits_for.iter().any(brings_loop)
        || matches!(thread.operation, WaitsTo::Select(_)) && brings_more(free, stuck)
}

/// Whether a thread goes on that a loop may get something from: one of the runtime's, or the server.
fn brings_more(free: &BTreeSet<&str>, stuck: &Stuck) -> bool {
    let mut going = stuck.threads.iter().filter(|thread| free.contains(thread.thread.as_str()));
    going.any(|thread| thread.role() == Some(ThreadRole::Server) || is_in_runtime(thread))
}

#[cfg(test)]
mod tests {
    use super::super::testkit::{deadlock, pause, waiting};
    use super::is_of_scenario;
    use crate::observation::{Call, CallKind, ClockOf, Need, Observations, Opener, Place, Since, Waiting};

    fn needing(thread: Waiting, needs: Vec<Need>) -> Waiting {
        Waiting { needs, ..thread }
    }

    fn timer(name: &str) -> Need {
        Need::Timer { timer: name.into(), clock: ClockOf::Never, since: Since::default() }
    }

    fn gate(opener: &str) -> Need {
        let opener = Opener { thread: opener.into(), reaction: None, step: 2 };
        Need::Gate { gate: "g".into(), openers: vec![opener] }
    }

    fn is_scenarios(seen: &Observations) -> bool {
        is_of_scenario(seen.stuck.as_ref().expect("a deadlock"), seen)
    }

    #[test]
    fn a_timer_that_the_clock_does_not_fire_is_the_scenarios() {
        let back_off =
            |timers| needing(waiting("ann", "run/astep/back off", "select loop", &[], &[]), timers);
        assert!(is_scenarios(&deadlock(vec![back_off(vec![timer("retry")])])));
        assert!(!is_scenarios(&deadlock(vec![back_off(vec![timer("prompt")])])));
    }

    #[test]
    fn a_server_that_waits_for_the_caller_of_the_run_is_the_scenarios_unless_the_run_is_being_stopped() {
        let ann = |place| waiting("ann", place, "select loop of ann", &[], &["server"]);
        let server = needing(waiting("server", "", "step server", &[], &["ann"]), vec![gate("ann")]);
        assert!(is_scenarios(&deadlock(vec![ann("run/astep/prompt \"a\""), server.clone()])));
        let mut cancels = ann("run/astep");
        cancels.place.push(Place::SendCancel);
        assert!(!is_scenarios(&deadlock(vec![cancels, server.clone()])));
        let mut stopped = deadlock(vec![ann("run/astep/prompt \"a\""), server]);
        let call = Call::new(CallKind::Interrupt, Ok(()));
        stopped.calls.insert("bob".into(), vec![call]);
        assert!(!is_scenarios(&stopped));
        stopped.events = vec![pause()];
        assert!(is_scenarios(&stopped), "the interrupt found no run");
    }

    #[test]
    fn a_switch_of_the_model_that_waits_for_its_limit_is_the_scenarios_whatever_was_stopped() {
        let switch = needing(
            waiting("worker", "switch model", "select portal", &[], &["server"]),
            vec![timer("prompt")],
        );
        let mut seen = deadlock(vec![switch]);
        seen.calls.insert("cem".into(), vec![Call::new(CallKind::Interrupt, Ok(()))]);
        assert!(is_scenarios(&seen));
    }

    #[test]
    fn a_start_on_a_worker_waits_for_the_scenario_whatever_was_stopped() {
        let start =
            |thread, wait| waiting(thread, "ensure agent ready/start server", wait, &["state"], &["server"]);
        let server = needing(waiting("server", "", "step server", &[], &["ann"]), vec![gate("ann")]);
        let mut seen = deadlock(vec![start("worker", "result portal task"), server.clone()]);
        seen.calls.insert("cem".into(), vec![Call::new(CallKind::Interrupt, Ok(()))]);
        assert!(is_scenarios(&seen));
        seen.stuck = deadlock(vec![start("loop", "result portal task"), server]).stuck;
        assert!(!is_scenarios(&seen));
    }

    #[test]
    fn an_interrupt_that_has_become_a_pause_ends_no_turn() {
        let step =
            waiting("ann", "run/astep/completion \"a\"", "select loop of ann", &["state"], &["server"]);
        let step = needing(step, vec![Need::Answer { prompt: "a".into() }]);
        let bob = |place| waiting("bob", place, "lock state", &[], &["ann"]);
        assert!(is_scenarios(&deadlock(vec![step.clone(), bob("interrupt/pause")])));
        assert!(!is_scenarios(&deadlock(vec![step, bob("interrupt")])));
    }

    #[test]
    fn a_call_waits_for_the_loop_that_waits_for_a_worker_of_the_scenarios() {
        let ann = waiting("ann", "service call", "result call", &[], &["loop"]);
        let worker =
            waiting("worker", "run/step/completion \"a\"", "result completion", &["state"], &["server"]);
        let server = needing(waiting("server", "", "step server", &[], &[]), vec![gate("ann")]);
        assert!(is_scenarios(&deadlock(vec![ann.clone(), worker, server])));
        assert!(!is_scenarios(&deadlock(vec![ann])));
    }

    #[test]
    fn threads_that_wait_for_each_others_locks_are_the_clients_whatever_the_scenario_waits_for() {
        let seen = deadlock(vec![
            waiting("ann", "send \"a\"", "lock state", &["run"], &["bob"]),
            waiting("bob", "run", "lock run", &["state"], &["ann"]),
            needing(waiting("cem", "wait for gate \"g\"", "wait server", &[], &["ann"]), vec![gate("ann")]),
        ]);
        assert!(!is_scenarios(&seen));
    }

    #[test]
    fn a_server_that_has_ended_is_no_excuse() {
        let ann = waiting("ann", "run/astep/prompt \"a\"", "select loop of ann", &[], &["server"]);
        let ann = needing(ann, vec![timer("prompt"), Need::Process]);
        assert!(!is_scenarios(&deadlock(vec![ann.clone()])));
        let bob = waiting("bob", "wait for event finish", "wait events", &[], &[]);
        let bob = needing(bob, vec![Need::Event { event: "finish".into(), held: 0, wanted: 1 }]);
        assert!(!is_scenarios(&deadlock(vec![ann, bob])));
    }
}
