//! The conversation runtime under test: what `openhands-sdk` and `openhands-agent-server` 1.25.0 do, on the kernel.

mod decision;

pub use decision::*;
