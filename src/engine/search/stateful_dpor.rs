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

mod node;
mod races;

use std::ops::ControlFlow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::node::{Node, Sleeper, Step};
use super::complete::{Search, Visit, ended, path_size};
use super::footprint::{Clock, Deed, Footprint, Stored, Threads, only};
use super::parallel::{Lease, Subtree, Worker};
use super::path::{Further, Kind, Pasts, Paths, show, step, tick};
use crate::engine::coroutines::Run;
use crate::engine::execution::dependence::{Next, Use, depend};
use crate::engine::execution::fair_cycles::{CycleDetector, Place, goes_round};
use crate::engine::execution::record::{Ended, Left, StepRecord, default_choice};
use crate::engine::fault_injection::{Planted, planted};

/// A search of every interleaving, whatever the preemptions, or of a branch of it.
pub(in crate::engine) struct Searcher<'w> {
    worker: &'w Worker<'w>,
    found: Search,
    /// The branch that is searched; none for the whole program.
    branch: Option<Subtree>,
    path: Vec<Node>,
    taken: Vec<StepRecord>,
    /// What each thread has seen of the path.
    clocks: Vec<Clock>,
    /// The number of each thread.
    numbers: Vec<u32>,
    /// The uses of each object along the path, the last one last.
    past: Pasts,
    /// The states on the path, and where.
    on_path: FxHashMap<u128, usize>,
}

/// Where a step has led.
enum Arrived {
    /// To a place from which something is to be tried.
    Somewhere(Box<Node>),
    /// Where nothing is left to try.
    WhereAllIsKnown,
    /// To the state of this place on the path.
    WhereItWas(usize),
}

/// How a state was left: see [`super::parallel`].
#[derive(Clone)]
pub(in crate::engine) struct Known {
    asleep: Threads,
    tried: Threads,
    below: Stored,
}

impl Known {
    /// Whether it says all that another entry says.
    fn is_as_good_as(&self, other: &Self) -> bool {
        self.asleep & !other.asleep == 0 && !planted(Planted::KnownOnEntry)
    }

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
            let limits = self.worker.limits;
            if let Some(ended) = ended(limits, &run, &enabled, depth) {
                return self.end(run, ended, visit);
            }
            let kept = self.worker.shared().known.size() + path_size(depth, self.clocks.len()) + run.size();
            if limits.end_here(&mut self.found, kept, depth) {
                return ControlFlow::Break(());
            }
            match self.arrive(&run, &enabled) {
                Arrived::Somewhere(node) => self.path.push(*node),
                Arrived::WhereAllIsKnown => return ControlFlow::Continue(()),
                Arrived::WhereItWas(at) => return self.come_round(run, at, visit),
            }
        }
    }

    fn backtrack(&mut self) -> Further {
        let root = self.root();
        while let Some(depth) = self.path.len().checked_sub(1).filter(|depth| *depth >= root) {
            self.take_back(depth);
            let node = &mut self.path[depth];
            if !node.waits {
                if node.alternative + 1 < node.alternatives() {
                    node.alternative += 1;
                    return Further::Execution;
                }
                node.fall_asleep(self.numbers[node.thread]);
            }
            match node.turn_to_next() {
                Further::End => {}
                further => return further,
            }
            let Some(node) = self.path.pop() else { break };
            let is_whole = node.leads_back >= depth;
            if let Some(state) = node.state {
                self.on_path.remove(&state);
                let depth = u32::try_from(depth).unwrap_or(u32::MAX);
                if is_whole {
                    let below = node.below.stored(depth, &self.numbers);
                    self.know(state, Known { asleep: node.asleep_at_entry, tried: node.tried, below });
                }
            }
            if !is_whole && let Some(above) = self.path.last_mut() {
                above.leads_back = above.leads_back.min(node.leads_back);
            }
            self.pass_up(node.below);
        }
        Further::End
    }

    fn found(&mut self) -> &mut Search {
        &mut self.found
    }

    fn lend(&mut self) -> Option<(Subtree, Arc<Lease>)> {
        let mut open =
            (self.root()..self.path.len()).filter(|depth| self.path[*depth].last_awake().is_some());
        let depth = open.next()?;
        if open.next().is_none() && self.path[depth].todo.len() == 1 {
            return None;
        }
        let steps = self.path[..depth].iter().map(|node| (node.thread, node.alternative)).collect();
        let number = self.numbers[self.path[depth].thread];
        let node = &mut self.path[depth];
        let thread = node.todo.remove(node.last_awake()?);
        let lent = Arc::<Lease>::default();
        node.lent.push((thread, lent.clone()));
        let asleep = node.asleep.iter().map(|sleeper| (sleeper.thread, sleeper.uses.as_ref().into()));
        // When this search comes to what is lent, the thread that it tries now sleeps.
        let now = node.step.as_ref().filter(|_| node.alternatives() == 1 && only(number) != 0);
        let now = now.map(|step| (node.thread, step.uses.as_ref().into()));
        Some((Subtree { steps, thread, alternative: None, asleep: asleep.chain(now).collect() }, lent))
    }

    fn part(&self, branch: Subtree) -> Self {
        Self::new(self.worker, Some(branch))
    }
}

