//! Another model for a session that goes on: the request to the server, and the agent's copy that has the new model.
//!
//! Stands for `LocalConversation.switch_acp_model` (`sdk/conversation/impl/local_conversation.py`) and for
//! `set_acp_model` and `_reapply_session_model_on_resume` (`sdk/agent/acp_agent.py`). The agent's fields are frozen, so
//! that whoever switches the model puts a copy in the agent's place; a turn in flight goes on with the one that it has.

use std::rc::Rc;

use super::asyncio::{Exception, Result, wait_for};
use crate::engine::kernel::thread;

use super::acp_agent::{AcpAgent, not_started};
use super::connection::{Connection, REQUEST_ERROR};
use super::conversation::{Agent, LocalConversation};
use super::coverage::{Branch, reach};
use super::decision::{ModelSwitch, SwitchedModel, SwitchedSession, SwitchedSuffix};

impl LocalConversation {
    /// Has the server switch the model of the session, and puts a copy of the agent that has the new model in its place.
    ///
    /// # Errors
    ///
    /// If this is no ACP agent or it is not started; what the request fails with.
    pub fn switch_acp_model(&self, model: &Rc<str>) -> Result<()> {
        let _place = thread::place("switch model");
        let inner = &self.inner;
        let _switching = match inner.decisions.model_switch {
            ModelSwitch::OwnLock => inner.switching.lock(),
            ModelSwitch::StateLock => inner.state.lock(),
        };
        let Agent::Acp(agent) = self.agent() else {
            let message = "switch_acp_model is only supported for ACP conversations.".to_owned();
            return Err(Exception::Value(message));
        };
        match inner.decisions.switched_model {
            SwitchedModel::NotedBefore => {
                let before = agent.note_model(Some(model.clone()));
                agent.set_acp_model(model).inspect_err(|_| drop(agent.note_model(before)))?;
            }
            SwitchedModel::NotedAfter => agent.set_acp_model(model)?,
        }
        let _held = inner.state.lock();
        self.put_in_place(Agent::Acp(agent.with_model(model)));
        // The model's name goes there as well, and with it all else as it was read.
        let agent_state = inner.state.agent_state.get();
        inner.state.agent_state.set(agent_state);
        Ok(())
    }
}

impl AcpAgent {
    /// Asks the server; the limit runs on the portal.
    fn set_acp_model(&self, model: &Rc<str>) -> Result<()> {
        let (Some(live), Some(session)) = (self.live(), self.session_id()) else {
            reach(Branch::SwitchedTooEarly);
            return Err(not_started());
        };
        let (conn, label) = (live.conn.clone(), ("set model", model.clone()));
        let (event_loop, limit, model) =
            (live.portal.event_loop().clone(), self.prompt_limit(), model.clone());
        live.portal.call(label, move || {
            let asked = async move { conn.set_session_model(&session, &model).await };
            Box::pin(async move { wait_for(&event_loop, asked, limit).await })
        })
    }

    /// Notes what a restart gives to the session that it loads; the model that was noted before.
    fn note_model(&self, model: Option<Rc<str>>) -> Option<Rc<str>> {
        let before = self.inner.session.model.get();
        self.inner.session.model.set(model);
        before
    }

    /// `model_copy`: the same agent with another model. What the copy shares with this one are decisions.
    fn with_model(&self, model: &Rc<str>) -> Self {
        let session = match self.inner.decisions.switched_session {
            SwitchedSession::Shared => self.inner.session.clone(),
            SwitchedSession::Copied => self.inner.session.copied(),
        };
        let suffix_pending = match self.inner.decisions.switched_suffix {
            SwitchedSuffix::Shared => self.inner.suffix_pending.clone(),
            SwitchedSuffix::Copied => self.inner.suffix_pending.copied("suffix_pending"),
        };
        session.model.set(Some(model.clone()));
        self.copied(session, suffix_pending)
    }

    /// The program that takes the conversation up names the agent anew.
    pub(super) fn forget_model(&self) {
        self.inner.session.model.set(None);
    }

    /// Gives a session that was loaded again the model that it had. One that the server refuses is passed over.
    pub(super) async fn reapply_session_model(
        conn: &Connection,
        session: &str,
        model: Option<Rc<str>>,
    ) -> Result<()> {
        let Some(model) = model else { return Ok(()) };
        match conn.set_session_model(session, &model).await {
            Err(error) if error.kind() == REQUEST_ERROR => {
                reach(Branch::ModelRefused);
                Ok(())
            }
            other => other,
        }
    }
}
