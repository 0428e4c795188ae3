//! The scenarios shared among shards: each process parts the whole list in the same way, by sizes that are the same on
//! every machine. The largest scenario goes to the shard with the least so far, then the next one.

use std::cmp::Reverse;
use std::num::NonZero;

use super::files::File;
use super::jobs;
use super::shard::Shard;
use crate::engine::fingerprint::digest;
use crate::explore;
use crate::report::json;
use crate::report::json::{ShardHead, ShardedScenario};
use crate::report::shards::UNSEALED;

/// Parts the scenarios: those of this shard, in their order, and what its report says of the rest.
pub(super) fn part(
    shard: Shard,
    files: Vec<File>,
    jobs: NonZero<usize>,
    options: String,
    bounded: bool,
) -> (Vec<File>, ShardHead) {
    let mut sizes = Vec::new();
    jobs::in_order(jobs, &files, size, |size| sizes.push(size));
    let shards = shares(&sizes, shard.of());
    let scenario = |(file, shard): (&File, &u32)| ShardedScenario {
        file: file.shown(),
        digest: format!("{:032x}", digest(json::text(&file.loaded.scenario).as_str())),
        shard: *shard,
    };
    let head = ShardHead {
        content: UNSEALED.to_owned(),
        index: shard.index(),
        of: shard.of(),
        turnloom: env!("CARGO_PKG_VERSION").to_owned(),
        options,
        bounded,
        scenarios: files.iter().zip(&shards).map(scenario).collect(),
    };
    let own = files.into_iter().zip(shards).filter(|(_, of)| *of == shard.index());
    (own.map(|(file, _)| file).collect(), head)
}

/// The shard of each scenario, by their sizes.
fn shares(sizes: &[u64], of: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|place| Reverse(sizes[*place]));
    // Of shards that are beyond the number of scenarios none gets anything.
    let most = of.min(u32::try_from(sizes.len()).unwrap_or(u32::MAX)).max(1);
    let mut loads: Vec<(u64, u32)> = (1..=most).map(|index| (0, index)).collect();
    let mut shards = vec![1; sizes.len()];
    for place in order {
        if let Some(least) = loads.iter_mut().min() {
            least.0 += sizes[place].max(1);
            shards[place] = least.1;
        }
    }
    shards
}

/// About how large the search of a scenario is.
fn size(file: &File) -> u64 {
    explore::size(&file.loaded.scenario)
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn the_largest_goes_where_the_least_is() {
        assert_eq!(shares(&[5, 1, 1, 3, 2], 2), [1, 1, 2, 2, 2]);
        assert_eq!(shares(&[5, 1, 1, 3, 2], 1), [1; 5]);
        assert_eq!(shares(&[1, 1], 7), [1, 2]);
        assert_eq!(shares(&[0, 0, 0, 0], 2), [1, 2, 1, 2], "what is next to nothing is spread as well");
        assert_eq!(shares(&[], 4_000_000_000), [0; 0]);
        assert_eq!(shares(&[u64::MAX / 2, u64::MAX / 2, 3], 2), [1, 2, 1]);
    }
}
