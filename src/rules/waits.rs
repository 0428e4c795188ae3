//! The wait-for graph of an execution that got stuck, read for the rules that say why it did.
//!
//! Three causes are kept apart here so that one deadlock breaks one rule: the owner of a lock waits for a callback
//! that needs the lock, the owner of the state lock awaits a prompt, and everything else.

use std::collections::BTreeSet;

use super::Context;
use crate::observation::{CallKind, Observations, Place, Resource, Stuck, Waiting, WaitsTo};
use crate::terms::ThreadRole;

/// A thread that waits for a lock, and the thread that holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocked<'a> {
    pub waiter: &'a Waiting,
    pub lock: &'a str,
    pub owner: &'a Waiting,
}

/// The deadlock of the execution, if that is how it ended.
pub(super) fn deadlock(seen: &Observations) -> Option<&Stuck> {
    seen.stuck.as_ref().filter(|stuck| stuck.is_deadlock())
}

/// Every pair of a thread that waits for a lock and the thread that holds it.
pub(super) fn blocked(stuck: &Stuck) -> Vec<Blocked<'_>> {
    fn owner<'a>(stuck: &'a Stuck, waiter: &'a Waiting) -> Option<Blocked<'a>> {
        let lock = waiter.wanted_lock()?;
        let holds =
            |owner: &&Waiting| owner.thread != waiter.thread && owner.holds.iter().any(|held| held == lock);
        Some(Blocked { waiter, lock, owner: stuck.threads.iter().find(holds)? })
    }
    stuck.threads.iter().filter_map(|waiter| owner(stuck, waiter)).collect()
}

/// The callbacks that need a lock whose owner waits for them.
///
/// The waiter is a worker or the portal and not in a call of a client, and the owner's waiting leads back to it with
/// no other lock in between. If the owner awaits a prompt, only a thread that brings the prompt to its end will do:
/// the portal, or a worker that runs the step or its prompt. Any other is a bystander of a lock held across a prompt.
pub(super) fn callbacks(stuck: &Stuck) -> Vec<Blocked<'_>> {
    let is_callback = |found: &Blocked<'_>| {
        runs_callbacks(found.waiter)
            && (prompt(found.owner).is_none() || is_portal(found.waiter) || runs_the_turn(found.waiter))
            && (leads_to(stuck, found.owner, found.waiter) || brings_the_prompt(found))
    };
    blocked(stuck).into_iter().filter(is_callback).collect()
}

/// Whether the owner awaits a prompt and the waiter is the portal: whatever the server answers comes through it.
fn brings_the_prompt(found: &Blocked<'_>) -> bool {
    prompt(found.owner).is_some() && is_portal(found.waiter)
}

/// The threads that wait for the state lock while its owner awaits a prompt, and that no callback of that owner
/// explains.
pub(super) fn across_prompt<'a>(stuck: &'a Stuck, context: &Context) -> Vec<Blocked<'a>> {
    if !context.acp {
        return Vec::new();
    }
    let owners: BTreeSet<_> = callbacks(stuck).iter().map(|found| found.owner.thread.as_str()).collect();
    let is_across = |found: &Blocked<'_>| {
        Resource::StateLock.is(found.lock)
            && prompt(found.owner).is_some()
            && !found.owner.place.contains(&Place::Step)
            && !owners.contains(found.owner.thread.as_str())
    };
    blocked(stuck).into_iter().filter(is_across).collect()
}

/// The threads that keep an event loop standing: each sleeps in an asynchronous step, or is the service's loop and waits for
/// something other than its own work while a call needs it.
pub(super) fn standing_loops(stuck: &Stuck) -> impl Iterator<Item = &Waiting> {
    stuck.threads.iter().filter(|thread| match thread.operation {
        WaitsTo::Sleep(_) => thread.place.contains(&Place::AsyncStep),
        WaitsTo::Other(_) => {
            thread.role() == Some(ThreadRole::Loop) && callers_of(stuck, thread).next().is_some()
        }
        WaitsTo::Lock(_) | WaitsTo::Select(_) => false,
    })
}

/// The threads in a call of the runtime that need this one.
pub(super) fn callers_of<'a>(stuck: &'a Stuck, needed: &'a Waiting) -> impl Iterator<Item = &'a Waiting> {
    let needs = move |caller: &&Waiting| caller.waits_for.contains(&needed.thread) && is_in_runtime(caller);
    stuck.threads.iter().filter(needs)
}

/// Whether the thread is in a call of the runtime; otherwise it waits for what the scenario was to let happen.
pub(super) fn is_in_runtime(thread: &Waiting) -> bool {
    let is_wait = |place: &Place| matches!(place, Place::WaitFor(_));
    !thread.holds.is_empty() || !thread.place.iter().all(is_wait)
}

/// Whether a rule of its own says why nobody can move.
pub(super) fn is_explained(stuck: &Stuck, context: &Context) -> bool {
    !callbacks(stuck).is_empty()
        || !across_prompt(stuck, context).is_empty()
        || standing_loops(stuck).next().is_some()
}

/// The place in which the thread awaits or runs a prompt.
pub(super) fn prompt(thread: &Waiting) -> Option<&Place> {
    thread.place.iter().rev().find(|place| matches!(place, Place::Prompt(_)))
}

/// The threads that are not done, in words.
pub(super) fn describe(stuck: &Stuck) -> String {
    stuck.threads.iter().map(Waiting::to_string).collect::<Vec<_>>().join("; ")
}

fn is_portal(thread: &Waiting) -> bool {
    thread.role() == Some(ThreadRole::Portal)
}

fn runs_the_turn(thread: &Waiting) -> bool {
    let is_step = |place: &Place| matches!(place, Place::Step | Place::StepInExecutor);
    prompt(thread).is_some() || thread.place.iter().any(is_step)
}

/// Whether it is a worker of the default executor, or one of a pool of tool calls.
fn is_worker(thread: &Waiting) -> bool {
    matches!(thread.role(), Some(ThreadRole::Worker | ThreadRole::ToolWorker))
}

fn runs_callbacks(thread: &Waiting) -> bool {
    let in_call = |place: &Place| matches!(place, Place::Call(call) if is_by_client(call));
    (is_portal(thread) || is_worker(thread)) && !thread.place.iter().any(in_call)
}

/// Whether a thread in this call is a caller, not a callback. A run calls back.
fn is_by_client(call: &CallKind) -> bool {
    matches!(call, CallKind::Send(_) | CallKind::Interrupt | CallKind::Pause | CallKind::Close)
}

/// Whether `from` waits for `to`, directly or through threads none of which waits for a lock.
fn leads_to(stuck: &Stuck, from: &Waiting, to: &Waiting) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(thread) = next.pop() {
        if thread.wanted_lock().is_some() || !seen.insert(thread.thread.as_str()) {
            continue;
        }
        if thread.waits_for.contains(&to.thread) {
            return true;
        }
        next.extend(stuck.threads.iter().filter(|other| thread.waits_for.contains(&other.thread)));
    }
    false
}
