//! The search without a bound: every interleaving of a program, up to those that nobody can tell apart.
//!
//! Two ideas, joined. *States*: a state is what each thread has learned so far and what each shared object holds; a
//! thread is a function of what it learned, so a state that is met again has no new future. *Races*: at a state one
//! thread is tried, and another only when one of its operations turns out to race with the step of the first
//! (dynamic partial-order reduction: Flanagan and Godefroid, POPL 2005), with sleep sets against trying two orders of
//! operations that do not depend on each other (Godefroid, LNCS 1032, chapter 5).
//!
//! Joined naively they lose outcomes: a search that stops at a known state does not see the races of what lies below
//! it. So each state is stored with its [`Footprint`], which is held against the path by which the state is met again
//! (as in Yang, Chen, Gopalakrishnan and Kirby, "Efficient Stateful Dynamic Partial Order Reduction", SPIN 2008), and
//! with the threads that slept when it was left, of which the difference is explored. It must not know what a program
//! is about.

use std::ops::ControlFlow;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::coroutines::Run;
use super::dependence::{Next, Use, depend, either_changes};
use super::execution::{Ended, Left, Taken, default_choice};
use super::footprint::{Clock, Deed, Footprint, Stored, Threads, join, only, seen};
use super::path::{Kind, Pasts, Paths, show, step, tick, walk};
use super::planted::{Planted, planted};
use super::search::{Limits, Search, Visit, ended, path_size};

/// Searches every interleaving of `program`, whatever the preemptions.
pub(super) fn search(limits: &Limits, program: &Rc<dyn Fn()>, visit: &mut Visit<'_>) -> Search {
    let searcher = Searcher {
        limits,
        found: Search::default(),
        path: Vec::new(),
        taken: Vec::new(),
        clocks: Vec::new(),
        numbers: Vec::new(),
        past: Pasts::default(),
        known: FxHashMap::default(),
        known_size: 0,
        on_path: FxHashMap::default(),
    };
    walk(limits, program, visit, searcher)
}

struct Searcher<'l> {
    limits: &'l Limits,
    found: Search,
    path: Vec<Node>,
    taken: Vec<Taken>,
    /// What each thread has seen of the path.
    clocks: Vec<Clock>,
    /// The number of each thread.
    numbers: Vec<u32>,
    /// The uses of each object along the path, the last one last.
    past: Pasts,
    /// The states that were left, and how.
    known: FxHashMap<u128, Known>,
    /// About how many bytes they take.
    known_size: u64,
    /// The states on the path, and where.
    on_path: FxHashMap<u128, usize>,
}

/// A place on the path, and the step that is taken from it now.
struct Node {
    kind: Kind,
    default: usize,
    /// Who can move, and what each would do.
    enabled: Vec<(usize, Next)>,
    /// The threads that are tried here, or need not be because they sleep.
    wanted: Vec<usize>,
    /// Those of them that were not tried yet.
    todo: Vec<usize>,
    asleep: Vec<Sleeper>,
    /// Who slept when the search came here.
    asleep_at_entry: Threads,
    /// Who was tried.
    tried: Threads,
    /// The digest of the state, where somebody has a choice.
    state: Option<u128>,
    below: Footprint,
    thread: usize,
    /// Which of its alternatives the thread's operation takes now; all of them are tried.
    alternative: usize,
    /// What the alternatives before used.
    used: Vec<Use>,
    step: Option<Step>,
}

/// A thread that need not be tried: all that begins with its next operation was seen on another path.
#[derive(Clone)]
struct Sleeper {
    thread: usize,
    uses: Rc<[Use]>,
}

/// A step that was taken.
struct Step {
    uses: Rc<[Use]>,
    /// What the thread had seen before.
    before: Clock,
    threads_before: usize,
    /// The operations that became the next ones of their threads: the mover's own, and those of newborn threads.
    fresh: Vec<(usize, Next)>,
    left: Left,
}

/// How a state was left.
struct Known {
    asleep: Threads,
    tried: Threads,
    below: Stored,
}

impl Known {
    /// About how many bytes it takes, with its place in the map.
    fn size(&self) -> u64 {
        96 + 32 * self.below.len() as u64
    }
}

