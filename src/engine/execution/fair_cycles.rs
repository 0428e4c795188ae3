//! Executions that never end although they do nothing new: a path that comes back to a state of its own can go round
//! for ever.
//!
//! Whether it would is a question of fairness. A thread that spins while another could move and never does is the doing
//! of an unfair scheduler, and no hang; so a circle counts if each thread that could move anywhere in it does move in
//! it: what Musuvathi and Qadeer ("Fair stateless model checking", PLDI 2008) ask of a scheduler, and more than the
//! weak fairness of SPIN's search for non-progress cycles (Holzmann, "The SPIN model checker", 2003), under which a
//! thread may starve that could move now and then. A circle that leaves somebody out says nothing yet: from there the
//! execution goes on with whoever has not moved for longest, until it has left the circle or closed a fair one.
//! A search looks for circles where somebody has a choice. Elsewhere the limit of steps is met first; then the execution
//! goes on fairly for as long again, and hangs only if that closes a circle ([`at_limit`]).
//!
//! Most programs have no circles, as a state holds all that each thread has learned, and that only grows. A circle
//! takes threads that say that what they learned matters no more ([`forget`](crate::engine::kernel::thread::forget)). It must
//! not know what is searched for.

use rustc_hash::FxHashMap;

use super::record::{Ended, StepRecord, default_choice};
use crate::engine::coroutines::Run;
use crate::engine::search::complete::{Limits, Stopped, ended};

/// A place on the way round: who could move, and who did.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Place {
    pub(in crate::engine) enabled: Vec<usize>,
    pub(in crate::engine) thread: usize,
}

/// A way, and where on it each state was.
#[derive(Default)]
pub(in crate::engine) struct CycleDetector {
    /// How many steps the way has.
    steps: usize,
    threads: Vec<LastSteps>,
    states: FxHashMap<u128, Vec<usize>>,
}

/// The last steps of a way, counted from 1, before which a thread could move and in which it did; 0 if there is none.
#[derive(Debug, Clone, Copy, Default)]
struct LastSteps {
    able: usize,
    moved: usize,
}

impl CycleDetector {
    /// A way that has led back to the state from which it began.
    pub(in crate::engine) fn round(places: impl Iterator<Item = Place>, state: u128) -> Self {
        let mut way = Self { states: FxHashMap::from_iter([(state, vec![0])]), ..Self::default() };
        places.for_each(|place| way.go(&place.enabled, place.thread));
        way
    }

    /// Whether the way has come to a state by a fair circle.
    pub(in crate::engine) fn comes_round(&mut self, state: u128) -> bool {
        let here = self.steps;
        let before = self.states.entry(state).or_default();
        // In a circle that begins behind `first` steps, each thread that could move in it moves in it.
        let is_fair = |first: usize| self.threads.iter().all(|last| last.able <= first || last.moved > first);
        let is_round = before.iter().any(|first| *first < here && is_fair(*first));
        before.push(here);
        is_round
    }

    /// A thread moves on.
    pub(in crate::engine) fn go(&mut self, enabled: &[usize], thread: usize) {
        self.steps += 1;
        for able in enabled {
            self.last_of(*able).able = self.steps;
        }
        self.last_of(thread).moved = self.steps;
    }

    fn last_of(&mut self, thread: usize) -> &mut LastSteps {
        if self.threads.len() <= thread {
            self.threads.resize(thread + 1, LastSteps::default());
        }
        &mut self.threads[thread]
    }

    /// Who of those that can move has not moved for longest.
    fn patient(&self, enabled: &[usize]) -> usize {
        let last = |thread: &usize| self.threads.get(*thread).map_or(0, |last| last.moved);
        enabled.iter().copied().min_by_key(last).unwrap_or(0)
    }
}

/// How an execution has ended that took as many steps as the limits allow: it hangs if it can go round for ever from
/// here with each thread served; otherwise nothing is known of its end.
pub(in crate::engine) fn at_limit(run: &mut Run, taken: &mut Vec<StepRecord>) -> Ended {
    let limits = Limits { steps: taken.len() + run.limits().steps, ..run.limits().clone() };
    let hangs = goes_round(&limits, run, taken, CycleDetector::default(), &|_| false);
    match run.stopped() {
        Some(stopped) => Ended::Stopped(stopped),
        None if hangs => Ended::Hang,
        None => Ended::Stopped(Stopped::Steps),
    }
}

/// Goes on from a state to which a way has led back, until it has closed a fair circle, or until it comes to what
/// `is_known`. Whether it has.
pub(in crate::engine) fn goes_round(
    limits: &Limits,
    run: &mut Run,
    taken: &mut Vec<StepRecord>,
    mut way: CycleDetector,
    is_known: &dyn Fn(u128) -> bool,
) -> bool {
    while !way.comes_round(run.state()) {
        let enabled = run.enabled();
        let is_new = way.states.get(&run.state()).is_none_or(|before| before.len() <= 1);
        if ended(limits, run, &enabled, taken.len()).is_some() || is_new && is_known(run.state()) {
            return false;
        }
        let thread = way.patient(&enabled);
        let default = default_choice(taken.last().map(|taken| taken.thread), &enabled);
        taken.push(StepRecord { thread, default, alternative: 0 });
        run.step(thread, 0);
        way.go(&enabled, thread);
    }
    true
}
