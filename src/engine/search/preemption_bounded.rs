//! The search within a preemption bound: every interleaving with at most so many switches away from a thread that could
//! have gone on.
//!
//! A state is what each thread has learned so far and what each shared object holds, with the preemptions that are left
//! and the thread that moved last. A thread is a function of what it learned, so two executions that reach the same
//! state have the same futures, and the second is cut. Nothing else is left out: a reduction by races would need
//! preemptions that the bound does not allow. It must not know what a program is about.

use std::ops::ControlFlow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::complete::{Search, Visit, ended, path_size};
use super::parallel::{Lease, Subtree, Worker};
use super::path::{Further, Paths, show, step};
use crate::engine::coroutines::Run;
use crate::engine::execution::fair_cycles::{CycleDetector, Place, goes_round};
use crate::engine::execution::record::{Ended, Left, StepRecord, default_choice};
use crate::engine::fingerprint::{chain, digest};

/// About how many bytes a state takes.
const STATE: u64 = 40;

/// A search of every interleaving with at most so many preemptions, or of a branch of it.
pub(in crate::engine) struct Searcher<'w> {
    worker: &'w Worker<'w>,
    preemptions: u32,
    /// The steps that lie above the branch, and its own.
    given: Vec<(usize, usize)>,
    path: Vec<Node>,
    /// The states on the path, and where.
    on_path: FxHashMap<u128, usize>,
    taken: Vec<StepRecord>,
    found: Search,
}

/// Where a step has led.
enum Arrived {
    /// To a place from which something is to be tried.
    Somewhere(Node),
    /// Where nothing is left to try.
    WhereAllIsKnown,
    /// To the state of this place on the path.
    WhereItWas(usize),
}

/// A place where somebody had a choice, or the only step there was.
struct Node {
    default: usize,
    /// Who could move, whether the bound allows it or not.
    enabled: Vec<usize>,
    /// Whether another thread than the default one can move here without preempting anybody.
    free: bool,
    /// The preemptions that are left before the step from here.
    budget: u32,
    /// Who may move here, and in which of the alternatives of its operation.
    choices: Vec<(usize, usize)>,
    next: usize,
    /// Choices that others see to.
    lent: Vec<Arc<Lease>>,
    /// The state, where there is a choice.
    state: Option<u128>,
    /// What the present choice left, once it was taken.
    left: Option<Left>,
}

impl Paths for Searcher<'_> {
    fn execute(&mut self, mut run: Run, visit: &mut Visit<'_>) -> ControlFlow<()> {
        self.taken.clear();
        loop {
            let depth = self.taken.len();
            if depth == self.path.len() {
                let limits = self.worker.limits;
                let enabled = run.enabled();
                if let Some(ended) = ended(limits, &run, &enabled, depth) {
                    return self.end(run, ended, visit);
                }
                let kept = self.worker.shared().left.size() + path_size(depth, run.threads()) + run.size();
                if limits.end_here(&mut self.found, kept, depth) {
                    return ControlFlow::Break(());
                }
                match self.arrive(&run, enabled) {
                    Arrived::Somewhere(node) => self.path.push(node),
                    Arrived::WhereAllIsKnown => return ControlFlow::Continue(()),
                    Arrived::WhereItWas(at) => return self.come_round(run, at, visit),
                }
            }
            let node = &mut self.path[depth];
            let (thread, alternative) = node.choices[node.next];
            let next = StepRecord { thread, default: node.default, alternative };
            if let Some(ended) = step(&mut run, &mut self.taken, next, node.left.as_ref()) {
                let _ = self.end(run, ended, visit);
                return ControlFlow::Break(());
            }
            node.left.get_or_insert_with(|| Left::of(&run, next.thread));
        }
    }

    fn backtrack(&mut self) -> Further {
        while self.path.len() > self.given.len() {
            let Some(node) = self.path.last_mut() else { break };
            if node.next + 1 < node.choices.len() {
                node.next += 1;
                node.left = None;
                return Further::Execution;
            }
            if let Some(lent) = node.lent.iter().find(|lent| !lent.is_done()) {
                return Further::Lease(lent.clone());
            }
            if let Some(state) = node.state {
                self.on_path.remove(&state);
                self.worker.shared().left.put(state, (), |()| STATE, |(), ()| true);
            }
            self.path.pop();
        }
        Further::End
    }

    fn found(&mut self) -> &mut Search {
        &mut self.found
    }

    fn lend(&mut self) -> Option<(Subtree, Arc<Lease>)> {
        let is_open = |node: &Node| node.next + 1 < node.choices.len();
        let mut open = (self.given.len()..self.path.len()).filter(|depth| is_open(&self.path[*depth]));
        let depth = open.next()?;
        let is_last = open.next().is_none() && self.path[depth].next + 2 == self.path[depth].choices.len();
        let (thread, alternative) = if is_last { None } else { self.path[depth].choices.pop() }?;
        let lent = Arc::<Lease>::default();
        self.path[depth].lent.push(lent.clone());
        let steps = self.path[..depth].iter().map(|node| node.choices[node.next]).collect();
        Some((Subtree { steps, thread, alternative: Some(alternative), asleep: Vec::new() }, lent))
    }

    fn part(&self, branch: Subtree) -> Self {
        Self::new(self.worker, self.preemptions, Some(branch))
    }
}

