//! Several scenarios at a time, told of in the order in which they were given; a core that has none left is lent to
//! those that are still searched.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

#[cfg(test)]
use crate::engine::fault_injection;
use crate::engine::search::Cores;

/// The cores that so many jobs have besides those on which so many items are worked on at a time; none if there is one
/// job.
pub(super) fn spare(jobs: NonZero<usize>, items: usize) -> Option<Arc<Cores>> {
    (jobs.get() > 1).then(|| Arc::new(Cores::new(jobs.get().saturating_sub(items.max(1)))))
}

/// Does `work` on every item, `jobs` at a time, and tells of each result in the order of the items, as soon as those
/// before it are there.
pub(super) fn in_order<T: Sync, R: Send>(
    jobs: NonZero<usize>,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    tell: impl FnMut(R),
) {
    in_order_sparing(jobs, None, items, work, tell);
}

/// As [`in_order`]; a core for which no item is left goes to `spare`.
pub(super) fn in_order_sparing<T: Sync, R: Send>(
    jobs: NonZero<usize>,
    spare: Option<&Cores>,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut tell: impl FnMut(R),
) {
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    #[cfg(test)]
    let planted = fault_injection::now();
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(items.len()) {
            let (next, work, done) = (&next, &work, done.clone());
            scope.spawn(move || {
                #[cfg(test)]
                fault_injection::set(planted);
                while let Some((place, item)) = take(next, items) {
                    // Nobody listens any more only if the teller panicked, and then nobody will.
                    let _ = done.send((place, work(item)));
                }
                spare.into_iter().for_each(Cores::give);
            });
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut told = 0;
        for (place, result) in results {
            early.insert(place, result);
            while let Some(result) = early.remove(&told) {
                tell(result);
                told += 1;
            }
        }
    });
}

fn take<'i, T>(next: &AtomicUsize, items: &'i [T]) -> Option<(usize, &'i T)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    items.get(place).map(|item| (place, item))
}

/// As many jobs as there are cores.
pub(super) fn cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn results_come_in_the_order_of_the_items_however_many_jobs_there_are() {
        let items: Vec<u32> = (0..50).collect();
        for jobs in [1, 2, 7, 80] {
            let mut told = Vec::new();
            let jobs = std::num::NonZero::new(jobs).expect("a number of jobs");
            in_order(jobs, &items, |item| item * 2, |result| told.push(result));
            assert_eq!(told, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
