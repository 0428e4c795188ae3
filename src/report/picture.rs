//! One execution as a picture before anybody draws it: a lane for each thread, a moment for each visible operation, and
//! in each moment what every thread holds and waits for.
//!
//! The timeline of the terminal, the page and the diagram draw the same picture.

use std::collections::{BTreeMap, BTreeSet};

use super::words::plain;
use crate::explore::{Anchor, Replay, TraceStep};
use crate::rules::Mark;

/// The lanes and the moments of an execution.
///
/// ```
/// use turnloom::explore::{Replay, TraceStep};
/// use turnloom::engine::execution::Schedule;
/// use turnloom::observation::Observations;
/// use turnloom::report::picture::{Part, Picture};
///
/// let step = TraceStep {
///     thread: "bob".into(),
///     operation: "lock".into(),
///     object: "state".into(),
///     detail: String::new(),
///     alternative: None,
///     holds: vec!["state".into()],
///     anchors: vec![],
///     notes: vec![],
/// };
/// let (threads, outcome) = (vec!["bob".into()], Observations::default());
/// let schedule = Schedule::default();
/// let replay = Replay { threads, steps: vec![step], outcome, violations: vec![], schedule, drift: vec![] };
/// let picture = Picture::of(&replay);
/// assert_eq!(picture.moments[0].words, "lock state");
/// assert_eq!(picture.moments[0].lanes[0].locks["state"], Part::Takes);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The lanes: the threads that moved, in the order of the replay.
    pub threads: Vec<String>,
    /// The visible operations, in order.
    pub moments: Vec<Moment>,
    /// Where the execution leaves its threads, if it got stuck.
    pub standstill: Option<Standstill>,
}

/// One visible operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The lane of the thread that moves.
    pub thread: usize,
    /// The lane of the thread that moved before, if it was another one.
    pub before: Option<usize>,
    /// The operation in words; a lock that it takes or lets go by the way is named as well.
    pub words: String,
    /// Every lane once the operation is done.
    pub lanes: Vec<Lane>,
    /// What was observed here.
    pub anchors: Vec<Anchor>,
    /// The rules that what was observed here breaks.
    pub broken: BTreeSet<&'static str>,
    /// Whether an event loop looked here for work and found none.
    pub idle: bool,
    /// What the thread does before its next operation that is none itself: `cancel task run`.
    pub notes: Vec<String>,
}

/// How one thread stands in one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// The locks that it has, or had until this moment.
    pub locks: BTreeMap<String, Part>,
    /// The lock that it is to take next, if another thread has it: until then it cannot move.
    pub waits: Option<String>,
}

/// Which part of the time in which a thread has a lock a moment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The moment in which it takes the lock.
    Takes,
    /// A moment in between.
    Holds,
    /// The moment in which it lets the lock go.
    LetsGo,
}

/// Where a stuck execution leaves its threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// The operation that a thread waits to do, by lane.
    pub words: BTreeMap<usize, String>,
    /// What would end its waiting, by lane.
    pub needs: BTreeMap<usize, Vec<String>>,
    /// Every lane.
    pub lanes: Vec<Lane>,
    /// The rules that a thread which is not done breaks.
    pub broken: BTreeSet<&'static str>,
}

impl Picture {
    /// The picture of an execution, the same for the same one.
    #[must_use]
    pub fn of(replay: &Replay) -> Self {
        Self::in_lanes(replay, &threads(&[replay]))
    }

    /// The pictures of two executions with the same lanes, so that they can stand side by side.
    #[must_use]
    pub fn of_both(one: &Replay, other: &Replay) -> (Self, Self) {
        let threads = threads(&[one, other]);
        (Self::in_lanes(one, &threads), Self::in_lanes(other, &threads))
    }

    fn in_lanes(replay: &Replay, threads: &[&str]) -> Self {
        let standstill = standstill(replay, threads);
        let mut moments = moments(replay, threads);
        wait(&mut moments, replay, standstill.as_ref());
        Self { threads: threads.iter().map(|name| plain(name)).collect(), moments, standstill }
    }

    /// Every lock that a thread has at some moment, sorted.
    #[must_use]
    pub fn locks(&self) -> BTreeSet<&str> {
        let ends = self.standstill.iter().flat_map(|end| &end.lanes);
        let lanes = self.moments.iter().flat_map(|moment| &moment.lanes).chain(ends);
        lanes.flat_map(|lane| lane.locks.keys().map(String::as_str)).collect()
    }
}

impl Lane {
    /// The lane of a thread that has these locks.
    fn holding(locks: &[String]) -> Self {
        Self { locks: locks.iter().map(|lock| (lock.clone(), Part::Holds)).collect(), waits: None }
    }

