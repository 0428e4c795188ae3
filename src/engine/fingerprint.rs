//! 128-bit digests of values and contents. Knows nothing of what is digested.
//!
//! Two states with the same digest count as the same state, and `proved` rests on that: 128 bits of SipHash make a
//! chance meeting of two different states less likely than a fault of the machine.

use std::hash::{Hash, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

/// The digest of one value.
pub(crate) fn digest<T: Hash + ?Sized>(value: &T) -> u128 {
    let mut hasher = SipHasher13::new();
    value.hash(&mut hasher);
    hasher.finish128().as_u128()
}

/// The digest of a history that goes on with one more value.
pub(crate) fn chain(history: u128, value: u128) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write_u128(history);
    hasher.write_u128(value);
    hasher.finish128().as_u128()
}
