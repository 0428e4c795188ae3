//! What outlives the process that holds a conversation, and how the next one takes it up.
//!
//! Stands for the half of `ConversationState.create` that resumes. The event log, the status and `agent_state` are
//! saved whenever they are written, so they are what is left; all else begins anew, the agent with its server as well.
//! A process that dies in the middle of something is left out, and with it a status that nobody is behind any more.

use crate::engine::kernel::thread;
use crate::observation::{CallKind, Place};

use super::conversation::{Agent, LocalConversation};

impl LocalConversation {
    /// Closes the conversation, and takes it up again from what was saved, as a program that is started anew does: with an
    /// agent of its own, which knows nothing of another model. Nobody else may be at it meanwhile.
    pub fn reload(&self) {
        let _place = thread::place(Place::Call(CallKind::Reload));
        self.close();
        self.resume();
        if let Agent::Acp(agent) = self.agent() {
            agent.forget_model();
        }
    }

    /// Forgets what is in memory only.
    pub(super) fn resume(&self) {
        let inner = &self.inner;
        inner.agent_ready.set(false);
        inner.cleanup_initiated.set(false);
        inner.cancel_token.set(None);
        inner.arun_task.set(None);
        if let Agent::Acp(agent) = self.agent() {
            agent.begin_anew();
        }
    }
}
