//! A real Python program under the rig: its threads announce what they do next, and do it when they are told.
//!
//! The rig's Python files are part of turnloom and are sent to the interpreter over its pipe, so nothing has to be installed beside
//! the program under test. [`Program`] is a system for the searches; the scripted server that the program speaks to is a [`Host`].

mod modules;
mod protocol;
mod system;
mod worker;

pub use protocol::{Adapter, Answer, Call, Did, Executor, Load, Ready, Refused};
pub use system::{Ended, Host, Program, ProgramRun};
pub use worker::StartError;
