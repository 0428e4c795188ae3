//! The races of the default search: what on its path could have come in another order, found when a step is taken and when
//! a state is met again whose footprint tells of steps.

use rustc_hash::FxHashMap;

use super::Searcher;
use super::node::Node;
use crate::engine::execution::dependence::{depend, either_changes};
use crate::engine::fault_injection::{Planted, planted};
use crate::engine::search::footprint::{Clock, Deed, Footprint, Stored, Threads, join, only, seen};
use crate::engine::search::path::Kind;
use crate::engine::system::{Report, Use};

impl Searcher<'_> {
    /// Joins to a clock what happened before a step, and takes down as races those uses that the operation did not
    /// announce.
    pub(super) fn follow_declared(&mut self, depth: usize, uses: &[Use], clock: &mut Vec<u32>) {
        let node = &self.path[depth];
        let thread = node.thread;
        let announced: Vec<u32> = node
            .enabled
            .iter()
            .filter(|(able, _)| *able == thread)
            .flat_map(|(_, next)| next.uses().map(|one| one.object))
            .collect();
        for one in uses.iter().filter(|one| announced.contains(&one.object)) {
            self.past.join(*one, clock);
        }
        let at: Clock = clock.as_slice().into();
        for one in uses.iter().filter(|one| !announced.contains(&one.object)) {
            self.past.join(*one, clock);
            self.races(Some(thread), *one, &at, true);
            let deed = Deed { thread: self.numbers[thread], object: one.object, changes: one.changes };
            self.path[depth].below.add(deed, at.clone());
        }
    }

    /// Those who could have moved instead, and whose operation depends on the step that was taken, are tried too.
    pub(super) fn wake_rivals(&mut self, depth: usize) {
        let node = &self.path[depth];
        let Some(step) = node.step.as_ref().filter(|_| node.kind == Kind::Open) else { return };
        let rivals = node
            .enabled
            .iter()
            .filter(|(thread, next)| *thread != node.thread && depend(next.uses(), &step.uses));
        let rivals: Vec<usize> = rivals.map(|(thread, _)| *thread).collect();
        rivals.into_iter().for_each(|rival| self.path[depth].want(rival));
    }

    /// A thread may wait for several objects together, and the step changed one of them: had others moved first, it
    /// could have gone on before. With one object such others race with the step itself; here they need not, so
    /// everybody is tried.
    pub(super) fn wake_for_waiting(&mut self, report: &Report, depth: usize) {
        let node = &self.path[depth];
        let Some(step) = node.step.as_ref().filter(|_| node.kind == Kind::Open) else { return };
        let waiting = (0..step.threads_before)
            .filter(|thread| node.enabled.iter().all(|(able, _)| able != thread))
            .filter_map(|thread| report.next(thread));
        let mut together = waiting.filter(|next| next.waits && !next.watches.is_empty());
        let waited_for = together.any(|next| depend(next.uses(), &step.uses));
        if waited_for && !planted(Planted::JointWaitsIgnored) {
            self.path[depth].want_all();
        }
    }

    /// Looks for steps on the path that race with the operations that came up in the last step.
    pub(super) fn look_back(&mut self, depth: usize) {
        let fresh = self.path[depth].step.as_ref().map(|step| step.fresh.clone()).unwrap_or_default();
        for (thread, next) in fresh.iter().filter(|(_, next)| !next.is_settled()) {
            let clock = self.clocks[*thread].clone();
            next.uses().for_each(|one| self.races(Some(*thread), one, &clock, true));
        }
    }

    /// Has the steps that race with an operation tried the other way round. The operation is done by `thread` (none if
    /// it is not born yet) when it has seen `clock`. With `only_last` the last race alone counts, as the others follow
    /// when that one was turned round; from a footprint it is not known what lies between, so all count.
    pub(super) fn races(&mut self, thread: Option<usize>, one: Use, clock: &Clock, only_last: bool) {
        let mut found = Vec::new();
        for before in self.past.of(one.object).iter().rev() {
            let node = &self.path[before.depth];
            if !either_changes(one.changes, before.changes) {
                continue;
            }
            let happened_before =
                Some(node.thread) == thread || seen(clock, node.thread) as usize > before.depth;
            if happened_before {
                if before.changes {
                    break;
                }
                continue;
            }
            if node.kind != Kind::Open {
                continue;
            }
            found.push(before.depth);
            if only_last || before.changes {
                break;
            }
        }
        for depth in found {
            self.path[depth].turn_round(thread, clock, depth);
        }
    }

    /// Races between the path and what lies below a state that is met again; the footprint, in terms of this path.
    pub(super) fn hold_against_path(&mut self, stored: &Stored) -> Footprint {
        let depth = self.path.len();
        let here = u32::try_from(depth + 1).unwrap_or(u32::MAX);
        let mut footprint = Footprint::default();
        let mut clocks: FxHashMap<Threads, Clock> = FxHashMap::default();
        for (deed, moved) in stored.iter() {
            let clock = clocks.entry(*moved).or_insert_with(|| {
                let mut clock = Vec::new();
                let among = |thread: &usize| only(self.numbers[*thread]) & moved != 0;
                let among: Vec<usize> = (0..self.numbers.len()).filter(among).collect();
                among.iter().for_each(|thread| join(&mut clock, &self.clocks[*thread]));
                clock.resize(clock.len().max(self.numbers.len()), 0);
                among.iter().for_each(|thread| clock[*thread] = here);
                clock.into()
            });
            let clock = clock.clone();
            let thread = self.numbers.iter().position(|number| *number == deed.thread);
            let one = Use { object: deed.object, changes: deed.changes };
            if planted(Planted::FootprintNotHeldAgainstPath) || planted(Planted::KnownStatesEndTheSearch) {
                continue;
            }
            self.races(thread, one, &clock, false);
            footprint.add(*deed, clock);
        }
        footprint
    }

    /// A circle of states: every thread is tried in all of them, so that none is left out for ever.
    pub(super) fn try_all_from(&mut self, depth: usize) {
        self.path[depth..].iter_mut().filter(|node| node.kind == Kind::Open).for_each(Node::want_all);
    }
}
