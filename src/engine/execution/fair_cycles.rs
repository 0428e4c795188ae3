//! Executions that never end although they do nothing new: a path that comes back to a state of its own can go round
//! for ever.
//!
//! Whether it would is a question of fairness. A thread that spins while another could move and never does is the doing
//! of an unfair scheduler, and no hang; so a circle counts if each thread that could move anywhere in it does move in
//! it: what Musuvathi and Qadeer ("Fair stateless model checking", PLDI 2008) ask of a scheduler, and more than the
//! weak fairness of SPIN's search for non-progress cycles (Holzmann, "The SPIN model checker", 2003), under which a
//! thread may starve that could move now and then. A circle that leaves a thread out says nothing yet: from there the
//! execution goes on with the thread that has not moved for longest, until it has left the circle or closed a fair one.
//! A thread that does nothing but choose is not seen here, as its choices are taken at once: the limit of steps ends it.
//!
//! Most programs have no circles, as a state holds all that each thread has learned, and that only grows. A circle
//! takes threads that say that what they learned matters no more ([`forget`](crate::engine::kernel::thread::forget)).

use rustc_hash::FxHashMap;

use super::limits::{Limits, ended};
use super::record::{StepRecord, default_choice};
use crate::engine::system::Run;

/// A place on the way round: who could move, and who did.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Place {
    pub(in crate::engine) enabled: Vec<usize>,
    pub(in crate::engine) thread: usize,
}

/// A way, and where on it each state was.
#[derive(Default)]
pub(in crate::engine) struct CycleDetector {
    places: Vec<Place>,
    states: FxHashMap<u128, Vec<usize>>,
}

impl CycleDetector {
    /// A way that has led back to the state from which it began.
    pub(in crate::engine) fn round(places: Vec<Place>, state: u128) -> Self {
        Self { places, states: FxHashMap::from_iter([(state, vec![0])]) }
    }

    /// Whether the way has come to a state by a fair circle.
    pub(in crate::engine) fn comes_round(&mut self, state: u128) -> bool {
        let here = self.places.len();
        let before = self.states.entry(state).or_default();
        let is_round = before.iter().any(|first| *first < here && is_fair(&self.places[*first..]));
        before.push(here);
        is_round
    }

    /// A thread moves on.
    pub(in crate::engine) fn go(&mut self, enabled: &[usize], thread: usize) {
        self.places.push(Place { enabled: enabled.to_vec(), thread });
    }

    /// Who of those that can move has not moved for longest.
    fn patient(&self, enabled: &[usize]) -> usize {
        let last = |thread: &usize| self.places.iter().rposition(|place| place.thread == *thread);
        enabled.iter().copied().min_by_key(last).unwrap_or(0)
    }
}

/// Whether each thread that could move anywhere in a circle does.
fn is_fair(circle: &[Place]) -> bool {
    let moves = |thread: &usize| circle.iter().any(|place| place.thread == *thread);
    circle.iter().flat_map(|place| &place.enabled).all(moves)
}

/// Goes on from a state to which a way has led back, until it has closed a fair circle, or until it comes to what
/// `is_known`. Whether it has.
pub(in crate::engine) fn goes_round<R: Run>(
    limits: &Limits,
    run: &mut R,
    taken: &mut Vec<StepRecord>,
    mut way: CycleDetector,
    is_known: &dyn Fn(u128) -> bool,
) -> bool {
    loop {
        let Some(state) = run.state() else { return false };
        if way.comes_round(state) {
            return true;
        }
        let is_new = way.states.get(&state).is_none_or(|before| before.len() <= 1);
        let report = run.report();
        if ended(limits, run, taken.len()).is_some() || is_new && is_known(state) {
            return false;
        }
        let thread = way.patient(report.enabled());
        let default = default_choice(taken.last().map(|taken| taken.thread), report.enabled());
        taken.push(StepRecord { thread, default, alternative: 0 });
        way.go(report.enabled(), thread);
        run.step(thread, 0);
    }
}
