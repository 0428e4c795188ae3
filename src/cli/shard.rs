//! A shard: which part of the scenarios this process runs, when several processes share a check.
//!
//! Every process parts the whole list in the same way, by sizes that are the same on every machine: the largest scenario
//! goes to the shard with the least so far, then the next one. It must not know what is done with a scenario.

use std::cmp::Reverse;
use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

use super::files::File;
use super::{backend, jobs};
use crate::engine::fingerprint::digest;
use crate::report::json;
use crate::report::shards::{ShardHead, ShardedScenario, UNSEALED};

/// One of so many shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// The shard with this number, from 1; none if there is none.
    pub(super) fn new(index: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&index).then_some(Self { index, of })
    }

    /// How many there are.
    pub(super) fn of(self) -> u32 {
        self.of
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let shard = numbers.and_then(|(index, of)| Self::new(index, of));
        shard.ok_or_else(|| "expected which of how many, counted from 1, such as 2/3".to_owned())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// Parts the scenarios: those of this shard, in their order, and what its report says of the rest.
pub(super) fn part(
    shard: Shard,
    files: Vec<File>,
    jobs: NonZero<usize>,
    options: String,
    bounded: bool,
) -> (Vec<File>, ShardHead) {
    let mut sizes = Vec::new();
    jobs::in_order(jobs, &files, backend::size, |size| sizes.push(size));
    let shards = shares(&sizes, shard.of);
    let scenario = |(file, shard): (&File, &u32)| ShardedScenario {
        file: file.shown(),
        digest: format!("{:032x}", digest(json::text(&file.loaded.scenario).as_str())),
        shard: *shard,
    };
    let head = ShardHead {
        content: UNSEALED.to_owned(),
        index: shard.index,
        of: shard.of,
        turnloom: env!("CARGO_PKG_VERSION").to_owned(),
        options,
        bounded,
        scenarios: files.iter().zip(&shards).map(scenario).collect(),
    };
    let own = files.into_iter().zip(shards).filter(|(_, of)| *of == shard.index);
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

#[cfg(test)]
mod tests {
    use super::{Shard, shares};

    #[test]
    fn a_shard_is_one_of_so_many() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, of: 3 }));
        for wrong in ["", "2", "0/3", "4/3", "1/0", "a/b", "1/2/3", "-1/2", "1/99999999999"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

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