impl<'w> Searcher<'w> {
    /// A search of the whole program, or of a branch.
    pub(in crate::engine) fn new(worker: &'w Worker<'_>, preemptions: u32, branch: Option<Subtree>) -> Self {
        let given = branch.map(|branch| {
            let own = (branch.thread, branch.alternative.unwrap_or(0));
            branch.steps.into_iter().chain([own]).collect()
        });
        Self {
            worker,
            preemptions,
            given: given.unwrap_or_default(),
            path: Vec::new(),
            on_path: FxHashMap::default(),
            taken: Vec::new(),
            found: Search::default(),
        }
    }

    /// Looks at a place that is new on this path.
    fn arrive(&mut self, run: &Run, enabled: Vec<usize>) -> Arrived {
        let last = self.taken.last().map(|taken| taken.thread);
        let default = default_choice(last, &enabled);
        let free = last.is_none_or(|last| last != default);
        let budget = self.path.last().map_or(self.preemptions, Node::left_over);
        let mut threads = vec![default];
        let (choices, lent, next) = (Vec::new(), Vec::new(), 0);
        let mut node = Node { default, enabled, free, budget, choices, next, lent, state: None, left: None };
        if let Some(given) = self.given.get(self.path.len()) {
            node.choices = vec![*given];
            return Arrived::Somewhere(node);
        }
        if free || budget > 0 {
            threads.extend(node.enabled.iter().copied().filter(|thread| *thread != default));
        } else {
            self.found.bounded |= node.enabled.len() > 1;
        }
        // An alternative is no switch, so it costs nothing.
        let ways =
            |thread: usize| (0..run.alternatives(thread)).map(move |alternative| (thread, alternative));
        node.choices = threads.into_iter().flat_map(ways).collect();
        if !run.exploring() {
            node.choices.truncate(1);
        } else if node.enabled.len() > 1 || node.choices.len() > 1 {
            let state = chain(run.state(), digest(&(last, budget)));
            if let Some(at) = self.on_path.get(&state) {
                return Arrived::WhereItWas(*at);
            }
            if self.worker.shared().left.get(state).is_some() {
                return Arrived::WhereAllIsKnown;
            }
            self.found.states += 1;
            self.on_path.insert(state, self.path.len());
            node.state = Some(state);
        }
        Arrived::Somewhere(node)
    }

    /// The execution has come back to a state of its path: whether it can go round for ever is found out.
    fn come_round(&mut self, mut run: Run, at: usize, visit: &mut Visit<'_>) -> ControlFlow<()> {
        if !self.worker.is_alone() {
            self.worker.goes_round();
            return ControlFlow::Break(());
        }
        let place = |node: &Node| Place { enabled: node.enabled.clone(), thread: node.choices[node.next].0 };
        let way = CycleDetector::round(self.path[at..].iter().map(place), run.state());
        let mut taken = self.taken.clone();
        if !goes_round(self.worker.limits, &mut run, &mut taken, way, &|_| false) {
            return ControlFlow::Continue(());
        }
        show(&mut self.found, run, Ended::Hang, (&taken, None), visit)
    }

    fn end(&mut self, run: Run, ended: Ended, visit: &mut Visit<'_>) -> ControlFlow<()> {
        show(&mut self.found, run, ended, (&self.taken, None), visit)
    }
}

impl Node {
    /// The preemptions that are left after the step from here.
    fn left_over(&self) -> u32 {
        let preempts = !self.free && self.choices[self.next].0 != self.default;
        self.budget - u32::from(preempts)
    }
}