impl Paths for Searcher<'_> {
    fn execute(&mut self, mut run: Run, visit: &mut Visit<'_>) -> ControlFlow<()> {
        self.taken.clear();
        self.greet_newborn(&run, &Clock::default());
        loop {
            let depth = self.taken.len();
            if depth < self.path.len() {
                if let Some(ended) = self.go(&mut run, depth) {
                    let _ = self.end(run, ended, visit);
                    return ControlFlow::Break(());
                }
                continue;
            }
            let enabled = run.enabled();
            if let Some(ended) = ended(self.limits, &run, &enabled, depth) {
                return self.end(run, ended, visit);
            }
            let kept = self.known_size + path_size(depth, self.clocks.len());
            if self.limits.end_here(&mut self.found, kept, depth) {
                return ControlFlow::Break(());
            }
            match self.arrive(&run, &enabled) {
                Some(node) => self.path.push(*node),
                None => return ControlFlow::Continue(()),
            }
        }
    }

    fn backtrack(&mut self) -> bool {
        while let Some(depth) = self.path.len().checked_sub(1) {
            self.take_back(depth);
            let node = &mut self.path[depth];
            if node.alternative + 1 < node.alternatives() {
                node.alternative += 1;
                return true;
            }
            node.fall_asleep(self.numbers[node.thread]);
            while let Some(thread) = node.todo.pop() {
                if !node.asleep.iter().any(|sleeper| sleeper.thread == thread) {
                    node.thread = thread;
                    return true;
                }
            }
            let Some(node) = self.path.pop() else { return false };
            if let Some(state) = node.state {
                self.on_path.remove(&state);
                let depth = u32::try_from(depth).unwrap_or(u32::MAX);
                let below = node.below.stored(depth, &self.numbers);
                let known = Known { asleep: node.asleep_at_entry, tried: node.tried, below };
                self.know(state, known);
            }
            self.pass_up(node.below);
        }
        false
    }

    fn found(&mut self) -> &mut Search {
        &mut self.found
    }
}

