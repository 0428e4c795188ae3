//! The conversation runtime under test: what `openhands-sdk` and `openhands-agent-server` 1.25.0 do, on the kernel.
//!
//! | here | there |
//! |---|---|
//! | `state` | `sdk/conversation/state.py` |
//! | `conversation`, `arun`, `run_sync` | `sdk/conversation/impl/local_conversation.py` |
//! | `stuck_detector` | `sdk/conversation/stuck_detector.py` |
//! | `cancel_token` | `sdk/conversation/cancellation.py` |
//! | `acp_agent`, `acp_turn`, `acp_final`, `acp_model`, `bridge` | `sdk/agent/acp_agent.py` |
//! | `connection` | `acp/connection.py` of `agent-client-protocol` 0.8.1 |
//! | `llm_agent` | `sdk/agent/agent.py`, `sdk/agent/base.py` |
//! | `tool_calls` | `sdk/agent/response_dispatch.py`, `sdk/agent/parallel_executor.py` |
//! | `event_service` | `agent_server/event_service.py` |
//! | `persistence` | what resumes in `sdk/conversation/state.py` |
//! | `callback_wrapper` | `sdk/utils/async_utils.py` |
//!
//! Where releases and reviews disagree there is a [`Decision`].

mod acp_agent;
mod acp_final;
mod acp_model;
mod acp_turn;
mod arun;
pub mod asyncio;
mod attribute;
mod bridge;
mod callback_wrapper;
mod cancel_token;
mod connection;
mod conversation;
mod coverage;
mod decision;
mod event_service;
mod llm_agent;
mod persistence;
mod run_sync;
mod server_start;
mod state;
mod stuck_detector;
mod tool_calls;

pub use acp_agent::{AcpAgent, Turn};
pub use cancel_token::CancelToken;
pub use connection::{Output, Peer, Pipe, Sink};
pub use conversation::{Agent, LocalConversation, ToolCall};
pub use coverage::{BRANCHES, Branch, listen};
pub use decision::*;
pub use event_service::{EventService, Subscriber};
pub use llm_agent::{Llm, LlmAgent, UsageCount};
pub use state::{ActionId, AgentState, ConversationState, MessageId};
