//! The races of an execution that has ended: which two operations could have come in the other order, and how such an
//! execution begins.

use std::rc::Rc;

use super::{Node, Searcher, Thread};
use crate::engine::execution::dependence::either_changes;
use crate::engine::fault_injection::{Planted, planted};
use crate::engine::search::footprint::{join, seen};
use crate::engine::search::path::Kind;
use crate::engine::search::wakeup::{Move, covers, insert, weak_initial};
use crate::engine::system::{Begin, Keep, PathStep, Run, System, Use};

/// An operation, taken or not, that may race with steps before it.
struct Late {
    thread: usize,
    /// Its thread before it.
    from: Thread,
    uses: Rc<[Use]>,
    waits: bool,
    /// Whether it was taken, or would have been had the execution gone on.
    taken: bool,
    /// How many steps of the path come before it.
    depth: usize,
}

impl<S: System> Searcher<'_, S> {
    /// Has every race of an execution that has ended run the other way round as well.
    pub(super) fn reverse_races(&mut self, cut_short: bool) {
        for depth in self.fresh..self.path.len() {
            let node = &self.path[depth];
            let Some(step) = node.step.as_ref().filter(|_| node.kind != Kind::Setup) else { continue };
            let Some(next) = step.before.next.as_ref().filter(|next| !next.settled) else { continue };
            let (uses, from, waits) = (step.uses.clone(), step.before.clone(), next.waits);
            self.look_back(&Late { thread: node.thread, from, uses, waits, taken: true, depth });
        }
        for thread in 0..self.threads.len() {
            let from = self.threads[thread].clone();
            let Some(next) = from.next.clone().filter(|next| !next.settled) else { continue };
            let (uses, waits, depth) = (next.uses, next.waits, self.path.len());
            self.look_back(&Late { thread, from, uses, waits, taken: cut_short, depth });
        }
    }

    /// Looks for the steps that race with an operation after them.
    fn look_back(&mut self, late: &Late) {
        let mut between: Vec<u32> = Vec::new();
        let blocked = late.waits && !planted(Planted::BlockedRacesIgnored);
        for (depth, changes) in self.rivals(late) {
            let node = &self.path[depth];
            let immediate = seen(&between, node.thread) as usize <= depth;
            node.step.iter().for_each(|step| join(&mut between, &step.clock));
            if node.kind == Kind::Open && ((immediate && late.taken) || (blocked && changes)) {
                self.turn_round(depth, late);
            }
        }
    }

    /// The steps on which an operation depends and which did not happen before its thread came to it, the last one
    /// first, and whether each changed what it uses.
    fn rivals(&self, late: &Late) -> Vec<(usize, bool)> {
        let mut rivals: Vec<(usize, bool)> = Vec::new();
        for one in late.uses.iter() {
            for before in self.past.of(one.object).iter().rev().filter(|before| before.depth < late.depth) {
                let mover = self.path[before.depth].thread;
                let happened_before =
                    mover == late.thread || seen(&late.from.clock, mover) as usize > before.depth;
                if !happened_before && either_changes(one.changes, before.changes) {
                    rivals.push((before.depth, before.changes));
                }
                if before.changes && (happened_before || !late.waits) {
                    break;
                }
            }
        }
        rivals.sort_unstable_by(|one, other| other.cmp(one));
        rivals.dedup_by_key(|rival| rival.0);
        rivals
    }

    /// Has the step at a place run after an operation that races with it: all that did not have to come after the step,
    /// then the operation.
    fn turn_round(&mut self, depth: usize, late: &Late) {
        let mover = self.path[depth].thread;
        let steps = self.path[depth + 1..].iter().filter_map(|node| Some((node, node.step.as_ref()?)));
        let free = steps.filter(|(_, step)| seen(&step.clock, mover) as usize <= depth);
        let mut sequence: Vec<Move> = free
            .map(|(node, step)| Move {
                thread: step.before.number,
                alternative: node.chosen(),
                uses: step.uses.clone(),
            })
            .collect();
        sequence.push(Move { thread: late.from.number, alternative: None, uses: late.uses.clone() });
        let node = &mut self.path[depth];
        if node.asleep.iter().any(|sleeper| weak_initial(sleeper, &sequence).is_some())
            || covers(&mut node.tree, sequence.clone())
        {
            return;
        }
        let could = if !late.waits {
            true
        } else if late.from.since <= depth {
            node.enabled.contains(&late.thread)
        } else {
            self.can_be_taken(depth, &sequence)
        };
        if could {
            insert(&mut self.path[depth].tree, sequence);
        }
    }

    /// Goes to a place to see whether the last step of a sequence can be taken there after the others.
    fn can_be_taken(&mut self, depth: usize, sequence: &[Move]) -> bool {
        let again =
            |node: &Node| PathStep { thread: node.thread, alternative: node.alternative, trail: None };
        let path: Vec<PathStep> = self.path[..depth].iter().map(again).collect();
        let begin = Begin { numbers: &self.numbers, limits: self.limits, keep: Keep::States, path: &path };
        let mut run = self.system.begin(begin);
        for (at, step) in sequence.iter().enumerate() {
            let report = run.report();
            let thread = report.with_number(step.thread).filter(|thread| report.can_move(*thread));
            let Some(thread) = thread.filter(|_| report.failure.is_none()) else {
                self.found.executions += 1;
                self.found.blocked += 1;
                return false;
            };
            if at + 1 < sequence.len() {
                run.step(thread, step.alternative.unwrap_or(0));
            }
        }
        true
    }
}