    /// The locks that it has after the moment.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.locks.iter().filter(|(_, part)| **part != Part::LetsGo).map(|(lock, _)| lock.as_str())
    }

    /// Whether it had a lock before the moment.
    #[must_use]
    pub fn had_any(&self) -> bool {
        self.locks.values().any(|part| *part != Part::Takes)
    }

    /// Whether it has a lock after the moment.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.held().next().is_some()
    }
}

/// The threads that moved in any of the executions, in the order in which these list them; one that none lists is last.
fn threads<'a>(replays: &[&'a Replay]) -> Vec<&'a str> {
    let mut listed: Vec<&str> = Vec::new();
    for replay in replays {
        let mut place = 0;
        for name in &replay.threads {
            match listed.iter().position(|known| known == name) {
                Some(known) => place = known + 1,
                None => {
                    listed.insert(place, name);
                    place += 1;
                }
            }
        }
    }
    let steps = replays.iter().flat_map(|replay| &replay.steps);
    let moved: BTreeSet<&str> = steps.map(|step| step.thread.as_str()).collect();
    let mut threads: Vec<&str> = listed.into_iter().filter(|name| moved.contains(name)).collect();
    let unlisted: Vec<&str> = moved.into_iter().filter(|name| !threads.contains(name)).collect();
    threads.extend(unlisted);
    threads
}

fn moments(replay: &Replay, threads: &[&str]) -> Vec<Moment> {
    let mut held: Vec<&[String]> = vec![&[]; threads.len()];
    let mut before = None;
    let mut moments = Vec::new();
    for step in &replay.steps {
        let Some(thread) = threads.iter().position(|name| *name == step.thread) else { continue };
        let had = std::mem::replace(&mut held[thread], &step.holds);
        let mut lanes: Vec<Lane> = held.iter().map(|locks| Lane::holding(locks)).collect();
        let locks = &mut lanes[thread].locks;
        locks.extend(had.iter().filter(|lock| !step.holds.contains(lock)).map(of(Part::LetsGo)));
        locks.extend(step.holds.iter().filter(|lock| !had.contains(lock)).map(of(Part::Takes)));
        moments.push(Moment {
            thread,
            before: before.filter(|before| *before != thread),
            words: told(step, had),
            lanes,
            anchors: step.anchors.clone(),
            broken: broken_by(replay, step),
            notes: step.notes.iter().map(|note| plain(note)).collect(),
            idle: matches!(step.operation.as_str(), "drain" | "select") && step.detail.is_empty(),
        });
        before = Some(thread);
    }
    moments
}

fn of(part: Part) -> impl Fn(&String) -> (String, Part) {
    move |lock| (lock.clone(), part)
}

/// Notes in each moment which threads stand before a lock that another one has, from the end to the beginning.
fn wait(moments: &mut [Moment], replay: &Replay, end: Option<&Standstill>) {
    let lanes = moments.first().map_or(0, |moment| moment.lanes.len());
    let at_end = |lane: usize| end.and_then(|end| end.words.get(&lane)?.strip_prefix("lock "));
    let mut next: Vec<Option<String>> = (0..lanes).map(|lane| at_end(lane).map(str::to_owned)).collect();
    for (moment, step) in moments.iter_mut().zip(&replay.steps).rev() {
        for (lane, lock) in next.iter().enumerate() {
            let Some(lock) = lock else { continue };
            let is_held = |(other, at): (usize, &Lane)| other != lane && at.held().any(|held| held == lock);
            if moment.lanes.iter().enumerate().any(is_held) {
                moment.lanes[lane].waits = Some(lock.clone());
            }
        }
        next[moment.thread] = (step.operation == "lock").then(|| step.object.clone());
    }
}

fn standstill(replay: &Replay, threads: &[&str]) -> Option<Standstill> {
    let stuck = replay.outcome.stuck.as_ref()?;
    let mut lanes = vec![Lane::default(); threads.len()];
    let (mut words, mut needs) = (BTreeMap::new(), BTreeMap::new());
    for waiting in &stuck.threads {
        if let Some(lane) = threads.iter().position(|name| *name == waiting.thread) {
            lanes[lane] = Lane::holding(&waiting.holds);
            let lock = waiting.wanted_lock();
            let is_taken = |lock: &&str| {
                let others = stuck.threads.iter().filter(|other| other.thread != waiting.thread);
                others.flat_map(|other| &other.holds).any(|held| held == lock)
            };
            lanes[lane].waits = lock.filter(is_taken).map(str::to_owned);
            words.insert(lane, plain(&waiting.operation.to_string()));
            needs.insert(lane, waiting.needs.iter().map(|need| plain(&need.to_string())).collect());
        }
    }
    let is_thread = |mark: &Mark| matches!(mark, Mark::Thread(_));
    let broken = replay.violations.iter().filter(|violation| violation.marks.iter().any(is_thread));
    Some(Standstill { words, needs, lanes, broken: broken.map(|violation| violation.rule).collect() })
}

