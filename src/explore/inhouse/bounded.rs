//! The search within a preemption bound: every interleaving with at most so many switches away from a thread that could
//! have gone on.
//!
//! A state is what each thread has learned so far and what each shared object holds, with the preemptions that are left
//! and the thread that moved last. A thread is a function of what it learned, so two executions that reach the same
//! state have the same futures, and the second is cut. Nothing else is left out: a reduction by races would need
//! preemptions that the bound does not allow. It must not know what a program is about.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::coroutines::Run;
use super::execution::{Ended, Left, Taken, default_choice};
use super::path::{Paths, show, step, walk};
use super::search::{Limits, Search, Visit, ended, path_size};
use crate::kernel::digest::{chain, digest};

/// Searches every interleaving of `program` with at most so many preemptions.
pub(super) fn search(
    limits: &Limits,
    preemptions: u32,
    program: &Rc<dyn Fn()>,
    visit: &mut Visit<'_>,
) -> Search {
    let searcher = Searcher {
        limits,
        preemptions,
        visited: HashSet::new(),
        path: Vec::new(),
        taken: Vec::new(),
        found: Search::default(),
    };
    walk(limits, program, visit, searcher)
}

/// About how many bytes a visited state takes.
const STATE: u64 = 40;

struct Searcher<'l> {
    limits: &'l Limits,
    preemptions: u32,
    visited: HashSet<u128>,
    path: Vec<Node>,
    taken: Vec<Taken>,
    found: Search,
}

/// A place where somebody had a choice, or the only step there was.
struct Node {
    default: usize,
    /// Whether another thread than the default one can move here without preempting anybody.
    free: bool,
    /// The preemptions that are left before the step from here.
    budget: u32,
    /// Who may move here, and in which of the alternatives of its operation.
    choices: Vec<(usize, usize)>,
    next: usize,
    /// What the present choice left, once it was taken.
    left: Option<Left>,
}

impl Paths for Searcher<'_> {
    fn execute(&mut self, mut run: Run, visit: &mut Visit<'_>) -> ControlFlow<()> {
        self.taken.clear();
        loop {
            let depth = self.taken.len();
            if depth == self.path.len() {
                let enabled = run.enabled();
                if let Some(ended) = ended(self.limits, &run, &enabled, depth) {
                    return self.end(run, ended, visit);
                }
                let kept = STATE * self.visited.len() as u64 + path_size(depth, run.threads());
                if self.limits.end_here(&mut self.found, kept, depth) {
                    return ControlFlow::Break(());
                }
                match self.arrive(&run, &enabled) {
                    Some(node) => self.path.push(node),
                    None => return ControlFlow::Continue(()),
                }
            }
            let node = &mut self.path[depth];
            let (thread, alternative) = node.choices[node.next];
            let next = Taken { thread, default: node.default, alternative };
            if let Some(ended) = step(&mut run, &mut self.taken, next, node.left.as_ref()) {
                let _ = self.end(run, ended, visit);
                return ControlFlow::Break(());
            }
            node.left.get_or_insert_with(|| Left::of(&run, next.thread));
        }
    }

    fn backtrack(&mut self) -> bool {
        while let Some(node) = self.path.last_mut() {
            node.next += 1;
            node.left = None;
            if node.next < node.choices.len() {
                return true;
            }
            self.path.pop();
        }
        false
    }

    fn found(&mut self) -> &mut Search {
        &mut self.found
    }
}

impl Searcher<'_> {
    /// Looks at a place that is new on this path; none if its state was seen before.
    fn arrive(&mut self, run: &Run, enabled: &[usize]) -> Option<Node> {
        let last = self.taken.last().map(|taken| taken.thread);
        let default = default_choice(last, enabled);
        let free = last.is_none_or(|last| last != default);
        let budget = self.path.last().map_or(self.preemptions, Node::left_over);
        let mut threads = vec![default];
        if free || budget > 0 {
            threads.extend(enabled.iter().copied().filter(|thread| *thread != default));
        } else {
            self.found.bounded |= enabled.len() > 1;
        }
        // An alternative is no switch, so it costs nothing.
        let ways =
            |thread: usize| (0..run.alternatives(thread)).map(move |alternative| (thread, alternative));
        let mut choices: Vec<(usize, usize)> = threads.into_iter().flat_map(ways).collect();
        if !run.exploring() {
            choices.truncate(1);
        }
        let is_known = choices.len() > 1 && !self.enter(run, last, budget);
        (!is_known).then_some(Node { default, free, budget, choices, next: 0, left: None })
    }

    /// Whether a state is new.
    fn enter(&mut self, run: &Run, last: Option<usize>, budget: u32) -> bool {
        let new = self.visited.insert(chain(run.state(), digest(&(last, budget))));
        self.found.states += u64::from(new);
        new
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