impl Searcher<'_> {
    /// Takes the next step of the path; how the execution ended if it is not the one that it was.
    fn go(&mut self, run: &mut Run, depth: usize) -> Option<Ended> {
        let node = &self.path[depth];
        let next = Taken { thread: node.thread, default: node.default, alternative: node.alternative };
        let left = node.step.as_ref().map(|step| &step.left);
        let is_new = left.is_none();
        let ended = step(run, &mut self.taken, next, left);
        if is_new && ended.is_none() {
            self.take_step(run, depth, run.take_uses());
        }
        ended
    }

    fn end(&mut self, run: Run, ended: Ended, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let share = Some(self.share());
        show(&mut self.found, run, ended, (&self.taken, share), visit)
    }

    /// How much of the space lies behind, if what is still to be tried is as large as what was: the path cuts off, at
    /// each place, the share of the alternatives that were tried (Knuth, "Estimating the efficiency of backtrack
    /// programs", 1975, applied to the tree of this search as arXiv 2512.23996 does to that of a reduction).
    fn share(&self) -> f64 {
        let mut here = 1.0;
        let mut behind = 0.0;
        for node in &self.path {
            if node.kind == Kind::Open {
                let left = node.todo.len() as f64;
                let all = left + node.tried.count_ones() as f64 + 1.0;
                here /= all;
                behind += here * (all - left - 1.0);
            }
            here /= node.alternatives() as f64;
            behind += here * node.alternative as f64;
        }
        behind + here
    }

    /// Looks at a place that is new on this path, and says who moves.
    fn arrive(&mut self, run: &Run, enabled: &[usize]) -> Option<Box<Node>> {
        let default = default_choice(self.taken.last().map(|taken| taken.thread), enabled);
        let asleep = self.sleepers();
        let mut node = Node {
            kind: Kind::Open,
            default,
            enabled: Vec::new(),
            wanted: vec![default],
            todo: Vec::new(),
            asleep_at_entry: self.set_of(&asleep),
            asleep,
            tried: 0,
            state: None,
            below: Footprint::default(),
            thread: default,
            alternative: 0,
            used: Vec::new(),
            step: None,
        };
        if !run.exploring() {
            node.kind = Kind::Setup;
            return Some(node.into());
        }
        let next = |thread: &usize| (*thread, run.next(*thread).unwrap_or_default());
        node.enabled = enabled.iter().map(next).collect();
        let settled = node.enabled.iter().find(|(_, next)| next.is_settled()).map(|(thread, _)| *thread);
        if let Some(settled) = settled {
            node.kind = Kind::Settled;
            node.wanted = vec![settled];
        } else if enabled.len() > 1 {
            let state = run.state();
            if let Some(at) = self.on_path.get(&state).copied() {
                self.try_all_from(at);
                return None;
            }
            if let Some(known) = self.known.remove(&state) {
                self.known_size -= known.size();
                return self.meet_again(node, state, known);
            }
            node.state = Some(state);
            self.found.states += 1;
        }
        let awake = |thread: &usize| !node.asleep.iter().any(|sleeper| sleeper.thread == *thread);
        if node.kind == Kind::Open && !awake(&default) {
            node.wanted = enabled.iter().copied().filter(awake).take(1).collect();
        }
        let Some(thread) = node.wanted.first().copied().filter(awake) else {
            self.found.blocked += 1;
            return None;
        };
        node.thread = thread;
        self.on_path.extend(node.state.map(|state| (state, self.path.len())));
        Some(node.into())
    }

    fn know(&mut self, state: u128, known: Known) {
        self.known_size += known.size();
        self.known.insert(state, known);
    }

    /// A state that was left before: its footprint is held against this path; what slept then and is awake now is tried.
    fn meet_again(&mut self, mut node: Node, state: u128, known: Known) -> Option<Box<Node>> {
        let depth = self.path.len();
        node.below = self.hold_against_path(&known.below);
        let mut woken = known.asleep & !node.asleep_at_entry;
        if planted(Planted::StoredSleepersForgotten) || planted(Planted::KnownStatesEndTheSearch) {
            woken = 0;
        }
        let number = |thread: usize| only(self.numbers[thread]);
        let woken: Vec<usize> = node
            .enabled
            .iter()
            .map(|(thread, _)| *thread)
            .filter(|thread| number(*thread) & woken != 0)
            .collect();
        if woken.is_empty() {
            self.know(state, known);
            self.pass_up(node.below);
            return None;
        }
        node.state = Some(state);
        node.asleep_at_entry &= known.asleep;
        node.tried = known.tried;
        let tried_or = |thread: &usize| known.tried & number(*thread) != 0 || woken.contains(thread);
        node.wanted = node.enabled.iter().map(|(thread, _)| *thread).filter(tried_or).collect();
        node.thread = woken[0];
        node.todo = woken[1..].to_vec();
        self.on_path.insert(state, depth);
        Some(node.into())
    }

    /// The threads that sleep after the last step: those that slept before it and do not depend on it.
    fn sleepers(&self) -> Vec<Sleeper> {
        let Some(before) = self.path.last() else { return Vec::new() };
        let Some(step) = &before.step else { return Vec::new() };
        let sleeps = |sleeper: &&Sleeper| !depend(sleeper.uses.iter().copied(), &step.uses);
        before.asleep.iter().filter(sleeps).cloned().collect()
    }

    fn set_of(&self, sleepers: &[Sleeper]) -> Threads {
        sleepers.iter().fold(0, |set, sleeper| set | only(self.numbers[sleeper.thread]))
    }

    /// Takes down a step that is new on the path: what it depends on, and with what it races.
    fn take_step(&mut self, run: &Run, depth: usize, uses: Vec<Use>) {
        let thread = self.path[depth].thread;
        let threads_before = self.clocks.len();
        let before = self.clocks[thread].clone();
        let mut clock = before.to_vec();
        let exploring = self.path[depth].kind != Kind::Setup;
        if exploring {
            self.follow_declared(depth, &uses, &mut clock);
        }
        let clock = tick(clock, thread, depth);
        self.greet_newborn(run, &clock);
        let movers = std::iter::once(thread).chain(threads_before..run.threads());
        let fresh: Vec<(usize, Next)> = if exploring {
            self.past.add(depth, &uses, &clock);
            movers.filter_map(|thread| Some((thread, run.next(thread)?))).collect()
        } else {
            Vec::new()
        };
        self.clocks[thread] = clock;
        let left = Left::of(run, thread);
        let step = Step { uses: uses.into(), before, threads_before, fresh, left };
        self.path[depth].step = Some(step);
        self.wake_rivals(depth);
        self.wake_for_waiting(run, depth);
        self.look_back(depth);
    }

    /// Threads that are new know what the step knows in which they were begun.
    fn greet_newborn(&mut self, run: &Run, clock: &Clock) {
        for newborn in self.clocks.len()..run.threads() {
            self.clocks.push(clock.clone());
            self.numbers.push(run.number(newborn));
        }
    }

    /// Joins to a clock what happened before a step, and takes down as races those uses that the operation did not
    /// announce.
    fn follow_declared(&mut self, depth: usize, uses: &[Use], clock: &mut Vec<u32>) {
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
    fn wake_rivals(&mut self, depth: usize) {
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
    fn wake_for_waiting(&mut self, run: &Run, depth: usize) {
        let node = &self.path[depth];
        let Some(step) = node.step.as_ref().filter(|_| node.kind == Kind::Open) else { return };
        let waiting = (0..step.threads_before)
            .filter(|thread| node.enabled.iter().all(|(able, _)| able != thread))
            .filter_map(|thread| run.next(thread));
        let mut together = waiting.filter(|next| next.waits && !next.watches.is_empty());
        let waited_for = together.any(|next| depend(next.uses(), &step.uses));
        if waited_for && !planted(Planted::JointWaitsIgnored) {
            self.path[depth].want_all();
        }
    }

    /// Looks for steps on the path that race with the operations that came up in the last step.
    fn look_back(&mut self, depth: usize) {
        let fresh = self.path[depth].step.as_ref().map(|step| step.fresh.clone()).unwrap_or_default();
        for (thread, next) in fresh.iter().filter(|(_, next)| !next.is_settled()) {
            let clock = self.clocks[*thread].clone();
            next.uses().for_each(|one| self.races(Some(*thread), one, &clock, true));
        }
    }

    /// Has the steps that race with an operation tried the other way round. The operation is done by `thread` (none if
    /// it is not born yet) when it has seen `clock`. With `only_last` the last race alone counts, as the others follow when
    /// that one was turned round; from a footprint it is not known what lies between, so all count.
    fn races(&mut self, thread: Option<usize>, one: Use, clock: &Clock, only_last: bool) {
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
    fn hold_against_path(&mut self, stored: &Stored) -> Footprint {
        let depth = self.path.len();
        let here = u32::try_from(depth + 1).unwrap_or(u32::MAX);
        let mut footprint = Footprint::default();
        let mut clocks: FxHashMap<Threads, Clock> = FxHashMap::default();
        for (deed, moved) in stored {
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

    /// A circle of states: everybody is tried in all of them, so that nobody is left out for ever.
    fn try_all_from(&mut self, depth: usize) {
        self.path[depth..].iter_mut().filter(|node| node.kind == Kind::Open).for_each(Node::want_all);
    }

    /// Gives the footprint of what lies below the last step to the place above it.
    fn pass_up(&mut self, below: Footprint) {
        let Some(node) = self.path.last_mut() else { return };
        let Some(step) = &node.step else { return };
        let hides = node.kind == Kind::Open;
        node.below.absorb(below, |object| hides && step.changes(object));
    }

    /// Takes back the last step, of which everything was seen.
    fn take_back(&mut self, depth: usize) {
        let node = &mut self.path[depth];
        let Some(step) = node.step.take() else { return };
        for (thread, next) in step.fresh.iter().filter(|(_, next)| !next.is_settled()) {
            for one in next.uses().filter(|one| node.kind == Kind::Settled || !step.changes(one.object)) {
                let deed = Deed { thread: self.numbers[*thread], object: one.object, changes: one.changes };
                node.below.add(deed, self.clocks[*thread].clone());
            }
        }
        if node.kind != Kind::Setup {
            self.past.take_back(&step.uses);
        }
        node.used.extend(step.uses.iter());
        self.clocks[node.thread] = step.before;
        self.clocks.truncate(step.threads_before);
        self.numbers.truncate(step.threads_before);
    }
}

impl Step {
    fn changes(&self, object: u32) -> bool {
        self.uses.iter().any(|one| one.changes && one.object == object)
    }
}

impl Node {
    /// In how many ways the step from here can be taken.
    fn alternatives(&self) -> usize {
        let own = self.enabled.iter().find(|(thread, _)| *thread == self.thread);
        own.map_or(1, |(_, next)| next.alternatives())
    }

    /// The thread was tried in every alternative, so all that begins with its next operation was seen.
    fn fall_asleep(&mut self, number: u32) {
        let uses = std::mem::take(&mut self.used).into();
        if only(number) != 0 {
            self.asleep.push(Sleeper { thread: self.thread, uses });
            self.tried |= only(number);
        }
        self.alternative = 0;
    }

    /// Has a thread tried, if it is not yet. One that sleeps will not be, so nobody would see here with what its step
    /// races; instead everybody is tried.
    fn want(&mut self, thread: usize) {
        if self.wanted.contains(&thread) {
            return;
        }
        self.wanted.push(thread);
        self.todo.push(thread);
        let asleep = self.asleep.iter().any(|sleeper| sleeper.thread == thread);
        if asleep && !planted(Planted::WantedSleepersIgnored) {
            self.want_all();
        }
    }

    /// Has everybody tried.
    fn want_all(&mut self) {
        let all: Vec<usize> = self.enabled.iter().map(|(able, _)| *able).collect();
        all.into_iter().for_each(|able| self.want(able));
    }

    /// Has the step from here tried after an operation that races with it: by the thread of that operation if it could
    /// have moved, or by somebody who moved on the way to it; if nobody of them could have, by everybody.
    fn turn_round(&mut self, thread: Option<usize>, clock: &[u32], depth: usize) {
        let leads = |able: usize| Some(able) == thread || seen(clock, able) as usize > depth + 1;
        let able = self.enabled.iter().map(|(able, _)| *able);
        let leading: Vec<usize> = able.clone().filter(|able| leads(*able)).collect();
        if leading.iter().any(|able| self.wanted.contains(able)) {
            return;
        }
        let one = leading.iter().copied().find(|able| Some(*able) == thread).or(leading.first().copied());
        match one {
            Some(able) => self.want(able),
            None => self.want_all(),
        }
    }
}