impl<'w> Searcher<'w> {
    /// A search of the whole program, or of a branch.
    pub(in crate::engine) fn new(worker: &'w Worker<'_>, branch: Option<Subtree>) -> Self {
        Self {
            worker,
            found: Search::default(),
            branch,
            path: Vec::new(),
            taken: Vec::new(),
            clocks: Vec::new(),
            numbers: Vec::new(),
            past: Pasts::default(),
            on_path: FxHashMap::default(),
        }
    }

    /// The place on the path from which this search goes.
    fn root(&self) -> usize {
        self.branch.as_ref().map_or(0, |branch| branch.steps.len())
    }

    /// Takes the next step of the path; how the execution ended if it is not the one that it was.
    fn go(&mut self, run: &mut Run, depth: usize) -> Option<Ended> {
        let node = &self.path[depth];
        let next = StepRecord { thread: node.thread, default: node.default, alternative: node.alternative };
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
                let left = (node.todo.len() + node.lent.len()) as f64;
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
    fn arrive(&mut self, run: &Run, enabled: &[usize]) -> Arrived {
        let default = default_choice(self.taken.last().map(|taken| taken.thread), enabled);
        let asleep = self.sleepers();
        let mut node = Node {
            kind: Kind::Open,
            default,
            enabled: Vec::new(),
            wanted: vec![default],
            todo: Vec::new(),
            lent: Vec::new(),
            waits: false,
            asleep_at_entry: self.set_of(&asleep),
            asleep,
            tried: 0,
            state: None,
            below: Footprint::default(),
            leads_back: usize::MAX,
            thread: default,
            alternative: 0,
            used: Vec::new(),
            step: None,
        };
        if !run.exploring() {
            node.kind = Kind::Setup;
            return Arrived::Somewhere(node.into());
        }
        let next = |thread: &usize| (*thread, run.next(*thread).unwrap_or_default());
        node.enabled = enabled.iter().map(next).collect();
        if let Some(branch) = self.branch.as_ref().filter(|branch| self.path.len() <= branch.steps.len()) {
            let own = (branch.thread, 0);
            (node.thread, node.alternative) = branch.steps.get(self.path.len()).copied().unwrap_or(own);
            if self.path.len() == branch.steps.len() {
                let asleep = branch.asleep.iter();
                let sleeper = |(thread, uses): &(usize, Arc<[Use]>)| Sleeper {
                    thread: *thread,
                    uses: uses.as_ref().into(),
                };
                node.asleep = asleep.map(sleeper).collect();
            }
            node.kind = Kind::Given;
            self.on_path.insert(run.state(), self.path.len());
            return Arrived::Somewhere(node.into());
        }
        let settled = node.enabled.iter().find(|(_, next)| next.is_settled()).map(|(thread, _)| *thread);
        if let Some(settled) = settled {
            node.kind = Kind::Settled;
            node.wanted = vec![settled];
        } else if enabled.len() > 1 {
            let state = run.state();
            if let Some(at) = self.on_path.get(&state).copied() {
                return Arrived::WhereItWas(at);
            }
            if let Some(known) = self.worker.shared().known.get(state) {
                return self.meet_again(node, state, &known);
            }
            if planted(Planted::KnownOnEntry) {
                self.know(state, Known { asleep: node.asleep_at_entry, tried: 0, below: [].into() });
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
            return Arrived::WhereAllIsKnown;
        };
        node.thread = thread;
        self.on_path.extend(node.state.map(|state| (state, self.path.len())));
        Arrived::Somewhere(node.into())
    }

    fn know(&self, state: u128, known: Known) {
        self.worker.shared().known.put(state, known, Known::size, Known::is_as_good_as);
    }

    /// A state that was left before: its footprint is held against this path; what slept then and is awake now is
    /// tried.
    fn meet_again(&mut self, mut node: Node, state: u128, known: &Known) -> Arrived {
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
            self.pass_up(node.below);
            return Arrived::WhereAllIsKnown;
        }
        node.state = Some(state);
        node.asleep_at_entry &= known.asleep;
        node.tried = known.tried;
        let tried_or = |thread: &usize| known.tried & number(*thread) != 0 || woken.contains(thread);
        node.wanted = node.enabled.iter().map(|(thread, _)| *thread).filter(tried_or).collect();
        node.thread = woken[0];
        node.todo = woken[1..].to_vec();
        self.on_path.insert(state, depth);
        Arrived::Somewhere(node.into())
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

    /// The execution has come back to a state of its path: whether it can go round for ever is found out, and everybody
    /// is tried at all places of the circle.
    fn come_round(&mut self, mut run: Run, at: usize, visit: &mut Visit<'_>) -> ControlFlow<()> {
        if !self.worker.is_alone() {
            self.worker.goes_round();
            return ControlFlow::Break(());
        }
        self.try_all_from(at);
        if let Some(last) = self.path.last_mut() {
            last.leads_back = last.leads_back.min(at);
        }
        let place = |node: &Node| Place {
            enabled: node.enabled.iter().map(|(thread, _)| *thread).collect(),
            thread: node.thread,
        };
        let way = CycleDetector::round(self.path[at..].iter().map(place), run.state());
        let mut taken = self.taken.clone();
        let is_known = |state| self.worker.shared().known.get(state).is_some();
        if !goes_round(self.worker.limits, &mut run, &mut taken, way, &is_known) {
            return ControlFlow::Continue(());
        }
        let share = Some(self.share());
        show(&mut self.found, run, Ended::Hang, (&taken, share), visit)
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