fn told(step: &TraceStep, had: &[String]) -> String {
    let TraceStep { operation, object, detail, holds, .. } = step;
    let mut words = vec![operation.clone(), object.clone(), detail.clone()];
    let of_another = |lock: &&String| *lock != object;
    words.extend(
        holds.iter().filter(|lock| !had.contains(lock)).filter(of_another).map(|lock| format!("+{lock}")),
    );
    words.extend(
        had.iter().filter(|lock| !holds.contains(lock)).filter(of_another).map(|lock| format!("-{lock}")),
    );
    words.retain(|word| !word.is_empty());
    plain(&words.join(" "))
}

fn broken_by(replay: &Replay, step: &TraceStep) -> BTreeSet<&'static str> {
    let seen_here = |mark: &Mark| match mark {
        Mark::Event(index) => step.anchors.contains(&Anchor::Event(*index)),
        Mark::Server(index) => step.anchors.contains(&Anchor::Server(*index)),
        Mark::Thread(_) => false,
    };
    let breaking = replay.violations.iter().filter(|violation| violation.marks.iter().any(seen_here));
    breaking.map(|violation| violation.rule).collect()
}

#[cfg(test)]
mod tests {
    use super::{Part, Picture};
    use crate::observation::{Stuck, Why};
    use crate::report::testkit::{replay, violation, waiting};
    use crate::rules::Mark;

    #[test]
    fn a_lock_is_taken_held_and_let_go() {
        let picture = Picture::of(&replay(
            &["bob"],
            "
            bob: lock state [state]
            bob: lock run [run state]
            bob: unlock state [run]
            bob: read text [run]
            ",
        ));
        let parts: Vec<Vec<_>> = picture
            .moments
            .iter()
            .map(|moment| moment.lanes[0].locks.iter().map(|(lock, part)| (lock.as_str(), *part)).collect())
            .collect();
        assert_eq!(
            parts,
            [
                vec![("state", Part::Takes)],
                vec![("run", Part::Takes), ("state", Part::Holds)],
                vec![("run", Part::Holds), ("state", Part::LetsGo)],
                vec![("run", Part::Holds)],
            ]
        );
        assert_eq!(picture.locks().into_iter().collect::<Vec<_>>(), ["run", "state"]);
    }

    #[test]
    fn a_thread_waits_for_its_next_lock_as_long_as_another_has_it() {
        let picture = Picture::of(&replay(
            &["loop", "bob"],
            "
            bob: read text
            loop: lock state [state]
            loop: unlock state
            loop: lock state [state]
            loop: unlock state
            bob: lock state [state]
            bob: unlock state
            ",
        ));
        let waits: Vec<_> = picture.moments.iter().map(|moment| moment.lanes[1].waits.is_some()).collect();
        assert_eq!(waits, [false, true, false, true, false, false, false]);
        assert!(
            picture.moments.iter().all(|moment| moment.lanes[0].waits.is_none() || moment.lanes[1].has_any())
        );
    }

    #[test]
    fn who_never_gets_a_lock_waits_to_the_end() {
        let mut replay =
            replay(&["loop", "bob"], "bob: read text\nloop: lock state [state]\nloop: read text [state]");
        let threads = vec![waiting("loop", "select loop", &["state"]), waiting("bob", "lock state", &[])];
        replay.outcome.stuck = Some(Stuck { why: Why::Deadlock, threads });
        replay.violations = vec![violation("no-deadlock", vec![Mark::Thread("bob".into())])];
        let picture = Picture::of(&replay);
        let waits: Vec<_> = picture.moments.iter().map(|moment| moment.lanes[1].waits.as_deref()).collect();
        assert_eq!(waits, [None, Some("state"), Some("state")]);
        let end = picture.standstill.expect("it got stuck");
        assert_eq!(end.lanes[1].waits.as_deref(), Some("state"));
        assert!(end.lanes[0].has_any() && end.broken.contains("no-deadlock"));
    }

    #[test]
    fn two_executions_side_by_side_have_the_same_lanes() {
        let one = replay(&["a", "c"], "c: read text\na: read text");
        let other = replay(&["a", "b", "c"], "b: read text\na: read text");
        let (here, there) = Picture::of_both(&one, &other);
        assert_eq!((here.threads.concat(), there.threads.concat()), ("abc".to_owned(), "abc".to_owned()));
        assert_eq!((here.moments[0].thread, there.moments[0].thread), (2, 1));
    }

    #[test]
    fn a_turn_of_a_loop_that_finds_nothing_is_idle() {
        let picture =
            Picture::of(&replay(&["loop"], "loop: select loop\nloop: select loop callback\nloop: read text"));
        assert_eq!(
            picture.moments.iter().map(|moment| moment.idle).collect::<Vec<_>>(),
            [true, false, false]
        );
    }
}
