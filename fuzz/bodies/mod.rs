//! What must hold for any bytes, one body for each kind of file that somebody else wrote. libFuzzer runs each alone
//! (`fuzz_targets/`), `tests/any_bytes.rs` runs all of them over files that are broken at random.

pub mod report;
pub mod scenario;
pub mod snapshot;
pub mod token;
pub mod transcript;
