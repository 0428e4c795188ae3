//! What goes over a pipe or a socket, as text and bytes: frames, ACP and LLM encodings, transcripts. Nothing is opened here.

pub(crate) mod acp;
pub(crate) mod completion;
pub(crate) mod frame;
pub mod lines;
pub(crate) mod replies;
pub(crate) mod reply;
pub(crate) mod session;
pub mod transcript;
